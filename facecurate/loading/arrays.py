"""Large arrays used again, once nobody else holds them."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEPT = 6  # arrays: of two resolutions the bytes, the values, and the values of the batch before


class Arrays:
    """New pages for 100 MB a batch cost as much as the views themselves: measured.

    An array is given out again only when no tensor, slice or view of it is left, which its count
    of references tells; what is still held is never touched. A copy in another process is empty.
    """

    def __init__(self) -> None:
        self._kept: list[NDArray[Any]] = []

    def take(self, shape: tuple[int, ...], kind: type) -> NDArray[Any]:
        """An array whose content is arbitrary."""
        size = math.prod(shape) * np.dtype(kind).itemsize
        for place in range(len(self._kept)):
            if self._kept[place].nbytes >= size and self._is_free(place):
                # moved to the end: the arrays at the front are given up first
                self._kept.append(self._kept.pop(place))
                return _shaped(self._kept[-1], size, shape, kind)
        self._kept = [*self._kept[1 - _KEPT :], np.empty(size, np.uint8)]
        return _shaped(self._kept[-1], size, shape, kind)

    def _is_free(self, place: int) -> bool:
        return sys.getrefcount(self._kept[place]) == 2  # the list's, and the call's own

    def __reduce__(self) -> tuple[type[Arrays], tuple[()]]:
        return Arrays, ()


def _shaped(array: NDArray[Any], size: int, shape: tuple[int, ...], kind: type) -> NDArray[Any]:
    return array[:size].view(kind).reshape(shape)
