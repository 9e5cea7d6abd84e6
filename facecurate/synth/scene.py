"""The solid figure of one face before the camera, and where its landmarks lie."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import figure, glasses, marks, modes, points
from facecurate.synth import template as head
from facecurate.synth.figure import Patch
from facecurate.synth.motion import moved
from facecurate.synth.person import Person
from facecurate.synth.spec import FaceSpec
from facecurate.synth.template import Floats

_PIVOT = np.array([0.0, 0.95, -0.30])  # where the head turns on the neck
EYE_RADIUS = 0.175

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """N vertices and T triangles; camera frame: x right, y down, depth away from the camera.

    ``screen``: (N, 3) x, y in pixels and 1 / depth; ``solid``: (N, 3) with z towards the
    camera, head's units; ``own``: (N, 3) in the head's frame;
    ``normals``: (N, 3) outward unit vectors in the camera frame with z towards the camera;
    ``uv``: (N, 2) texels; ``materials``: (T,); ``eyes``: (2, 6) centres and gaze, head frame;
    ``points``: (P, 3) like ``screen``, the sets of ``points.SETS`` after each other; ``towards``:
    (P,) cosine between normal and view; ``open_eyes``: (2,) whether a pupil is not behind a lid;
    ``lenses``: (2, R, 2) pixels, the rims of clear lenses; ``vertices``: (V, 3) the bare head, x, y
    in pixels and z in pixels towards the camera; ``box``: x0 y0 x1 y1 pixels; ``scale``: pixels of
    one unit of the head at its pivot; ``focal``: pixels.
    """

    screen: Floats
    solid: Floats
    own: Floats
    normals: Floats
    uv: Floats
    faces: NDArray[np.int32]
    materials: NDArray[np.int32]
    eyes: Floats
    points: Floats
    towards: Floats
    open_eyes: NDArray[np.bool_]
    lenses: Floats | None
    vertices: Floats
    box: Box
    scale: float
    focal: float
    distance: float


def rotation(yaw: float, pitch: float, roll: float) -> Floats:
    """(3, 3) turn of the head's frame in degrees: nods first, then turns, then leans."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    lean = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(lean @ turn @ nod)


def triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """(2 (rows-1) (columns-1), 3) triangles of a grid, cut from top left to bottom right.

    Clockwise where columns run to the right and rows down.
    """
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    across, down = corner + 1, corner + columns
    upper = np.stack([corner, across, down + 1], axis=1)
    lower = np.stack([corner, down + 1, down], axis=1)
    return np.concatenate([upper, lower]).astype(np.int32)


@lru_cache(maxsize=32)
def _at_rest(identity: int, shape: bytes) -> Floats:
    values = np.frombuffer(shape)
    still = head.template().mean + np.tensordot(values, modes.identity_basis(), 1)
    still.setflags(write=False)
    return np.asarray(still)


def at_rest(who: Person, identity: int) -> Floats:
    """(V, 3) the bare head of a person without any movement, head frame, read-only."""
    return _at_rest(identity, np.ascontiguousarray(who.shape, np.float64).tobytes())


def shape_of(who: Person, spec: FaceSpec) -> Floats:
    """(V, 3) the bare head of a person with the spec's action units, head frame."""
    return at_rest(who, spec.identity) + moved(spec.units, spec.identity, spec.lopsided)


def _slope(points: Floats) -> Floats:
    """Differences along the first axis, central inside, one-sided at the ends."""
    return np.concatenate(
        [points[1:2] - points[:1], points[2:] - points[:-2], points[-1:] - points[-2:-1]]
    )


def _grid_normals(points: Floats) -> Floats:
    """(R, C, 3) unit normals of a grid whose columns run to the right seen from outside."""
    across, down = _slope(points.transpose(1, 0, 2)).transpose(1, 0, 2), _slope(points)
    ax, ay, az = (across[:, :, k] for k in range(3))
    dx, dy, dz = (down[:, :, k] for k in range(3))
    normal = np.stack([ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx], axis=2)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    return np.asarray(np.where(length > 1e-9, normal / np.maximum(length, 1e-9), [0.0, -1.0, 0.0]))


@lru_cache(maxsize=32)
def _indices(shapes: tuple[tuple[int, int], ...]) -> NDArray[np.int32]:
    first, parts = 0, []
    for rows, columns in shapes:
        parts.append(triangles(rows, columns) + first)
        first += rows * columns
    return np.concatenate(parts).astype(np.int32)


def _gaze(spec: FaceSpec) -> Floats:
    right, up = np.deg2rad(spec.gaze)
    return np.array([np.sin(right) * np.cos(up), -np.sin(up), np.cos(right) * np.cos(up)])


def _eyes(who: Person, spec: FaceSpec) -> Floats:
    """(2, 6) centres and directions of the eyeballs, which lids do not move."""
    uv = head.to_uv(np.array([[-head.EYE[0], -0.01], [head.EYE[0], -0.01]]))
    centres = head.on_grid(at_rest(who, spec.identity), uv) - [0, 0, EYE_RADIUS]
    return np.concatenate([centres, np.broadcast_to(_gaze(spec), (2, 3))], axis=1)


def _project(points: Floats, distance: float) -> Floats:
    """(N, 3) camera-frame points -> x, y on a plane one unit away and 1 / depth."""
    inverse = 1.0 / (distance - points[:, 2])
    return np.stack([points[:, 0] * inverse, points[:, 1] * inverse, inverse], axis=1)


