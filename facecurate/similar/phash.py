"""Perceptual hashes of one picture, upright and mirrored: ours, or ImageHash's bit for bit.

The hash is the one described by Neal Krawetz ("Looks like it", 2011) in the form that the
ImageHash package gives it: luminance, resized to 4 times the hash's side, its discrete cosine
transform (DCT), and one bit for each low frequency: is it above the median of them all.
Mirroring a picture left to right changes the sign of its odd horizontal frequencies and nothing
else, so the mirrored hash costs no second resize.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Coefficients = NDArray[np.float64]

DECIDED = 2.0
"""A bit is decided when its coefficient lies this far from the median: the size that white noise
of 2 grey levels has in an orthonormal DCT. Below it noise or rounding chooses the bit."""

INFORMATIVE_BITS = 128
"""A picture with fewer decided bits (of 256) is flat, or one edge or ramp, and has no usable
hash. Two unrelated pictures with 128 decided bits differ in about 64 +- 6 of them, 4 standard
deviations above the 40 that verification allows. Measured over 283 photos and the same at 40 x 40
pixels: at least 234 decided bits; black frames, ramps and single edges: at most 31."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes of one picture; rows of the DCT first, the first bit is the highest of a byte."""

    phash64: bytes
    phash64_mirror: bytes
    phash256: bytes
    phash256_mirror: bytes
    decided: int
    """Bits of ``phash256`` that the picture and not noise decides, 0-256."""

    @property
    def informative(self) -> bool:
        """Whether equal hashes mean equal pictures; a black frame equals every other one."""
        return self.decided >= INFORMATIVE_BITS


def hashes(
    image: Pixels, *, filled: tuple[float, float] | None = None, exact: bool = False
) -> Hashes:
    """The 64- and 256-bit perceptual hashes of a picture and of its mirror image.

    image: (H, W) grey or (H, W, 3) RGB, uint8, at least one pixel. It may be decoded at a smaller
    scale: 64 pixels a side are enough. Then the picture seldom fills its last row and column,
    and ``filled`` says how many it fills: 1003 pixels at 1/8 fill 125.375 of 126.

    The picture is not rounded to whole grey levels between resize and transform, and where
    coefficients are equal but for rounding (flat, symmetric or drawn pictures) they are made
    equal, so that the bits are the same on every machine; they differ from ImageHash's in a few
    where a coefficient lies next to the median (README, benchmarks). ``exact`` gives the bits of
    ``imagehash.phash(picture)`` and ``imagehash.phash(picture, hash_size=16)``, of a picture
    that must be whole.
    """
    if exact and filled is not None:
        raise ValueError("exact hashes are those of the whole picture: leave out 'filled'")
    pixels = _grey(image)
    if exact:
        return _exact(Image.fromarray(pixels))
    # Here, because numba takes longer to import than most commands of the tool to start.
    from facecurate.similar.spectrum import describe

    told, decided = describe(pixels, filled or pixels.shape, DECIDED)
    return Hashes(told[:8], told[8:16], told[16:48], told[48:], decided)


def filled(full: int, scaled: int) -> float:
    """How many of ``scaled`` pixels a line of ``full`` fills, decoded at the nearest eighth.

    JPEG decoders scale by n/8 and round up.
    """
    return full * max(1, min(8, 8 * scaled // full)) / 8


def _grey(image: Pixels) -> Pixels:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"expected (H, W) or (H, W, 3) uint8, got {image.shape} {image.dtype}")
    return image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))


def _exact(grey: Image.Image) -> Hashes:
    """As ImageHash computes them: pixels rounded after the resize, SciPy's transform."""
    from scipy import fftpack

    found = []
    for size in (8, 16):
        side = 4 * size
        pixels = np.asarray(grey.resize((side, side), Image.Resampling.LANCZOS))
        full = fftpack.dct(fftpack.dct(pixels, axis=0), axis=1)
        found.append(np.asarray(full[:size, :size], dtype=np.float64))
    small, large = found
    return Hashes(
        phash64=_bits(small),
        phash64_mirror=_bits(_mirrored(small)),
        phash256=_bits(large),
        phash256_mirror=_bits(_mirrored(large)),
        decided=_decided(large),
    )


def _mirrored(spectrum: Coefficients) -> Coefficients:
    signs = np.where(np.arange(spectrum.shape[1]) % 2, -1.0, 1.0)
    return spectrum * signs


def _bits(spectrum: Coefficients) -> bytes:
    return np.packbits(spectrum > np.median(spectrum)).tobytes()


def _decided(spectrum: Coefficients) -> int:
    from facecurate.similar.spectrum import decided

    return int(decided(spectrum, DECIDED))
