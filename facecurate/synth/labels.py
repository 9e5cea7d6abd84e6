"""The truth about a drawn face."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import template
from facecurate.synth.affect import expression_of, valence_arousal
from facecurate.synth.facs import Strengths
from facecurate.synth.points import MIRRORS
from facecurate.synth.spec import FaceSpec, Light
from facecurate.synth.template import Floats

Box = tuple[float, float, float, float]
Marks = Mapping[str, Floats]
Seen = Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class FaceLabels:
    """The truth about one drawn face, in pixels of the picture (see ``FaceSpec.centre``).

    ``box``: x0 y0 x1 y1, the tight box of the bare face's mesh from the upper forehead to the chin
    and from ear to ear, hair and hidden parts not looked at, not cut at the picture's edge.
    ``landmarks``: (10,) x y of left eye, right eye (means of their six points), nose, left and
    right corner of the mouth, left = image-left on an upright face. ``points``: for each set of
    ``synth.points`` (N, 3) x, y and z, where z counts towards the camera from the head's pivot, in
    pixels. ``seen``: for each set (N,) in the picture and not behind something. ``vertices``:
    (V, 3) the bare head, like ``points``. ``units``: 0..5, exact. ``expression``: AffectNet's code.
    ``yaw``, ``pitch``, ``roll``: degrees as in ``FaceSpec``. ``focal``: the camera's focal length
    in pixels.
    """

    box: Box
    landmarks: Floats
    points: Marks
    seen: Seen
    vertices: Floats
    units: Strengths
    valence: float
    arousal: float
    expression: int
    yaw: float
    pitch: float
    roll: float
    identity: int
    light: Light
    focal: float

    @property
    def points68(self) -> Floats:
        """(68, 2) in iBUG's order, the jaws where their outline is seen."""
        return np.ascontiguousarray(self.points["68"][:, :2])

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(68,) which of them are seen."""
        return self.seen["68"]


def labels_of(
    spec: FaceSpec, box: Box, marks: Marks, seen: Seen, vertices: Floats, focal: float
) -> FaceLabels:
    """The labels of a spec that was drawn at ``marks``; adds the five points' set."""
    valence, arousal = valence_arousal(spec.units, spec.identity, spec.seed)
    five = _five(marks["68-3d"])
    shown = seen["68-3d"]
    five_seen = np.array([shown[36:42].any(), shown[42:48].any(), *shown[[30, 48, 54]]])
    return FaceLabels(
        box=box,
        landmarks=np.ascontiguousarray(five[:, :2]).ravel(),
        points={"5": five, **marks},
        seen={"5": five_seen, **seen},
        vertices=vertices,
        units=spec.units,
        valence=valence,
        arousal=arousal,
        expression=expression_of(spec.units),
        yaw=spec.yaw,
        pitch=spec.pitch,
        roll=spec.roll,
        identity=spec.identity,
        light=spec.light,
        focal=focal,
    )


def _five(points: Floats) -> Floats:
    rows = [points[36:42].mean(axis=0), points[42:48].mean(axis=0), *points[[30, 48, 54]]]
    return np.stack(rows)


def covered(labels: FaceLabels, hides: Callable[[Floats], NDArray[np.bool_]]) -> FaceLabels:
    """The labels after something was drawn in front; ``hides``: (N, 2) positions -> (N,)."""
    seen = {name: s & ~hides(labels.points[name][:, :2]) for name, s in labels.seen.items()}
    return replace(labels, seen=seen)


def mirrored(labels: FaceLabels, width: int) -> FaceLabels:
    """The labels of the mirrored picture of ``width`` pixels. Light and gaze are not turned."""
    flip, shift = np.array([-1.0, 1.0, 1.0]), np.array([width - 1.0, 0.0, 0.0])
    points = {n: p[MIRRORS[n.removesuffix("-3d")]] * flip + shift for n, p in labels.points.items()}
    x0, y0, x1, y1 = labels.box
    return replace(
        labels,
        box=(width - 1.0 - x1, y0, width - 1.0 - x0, y1),
        landmarks=np.ascontiguousarray(points["5"][:, :2]).ravel(),
        points=points,
        seen={n: s[MIRRORS[n.removesuffix("-3d")]] for n, s in labels.seen.items()},
        vertices=_other_side(labels.vertices) * flip + shift,
        yaw=-labels.yaw,
        roll=-labels.roll,
    )


def _other_side(vertices: Floats) -> Floats:
    """(V, 3) with each vertex of the grid at the place of its mirror image."""
    rows = len(template.ROWS)
    return vertices.reshape(rows, -1, 3)[:, ::-1].reshape(-1, 3)


def moved(labels: FaceLabels, factor: Floats, shift: Floats) -> FaceLabels:
    """The labels after every x, y went to ``(x + 0.5) * factor - 0.5 + shift``; both (2,)."""
    corners = (np.reshape(labels.box, (2, 2)) + 0.5) * factor - 0.5 + shift
    x0, y0, x1, y1 = (float(v) for v in corners.ravel())

    def place(points: Floats) -> Floats:
        plane = (points[:, :2] + 0.5) * factor - 0.5 + shift
        return np.column_stack([plane, points[:, 2] * np.sqrt(factor.prod())])

    points = {name: place(p) for name, p in labels.points.items()}
    return replace(
        labels,
        box=(x0, y0, x1, y1),
        landmarks=np.ascontiguousarray(points["5"][:, :2]).ravel(),
        points=points,
        vertices=place(labels.vertices),
        focal=labels.focal * float(np.sqrt(factor.prod())),
    )
