"""Light on what is seen of a figure.

Where all sub-pixels of a pixel show one smooth surface it is lit once, in its middle and with a map
as coarse as the pixel; at edges and on the eyes every sub-pixel is lit. What is to be lit in one
row of pixels is first gathered in a table of *spots*, one row a quantity, so that the arithmetic of
light runs over plain arrays. All arrays are float32, int32 or uint8; constants are wrapped so that
nothing is widened to float64.
"""

from typing import Any

import numba
import numpy as np
from numpy import float32 as f32

from facecurate.synth.raster import FAST

_jit = numba.njit(cache=True, fastmath=FAST, error_model="numpy")

# Columns of the table of surfaces.
RED, GREEN, BLUE, GLOSS, BLEEDS, LEAF = range(6)
CORNERS = 8  # columns of the table of vertices

# Rows of the table of spots: place on the screen, share of the pixel, weights of the corners,
# colour, gloss and its sharpness, how far light bleeds, normal, how free the key lamp's light is
# and how much of it leaks into shadow as red, light that arrives, highlight, share of eye.
_X, _Y, _SHARE, _WA, _WB, _WC, _R, _G, _B, _SHINE, _SHARP, _BLEED = range(12)
_NX, _NY, _NZ, _FREE, _LEAK, _LR, _LG, _LB, _SPARK, _EYE = range(12, 22)
_ROWS = 22


@_jit
def _clamp(value: Any) -> Any:  # pragma: no cover
    return min(max(value, f32(0.0)), f32(1.0))


