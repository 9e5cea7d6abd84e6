"""Lamps, sky and the shadows that heads cast."""

from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import raster
from facecurate.synth.spec import Light
from facecurate.synth.style import PLAIN, Style
from facecurate.synth.template import Floats

Singles = NDArray[np.float32]
_jit = numba.njit(cache=True)
_SIDES = (48.0, 192.0)  # texels of the shadow map's side for the softest and the hardest light
_MARGIN = 3.0  # texels round the casters in the shadow map
_LEAF = 0.10  # units behind a thin leaf of hair at which its shadow starts, so that it has none


@dataclass(frozen=True, slots=True)
class Lamps:
    """What lights a figure; colours are linear.

    ``rows``: (3, 11) key, counter and rim lamp: direction to the lamp (camera frame, x right, y
    down, z towards the camera), colour, how far it reaches round the edge (cosine) in red, green
    and blue, 1 / the length of the sum of direction and view, and how steeply it sets in at the
    edge (0: with the cosine). ``sky``: (2, 3) light from above
    and from below. ``darkness``: 0..1, the part of the key lamp that its shadow takes away.
    ``sharpness``: 0..1, of the shadow's edge.
    """

    rows: Singles
    sky: Singles
    darkness: float
    sharpness: float

    def dimmed(self, factor: float) -> "Lamps":
        """The same lamps, all of them ``factor`` times as bright."""
        rows = self.rows.copy()
        rows[:, 3:6] *= np.float32(factor)
        return replace(self, rows=rows, sky=self.sky * np.float32(factor))


def lights_of(light: Light, style: Style = PLAIN) -> Lamps:
    """The lamps and the sky of a light.

    The harder the light, the less it wraps round edges and the darker and sharper its shadow is.
    """
    a, e = np.deg2rad([light.azimuth, light.elevation])
    key = np.array([np.sin(a) * np.cos(e), -np.sin(e), np.cos(a) * np.cos(e)])
    warm = np.array([1 + 0.12 * light.warmth, 1.0, 1 - 0.18 * light.warmth])
    tint = np.array([1 + 0.3 * light.tint, 1 - 0.3 * light.tint, 1 + 0.3 * light.tint])
    counter, rim = np.array([-key[0], -0.2, 0.55]), np.array([-1.2 * key[0], -0.45, -0.9])
    soft = 1 - light.hardness
    lamps = (
        (key, light.key * (1 + 0.15 * light.hardness) * warm, style.wrap * soft, light.hardness),
        (counter, 0.18 * light.key / warm * tint, style.wrap, 0.0),
        (rim, 1.5 * light.rim * tint / np.sqrt(warm), 0.0, 0.0),
    )
    sky = np.stack([light.fill / warm, 0.45 * light.fill * warm]) * (1 - 0.5 * light.hardness)
    return Lamps(
        rows=np.array([_row(lamp, style.bleed) for lamp in lamps], np.float32),
        sky=sky.astype(np.float32),
        darkness=float(1 - soft * soft),
        sharpness=float(light.hardness),
    )


def _row(lamp: tuple[Floats, Floats, float, float], bleed: float) -> list[float]:
    towards, colour, wrap, steep = lamp
    towards = towards / np.linalg.norm(towards)
    middle = float(np.linalg.norm(towards + np.array([0.0, 0.0, 1.0])))
    reach = [wrap + bleed, wrap + 0.25 * bleed, wrap]
    return [*towards.tolist(), *colour.tolist(), *reach, 1.0 / max(middle, 1e-3), steep]


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the key lamp sees.

    ``places``: (N, 3) float32, the vertices in its frame: x, y in texels of ``reach`` (centres at
    integers), and how near they are to the lamp, units. ``reach``: (S, S) float32 the same nearness
    of what stops the light there, 0 where nothing does: whatever is less near lies in shadow.
    """

    places: Singles
    reach: Singles


def shadow_of(
    solid: Floats,
    faces: NDArray[np.int32],
    casts: NDArray[np.bool_],
    both: NDArray[np.bool_],
    lamps: Lamps,
) -> Shadow:
    """The shadow map of the key lamp (Williams 1978), orthographic.

    ``solid``: (N, 3) vertices, camera frame (x right, y down, z towards the camera); ``faces``:
    (T, 3) as :func:`facecurate.synth.raster.nearest` takes them; ``casts``, ``both``: (T,) whether
    a triangle casts a shadow, and whether it is a leaf with two sides.

    Of solid parts the sides that face away from the lamp are drawn, as these lie in the dark in any
    case: no lit surface can be taken for its own shadow. The light's sharpness decides how fine the
    map is, and with it how soft the shadow's edges are.
    """
    away = lamps.rows[0, :3].astype(np.float64)
    aside = np.cross([0.0, 1.0, 0.0] if abs(away[1]) < 0.95 else [0.0, 0.0, 1.0], away)
    aside /= np.linalg.norm(aside)
    # A mirror image of what the lamp sees: what is turned away from it counts as facing it.
    frame = np.stack([aside, np.cross(aside, away), away])
    places = (solid @ frame.T).astype(np.float32)
    select: Any = _select
    drawn, leaves, leafy, low, high = select(places, faces, casts, both)
    side = round(_SIDES[0] + (_SIDES[1] - _SIDES[0]) * lamps.sharpness)
    scale = (side - 1 - 2 * _MARGIN) / max(float((high - low)[:2].max()), 1e-6)
    places -= low
    places *= np.array([scale, scale, 1.0], np.float32)
    places += np.array([_MARGIN, _MARGIN, 1.0], np.float32)
    casters = places.copy()
    casters[leafy, 2] -= np.float32(_LEAF)
    _, reach = raster.nearest(casters, drawn, leaves, side, side)
    return Shadow(places, reach)


@_jit
def _select(places: Any, faces: Any, casts: Any, both: Any) -> Any:  # pragma: no cover
    """The casters, which of them are leaves, the leaves' vertices, the corners of all casters."""
    count = 0
    for t in range(faces.shape[0]):
        count += casts[t]
    drawn, leaves = np.empty((count, 3), np.int32), np.empty(count, np.bool_)
    leafy = np.zeros(places.shape[0], np.bool_)
    low, high = np.full(3, np.inf, np.float32), np.full(3, -np.inf, np.float32)
    count = 0
    for t in range(faces.shape[0]):
        if casts[t]:
            leaves[count] = both[t]
            for h in range(3):
                v = faces[t, h]
                drawn[count, h] = v
                leafy[v] |= both[t]
                for k in range(3):
                    low[k], high[k] = min(low[k], places[v, k]), max(high[k], places[v, k])
            count += 1
    return drawn, leaves, leafy, low, high


def no_shadow() -> Shadow:
    """What stands for the shadow of lamps without one."""
    return Shadow(np.zeros((1, 3), np.float32), np.zeros((1, 1), np.float32))
