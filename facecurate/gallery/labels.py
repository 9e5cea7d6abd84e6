"""What the gallery shows of labels: landmarks laid over faces, and the mesh."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.gallery.sheets import FACE, SIDE, Cell, Image, identities, picture
from facecurate.report.page import Section
from facecurate.synth import template
from facecurate.synth.facs import REST, strengths
from facecurate.synth.points import NAMES as POINT_SETS
from facecurate.synth.render import render_photo
from facecurate.synth.spec import FaceSpec, PhotoSpec


def landmarks(seed: int) -> Section:
    """Every point set on four faces."""
    who = identities(seed + 7, 4)
    faces = [
        FaceSpec(identity=i, yaw=yaw, pitch=pitch, units=units, gaze=(12.0, 0.0))
        for i, yaw, pitch, units in zip(
            who, (0, 30, -55, 85), (0, 8, -10, 0),
            (REST, strengths(au12=4, au6=3), strengths(au26=4, au1=4, au2=4), REST), strict=True,
        )
    ]  # fmt: skip
    sheets = []
    for name in POINT_SETS:
        cells = [_overlaid(face, name) for face in faces]
        sheets.append(picture(cells, 4, f"{name} points; green is seen, red is hidden"))
    return Section(
        "Landmarks",
        ["Every set on four faces. In 68, 98 and 106 the jaws follow the outline that is seen, in "
         "68-3d they stay on the surface."],
        sheets=sheets,
    )  # fmt: skip


def _overlaid(face: FaceSpec, name: str) -> Image:
    cell = _large(face)
    image, (labels,) = render_photo(cell.photo)
    image = image.copy()
    for (x, y, _), seen in zip(labels.points[name], labels.seen[name], strict=True):
        colour = (40, 230, 40) if seen else (240, 40, 40)
        cv2.circle(image, (round(x * 16), round(y * 16)), 28, colour, -1, cv2.LINE_AA, 4)
    return image


def _large(face: FaceSpec) -> Cell:
    side = 2 * SIDE
    placed = replace(face, size_px=2 * FACE, centre=(side / 2, side / 2 + 8))
    return Cell(placed, PhotoSpec(side, side, 3, (placed,), noise=1.0))


def mesh(seed: int) -> Section:
    """The projected mesh of four heads."""
    cells = []
    for i, yaw in zip(identities(seed + 8, 4), (0.0, 35.0, -60.0, 90.0), strict=True):
        cell = _large(FaceSpec(identity=i, yaw=yaw, units=strengths(au12=4.0, au26=2.0)))
        image, (labels,) = render_photo(cell.photo)
        image = (image // 2 + 100).astype(np.uint8)
        for line in _front_lines(labels.vertices):
            cv2.polylines(
                image, [np.ascontiguousarray(line)], False, (20, 40, 90), 1, cv2.LINE_AA, 4
            )
        cells.append(image)
    count = len(labels.vertices)
    return Section(
        "Mesh",
        [
            f"The bare head under hair: {count:,} vertices of one fixed topology; every other row "
            "and column of its front side."
        ],
        sheets=[picture(cells, 4, "the projected mesh")],
    )


def _front_lines(vertices: NDArray[np.float64]) -> list[NDArray[np.int32]]:
    """Every other row and column of the grid where it faces the camera, sixteenths of pixels."""
    rows, columns = len(template.ROWS), len(template.COLUMNS)
    grid = vertices[:, :2].reshape(rows, columns, 2)
    across = np.asarray(np.gradient(grid, axis=1))
    down = np.asarray(np.gradient(grid, axis=0))
    facing = across[:, :, 0] * down[:, :, 1] - across[:, :, 1] * down[:, :, 0] > 0
    fixed = np.rint(grid * 16).astype(np.int32)
    pairs = [(fixed[k], facing[k]) for k in range(0, rows, 2)]
    pairs += [(fixed[:, k], facing[:, k]) for k in range(0, columns, 2)]
    lines = []
    for points, shown in pairs:
        ends = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(int)))
        lines += [points[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > 1]
    return lines
