"""The pictures of docs/faces.md: recall of the detectors, and crops of a rendered photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _sweep import Score

from facecurate import images
from facecurate.faces import align
from facecurate.synth.render import render_photo
from facecurate.synth.spec import FaceSpec, Light, PhotoSpec

COLOURS = {"dlib": "#b5482f", "retinaface-mobile": "#2f6f9f", "yunet": "#5b8c3e"}
_BOX, _SQUARE, _TEMPLATE = (230, 60, 50), (40, 110, 200), (30, 150, 80)  # RGB
_POINT = (255, 210, 60)
_HEIGHT, _WIDTH, _GAP = 360, 460, 12
_LARGER = 4 / 3  # the photo is drawn so much larger, its crops at their own size


def detectors(scores: Sequence[Score], names: Sequence[str], file: str) -> None:
    """Recall by factor with its interval, one small figure each, as SVG; precision dotted."""
    import matplotlib

    matplotlib.rcParams |= {"svg.hashsalt": "facecurate", "svg.fonttype": "none", "font.size": 9}
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.6), layout="constrained")
    factors = [f for f in dict.fromkeys(one.factor for one in scores) if f != "usual"]
    for axes, factor in zip(figure.subplots(2, 2, sharey=True).ravel(), factors, strict=True):
        for name in names:
            rows = [one for one in scores if (one.factor, one.detector) == (factor, name)]
            places, colour = range(len(rows)), COLOURS[name]
            recall = [100 * one.recall for one in rows]
            axes.plot(places, recall, "-o", color=colour, ms=4, label=f"{name}: recall")
            low, high = ([100 * getattr(one, end) for one in rows] for end in ("low", "high"))
            axes.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)
            precision = [100 * one.precision for one in rows]
            axes.plot(places, precision, ":", color=colour, lw=1, label=f"{name}: precision")
        labels = [one.group for one in rows]
        axes.set_xticks(range(len(labels)), labels, rotation=25, ha="right")
        axes.set(title=factor, ylim=(-3, 103), ylabel="%")
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})


def crops(file: str) -> None:
    """A photo of two people with boxes, points and what is cut out; beside it their crops."""
    image, faces = render_photo(_photo())
    size = round(_WIDTH * _LARGER), round(_HEIGHT * _LARGER)
    shown = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    cut: list[Any] = []
    for known in faces:
        _outlined(shown, _corners(known.box), _BOX)
        for x, y in known.landmarks.reshape(5, 2):
            cv2.circle(shown, _pixel((x, y)), 4, _POINT, -1, cv2.LINE_AA)
        for spec, colour in (("box", _SQUARE), ("arcface112", _TEMPLATE)):
            place = align.place(
                spec, box=known.box, landmarks=known.landmarks, crop_size=256, width=_WIDTH,
                height=_HEIGHT,
            )  # fmt: skip
            _outlined(shown, align.corners(place.matrix, place.size), colour)
            cut.append(_framed(align.crop(image, place.matrix, place.size), colour))
    side = np.vstack([np.hstack(cut[:2]), np.hstack(cut[2:])])
    margin = np.full((size[1], _GAP, 3), 255, np.uint8)
    whole = np.hstack([shown, margin, side])
    Path(file).write_bytes(images.encode_jpeg(whole, 88))


def _photo() -> PhotoSpec:
    """One face inside, one over the right edge, leaning."""
    light = Light(azimuth=-30, elevation=30, hardness=0.4)
    faces = (
        FaceSpec(21, yaw=-12, roll=-18, size_px=150, centre=(130, 170), light=light),
        FaceSpec(8, yaw=15, roll=14, size_px=150, centre=(405, 175), light=light),
    )
    return PhotoSpec(_WIDTH, _HEIGHT, 12, faces, noise=1.0)


def _corners(box: Sequence[float]) -> Any:
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _pixel(point: Sequence[float]) -> tuple[int, int]:
    x, y = ((v + 0.5) * _LARGER - 0.5 for v in point)
    return round(x), round(y)


def _outlined(picture: Any, corners: Any, colour: tuple[int, int, int]) -> None:
    ring = np.array([_pixel(corner) for corner in corners], np.int32)
    cv2.polylines(picture, [ring], True, colour, 2, cv2.LINE_AA)


def _framed(crop: Any, colour: tuple[int, int, int]) -> Any:
    """The crop at its own size in a cell of 240 pixels, framed in its outline's colour."""
    cell = np.full((240, 240, 3), 255, np.uint8)
    height, width = crop.shape[:2]
    top, left = (240 - height) // 2, (240 - width) // 2
    cell[top - 4 : top + height + 4, left - 4 : left + width + 4] = colour
    cell[top : top + height, left : left + width] = crop
    return cell
