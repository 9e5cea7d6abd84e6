"""A figure lit and drawn: what its surface is made of, and the layer that comes of it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import raster, shading
from facecurate.synth.canvas import SIDE
from facecurate.synth.light import Lamps, Shadow, no_shadow, shadow_of
from facecurate.synth.scene import Scene
from facecurate.synth.style import PLAIN, Style
from facecurate.synth.template import Floats

Layer = NDArray[np.float32]
Window = tuple[slice, slice]
_TEXELS = 0.37 * SIDE  # of the head's map for one unit of the head
_LINEAR = ((np.arange(256) / 255.0) ** 2).astype(np.float32)
_STEP = 1.5  # pixels in depth from one pixel to the next within one smooth surface


@dataclass(frozen=True, slots=True)
class Look:
    """How a figure answers light; colours are linear, 0..1.

    ``texture``: (H, W, 4) uint8, the atlas of ``paint``; ``surfaces``: (M, 6) float32, by material,
    as :func:`surface` gives them; ``casts``: (M,) which materials throw shadows; ``iris``: (5,)
    colour and the radii of iris and pupil, head's units.
    """

    texture: NDArray[np.uint8]
    surfaces: Layer
    casts: NDArray[np.bool_]
    lamps: Lamps
    iris: Layer
    style: Style = PLAIN


def surface(
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0),
    gloss: float = 0.0,
    *,
    skin: bool = False,
    leaf: bool = False,
) -> tuple[float, ...]:
    """One row of ``Look.surfaces``: ``tint`` is a factor on the texture's linear colour.

    ``skin`` lets light through at the edge of the shadow; ``leaf``: thin, seen from either side.
    """
    return (*tint, gloss, float(skin), float(leaf))


def draw(built: Scene, where: Window, look: Look) -> tuple[Layer, Any]:
    """The figure in a window of the picture: (h, w, 4) light times coverage and coverage.

    Also the triangle seen at each of the window's sub-pixels, -1 for none.
    """
    rows, columns = where
    height, width = rows.stop - rows.start, columns.stop - columns.start
    samples = raster.SAMPLES
    screen = built.screen.astype(np.float32)
    screen[:, :2] = (built.screen[:, :2] + 0.5 - [columns.start, rows.start]) * samples - 0.5
    both = look.surfaces[built.materials, shading.LEAF] > 0
    seen, depth = raster.nearest(screen, built.faces, both, height * samples, width * samples)
    shadow = _shadow(built, look, both)
    coarse, zoom = coarser(look.texture, _TEXELS / built.scale)
    light: Any = cv2.LUT(coarse, _LINEAR)
    if look.style.grain > 0:
        light *= _grain(*coarse.shape[:2], look.style.grain)
    corners = np.empty((len(screen), shading.CORNERS), np.float32)
    corners[:, :3], corners[:, 3:5], corners[:, 5:] = built.normals, built.uv, shadow.places
    shader: Any = shading.shade
    layer = shader(
        seen, depth, screen, built.faces, built.materials, corners, built.own.astype(np.float32),
        on_eyes(coarse, zoom, built.uv), look.texture, light, np.float32(zoom), look.surfaces,
        look.lamps.rows, look.lamps.sky, built.eyes.astype(np.float32), look.iris,
        np.float32(look.style.power), shadow.reach, np.float32(look.lamps.darkness),
        np.float32(_STEP / built.scale), np.float32(samples * built.scale),
    )  # fmt: skip
    return layer, seen


def _shadow(built: Scene, look: Look, both: NDArray[np.bool_]) -> Shadow:
    if look.lamps.darkness <= 0:
        return no_shadow()
    return shadow_of(built.solid, built.faces, look.casts[built.materials], both, look.lamps)


def coarser(texture: NDArray[np.uint8], texels: float) -> tuple[NDArray[np.uint8], float]:
    """The map for pixels that span ``texels`` of its texels, and how many times as large it is.

    Halved as often as it takes, at most twice (Williams 1983).
    """
    level = int(np.clip(np.round(np.log2(max(texels, 1e-3)) - 0.6), 0, 2))
    factor = 1 << level
    height, width = texture.shape[0] // factor, texture.shape[1] // factor
    cut = texture[: height * factor, : width * factor]
    small: Any = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    return small, 1.0 / factor


def on_eyes(texture: NDArray[np.uint8], zoom: float, uv: Floats) -> NDArray[np.bool_]:
    """(N,) which vertices lie on an eye or beside it; ``texture`` is ``zoom`` times the atlas."""
    alpha = np.ascontiguousarray(texture[:, :, 3])
    reach = 2 * round(10 * zoom) + 1
    wide: Any = cv2.dilate(alpha, np.ones((reach, reach), np.uint8))
    u, v = np.clip(np.rint(uv * zoom), 0, [alpha.shape[1] - 1, alpha.shape[0] - 1]).T.astype(int)
    return np.asarray(wide[v, u] > 0)


@lru_cache(maxsize=4)
def _grain(height: int, width: int, strength: float) -> Layer:
    """(height, width, 4) factors; alpha stays what it is."""
    rng = np.random.default_rng([0x6A17, height, width])
    factors = np.ones((height, width, 4), np.float32)
    factors[:, :, :3] += strength * rng.standard_normal((height, width, 1), dtype=np.float32)
    return factors