def build(who: Person, spec: FaceSpec) -> Scene:
    """The figure of ``spec``, scaled and placed so that the face's box is where the spec says.

    The box is the tight box of the projected vertices of the bare face: from the upper forehead
    (``template.FACE_TOP``) to the chin, between the ears (``template.FACE_SIDE``), without hair.
    """
    turn, body = rotation(spec.yaw, spec.pitch, spec.roll), rotation(0.35 * spec.yaw, 0, 0)
    bare = shape_of(who, spec)
    patches = figure.patches(who, bare, wears_glasses=spec.glasses)
    placed = [_place(p, turn, body) for p in patches]
    solid = np.concatenate([p.reshape(-1, 3) for p in placed])
    normals = np.concatenate([_grid_normals(p).reshape(-1, 3) for p in placed])
    skull = turned(bare, turn)
    on_face = _project(skull, spec.distance)
    fit = _fit(on_face, who, spec)
    eyes = _eyes(who, spec)
    spots, towards, open_eyes = _marks(bare, skull, normals[: len(skull)], eyes, turn, spec)
    shapes = tuple((p.points.shape[0], p.points.shape[1]) for p in patches)
    counts = [2 * (r - 1) * (c - 1) for r, c in shapes]
    scale = float(fit[0] / (spec.distance - _PIVOT[2]))
    return Scene(
        screen=_apply(_project(solid, spec.distance), fit),
        solid=solid,
        own=np.concatenate([p.points.reshape(-1, 3) for p in patches]),
        normals=normals,
        uv=np.concatenate([p.uv.reshape(-1, 2) for p in patches]),
        faces=_indices(shapes),
        materials=np.repeat([p.material for p in patches], counts).astype(np.int32),
        eyes=eyes,
        points=_apply(_project(spots, spec.distance), fit),
        towards=towards,
        open_eyes=open_eyes,
        lenses=_lenses(who, spec, bare, turn, fit),
        vertices=in_pixels(_apply(on_face, fit), scale, spec.distance),
        box=_box(_apply(on_face, fit)[head.template().face, :2]),
        scale=scale,
        focal=float(fit[0]),
        distance=spec.distance,
    )


def _lenses(who: Person, spec: FaceSpec, bare: Floats, turn: Floats, fit: Floats) -> Floats | None:
    if not spec.glasses or who.glasses is None or who.glasses.dark:
        return None
    rims = glasses.lenses(who, bare)
    places = _apply(_project(turned(rims.reshape(-1, 3), turn), spec.distance), fit)
    return places[:, :2].reshape(*rims.shape[:2], 2)


def in_pixels(screen: Floats, scale: float, distance: float) -> Floats:
    """(N, 3) x, y and 1 / depth -> x, y and the depth in pixels, towards the camera."""
    z = distance - 1.0 / screen[:, 2] - _PIVOT[2]
    return np.column_stack([screen[:, :2], scale * z])


def _marks(
    bare: Floats, skull: Floats, normals: Floats, eyes: Floats, turn: Floats, spec: FaceSpec
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(P, 3) the landmarks in the camera's frame, (P,) how far they face it, (2,) eyes open."""
    spots = head.on_grid(skull, points.UV)
    view = np.array([0, 0, spec.distance]) - spots
    facing = head.on_grid(normals, points.UV)
    towards = (facing * view).sum(axis=1) / np.linalg.norm(view, axis=1)
    last = points.ENDS[-1]
    edge = marks.outline(skull, towards[last:], spec.roll, spec.distance)
    spots, towards = spots[:last].copy(), towards[:last].copy()
    gazes, open_eyes = marks.pupils(bare, eyes)
    gazes = turned(gazes, turn)
    for name, end in zip(points.SETS, points.ENDS, strict=True):
        first = end - len(points.SETS[name])
        if name in points.OUTLINES:
            count = points.OUTLINES[name]
            step = (points.OUTLINE - 1) // (count - 1)
            moved_out = np.abs(edge[::step] - spots[first : first + count]).max(axis=1) > 0
            spots[first : first + count] = edge[::step]
            towards[first : first + count][moved_out] = 0.0  # seen edge-on
        for side, index in enumerate(points.PUPILS.get(name, ())):
            spots[first + index] = gazes[side]
    return spots, towards, open_eyes


def turned(points: Floats, turn: Floats) -> Floats:
    """(..., 3) of the head's frame after the head has turned on the neck."""
    return np.asarray((points - _PIVOT) @ turn.T + _PIVOT)


def _place(patch: Patch, turn: Floats, body: Floats) -> Floats:
    from_pivot = patch.points - _PIVOT
    turned, upright = from_pivot @ turn.T, from_pivot @ body.T
    return np.asarray(upright + (turned - upright) * patch.stiff + _PIVOT)


def _fit(on_face: Floats, who: Person, spec: FaceSpec) -> Floats:
    """(scale, dx, dy) that gives the face's box its size and centre."""
    if spec.steady:
        on_face = _project(at_rest(who, spec.identity), spec.distance)
    face = on_face[head.template().face, :2]
    low, high = face.min(axis=0), face.max(axis=0)
    scale = spec.size_px / float((high - low).max())
    shift = np.asarray(spec.centre) - scale * (low + high) / 2
    return np.array([scale, shift[0], shift[1]])


def _box(face: Floats) -> Box:
    (x0, y0), (x1, y1) = face.min(axis=0), face.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _apply(screen: Floats, fit: Floats) -> Floats:
    return np.asarray(screen * [fit[0], fit[0], 1.0] + [fit[1], fit[2], 0.0])
