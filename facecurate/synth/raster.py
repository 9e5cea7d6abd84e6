"""Triangles to pixels: which one is nearest at each place, and how near.

All arrays are float32 or int32; constants are wrapped so that nothing is widened to float64. The
same machine gives the same bytes; another processor may round the last bit of a float otherwise.
"""

from typing import Any

import numba
import numpy as np
from numpy import float32 as f32

SAMPLES = 2  # sub-pixels each way
_SLACK = f32(1e-5)  # of a triangle by which it reaches over its edges, so that no seam opens

# Everything that is fast but the promise that no infinity occurs: an upright edge makes one.
FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}
_jit = numba.njit(cache=True, fastmath=FAST, error_model="numpy")


@_jit
def nearest(screen: Any, faces: Any, both: Any, height: int, width: int) -> Any:  # pragma: no cover
    """The nearest triangle at each sub-pixel's centre, (h, w) int32, -1 where there is none.

    Also its 1 / depth there, (h, w) float32, 0 where there is none. ``screen``: (N, 3) float32
    x, y in sub-pixels (centres at integers) and 1 / depth, or anything else that is larger the
    nearer, above 0 and linear on the screen. ``faces``: (T, 3), corners clockwise on the screen as
    seen from the side that is drawn; ``both``: (T,) bool, whether the other side is drawn too.
    """
    depth = np.zeros((height, width), np.float32)
    seen = np.full((height, width), -1, np.int32)
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by, cx, cy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
        area = bx * cy - by * cx
        if area < f32(1e-9) and not (both[t] and area < f32(-1e-9)):
            continue
        y0 = max(0, int(np.ceil(ay + min(f32(0.0), by, cy))))
        y1 = min(height - 1, int(np.floor(ay + max(f32(0.0), by, cy))))
        low, high = ax + min(f32(0.0), bx, cx), ax + max(f32(0.0), bx, cx)
        if y1 < y0 or high < f32(0.0) or low > f32(width - 1):
            continue
        # The corners' weights are linear: that of b is px * bdx + py * bdy, from corner a.
        inverse = f32(1.0) / area
        bdx, bdy, cdx, cdy = cy * inverse, -cx * inverse, -by * inverse, bx * inverse
        adx, ady = -bdx - cdx, -bdy - cdy
        za = screen[a, 2]
        zb, zc = screen[b, 2] - za, screen[c, 2] - za
        zdx, zdy = bdx * zb + cdx * zc, bdy * zb + cdy * zc
        ia, ib, ic = f32(-1.0) / adx, f32(-1.0) / bdx, f32(-1.0) / cdx
        for y in range(y0, y1 + 1):
            py = f32(y) - ay
            left, right = low - ax, high - ax
            for value, slope, step in (
                (f32(1.0) + py * ady, adx, ia), (py * bdy, bdx, ib), (py * cdy, cdx, ic)
            ):  # fmt: skip
                if slope > f32(0.0):
                    left = max(left, (value + _SLACK) * step)
                elif slope < f32(0.0):
                    right = min(right, (value + _SLACK) * step)
                elif value < -_SLACK:
                    right = left - f32(1.0)
            x0 = max(0, int(np.ceil(left + ax)))
            x1 = min(width - 1, int(np.floor(right + ax)))
            z = za + py * zdy - ax * zdx
            for x in range(x0, x1 + 1):
                here = z + f32(x) * zdx
                if here > depth[y, x]:
                    depth[y, x] = here
                    seen[y, x] = t
    return seen, depth
