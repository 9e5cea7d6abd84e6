"""Linear light to grey levels: motion, lens, tone, noise and the file the picture once was."""

from functools import lru_cache
from typing import Any

import cv2
import numba
import numpy as np
from numpy import float32 as f32
from numpy.typing import NDArray

from facecurate import images
from facecurate.synth.raster import FAST
from facecurate.synth.spec import PhotoSpec
from facecurate.synth.style import STYLES, Style

Image = NDArray[np.uint8]
Light = NDArray[np.float32]
_jit = numba.njit(cache=True, fastmath=FAST, error_model="numpy")
_LINEAR = ((np.arange(256) / 255.0) ** 2).astype(np.float32)
# Lengths of the two streams whose sum is the noise: primes, so that it repeats only after both.
_STREAMS = (524_287, 393_241)


def expose(picture: Image) -> Light:
    """(H, W, 3) grey levels -> float32 linear light, the tone of the plain style undone."""
    return np.asarray(cv2.LUT(picture, _LINEAR), np.float32)


@_jit
def over(canvas: Any, layer: Any, top: int, left: int) -> None:  # pragma: no cover
    """Lays a layer of light times coverage and coverage on (H, W, 3) float32 linear light."""
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            clear = f32(1.0) - layer[y, x, 3]
            if clear < f32(1.0):
                for k in range(3):
                    old = canvas[top + y, left + x, k]
                    canvas[top + y, left + x, k] = old * clear + layer[y, x, k]


def develop(canvas: Light, photo: PhotoSpec) -> Image:
    """(H, W, 3) float32 linear light -> uint8 RGB, as the photo's style and settings say.

    In this order: the camera's motion and the lens's blur, both on light; the vignette; the tone: a
    square root, then an S-curve, the mean drawn towards the colours by ``saturation`` and the range
    narrowed by ``fade``; the noise; the JPEG. Labels hold for the middle of the camera's way.
    """
    style, light = STYLES[photo.style], np.ascontiguousarray(canvas)
    noise = _film(light.shape, photo.seed) if style.film else _white(light.shape, photo.seed)
    picture = np.empty(light.shape, np.uint8)
    tone: Any = _tone
    tone(_seen(light, photo), noise, np.float32(photo.noise), _numbers(style), picture)
    if photo.quality is None:
        return picture
    return images.decode(images.encode_jpeg(picture, photo.quality)).pixels


def _seen(light: Any, photo: PhotoSpec) -> Any:
    """What falls on the sensor through a lens that moves and blurs."""
    if photo.motion != (0.0, 0.0):
        light = cv2.filter2D(light, -1, path(photo.motion), borderType=cv2.BORDER_REFLECT_101)
    if photo.blur > 0:
        light = cv2.GaussianBlur(light, (0, 0), photo.blur)
    return light


def path(motion: tuple[float, float]) -> Light:
    """The kernel of a straight way of ``motion`` (x, y) pixels: odd sides, sum 1, centred."""
    steps = 4 * int(np.ceil(np.hypot(*motion))) + 1
    at = (np.arange(steps) / max(steps - 1, 1) - 0.5)[:, None] * np.asarray(motion)
    reach = int(np.ceil(np.abs(at).max()))
    kernel = np.zeros((2 * reach + 3, 2 * reach + 3))
    corner = np.floor(at).astype(int)
    across, down = (at - corner).T
    x, y = (corner + reach + 1).T
    for dx, dy, weight in (
        (0, 0, (1 - across) * (1 - down)), (1, 0, across * (1 - down)),
        (0, 1, (1 - across) * down), (1, 1, across * down),
    ):  # fmt: skip
        np.add.at(kernel, (y + dy, x + dx), weight / steps)
    return kernel.astype(np.float32)


@lru_cache(maxsize=1)
def _streams() -> tuple[Light, Light]:
    rng = np.random.default_rng(0x0153)
    first, second = (rng.standard_normal(n, dtype=np.float32) * f32(np.sqrt(0.5)) for n in _STREAMS)
    return first, second


