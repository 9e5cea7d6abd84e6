"""Triangles to pixels: a z-buffer of triangle numbers, then light on what was seen."""

from typing import Any

import numba
import numpy as np

CHANNELS = 4  # red, green, blue (linear, times coverage) and coverage
SAMPLES = 2  # sub-pixels each way


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def visible(screen: Any, faces: Any, height: int, width: int) -> Any:  # pragma: no cover
    """(h, w) int32: the nearest triangle at each sub-pixel's centre, -1 where there is none.

    ``screen``: (N, 3) float32 x, y in sub-pixels (centres at integers) and 1 / depth.
    """
    depth = np.zeros((height, width), np.float32)
    seen = np.full((height, width), -1, np.int32)
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < np.float32(1e-9):
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        inverse = np.float32(1.0) / area
        za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
        for y in range(y0, y1 + 1):
            dy = np.float32(y) - ay
            for x in range(x0, x1 + 1):
                dx = np.float32(x) - ax
                wb = (dx * (cy - ay) - dy * (cx - ax)) * inverse
                wc = ((bx - ax) * dy - (by - ay) * dx) * inverse
                wa = np.float32(1.0) - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                z = wa * za + wb * zb + wc * zc
                if z > depth[y, x]:
                    depth[y, x] = z
                    seen[y, x] = t
    return seen


@numba.njit(cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def shade(
    seen: Any, screen: Any, faces: Any, materials: Any, normals: Any, uv: Any, own: Any,
    texture: Any, tints: Any, gloss: Any, lights: Any, sky: Any, eyes: Any, iris: Any,
) -> Any:  # pragma: no cover  # fmt: skip
    """(h / 2, w / 2, 4) float32: linear light times coverage, and coverage.

    ``lights``: (L, 6) directions to the lights (z towards the camera) and colours; ``sky``: (2, 3)
    light from above and from below; ``tints``: (materials, 3) factors, ``gloss``: (materials,).
    """
    height, width = seen.shape
    out = np.zeros((height // 2, width // 2, 4), np.float32)
    share, one, zero = np.float32(0.25), np.float32(1.0), np.float32(0.0)
    colour = np.zeros(3, np.float32)
    n = np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            t = seen[y, x]
            if t < 0:
                continue
            a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
            ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
            cx, cy = screen[c, 0], screen[c, 1]
            inverse = one / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
            dx, dy = np.float32(x) - ax, np.float32(y) - ay
            wb = (dx * (cy - ay) - dy * (cx - ax)) * inverse
            wc = ((bx - ax) * dy - (by - ay) * dx) * inverse
            # Weights in space: those on the screen, by depth.
            wa = (one - wb - wc) * screen[a, 2]
            wb *= screen[b, 2]
            wc *= screen[c, 2]
            total = wa + wb + wc
            wa, wb, wc = wa / total, wb / total, wc / total
            material = materials[t]
            # texture, bilinear
            u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
            v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
            iu = min(max(int(u), 0), texture.shape[1] - 2)
            iv = min(max(int(v), 0), texture.shape[0] - 2)
            fu, fv = u - np.float32(iu), v - np.float32(iv)
            gu, gv = one - fu, one - fv
            w00, w10, w01, w11 = gu * gv, fu * gv, gu * fv, fu * fv
            for k in range(3):
                sample = (
                    w00 * texture[iv, iu, k] + w10 * texture[iv, iu + 1, k]
                    + w01 * texture[iv + 1, iu, k] + w11 * texture[iv + 1, iu + 1, k]
                ) * np.float32(1 / 255)  # fmt: skip
                colour[k] = sample * sample * tints[material, k]
                n[k] = wa * normals[a, k] + wb * normals[b, k] + wc * normals[c, k]
            eye = zero
            if material == 0:
                eye = (
                    w00 * texture[iv, iu, 3] + w10 * texture[iv, iu + 1, 3]
                    + w01 * texture[iv + 1, iu, 3] + w11 * texture[iv + 1, iu + 1, 3]
                ) * np.float32(1 / 255)  # fmt: skip
            length = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + np.float32(1e-9)
            if n[2] < 0 and material == 2:
                length = -length  # the inner side of falling hair
            n[0], n[1], n[2] = n[0] / length, n[1] / length, n[2] / length
            power = np.float32(18.0)
            shine = gloss[material]
            if eye > np.float32(0.02):
                px = wa * own[a, 0] + wb * own[b, 0] + wc * own[c, 0]
                py = wa * own[a, 1] + wb * own[b, 1] + wc * own[c, 1]
                pz = wa * own[a, 2] + wb * own[b, 2] + wc * own[c, 2]
                e = 0 if px < 0 else 1
                dx, dy, dz = px - eyes[e, 0], py - eyes[e, 1], pz - eyes[e, 2]
                along = dx * eyes[e, 3] + dy * eyes[e, 4] + dz * eyes[e, 5]
                off = np.sqrt(max(dx * dx + dy * dy + dz * dz - along * along, zero))
                rim = min(max((iris[3] - off) / np.float32(0.010), zero), one) * eye
                pupil = min(max((iris[4] - off) / np.float32(0.008), zero), one) * eye
                ring = one - np.float32(0.55) * (off / iris[3]) ** 4
                for k in range(3):
                    colour[k] += (iris[k] * ring - colour[k]) * rim
                    colour[k] *= one - np.float32(0.97) * pupil
                # The lid and the lashes darken the upper part of the eye.
                over = min(max((np.float32(0.02) - dy) / np.float32(0.09), zero), one)
                for k in range(3):
                    colour[k] *= one - np.float32(0.45) * over * eye
                shine += eye * np.float32(0.5)
                power += eye * np.float32(60.0)
            up = np.float32(0.5) - np.float32(0.5) * n[1]
            light0 = sky[1, 0] + (sky[0, 0] - sky[1, 0]) * up
            light1 = sky[1, 1] + (sky[0, 1] - sky[1, 1]) * up
            light2 = sky[1, 2] + (sky[0, 2] - sky[1, 2]) * up
            spark = zero
            for i in range(lights.shape[0]):
                facing = n[0] * lights[i, 0] + n[1] * lights[i, 1] + n[2] * lights[i, 2]
                soft = max((facing + np.float32(0.25)) / np.float32(1.25), zero)
                light0 += soft * lights[i, 3]
                light1 += soft * lights[i, 4]
                light2 += soft * lights[i, 5]
                if shine > 0 and facing > 0:
                    hx, hy, hz = lights[i, 0], lights[i, 1], lights[i, 2] + one
                    half = n[0] * hx + n[1] * hy + n[2] * hz
                    half /= np.sqrt(hx * hx + hy * hy + hz * hz)
                    if half > np.float32(0.7):  # below, even the broadest shine has gone
                        spark += half**power * lights[i, 4]
            spark *= shine
            cell = out[y // 2, x // 2]
            cell[0] += share * (colour[0] * light0 + spark)
            cell[1] += share * (colour[1] * light1 + spark)
            cell[2] += share * (colour[2] * light2 + spark)
            cell[3] += share
    return out
