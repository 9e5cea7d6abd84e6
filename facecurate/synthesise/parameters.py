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
from facecurate.synth.labels import FaceLabels, mirrored
from facecurate.synth.modes import identity_basis
from facecurate.synth.person import person
from facecurate.synth.scene import shape_of, triangles
from facecurate.synth.spec import FaceSpec, Light
from facecurate.synth.template import Floats

UNIT = 70_000.0  # model units, thousandths of a millimetre, in one of the renderer's
SHAPES, EXPRESSIONS = 199, 29
DISTANCE = 60.0  # of the camera: from so far a picture is nearly an orthographic one
_UP = np.array([1.0, -1.0, 1.0])  # from the renderer's frame, y down, to the model's
_GRID = (len(head.ROWS), len(head.COLUMNS))


def _to_model(fields: Floats) -> Floats:
    """(K, V, 3) fields on the renderer's grid -> (K, V + 68, 3) of the model, y up.

    The 68 points lie within triangles: as vertices of their own the model has them exactly.
    """
    at = np.stack([head.on_grid(field, head.POINTS_UV) for field in fields])
    return np.concatenate([fields, at], axis=1) * _UP * UNIT


def _expressions() -> Floats:
    """(29, V, 3) the 18 units at their strongest and the leading directions of what one side does.

    A unit that is stronger on one side is its symmetric field plus a field of opposite signs; there
    is room for 11 principal directions of those.
    """
    both = motion.motion_basis()
    sided = both * np.clip(head.template().frontal[:, 0] / 0.06, -1.0, 1.0)[:, None]
    _, sizes, directions = np.linalg.svd(sided.reshape(len(both), -1), full_matrices=False)
    room = EXPRESSIONS - len(both)
    leading = (sizes[:, None] * directions)[:room] / np.sqrt(len(both))
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
        exp=_padded(_to_model(_expressions()), EXPRESSIONS),
        keypoints=np.arange(count, count + len(head.POINTS), dtype=np.int32),
        tri=triangles(*_GRID),
    )


@lru_cache(maxsize=1)
def _inverse() -> tuple[Floats, Floats]:
    """The linear map from a head's vertices to its parameters, and the parameters' sizes."""
    model, count = linear_model(), _GRID[0] * _GRID[1]
    both = np.concatenate([model.shape[:count], model.exp[:count]], axis=2, dtype=np.float64)
    columns = both.reshape(3 * count, -1)
    sizes = np.linalg.norm(columns, axis=0)
    scaled = columns / np.where(sizes > 0, sizes, 1.0)
    return np.linalg.pinv(scaled, rcond=1e-6), np.where(sizes > 0, sizes, 1.0)


def _upright(spec: FaceSpec, mirror: bool) -> Floats:
    """(V, 3) the head of a spec, y up, in model units; ``mirror``: as its mirror image."""
    bare = shape_of(person(spec.identity), spec)
    if mirror:
        bare = (bare * [-1.0, 1.0, 1.0]).reshape(*_GRID, 3)[:, ::-1].reshape(-1, 3)
    return np.asarray(bare * _UP * UNIT)


def parameters(spec: FaceSpec, labels: FaceLabels, *, mirror: bool = False) -> Values:
    """What a ``.mat`` file says about a face, but for its points and ``roi``.

    ``labels`` are those of the spec's picture, of its mirror image if ``mirror``. Shape and
    expression are the least-squares fit of the model to the head (for all of a person's views the
    same), the pose that of the posed vertices to the picture. ``Tex_Para`` is zero: the renderer's
    skin is no linear model.
    """
    model, (inverse, sizes) = linear_model(), _inverse()
    count = _GRID[0] * _GRID[1]
    found = inverse @ (_upright(spec, mirror) - model.mean[:count]).ravel() / sizes
    values: Values = {"Shape_Para": found[:SHAPES], "Exp_Para": found[SHAPES:]}
    picture = labels.points["68-3d"]
    values["Pose_Para"] = fit_pose(model.head(values)[model.keypoints], picture)
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
