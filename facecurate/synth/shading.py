"""Light on what is seen of a figure.

What is to be lit in one row of pixels is first gathered in a table, so that the arithmetic of light
runs over plain arrays. Sub-pixels of one pixel that show one smooth surface are lit once, in their
middle and with a map as coarse as the pixel; on the eyes every sub-pixel is lit. Each such place is
a *spot*. All arrays are float32, int32 or uint8; constants are wrapped so that nothing is widened
to float64. All kernels stand in one file, as their cache looks at the file of the outermost alone.
"""

from typing import Any

import numba
import numpy as np
from numpy import float32 as f32

from facecurate.synth.raster import FAST

_jit = numba.njit(cache=True, fastmath=FAST, error_model="numpy")

# Columns of the table of surfaces.
RED, GREEN, BLUE, GLOSS, BLEEDS, LEAF = range(6)
KEY, COUNTER, RIM = range(3)  # rows of the table of lamps
CORNERS = 8  # columns of the table of vertices

# Rows of the table of spots: place on the screen, share of the pixel, weights of the corners,
# colour, gloss and its sharpness, how far light bleeds, normal, how free the key lamp's light is
# and how much of it leaks into shadow as red, light that arrives, highlight, share of eye,
# ones, and how free the rim lamp's light is.
_X, _Y, _SHARE, _WA, _WB, _WC, _R, _G, _B, _SHINE, _SHARP, _BLEED = range(12)
_NX, _NY, _NZ, _FREE, _LEAK, _LR, _LG, _LB, _SPARK, _EYE, _ALL, _EDGE = range(12, 24)
_ROWS = 24


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
                shown[n], spots[_SHARE, n], spots[_EYE, n] = p, f32(1.0), f32(0.0)
                spots[_X, n], spots[_Y, n] = f32(i) + f32(0.5), f32(j) + f32(0.5)
                n += 1
                continue
        n = _part(i, j, seen, depth, materials, faces, marked, flat, shown, spots, n)
    return n