@_jit
def _pick(
    j: int, seen: Any, depth: Any, materials: Any, faces: Any, marked: Any, flat: Any, shown: Any,
    spots: Any,
) -> int:  # pragma: no cover  # fmt: skip
    """Lists what is to be lit in the pixels of the sub-pixel rows ``j`` and ``j + 1``."""
    n = 0
    for i in range(0, seen.shape[1] - 1, 2):
        p, q, r, s = seen[j, i], seen[j, i + 1], seen[j + 1, i], seen[j + 1, i + 1]
        if (p & q & r & s) == -1:
            continue
        if (p | q | r | s) >= 0 and not marked[faces[p, 0]]:
            zp, zq, zr, zs = depth[j, i], depth[j, i + 1], depth[j + 1, i], depth[j + 1, i + 1]
            m = materials[p]
            one = materials[q] == m and materials[r] == m and materials[s] == m
            if one and max(zp, zq, zr, zs) - min(zp, zq, zr, zs) <= flat * zp * zp:
                shown[n], spots[_SHARE, n] = p, f32(1.0)
                spots[_X, n], spots[_Y, n] = f32(i) + f32(0.5), f32(j) + f32(0.5)
                n += 1
                continue
        for k in range(4):
            t = seen[j + k // 2, i + k % 2]
            if t >= 0:
                shown[n], spots[_SHARE, n] = t, f32(0.25)
                spots[_X, n], spots[_Y, n] = f32(i + k % 2), f32(j + k // 2)
                n += 1
    return n


@_jit
def _blend(
    n: int, shown: Any, spots: Any, blends: Any, screen: Any, faces: Any, corners: Any
) -> None:  # pragma: no cover
    """How much of each corner there is at each spot, in space, and the mean of what they have."""
    for k in range(n):
        t = shown[k]
        a, b, c = np.uint32(faces[t, 0]), np.uint32(faces[t, 1]), np.uint32(faces[t, 2])
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by, cx, cy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
        px, py = spots[_X, k] - ax, spots[_Y, k] - ay
        wb, wc = px * cy - py * cx, bx * py - by * px
        wa = (bx * cy - by * cx - wb - wc) * screen[a, 2]
        wb, wc = wb * screen[b, 2], wc * screen[c, 2]
        inverse = f32(1.0) / (wa + wb + wc)
        wa, wb, wc = wa * inverse, wb * inverse, wc * inverse
        spots[_WA, k], spots[_WB, k], spots[_WC, k] = wa, wb, wc
        for h in range(CORNERS):
            blends[k, h] = wa * corners[a, h] + wb * corners[b, h] + wc * corners[c, h]


@_jit
def _turn(
    n: int, shown: Any, spots: Any, blends: Any, materials: Any, surfaces: Any
) -> None:  # pragma: no cover
    """The normals and what the surfaces are like, without their colour."""
    for k in range(n):
        m = np.uint32(materials[shown[k]])
        nx, ny, nz = blends[k, 0], blends[k, 1], blends[k, 2]
        length = f32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
        if nz < 0 and surfaces[m, LEAF] > 0:
            length = -length  # the other side of a leaf
        spots[_NX, k], spots[_NY, k], spots[_NZ, k] = nx * length, ny * length, nz * length
        spots[_SHINE, k], spots[_BLEED, k] = surfaces[m, GLOSS], surfaces[m, BLEEDS]


@_jit
def _colour(
    n: int, shown: Any, spots: Any, blends: Any, materials: Any, fine: Any, coarse: Any, zoom: Any,
    surfaces: Any,
) -> None:  # pragma: no cover  # fmt: skip
    """Linear colours from the maps, bilinear, and how much of them is eye."""
    half, one, most = f32(0.5), f32(1.0), f32(1 / 255)
    for k in range(n):
        m, u, v = np.uint32(materials[shown[k]]), blends[k, 3], blends[k, 4]
        whole = spots[_SHARE, k] == one
        if whole:
            u, v = (u + half) * zoom - half, (v + half) * zoom - half
        columns = coarse.shape[1] if whole else fine.shape[1]
        rows = coarse.shape[0] if whole else fine.shape[0]
        i = np.uint32(min(max(int(u), 0), columns - 2))
        j = np.uint32(min(max(int(v), 0), rows - 2))
        fu, fv = u - f32(i), v - f32(j)
        ne, sw, se = fu * (one - fv), (one - fu) * fv, fu * fv
        nw = one - ne - sw - se
        e, f = i + np.uint32(1), j + np.uint32(1)
        spots[_EYE, k] = f32(0.0)
        if whole:
            for h in range(3):
                light = nw * coarse[j, i, h] + ne * coarse[j, e, h]
                light += sw * coarse[f, i, h] + se * coarse[f, e, h]
                spots[_R + h, k] = light * surfaces[m, h]
            continue
        for h in range(3):
            grey = nw * f32(fine[j, i, h]) + ne * f32(fine[j, e, h])
            grey = most * (grey + sw * f32(fine[f, i, h]) + se * f32(fine[f, e, h]))
            spots[_R + h, k] = grey * grey * surfaces[m, h]
        if m == 0:
            alpha = nw * f32(fine[j, i, 3]) + ne * f32(fine[j, e, 3])
            spots[_EYE, k] = most * (alpha + sw * f32(fine[f, i, 3]) + se * f32(fine[f, e, 3]))


@_jit
def _look(
    n: int, shown: Any, spots: Any, faces: Any, own: Any, eyes: Any, iris: Any, power: Any
) -> None:  # pragma: no cover
    """Eyes where there are some, and how sharp highlights are."""
    for k in range(n):
        spots[_SHARP, k] = power
        cover = spots[_EYE, k]
        if cover > f32(0.02):
            t = shown[k]
            a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
            wa, wb, wc = spots[_WA, k], spots[_WB, k], spots[_WC, k]
            x = wa * own[a, 0] + wb * own[b, 0] + wc * own[c, 0]
            y = wa * own[a, 1] + wb * own[b, 1] + wc * own[c, 1]
            z = wa * own[a, 2] + wb * own[b, 2] + wc * own[c, 2]
            _eye(eyes, iris, x, y, z, cover, k, spots)


@_jit
def _eye(
    eyes: Any, iris: Any, x: Any, y: Any, z: Any, cover: Any, k: int, spots: Any
) -> None:  # pragma: no cover
    """Iris and pupil where the eye's surface looks along its gaze, and the shadow of the lid."""
    e = 0 if x < 0 else 1
    dx, dy, dz = x - eyes[e, 0], y - eyes[e, 1], z - eyes[e, 2]
    along = dx * eyes[e, 3] + dy * eyes[e, 4] + dz * eyes[e, 5]
    off = np.sqrt(max(dx * dx + dy * dy + dz * dz - along * along, f32(0.0)))
    ring = _clamp((iris[3] - off) * f32(1 / 0.010)) * cover
    pupil = _clamp((iris[4] - off) * f32(1 / 0.008)) * cover
    part = (off / iris[3]) * (off / iris[3])
    rim = f32(1.0) - f32(0.55) * part
    left = f32(1.0) - f32(0.45) * _clamp((f32(0.02) - dy) * f32(1 / 0.09)) * cover
    left *= f32(1.0) - f32(0.97) * pupil
    for h in range(3):
        old = spots[_R + h, k]
        spots[_R + h, k] = (old + (iris[h] * rim - old) * ring) * left
    spots[_SHINE, k] += cover * f32(0.5)
    spots[_SHARP, k] += cover * f32(60.0)


@_jit
def _hide(
    n: int, spots: Any, blends: Any, reach: Any, lamp: Any, darkness: Any
) -> None:  # pragma: no cover
    """How much of the key lamp's light reaches each spot."""
    for k in range(n):
        spots[_FREE, k], spots[_LEAK, k] = f32(1.0), f32(0.0)
        facing = spots[_NX, k] * lamp[0] + spots[_NY, k] * lamp[1] + spots[_NZ, k] * lamp[2]
        if darkness <= 0 or facing <= 0:
            continue
        # Close to the edge of the light the side turned away from it would shade itself.
        dark = _shadowed(reach, blends[k, 5], blends[k, 6], blends[k, 7] + f32(0.02))
        dark *= _clamp(facing * f32(8.0)) * darkness
        spots[_FREE, k], spots[_LEAK, k] = f32(1.0) - dark, f32(2.0) * dark * (f32(1.0) - dark)


@_jit
def _shadowed(reach: Any, x: Any, y: Any, near: Any) -> Any:  # pragma: no cover
    """0 in the light .. 1 in the shadow: the share of four by four texels that stop the light.

    Weighted so that it changes smoothly with the place (after Reeves et al. 1987).
    """
    i, j = int(x), int(y)
    if i < 1 or j < 1 or i > reach.shape[1] - 3 or j > reach.shape[0] - 3:
        return f32(0.0)
    u, v = np.uint32(i - 1), np.uint32(j - 1)
    fx, fy, dark = x - f32(i), y - f32(j), f32(0.0)
    gx, gy, one, none = f32(1.0) - fx, f32(1.0) - fy, f32(1.0), f32(0.0)
    for h in range(4):
        part = gx if reach[v, u] > near else none
        part += one if reach[v, u + np.uint32(1)] > near else none
        part += one if reach[v, u + np.uint32(2)] > near else none
        part += fx if reach[v, u + np.uint32(3)] > near else none
        dark += part * (gy if h == 0 else (fy if h == 3 else one))
        v += np.uint32(1)
    return dark * f32(1 / 9)


@_jit
def _sky(n: int, spots: Any, sky: Any) -> None:  # pragma: no cover
    for h in range(3):
        below, more = sky[1, h], sky[0, h] - sky[1, h]
        for k in range(n):
            spots[_LR + h, k] = below + more * (f32(0.5) - f32(0.5) * spots[_NY, k])
    for k in range(n):
        spots[_SPARK, k] = f32(0.0)


@_jit
def _lamp(n: int, spots: Any, lamp: Any, shaded: Any) -> None:  # pragma: no cover
    """Adds one lamp's light; ``shaded``: 1 if the shadows are its own, else 0."""
    lx, ly, lz = lamp[0], lamp[1], lamp[2]
    least, more = lamp[8], (lamp[6] - lamp[8], lamp[7] - lamp[8])
    zero, one = f32(0.0), f32(1.0)
    for k in range(n):
        nz, bleed = spots[_NZ, k], spots[_BLEED, k]
        facing = spots[_NX, k] * lx + spots[_NY, k] * ly + nz * lz
        free = one - shaded * (one - spots[_FREE, k])
        leak = shaded * spots[_LEAK, k] * more[0] * bleed  # red light inside the skin
        wr, wg = least + more[0] * bleed, least + more[1] * bleed
        spots[_LR, k] += max(facing + wr, zero) / (one + wr) * (free + leak) * lamp[3]
        spots[_LG, k] += max(facing + wg, zero) / (one + wg) * free * lamp[4]
        spots[_LB, k] += max(facing + least, zero) / (one + least) * free * lamp[5]
        # Blinn's highlight, middle ** sharp: the logarithm's series, then a power of two.
        middle = min(max((facing + nz) * lamp[9], f32(0.7)), one)
        t = (middle - one) / (middle + one)
        log = t * (f32(2.0) + t * t * (f32(2 / 3) + t * t * f32(2 / 5)))
        rise = max(one + spots[_SHARP, k] * log * f32(1 / 256), zero)
        rise *= rise
        rise *= rise
        rise *= rise
        rise *= rise
        rise *= rise
        rise *= rise
        rise *= rise
        rise *= rise
        spots[_SPARK, k] += rise * free * lamp[4] * (one if facing > zero else zero)


@_jit
def _put(n: int, spots: Any, row: Any) -> None:  # pragma: no cover
    """Adds the spots to the pixels they lie in, ``row``: (w, 4)."""
    for k in range(n):
        x, share, spark = int(spots[_X, k]) // 2, spots[_SHARE, k], spots[_SPARK, k]
        spark *= spots[_SHINE, k]
        for h in range(3):
            row[x, h] += share * (spots[_R + h, k] * spots[_LR + h, k] + spark)
        row[x, 3] += share


@_jit
def shade(
    seen: Any, depth: Any, screen: Any, faces: Any, materials: Any, corners: Any, own: Any,
    marked: Any, fine: Any, coarse: Any, zoom: Any, surfaces: Any, lamps: Any, sky: Any, eyes: Any,
    iris: Any, power: Any, reach: Any, darkness: Any, flat: Any,
) -> Any:  # pragma: no cover  # fmt: skip
    """(h / 2, w / 2, 4) float32: linear light times coverage, and coverage.

    ``seen``, ``depth``, ``screen``, ``faces`` as in :func:`facecurate.synth.raster.nearest`;
    ``corners``: (N, CORNERS) normals, texels and ``places`` of
    :class:`facecurate.synth.light.Shadow`; ``own``: (N, 3) in the head's frame; ``marked``: (N,)
    vertices at which every sub-pixel is lit. ``materials``: (T,) rows of ``surfaces`` (M, 6), whose
    columns are factors on red, green and blue, gloss, 1 for skin that light goes through, 1 for
    leaves with two sides. ``fine``: the atlas (uint8 RGBA, alpha marks the eyes on material 0);
    ``coarse``: its linear colours (float32), ``zoom`` times as large. ``lamps``, ``sky``,
    ``darkness``: as in :class:`facecurate.synth.light.Lamps`; ``reach``: as in ``Shadow``.
    ``eyes``: (2, 6) centres and gaze; ``iris``: (5,) linear colour, radii of iris and pupil;
    ``power``: of the highlights. ``flat``: how far apart in depth neighbouring sub-pixels of one
    surface are at most.
    """
    height, width = seen.shape[0] // 2, seen.shape[1] // 2
    out = np.zeros((height, width, 4), np.float32)
    spots = np.empty((_ROWS, 4 * width), np.float32)
    blends = np.empty((4 * width, CORNERS), np.float32)
    shown = np.empty(4 * width, np.int32)
    for y in range(height):
        n = _pick(2 * y, seen, depth, materials, faces, marked, flat, shown, spots)
        if n == 0:
            continue
        _blend(n, shown, spots, blends, screen, faces, corners)
        _turn(n, shown, spots, blends, materials, surfaces)
        _colour(n, shown, spots, blends, materials, fine, coarse, zoom, surfaces)
        _look(n, shown, spots, faces, own, eyes, iris, power)
        _hide(n, spots, blends, reach, lamps[0], darkness)
        _sky(n, spots, sky)
        for i in range(lamps.shape[0]):
            if lamps[i, 4] > 0:
                _lamp(n, spots, lamps[i], f32(1.0) if i == 0 else f32(0.0))
        _put(n, spots, out[y])
    return out


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
