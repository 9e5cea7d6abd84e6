"""The solid figure of one face: head, ears, hair, neck and shoulders before the camera."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import modes, paint
from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE
from facecurate.synth.person import Person
from facecurate.synth.spec import FaceSpec
from facecurate.synth.template import Floats, smooth

HEAD, SKIN, HAIR, CLOTH = 0, 1, 2, 3  # materials
_PIVOT = np.array([0.0, 0.95, -0.30])  # where the head turns on the neck
EYE_RADIUS = 0.175


@dataclass(frozen=True, slots=True)
class Scene:
    """N vertices and T triangles; camera frame: x right, y down, depth away from the camera.

    ``screen``: (N, 3) x, y in pixels and 1 / depth; ``own``: (N, 3) in the head's frame;
    ``normals``: (N, 3) outward unit vectors in the camera frame with z towards the camera;
    ``uv``: (N, 2) texels; ``materials``: (T,); ``eyes``: (2, 6) centres and gaze, head frame;
    ``points``: (68, 3) like ``screen``; ``towards``: (68,) cosine between normal and view;
    ``box``: x0 y0 x1 y1 pixels; ``scale``: pixels of one unit of the head at its centre.
    """

    screen: Floats
    own: Floats
    normals: Floats
    uv: Floats
    faces: NDArray[np.int32]
    materials: NDArray[np.int32]
    eyes: Floats
    points: Floats
    towards: Floats
    box: tuple[float, float, float, float]
    scale: float


def rotation(yaw: float, pitch: float, roll: float) -> Floats:
    """(3, 3) turn of the head's frame in degrees: nods first, then turns, then leans."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    lean = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(lean @ turn @ nod)


def triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """(2 (rows-1) (columns-1), 3) triangles of a grid, cut from top left to bottom right."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    across, down = corner + 1, corner + columns
    upper = np.stack([corner, across, down + 1], axis=1)
    lower = np.stack([corner, down, down + 1], axis=1)
    return np.concatenate([upper, lower]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class _Patch:
    """A grid of vertices (R, C, 3) with texels (R, C, 2); ``stiff`` 1 turns with the head."""

    points: Floats
    uv: Floats
    material: int
    stiff: Floats | float = 1.0


def shape_of(who: Person, spec: FaceSpec) -> Floats:
    """(N, 3) the bare head of a person with the spec's expression, head frame."""
    strength = np.array([spec.smile, spec.jaw_open, spec.brow_raise, spec.blink])
    still = np.tensordot(who.shape, modes.identity_basis(), 1)
    moved = np.tensordot(strength, modes.expression_basis(), 1)
    return np.asarray(head.template().mean + still + moved)


def _grow_hair(points: Floats, who: Person) -> Floats:
    """The head with the hair's thickness on it."""
    if who.style == "bald":
        return points
    t = head.template()
    azimuth, y = t.flat.T
    depth = who.hair_depth * smooth(paint.hairline(who, azimuth) - y, 0.02, 0.3)
    depth *= np.where(who.style == "short", 0.7, 1.0) * (0.55 + 0.45 * smooth(y, 0.3, -0.9))
    depth *= 1 + 0.35 * who.parting * np.sin(azimuth) * smooth(y, -0.6, -1.2)
    out = points * [1.0, 0.9, 1.0]
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    return np.asarray(points + out * depth[:, None])


def _head_patch(points: Floats) -> _Patch:
    rows, columns = len(head.ROWS), len(head.COLUMNS)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    uv = np.stack([u, v], axis=2) * (SIDE - 1)
    return _Patch(points.reshape(rows, columns, 3), uv, HEAD)