@_jit
def _part(
    i: int, j: int, seen: Any, depth: Any, materials: Any, faces: Any, marked: Any, flat: Any,
    shown: Any, spots: Any, n: int,
) -> int:  # pragma: no cover  # fmt: skip
    """Lists one pixel's surfaces, each of them once; on the eyes each sub-pixel."""
    left = 15  # bits of the sub-pixels that are not listed yet
    for k in range(4):
        t = seen[j + k // 2, i + k % 2]
        if t < 0 or not left & (1 << k):
            continue
        z, m, x, y, count = depth[j + k // 2, i + k % 2], materials[t], 0, 0, 0
        eye = marked[faces[t, 0]]
        for h in range(k, 4):
            u = seen[j + h // 2, i + h % 2]
            if u < 0 or not left & (1 << h) or (h > k and (eye or materials[u] != m)):
                continue
            if abs(depth[j + h // 2, i + h % 2] - z) <= flat * z * z:
                left, x, y, count = left ^ (1 << h), x + h % 2, y + h // 2, count + 1
        part = f32(1.0) / f32(count)
        spots[_X, n], spots[_Y, n] = f32(i) + f32(x) * part, f32(j) + f32(y) * part
        shown[n], spots[_SHARE, n] = t, f32(0.25) * f32(count)
        spots[_EYE, n] = f32(1.0) if eye else f32(0.0)
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
        whole = spots[_EYE, k] == f32(0.0)
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
    spots[_SHINE, k] += cover * f32(0.2)
    spots[_SHARP, k] += cover * f32(60.0)


@_jit
def _hide(
    n: int, spots: Any, blends: Any, reach: Any, lamp: Any, darkness: Any
) -> None:  # pragma: no cover
    """How much of the key lamp's light reaches each spot."""
    for k in range(n):
        spots[_FREE, k], spots[_LEAK, k] = f32(1.0), f32(0.0)
        facing = spots[_NX, k] * lamp[0] + spots[_NY, k] * lamp[1] + spots[_NZ, k] * lamp[2]
        if darkness <= 0 or facing <= -lamp[6]:
            continue
        # What is about to turn away from the light would stand in the shadow of its own back.
        near = blends[k, 7] + f32(0.01) + max(f32(0.1) - facing, f32(0.0))
        dark = _shadowed(reach, blends[k, 5], blends[k, 6], near) * darkness
        spots[_FREE, k], spots[_LEAK, k] = f32(1.0) - dark, f32(2.0) * dark * (f32(1.0) - dark)


@_jit
def _edge(n: int, spots: Any, depth: Any, j: int, lamp: Any, unit: Any) -> None:  # pragma: no cover
    """How much of a lamp's light from behind gets past what is seen beside each spot.

    Along the way to the lamp, which leads away from the camera, everything that is seen nearer
    than the way is taken to stop it, the more the nearer it is. ``unit``: sub-pixels of the
    head's unit.
    """
    for k in range(n):
        spots[_EDGE, k] = f32(1.0)
        facing = spots[_NX, k] * lamp[0] + spots[_NY, k] * lamp[1] + spots[_NZ, k] * lamp[2]
        if facing <= 0 or lamp[2] >= 0:
            continue
        x, y = spots[_X, k], spots[_Y, k]
        i = int(x) & ~1
        near = max(depth[j, i], depth[j, i + 1], depth[j + 1, i], depth[j + 1, i + 1])
        start, free = f32(1.0) / near, f32(1.0)
        for h in range(1, 7):
            far = f32(0.03) * f32(h) * f32(h + 1)
            u, v = int(x + lamp[0] * far * unit), int(y + lamp[1] * far * unit)
            if u < 0 or v < 0 or u >= depth.shape[1] or v >= depth.shape[0]:
                break
            if depth[v, u] > 0:
                deep = start - lamp[2] * far - f32(1.0) / depth[v, u]
                free = min(free, f32(1.0) - _clamp(deep * f32(6.0) - f32(0.1)))
        spots[_EDGE, k] = free


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
        spots[_SPARK, k], spots[_ALL, k] = f32(0.0), f32(1.0)


@_jit
def _lamp(n: int, spots: Any, lamp: Any, row: int, leaks: Any) -> None:  # pragma: no cover
    """Adds one lamp's light; ``row``: how free it is; ``leaks``: whether into its shadow."""
    lx, ly, lz = lamp[0], lamp[1], lamp[2]
    least, more = lamp[8], (lamp[6] - lamp[8], lamp[7] - lamp[8])
    zero, one, steep = f32(0.0), f32(1.0), lamp[10]
    for k in range(n):
        nz, bleed = spots[_NZ, k], spots[_BLEED, k]
        facing = spots[_NX, k] * lx + spots[_NY, k] * ly + nz * lz
        free = spots[row, k]
        leak = leaks * spots[_LEAK, k] * more[0] * bleed  # red light inside the skin
        wr, wg = least + more[0] * bleed, least + more[1] * bleed
        # From 0 to 1 as the cosine does, but the steeper at the edge the harder the light is.
        red, green = max(facing + wr, zero) / (one + wr), max(facing + wg, zero) / (one + wg)
        blue = max(facing + least, zero) / (one + least)
        spots[_LR, k] += red * (one + steep) / (one + steep * red) * (free + leak) * lamp[3]
        spots[_LG, k] += green * (one + steep) / (one + steep * green) * free * lamp[4]
        spots[_LB, k] += blue * (one + steep) / (one + steep * blue) * free * lamp[5]
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
    iris: Any, power: Any, reach: Any, darkness: Any, flat: Any, unit: Any,
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
    surface are at most; ``unit``: sub-pixels of the head's unit.
    """
    height, width = seen.shape[0] // 2, seen.shape[1] // 2
    out = np.zeros((height, width, 4), np.float32)
    # A little longer than it needs to be: rows a power of two apart would share one cache line.
    spots = np.empty((_ROWS, 4 * width + 36), np.float32)
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
                if i == RIM:
                    _edge(n, spots, depth, 2 * y, lamps[i], unit)
                row = _FREE if i == KEY else (_EDGE if i == RIM else _ALL)
                _lamp(n, spots, lamps[i], row, f32(1.0) if i == KEY else f32(0.0))
        _put(n, spots, out[y])
    return out
