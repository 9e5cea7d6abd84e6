"""Lamps, sky and the shadows that heads cast."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import raster
from facecurate.synth.spec import Light
from facecurate.synth.style import PLAIN, Style
from facecurate.synth.template import Floats

Singles = NDArray[np.float32]
_SIDES = (40.0, 150.0)  # texels of the shadow map's side for the softest and the hardest light
_MARGIN = 3.0  # texels round the casters in the shadow map
_LEAF = 0.10  # units behind a thin leaf of hair at which its shadow starts, so that it has none


@dataclass(frozen=True, slots=True)
class Lamps:
    """What lights a figure; colours are linear.

    ``rows``: (3, 10) key, counter and rim lamp: direction to the lamp (camera frame, x right, y
    down, z towards the camera), colour, how far it reaches round the edge (cosine) in red, green
    and blue, and 1 / the length of the sum of direction and view. ``sky``: (2, 3) light from above
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
    counter, rim = np.array([-key[0], -0.2, 0.55]), np.array([-1.2 * key[0], -0.45, -0.75])
    lamps = (
        (key, light.key * (1 + 0.25 * light.hardness) * warm),
        (counter, 0.18 * light.key / warm * tint),
        (rim, light.rim * tint / np.sqrt(warm)),
    )
    soft = 1 - light.hardness
    wraps = (style.wrap * soft, style.wrap, 0.0)
    rows = [_row(to, colour, w, style.bleed) for (to, colour), w in zip(lamps, wraps, strict=True)]
    sky = np.stack([light.fill / warm, 0.45 * light.fill * warm]) * (1 - 0.25 * light.hardness)
    return Lamps(
        rows=np.array(rows, np.float32),
        sky=sky.astype(np.float32),
        darkness=float(1 - soft * soft),
        sharpness=float(light.hardness),
    )


def _row(towards: Floats, colour: Floats, wrap: float, bleed: float) -> list[float]:
    towards = towards / np.linalg.norm(towards)
    middle = float(np.linalg.norm(towards + [0.0, 0.0, 1.0]))
    reach = [wrap + bleed, wrap + 0.25 * bleed, wrap]
    return [*towards.tolist(), *colour.tolist(), *reach, 1.0 / max(middle, 1e-3)]


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
    places = solid @ frame.T
    drawn = faces[casts]
    used = np.zeros(len(solid), bool)
    used[drawn] = True
    low, high = places[used].min(axis=0), places[used].max(axis=0)
    side = round(_SIDES[0] + (_SIDES[1] - _SIDES[0]) * lamps.sharpness)
    scale = (side - 1 - 2 * _MARGIN) / float((high - low)[:2].max())
    places = (places - low) * [scale, scale, 1.0] + [_MARGIN, _MARGIN, 1.0]
    casters = places.astype(np.float32)
    leaves = np.zeros(len(solid), bool)
    leaves[faces[casts & both]] = True
    casters[leaves, 2] -= np.float32(_LEAF)
    _, reach = raster.nearest(casters, drawn, both[casts], side, side)
    return Shadow(places.astype(np.float32), reach)


def no_shadow() -> Shadow:
    """What stands for the shadow of lamps without one."""
    return Shadow(np.zeros((1, 3), np.float32), np.zeros((1, 1), np.float32))