def _tile(name: str, rows: int, columns: int) -> Floats:
    """Texels of one of the atlas's tiles for a grid."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    inner = paint.TILE - 4
    return np.stack([paint.TILES[name] + 2 + u * inner, SIDE + 2 + v * inner], axis=2)


def _ear(side: int, cheek: float) -> _Patch:
    """A flat shell beside the head, its rim thicker than its middle; ``cheek``: |x| there."""
    lat, lon = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 9), np.linspace(-np.pi, np.pi, 13))
    x = np.cos(lat) * np.cos(lon)
    y, z = np.sin(lat), np.cos(lat) * np.sin(lon)
    rim = 0.06 * np.sqrt(np.clip(y * y + z * z, 0, 1))
    x = 0.05 * x + np.where(x > 0, rim, 0.0) + 0.35 * (0.2 - z) * 0.18
    points = np.stack([side * (cheek - 0.02 + x), 0.2 + 0.33 * y, -0.22 + 0.19 * z - 0.06 * y], 2)
    return _Patch(points[:, ::side], _tile("skin", *lat.shape), SKIN)


def _neck(width: float) -> _Patch:
    """From inside the head down into the shirt."""
    y = np.linspace(0.55, 2.6, 9)
    azimuth = np.linspace(-np.pi, np.pi, 21)
    spread = np.interp(y, [0.5, 1.4, 2.0, 2.6], [0.60, 0.58, 0.61, 0.61]) * width
    x = spread[:, None] * np.sin(azimuth)
    z = -0.38 + spread[:, None] * np.cos(azimuth)
    points = np.stack([x, np.broadcast_to(y[:, None], x.shape), z], axis=2)
    stiff = np.broadcast_to(smooth(y, 2.0, 0.7)[:, None, None], (*x.shape, 1))
    return _Patch(points, _tile("skin", *x.shape), SKIN, stiff)


def _shoulders(build: float) -> _Patch:
    y = np.array([1.95, 2.02, 2.1, 2.2, 2.4, 2.7, 3.1, 3.8, 16.0])
    azimuth = np.linspace(-np.pi, np.pi, 29)
    half = np.array([0.66, 0.74, 0.95, 1.35, 1.85, 2.25, 2.45, 2.5, 2.45]) * build
    deep = np.array([0.62, 0.68, 0.74, 0.80, 0.88, 0.98, 1.05, 1.1, 1.1])
    x = half[:, None] * np.sin(azimuth)
    z = -0.42 + deep[:, None] * np.cos(azimuth)
    drop = 0.12 * np.cos(azimuth) * np.exp(-((y[:, None] - 1.95) ** 2) / 0.1)  # the collar
    points = np.stack([x, y[:, None] + drop, z], axis=2)
    return _Patch(points, _tile("cloth", *x.shape), CLOTH, 0.0)


def _curtain(who: Person) -> _Patch:
    """Hair that falls behind and beside the face."""
    length = 2.0 if who.style == "long" else 1.0
    y = np.linspace(-1.15, length, 16)
    azimuth = np.linspace(1.52, 2 * np.pi - 1.52, 29)
    cap = smooth(y, -1.35, -0.4)
    half = (0.75 + 0.38 * cap + 0.1 * smooth(y, 0.0, 1.4)) + 0.6 * who.hair_depth
    deep = 1.05 + 0.5 * cap + 0.4 * who.hair_depth
    wave = 0.035 * np.sin(5 * y[:, None] + who.texture % 7) + 0.02 * np.sin(9 * azimuth)
    x = (half[:, None] + wave) * np.sin(azimuth)
    z = -0.08 + (deep[:, None] + wave) * np.cos(azimuth)
    points = np.stack([x, np.broadcast_to(y[:, None], x.shape), z], axis=2)
    stiff = np.broadcast_to(smooth(y, 2.4, 0.6)[:, None, None], (*x.shape, 1))
    return _Patch(points, _tile("hair", *x.shape), HAIR, stiff)


def _patches(who: Person, bare: Floats) -> list[_Patch]:
    width = 1.0 + 0.04 * float(who.shape[1])
    cheek = float(np.abs(bare[head.template().frontal[:, 1] == 0.22, 0]).max())
    parts = [_head_patch(_grow_hair(bare, who)), _neck(width), _shoulders(0.95 + 0.1 * width)]
    if who.style in ("bald", "short"):
        parts += [_ear(-1, cheek), _ear(1, cheek)]
    else:
        parts.append(_curtain(who))
    return parts


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
    still = head.template().mean + np.tensordot(who.shape, modes.identity_basis(), 1)
    uv = head.to_uv(np.array([[-head.EYE[0], -0.01], [head.EYE[0], -0.01]]))
    centres = head.on_grid(still, uv) - [0, 0, EYE_RADIUS]
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
    patches = _patches(who, bare)
    placed = [_place(p, turn, body) for p in patches]
    points = np.concatenate([p.reshape(-1, 3) for p in placed])
    normals = np.concatenate([_grid_normals(p).reshape(-1, 3) for p in placed])
    skull = (bare - _PIVOT) @ turn.T + _PIVOT
    screen, on_face = _project(points, spec.distance), _project(skull, spec.distance)
    marks = head.on_grid(skull, head.POINTS_UV)
    flat = _project(marks, spec.distance)
    facing = head.on_grid(normals[: len(skull)], head.POINTS_UV)
    view = np.array([0, 0, spec.distance]) - marks
    towards = (facing * view).sum(axis=1) / np.linalg.norm(view, axis=1)
    fit, box = _fit(on_face[head.template().face, :2], spec)
    shapes = tuple((p.points.shape[0], p.points.shape[1]) for p in patches)
    counts = [2 * (r - 1) * (c - 1) for r, c in shapes]
    return Scene(
        screen=_apply(screen, fit),
        own=np.concatenate([p.points.reshape(-1, 3) for p in patches]),
        normals=normals,
        uv=np.concatenate([p.uv.reshape(-1, 2) for p in patches]),
        faces=_indices(shapes),
        materials=np.repeat([p.material for p in patches], counts).astype(np.int32),
        eyes=_eyes(who, spec),
        points=_apply(flat, fit),
        towards=towards,
        box=box,
        scale=float(fit[0] / spec.distance),
    )


def _place(patch: _Patch, turn: Floats, body: Floats) -> Floats:
    from_pivot = patch.points - _PIVOT
    turned, upright = from_pivot @ turn.T, from_pivot @ body.T
    return np.asarray(upright + (turned - upright) * patch.stiff + _PIVOT)


def _fit(face: Floats, spec: FaceSpec) -> tuple[Floats, tuple[float, float, float, float]]:
    """(scale, dx, dy) that gives the face's box its size and centre, and the box."""
    low, high = face.min(axis=0), face.max(axis=0)
    scale = spec.size_px / float((high - low).max())
    shift = np.asarray(spec.centre) - scale * (low + high) / 2
    x0, y0 = low * scale + shift
    x1, y1 = high * scale + shift
    fit = np.array([scale, shift[0], shift[1]])
    return fit, (float(x0), float(y0), float(x1), float(y1))


def _apply(screen: Floats, fit: Floats) -> Floats:
    return np.asarray(screen * [fit[0], fit[0], 1.0] + [fit[1], fit[2], 0.0])
