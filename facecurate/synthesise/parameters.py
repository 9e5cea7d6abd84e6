"""The renderer's head as a linear model, and rendered faces as its parameters.

For the layouts of 300W-LP and AFLW2000-3D. The model has the Basel Face Model's form, its unit (a
thousandth of a millimetre) and unit-length directions of shape, so that the parameters have the
owners' order of size; but it is our own, see ``datasets.morphable``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from facecurate.datasets.matfiles import Values
from facecurate.datasets.morphable import LinearModel, fit_pose
from facecurate.synth import motion
from facecurate.synth import template as head
from facecurate.synth.facs import ACTION_UNITS
from facecurate.synth.labels import FaceLabels
from facecurate.synth.modes import identity_basis
from facecurate.synth.person import person
from facecurate.synth.points import MIRRORS
from facecurate.synth.scene import shape_of, triangles
from facecurate.synth.spec import FaceSpec, Light
from facecurate.synth.template import Floats

UNIT = 70_000.0  # model units, thousandths of a millimetre, in one of the renderer's
SHAPES, EXPRESSIONS = 199, 29
DISTANCE = 1000.0  # of the camera: the owners' model has no perspective
# Radians, pixels and scale: what is below depends on the number of threads that multiplied.
_GRAIN = np.array([1e-6, 1e-6, 1e-6, 1e-4, 1e-4, 1e-4, 1e-10])
_UP = np.array([1.0, -1.0, 1.0])  # from the renderer's frame, y down, to the model's
_SIDED = [k for k, number in enumerate(ACTION_UNITS) if number not in (5, 7, 43)]  # not the lids
_FLIP = np.array([-1.0, 1.0, 1.0])
_GRID = (len(head.ROWS), len(head.COLUMNS))


def _to_model(fields: Floats) -> Floats:
    """(K, V, 3) fields on the renderer's grid -> (K, V + 68, 3) of the model, y up.

    The 68 points, which lie within triangles, are vertices of their own. Triangles are cut one way
    on both halves, so that a point's place and that of its mirror image differ by a trace: each
    gets the middle of the two.
    """
    at = np.stack([head.on_grid(field, head.POINTS_UV) for field in fields])
    flipped = (fields * _FLIP).reshape(len(fields), *_GRID, 3)[:, :, ::-1]
    flipped = flipped.reshape(fields.shape)
    there = np.stack([head.on_grid(field, head.POINTS_UV) for field in flipped])
    at = (at + there[:, MIRRORS["68"]] * _FLIP) / 2
    return np.asarray(np.concatenate([fields, at], axis=1) * _UP * UNIT)


def _expressions() -> Floats:
    """(29, V, 3) the 18 units at their strongest and the leading directions of what one side does.

    A unit that is stronger on one side is its symmetric field plus one of opposite signs. Of what
    the other directions, those of shape too, leave of these, there is room for 11 principal ones.
    """
    both = motion.motion_basis()
    sides = np.clip(head.template().frontal[:, 0] / 0.06, -1.0, 1.0) * head.template().front
    sided = (both[_SIDED] * sides[:, None]).reshape(len(_SIDED), -1)
    others = np.concatenate([both, identity_basis()])
    _, sizes, known = np.linalg.svd(others.reshape(len(others), -1), full_matrices=False)
    known = known[sizes > 1e-6 * sizes[0]]
    parts, sizes, rest = np.linalg.svd(sided - sided @ known.T @ known, full_matrices=False)
    room = EXPRESSIONS - len(both)
    largest = parts[np.abs(parts).argmax(axis=0), np.arange(len(sizes))]
    leading = (np.sign(largest) * sizes)[:room, None] * rest[:room]
    return np.concatenate([both, leading.reshape(room, *both.shape[1:])])


def _padded(basis: Floats, columns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(K, V, 3) -> (V, 3, columns), zeros behind."""
    rest = np.zeros((columns - len(basis), *basis.shape[1:]))
    return np.ascontiguousarray(np.concatenate([basis, rest]).transpose(1, 2, 0), np.float32)


@lru_cache(maxsize=1)
def linear_model() -> LinearModel:
    """The renderer's head: the grid's vertices followed by the 68 points."""
    mean = _to_model(head.template().mean[None])[0]
    shape = _to_model(identity_basis())
    shape /= np.linalg.norm(shape, axis=(1, 2), keepdims=True)
    count = _GRID[0] * _GRID[1]
    return LinearModel(
        mean=mean.astype(np.float32),
        shape=_padded(shape, SHAPES),
        exp=_padded(np.round(_to_model(_expressions()), 3) + 0.0, EXPRESSIONS),
        keypoints=np.arange(count, count + len(head.POINTS), dtype=np.int32),
        tri=triangles(*_GRID),
    )


@lru_cache(maxsize=1)
def _inverse() -> tuple[Floats, Floats]:
    """The linear map from a head's vertices to its parameters, and the parameters' sizes."""
    model, count = linear_model(), _GRID[0] * _GRID[1]
    both = np.concatenate([model.shape[:count], model.exp[:count]], axis=2, dtype=np.float64)
    columns = both.reshape(3 * count, -1)
    lengths = np.linalg.norm(columns, axis=0)
    sizes: Floats = np.where(lengths > 0, lengths, 1.0)  # directions that are not used are zero
    return np.asarray(np.linalg.pinv(columns / sizes, rcond=1e-6)), sizes


def _upright(spec: FaceSpec, mirror: bool) -> Floats:
    """(V, 3) the head of a spec, y up, in model units; ``mirror``: as its mirror image."""
    bare = shape_of(person(spec.identity), spec)
    if mirror:
        bare = (bare * _FLIP).reshape(*_GRID, 3)[:, ::-1].reshape(-1, 3)
    return np.asarray(bare * _UP * UNIT)


def parameters(spec: FaceSpec, labels: FaceLabels, *, mirror: bool = False) -> Values:
    """What a ``.mat`` file says about a face, but for its points and ``roi``.

    ``labels`` are those of the spec's picture, of its mirror image if ``mirror``. Shape and
    expression are the least-squares fit of the model to the head, the same in all views of it; the
    pose is that of the 68 posed points to the picture's. ``Tex_Para`` is zero: the renderer's skin
    is no linear model.
    """
    model, (inverse, sizes) = linear_model(), _inverse()
    count = _GRID[0] * _GRID[1]
    found = inverse @ (_upright(spec, mirror) - model.mean[:count]).ravel() / sizes
    values: Values = {
        "Shape_Para": np.round(found[:SHAPES], 2) + 0.0,  # no negative zeros
        "Exp_Para": np.round(found[SHAPES:], 6) + 0.0,
    }
    pose = fit_pose(model.head(values)[model.keypoints], labels.points["68-3d"])
    values["Pose_Para"] = np.round(pose / _GRAIN) * _GRAIN + 0.0
    values["Tex_Para"] = np.zeros(SHAPES)
    values["Illum_Para"] = _light(spec.light, mirror)
    values["Color_Para"] = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0])  # as it is
    return values


def _light(light: Light, mirror: bool) -> Floats:
    """(10,) ambient and key colours, the key's direction in radians, specular, shininess."""
    side = -1.0 if mirror else 1.0
    warm = np.array([1 + 0.12 * light.warmth, 1.0, 1 - 0.18 * light.warmth])
    way = np.deg2rad([side * light.azimuth, light.elevation])
    return np.concatenate([light.fill / warm, light.key * warm, way, [0.1, 20.0]])
