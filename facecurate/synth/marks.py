"""Where a posed head's landmarks lie in space: on the mesh, on its outline, in its pupils."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import points
from facecurate.synth import template as head
from facecurate.synth.template import Floats

_STEPS = 25  # places that are tried for a point of the outline
_CHEEK = 0.45  # azimuth, radians: the outline of a turned head is no nearer to the nose


@lru_cache(maxsize=1)
def _ways() -> Floats:
    """(33, 25, 2) from each point of the outline along its row of the grid towards the middle."""
    uv = points.UV[points.ENDS[-1] :]
    azimuth = np.interp(uv[:, 0], np.arange(len(head.COLUMNS)), head.COLUMNS)
    nearest = np.where(np.abs(azimuth) > _CHEEK, _CHEEK, np.abs(azimuth) / 2) * np.sign(azimuth)
    turns = azimuth[:, None] + np.linspace(0, 1, _STEPS) * (nearest - azimuth)[:, None]
    u = np.interp(turns, head.COLUMNS, np.arange(len(head.COLUMNS)))
    return np.stack([u, np.broadcast_to(uv[:, 1:], u.shape)], axis=2)


def outline(skull: Floats, towards: Floats, roll: float, distance: float) -> Floats:
    """(33, 3) the outline of the jaws that is seen, in the camera's frame.

    ``skull``: (V, 3) the turned head; ``towards``: (33,) cosine between normal and view. A point
    that faces away goes along its row of the mesh to the place that is furthest out.
    """
    on_mesh = head.on_grid(skull, points.UV[points.ENDS[-1] :])
    away = np.flatnonzero(towards < 0)
    away = away[away != points.OUTLINE // 2]
    if not len(away):
        return on_mesh
    tried = head.on_grid(skull, _ways()[away].reshape(-1, 2)).reshape(len(away), _STEPS, 3)
    lean = np.deg2rad(roll)
    across = tried @ [np.cos(lean), np.sin(lean), 0.0] / (distance - tried[:, :, 2])
    outwards = np.where(away < points.OUTLINE // 2, -1.0, 1.0)
    furthest = (across * outwards[:, None]).argmax(axis=1)
    out = on_mesh.copy()
    out[away] = tried[np.arange(len(away)), furthest]
    return out


@lru_cache(maxsize=1)
def _eye_triangles() -> NDArray[np.intp]:
    """(2, T, 3) the triangles of the grid about each eye."""
    columns = len(head.COLUMNS)
    t = head.template()
    near = (np.abs(t.frontal[:, 1]) < 0.16) & (t.front > 0.5)
    sides = []
    for side in (-1, 1):
        inside = near & (np.abs(t.frontal[:, 0] - side * head.EYE[0]) < head.EYE[1] + 0.05)
        corner = np.flatnonzero(inside)
        upper = np.stack([corner, corner + 1, corner + columns + 1], axis=1)
        lower = np.stack([corner, corner + columns, corner + columns + 1], axis=1)
        sides.append(np.concatenate([upper, lower]))
    least = min(map(len, sides))
    return np.stack([one[:least] for one in sides])


def pupils(bare: Floats, eyes: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(2, 3) where the gaze leaves each eye, head frame, and whether the lids let it out.

    ``eyes``: (2, 6) centres and unit directions. Ray against triangles after Moeller and Trumbore
    (1997).
    """
    out, free = np.empty((2, 3)), np.zeros(2, bool)
    for side, triangles in enumerate(_eye_triangles()):
        origin, way = eyes[side, :3], eyes[side, 3:]
        a, b, c = (bare[triangles[:, k]] for k in range(3))
        p = np.cross(way, c - a)
        size = ((b - a) * p).sum(axis=1)
        size = np.where(np.abs(size) < 1e-12, np.inf, size)
        q = np.cross(origin - a, b - a)
        u, v = ((origin - a) * p).sum(axis=1) / size, q @ way / size
        t = ((c - a) * q).sum(axis=1) / size
        hit = np.flatnonzero((u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 0))
        if not len(hit):  # the gaze misses the face: as far as the eyeball reaches
            out[side] = origin + way * 0.175
            continue
        best = hit[t[hit].argmax()]
        out[side] = origin + way * t[best]
        weights = np.array([1 - u[best] - v[best], u[best], v[best]])
        x, y = weights @ head.template().frontal[triangles[best]]
        above, below = head.lids(np.array([x]))
        free[side] = bool(above[0] < y < below[0])
    return out, free
