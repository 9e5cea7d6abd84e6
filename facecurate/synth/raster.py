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
def nearest(
    screen: Any, faces: Any, both: Any, height: int, width: int
) -> Any:  # pragma: no cover
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


def visible(screen: Any, faces: Any, height: int, width: int) -> Any:
    """The triangles of :func:`nearest`, both sides of all of them drawn."""
    return nearest(screen, faces, np.ones(len(faces), np.bool_), height, width)[0]


# -- the rest goes once ``shading`` is wired in ----------------------------------------------

_inline = numba.njit(fastmath=True, inline="always")


@_inline
def _inside(screen: Any, a: int, b: int, c: int, x: Any, y: Any) -> Any:  # pragma: no cover
    """Weights of a triangle's corners at (x, y) on the screen; all >= 0 inside."""
    ax, ay = screen[a, 0], screen[a, 1]
    bx, by, cx, cy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
    px, py = f32(x) - ax, f32(y) - ay
    inverse = f32(1.0) / (bx * cy - by * cx)
    wb = (px * cy - py * cx) * inverse
    wc = (bx * py - by * px) * inverse
    return f32(1.0) - wb - wc, wb, wc


@_inline
def _clamp(value: Any) -> Any:  # pragma: no cover
    return min(max(value, f32(0.0)), f32(1.0))


@_inline
def _mix(values: Any, a: int, b: int, c: int, w: Any, k: int) -> Any:  # pragma: no cover
    return w[0] * values[a, k] + w[1] * values[b, k] + w[2] * values[c, k]


@_inline
def _texel(texture: Any, u: Any, v: Any, out: Any) -> None:  # pragma: no cover
    """The texture's four channels at (u, v), 0..1, bilinear."""
    iu = min(max(int(u), 0), texture.shape[1] - 2)
    iv = min(max(int(v), 0), texture.shape[0] - 2)
    fu, fv = u - f32(iu), v - f32(iv)
    gu, gv = f32(1.0) - fu, f32(1.0) - fv
    for k in range(4):
        upper = gu * texture[iv, iu, k] + fu * texture[iv, iu + 1, k]
        lower = gu * texture[iv + 1, iu, k] + fu * texture[iv + 1, iu + 1, k]
        out[k] = (gv * upper + fv * lower) * f32(1 / 255)


@_inline
def _eye(colour: Any, eyes: Any, iris: Any, at: Any, cover: Any) -> None:  # pragma: no cover
    """Iris and pupil where the eye's surface looks along its gaze, and the shadow of the lid."""
    e = 0 if at[0] < 0 else 1
    dx, dy, dz = at[0] - eyes[e, 0], at[1] - eyes[e, 1], at[2] - eyes[e, 2]
    along = dx * eyes[e, 3] + dy * eyes[e, 4] + dz * eyes[e, 5]
    off = np.sqrt(max(dx * dx + dy * dy + dz * dz - along * along, f32(0.0)))
    ring = _clamp((iris[3] - off) / f32(0.010)) * cover
    pupil = _clamp((iris[4] - off) / f32(0.008)) * cover
    part = (off / iris[3]) * (off / iris[3])
    rim = f32(1.0) - f32(0.55) * part * part
    lid = f32(1.0) - f32(0.45) * _clamp((f32(0.02) - dy) / f32(0.09)) * cover
    for k in range(3):
        colour[k] += (iris[k] * rim - colour[k]) * ring
        colour[k] *= (f32(1.0) - f32(0.97) * pupil) * lid


@_inline
def _light(
    n: Any, colour: Any, lights: Any, sky: Any, shine: Any, power: Any, cell: Any
) -> None:  # pragma: no cover
    """Adds a quarter of the lit colour to ``cell``: light from the sky, soft lights, shine."""
    up, spark = f32(0.5) - f32(0.5) * n[1], f32(0.0)
    red = sky[1, 0] + (sky[0, 0] - sky[1, 0]) * up
    green = sky[1, 1] + (sky[0, 1] - sky[1, 1]) * up
    blue = sky[1, 2] + (sky[0, 2] - sky[1, 2]) * up
    for i in range(lights.shape[0]):
        lx, ly, lz = lights[i, 0], lights[i, 1], lights[i, 2]
        facing = n[0] * lx + n[1] * ly + n[2] * lz
        soft = max((facing + f32(0.25)) * f32(0.8), f32(0.0))  # skin lets light round the edge
        red += soft * lights[i, 3]
        green += soft * lights[i, 4]
        blue += soft * lights[i, 5]
        if shine > 0 and facing > 0:
            half = facing + n[2]
            half /= np.sqrt(lx * lx + ly * ly + (lz + f32(1.0)) * (lz + f32(1.0)))
            if half > f32(0.7):  # below, even the broadest shine has gone
                spark += half**power * lights[i, 4]
    cell[0] += f32(0.25) * (colour[0] * red + spark * shine)
    cell[1] += f32(0.25) * (colour[1] * green + spark * shine)
    cell[2] += f32(0.25) * (colour[2] * blue + spark * shine)
    cell[3] += f32(0.25)


@_jit
def shade(
    seen: Any, screen: Any, faces: Any, materials: Any, normals: Any, uv: Any, own: Any,
    texture: Any, tints: Any, gloss: Any, lights: Any, sky: Any, eyes: Any, iris: Any,
) -> Any:  # pragma: no cover  # fmt: skip
    """(h / 2, w / 2, 4) float32: linear light times coverage, and coverage.

    ``lights``: (L, 6) directions to the lights (z towards the camera) and colours; ``sky``: (2, 3)
    light from above and from below; ``tints``: (materials, 3) factors, ``gloss``: (materials,);
    ``eyes``: (2, 6) centres and gaze; ``iris``: (5,) linear colour, radii of iris and pupil.
    """
    height, width = seen.shape
    out = np.zeros((height // 2, width // 2, 4), np.float32)
    colour, n, at, w = np.zeros(4, f32), np.zeros(3, f32), np.zeros(3, f32), np.zeros(3, f32)
    for y in range(height):
        for x in range(width):
            t = seen[y, x]
            if t < 0:
                continue
            a, b, c, material = faces[t, 0], faces[t, 1], faces[t, 2], materials[t]
            wa, wb, wc = _inside(screen, a, b, c, x, y)
            # Weights in space: those on the screen, by depth.
            w[0], w[1], w[2] = wa * screen[a, 2], wb * screen[b, 2], wc * screen[c, 2]
            total = f32(1.0) / (w[0] + w[1] + w[2])
            for k in range(3):
                w[k] *= total
            _texel(texture, _mix(uv, a, b, c, w, 0), _mix(uv, a, b, c, w, 1), colour)
            for k in range(3):
                colour[k] *= colour[k] * tints[material, k]
                n[k] = _mix(normals, a, b, c, w, k)
            length = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + f32(1e-9)
            if n[2] < 0 and material == 2:
                length = -length  # the inner side of falling hair
            for k in range(3):
                n[k] /= length
            shine, power, cover = gloss[material], f32(18.0), colour[3]
            if material == 0 and cover > f32(0.02):
                for k in range(3):
                    at[k] = _mix(own, a, b, c, w, k)
                _eye(colour, eyes, iris, at, cover)
                shine += cover * f32(0.5)
                power += cover * f32(60.0)
            _light(n, colour, lights, sky, shine, power, out[y // 2, x // 2])
    return out
