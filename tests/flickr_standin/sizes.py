"""The sizes in which one photo is offered: names, suffixes and pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

# Width : height of the originals; a photo has one of these shapes at every size.
SHAPES = ((4, 3), (3, 2), (3, 4), (2, 3), (1, 1), (16, 9))
COMMON, LARGE_H, LARGE_K, ORIGINAL = range(4)  # which secret an address holds


@dataclass(frozen=True, slots=True)
class Size:
    """One size: the name after ``url_``, the suffix, the longest edge, the label of getSizes."""

    name: str
    suffix: str
    edge: int  # pixels; 0 for the original
    label: str
    secret: int = COMMON
    square: bool = False


SIZES = (
    Size("sq", "s", 75, "Square", square=True),
    Size("q", "q", 150, "Large Square", square=True),
    Size("t", "t", 100, "Thumbnail"),
    Size("s", "m", 240, "Small"),
    Size("n", "n", 320, "Small 320"),
    Size("w", "w", 400, "Small 400"),
    Size("m", "", 500, "Medium"),
    Size("z", "z", 640, "Medium 640"),
    Size("c", "c", 800, "Medium 800"),
    Size("l", "b", 1024, "Large"),
    Size("h", "h", 1600, "Large 1600", LARGE_H),
    Size("k", "k", 2048, "Large 2048", LARGE_K),
    Size("o", "o", 0, "Original", ORIGINAL),
)
BY_NAME = {size.name: size for size in SIZES}
BY_SUFFIX = {size.suffix: size for size in SIZES}


@cache
def pixels(shape: int, edge: int, square: bool = False) -> tuple[int, int]:
    """Width and height of a photo of this shape whose longest edge is ``edge``."""
    if square:
        return edge, edge
    wide, high = SHAPES[shape]
    longest = max(wide, high)
    return round(edge * wide / longest), round(edge * high / longest)
