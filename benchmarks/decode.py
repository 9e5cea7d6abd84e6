"""Decoding to what is needed, against the decoder's own floor and against Pillow.

    python benchmarks/decode.py [--quick] [--json FILE]

Rendered photos of 4,000 x 3,000 and 1,024 x 683 pixels with grain, as JPEG of several qualities:
entropy decoding, which no scaling saves, is a small share of the work at quality 75 and most of it
at 95. One process, one thread; the ways take turns and the median counts. The floor is
libjpeg-turbo through simplejpeg, called for the same output with the same accuracy and without
checks of limits, EXIF or damage.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator

import numpy as np
import simplejpeg
from _figures import Figure, table, write
from _machine import machine
from _timing import medians
from PIL import Image

from facecurate import images
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec
from facecurate.workers import single_thread

LARGE, SMALL = (4000, 3000), (1024, 683)
FLOOR, PILLOW = 1 / 1.3, 3.0  # bars: of the floor's rate, and of Pillow's where it decodes all
RUNS, QUICK = 15, 3


def photo(width: int, height: int, quality: int) -> bytes:
    """A rendered person in a room, as a camera's JPEG."""
    spec = random_spec(1, size_px=0.4 * height, centre=(width / 2, height / 2))
    pixels, _ = render_photo(PhotoSpec(width, height, 1, (spec,), noise=2.0, blur=1.0))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def floor(data: bytes, colours: str, by: int) -> np.ndarray:
    """The decoder alone, at 1 / ``by`` of the size."""
    height, width, *_ = simplejpeg.decode_jpeg_header(data)
    least = {"min_height": -(-height // by), "min_width": -(-width // by)} if by > 1 else {}
    return np.asarray(simplejpeg.decode_jpeg(data, colours, False, False, **least))


def pillow(data: bytes, draft: int | None = None) -> Image.Image:
    """A full decode, or one by ``draft``, which scales as the decoder can."""
    image = Image.open(io.BytesIO(data))
    if draft:
        image.draft("L", (draft, draft))
    image.load()
    return image


def figures(runs: int) -> Iterator[Figure]:
    """Every size, quality and target."""
    for size, qualities in ((LARGE, (75, 85, 95)), (SMALL, (85,))):
        for quality in qualities:
            data = photo(*size, quality)
            name = f"{size[0]} x {size[1]}, quality {quality}, {len(data) / 1e6:.2f} MB"
            yield from targets(name, data, runs)


def targets(name: str, data: bytes, runs: int) -> Iterator[Figure]:
    """64-pixel luminance, 640-pixel colours, the whole picture; rates of one core."""
    small = images.decode(data, longest=640)
    grey_by = round(1 / images.decode(data, shortest=64, grey=True).scale)
    colour_by = round(1 / small.scale)
    took = medians(
        runs,
        grey=lambda: images.decode(data, shortest=64, grey=True),
        grey_floor=lambda: floor(data, "GRAY", grey_by),
        colours=lambda: images.decode(data, longest=640),
        colours_floor=lambda: floor(data, "RGB", colour_by),
        whole=lambda: images.decode(data),
        whole_floor=lambda: floor(data, "RGB", 1),
        pillow=lambda: pillow(data),
        draft=lambda: pillow(data, 64),
    )
    rate, here = {way: 1 / seconds for way, seconds in took.items()}, machine()

    def line(told: str, way: str, peer: str, bar: float | None) -> Figure:
        return Figure(f"{name}: {told}", rate[way], "photos/s", bar, rate[peer], here)

    full = PILLOW if "4000" in name else None
    yield line("grey of 64, floor", "grey", "grey_floor", FLOOR)
    yield line("grey of 64, Pillow's full decode", "grey", "pillow", full)
    yield line("grey of 64, Pillow's draft", "grey", "draft", None)
    yield line("RGB of 640, floor", "colours", "colours_floor", FLOOR)
    yield line("RGB of 640, Pillow's full decode", "colours", "pillow", full)
    yield line("whole RGB, floor", "whole", "whole_floor", FLOOR)
    yield line("the grey floor itself, Pillow's full decode", "grey_floor", "pillow", None)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs instead of {RUNS}")
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    with single_thread():
        found = list(figures(QUICK if chosen.quick else RUNS))
    print(table(found))
    print(found[0].machine)
    write(chosen.json, found)


if __name__ == "__main__":
    main()