def _white(shape: tuple[int, ...], seed: int) -> Light:
    """Gaussian noise of unit variance: the sum of two streams that start where ``seed`` says.

    Sixty times as fast as new numbers, and no two photos share more than one of the streams at one
    place but with a chance of 1 in 10^11.
    """
    rng = np.random.default_rng([0x0153, seed])
    out = np.empty(shape, np.float32)
    add: Any = _add
    add(*_streams(), int(rng.integers(_STREAMS[0])), int(rng.integers(_STREAMS[1])), out.ravel())
    return out


def _film(shape: tuple[int, ...], seed: int) -> Light:
    """Noise of unit variance with grains of two pixels, much the same in all three colours."""
    grey = _white((shape[0], shape[1], 1), seed)
    colour = _white(shape, seed + 1)
    mixed = f32(0.85) * grey + f32(0.53) * colour
    return np.asarray(cv2.GaussianBlur(mixed, (0, 0), 0.9)) * f32(3.2)


@_jit
def _add(first: Any, second: Any, i: int, j: int, out: Any) -> None:  # pragma: no cover
    done = 0
    while done < out.size:
        run = min(first.size - i, second.size - j, out.size - done)
        for k in range(run):
            out[done + k] = first[i + k] + second[j + k]
        done, i, j = done + run, (i + run) % first.size, (j + run) % second.size


def _numbers(style: Style) -> Light:
    """The style's tone as the kernel reads it."""
    film = float(style.film)
    return np.array(
        [style.contrast, style.saturation, style.fade, style.vignette, film, *style.cast],
        np.float32,
    )


@_jit
def _tone(canvas: Any, noise: Any, sigma: Any, style: Any, out: Any) -> None:  # pragma: no cover
    height, width = canvas.shape[0], canvas.shape[1]
    contrast, saturation, fade, vignette, film = style[0], style[1], style[2], style[3], style[4]
    one, half = f32(1.0), f32(0.5)
    plain = contrast == 0 and saturation == one and fade == 0 and vignette == 0 and film == 0
    across, down = f32(2.0) / f32(width), f32(2.0) / f32(height)
    for y in range(height):
        if plain:
            for x in range(width):
                for k in range(3):
                    grey = np.sqrt(min(max(canvas[y, x, k], f32(0.0)), one)) * f32(255.0)
                    grey = min(max(grey + sigma * noise[y, x, k], f32(0.0)), f32(255.0))
                    out[y, x, k] = np.uint8(grey + half)
            continue
        v = (f32(y) + half) * down - one
        for x in range(width):
            u = (f32(x) + half) * across - one
            open_ = one - vignette * half * (u * u + v * v)
            r = _curve(canvas[y, x, 0] * open_, contrast)
            g = _curve(canvas[y, x, 1] * open_, contrast)
            b = _curve(canvas[y, x, 2] * open_, contrast)
            luma = f32(0.30) * r + f32(0.59) * g + f32(0.11) * b
            for k in range(3):
                value = r if k == 0 else (g if k == 1 else b)
                value = luma + (value - luma) * saturation
                value = fade + (one - f32(2.0) * fade) * value
                # Film: most noise in the middle tones, little where it is black or burnt out.
                loud = sigma * (one + film * (f32(2.8) * luma * (one - luma) - f32(0.7)))
                grey = value * f32(255.0) + style[5 + k] * (one - luma) + loud * noise[y, x, k]
                out[y, x, k] = np.uint8(min(max(grey, f32(0.0)), f32(255.0)) + half)


@_jit
def _curve(light: Any, contrast: Any) -> Any:  # pragma: no cover
    v = np.sqrt(min(max(light, f32(0.0)), f32(1.0)))
    return v + contrast * v * (f32(1.0) - v) * (f32(2.0) * v - f32(1.0))
