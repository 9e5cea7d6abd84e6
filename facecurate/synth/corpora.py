"""A pool of photos with planted copies, each item a pure function of (seed, index)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate import images
from facecurate.synth.background import background
from facecurate.synth.develop import develop, expose
from facecurate.synth.labels import FaceLabels, covered, mirrored, moved
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, FaceSpec, PhotoSpec, random_face, random_light
from facecurate.synth.template import Floats

COPIES = ("exact", "rescaled", "recompressed", "mirrored", "cropped", "overlaid")
_NO_FACE, _COPY = 0.05, 0.10  # shares of the corpus
_REGULARS = 500  # people who come back on several photos
_LEAST_FACE = 80.0  # pixels
_CUT = (0.10, 0.15)  # shares of the width, and of the height, that a cropped copy lacks
_STRIP = (0.06, 0.10)  # shares of the shorter side that an overlay takes: no face's centre is there
_WORDS = ("GOOD MORNING", "Summer 2009", "all rights reserved", "photo studio", "LIVE", "No. 17")

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is on a planned photo; ``copy_of`` names the file it was made from."""

    file: str
    kind: str  # render, no_face or one of COPIES
    copy_of: str | None
    labels: tuple[FaceLabels, ...]

    def row(self) -> dict[str, Any]:
        """JSON values: boxes [x0, y0, x1, y1] and points [x, y, x, y, ...] in pixels."""
        return {
            "file": self.file,
            "kind": self.kind,
            "copy_of": self.copy_of,
            "faces": len(self.labels),
            "boxes": [[round(v, 3) for v in known.box] for known in self.labels],
            "points": [np.round(known.points68.ravel(), 3).tolist() for known in self.labels],
        }


@dataclass(frozen=True, slots=True)
class PlannedPhoto:
    """A photo that can be made at any time, in any process, without the others.

    ``file``: POSIX path; ``kind``: render, no_face or one of ``COPIES``; ``original``: index of the
    render it copies. ``quality``: JPEG quality; ``scale``: for ``rescaled``.
    """

    seed: int
    index: int
    kind: str
    original: int | None
    quality: int
    scale: float = 1.0

    @property
    def file(self) -> str:
        """The name, which tells nothing about the content."""
        return _file(self.index)

    def make(self) -> tuple[bytes, Truth]:
        """The JPEG bytes and what is on them."""
        if self.original is None:
            image, labels = self._draw()
            return images.encode_jpeg(image, self.quality), self._truth(labels)
        data, truth = plan_photo(self.seed, self.original).make()
        if self.kind == "exact":
            return data, self._truth(list(truth.labels))
        image, labels = self._copy(images.decode(data).pixels, truth.labels)
        return images.encode_jpeg(image, self.quality), self._truth(labels)

    def photo_spec(self) -> PhotoSpec:
        """What a render draws."""
        rng = np.random.default_rng([0x9407, self.seed, self.index])
        count = int(rng.choice(3, p=[0.82, 0.15, 0.03])) + 1
        return _photo(rng, 0 if self.kind == "no_face" else count)

    def _truth(self, labels: list[FaceLabels]) -> Truth:
        source = None if self.original is None else _file(self.original)
        return Truth(self.file, self.kind, source, tuple(labels))

    def _draw(self) -> tuple[Image, list[FaceLabels]]:
        spec = self.photo_spec()
        if self.kind == "no_face":
            room = background(spec.width, spec.height, spec.seed, clutter=24)
            return develop(expose(room), spec), []
        return render_photo(spec)

    def _copy(self, image: Image, labels: tuple[FaceLabels, ...]) -> tuple[Image, list[FaceLabels]]:
        height, width = image.shape[:2]
        if self.kind == "mirrored":
            return image[:, ::-1], [mirrored(known, width) for known in labels]
        if self.kind == "rescaled":
            size = round(width * self.scale), round(height * self.scale)
            factor = np.array(size) / [width, height]
            return images.resize(image, *size), [rescaled(known, factor) for known in labels]
        rng = np.random.default_rng([0x0E4A, self.seed, self.index])
        if self.kind == "cropped":
            return cropped(image, labels, rng)
        if self.kind == "overlaid":
            return overlaid(image, labels, rng)
        return image, list(labels)


def photos_corpus(count: int, seed: int) -> Iterator[PlannedPhoto]:
    """The first ``count`` photos of corpus ``seed``: about 5 % without a face, 10 % copies."""
    for index in range(count):
        yield plan_photo(seed, index)


def plan_photo(seed: int, index: int) -> PlannedPhoto:
    """The plan of one photo; a copy is made from a render with a smaller index."""
    rng = np.random.default_rng([0x91A4, seed, index])
    kind = _kind(seed, index)
    if kind in ("render", "no_face"):
        return PlannedPhoto(seed, index, kind, None, int(rng.integers(88, 96)))
    original = int(rng.integers(index))
    while _kind(seed, original) != "render":
        original = original - 1 if original else index - 1
    quality = int(rng.integers(40, 81)) if kind == "recompressed" else int(rng.integers(88, 96))
    scale = float(rng.uniform(0.5, 0.8)) if kind == "rescaled" else 1.0
    return PlannedPhoto(seed, index, kind, original, quality, scale)


def _kind(seed: int, index: int) -> str:
    rng = np.random.default_rng([0x517D, seed, index])
    share, which = rng.uniform(), int(rng.integers(len(COPIES)))
    if index == 0 or share >= _NO_FACE + _COPY:
        return "render"
    return "no_face" if share < _NO_FACE else COPIES[which]


def _file(index: int) -> str:
    return f"{index // 1000:03d}/{index:06d}.jpg"


def rescaled(labels: FaceLabels, factor: np.ndarray[Any, Any]) -> FaceLabels:
    """The labels after a resize by ``factor`` (2,) = new size / old size, exactly."""
    return moved(labels, factor, np.zeros(2))


def cropped(
    image: Image, labels: Sequence[FaceLabels], rng: np.random.Generator
) -> tuple[Image, list[FaceLabels]]:
    """The picture without 10 to 15 % of its width and of its height, and the labels in it.

    What goes is shared at random by opposite sides, and more of it comes from the side where there
    is room if a face would be cut otherwise. What lies outside is no longer seen; boxes are not
    cut.
    """
    size = np.array(image.shape[1::-1])
    lost = np.rint(rng.uniform(*_CUT, 2) * size).astype(int)
    boxes = np.array([known.box for known in labels]).reshape(-1, 2, 2)
    most = np.clip(np.floor(boxes[:, 0].min(axis=0) + 0.5), 0, lost)
    least = np.clip(np.ceil(boxes[:, 1].max(axis=0) + 0.5) - (size - lost), 0, lost)
    start = np.clip(np.rint(rng.uniform(0, 1, 2) * lost), np.minimum(least, most), most)
    (x, y), (width, height) = start.astype(int), size - lost

    def outside(places: Floats) -> NDArray[np.bool_]:
        end = np.array([width, height]) - 0.5
        return np.asarray(((places < -0.5) | (places >= end)).any(axis=1))

    kept = np.ascontiguousarray(image[y : y + height, x : x + width])
    shifted = [moved(known, np.ones(2), -start) for known in labels]
    return kept, [covered(known, outside) for known in shifted]


def overlaid(
    image: Image, labels: Sequence[FaceLabels], rng: np.random.Generator
) -> tuple[Image, list[FaceLabels]]:
    """The picture with a caption, a frame or a logo on a strip at its edge, and the labels.

    A point under what was drawn is no longer seen.
    """
    plate, ink = _OVERLAYS[int(rng.integers(len(_OVERLAYS)))](image.shape[:2], rng)
    dark, light = rng.uniform(0, 70, 3), rng.uniform(190, 255, 3)
    first, second = (dark, light) if rng.uniform() < 0.5 else (light, dark)
    out = image.astype(np.float64)
    for mask, colour in ((plate, first), (ink, second)):
        share = mask[:, :, None] / 255.0
        out += (colour - out) * share
    under = (plate > 127) | (ink > 127)

    def hides(places: Floats) -> NDArray[np.bool_]:
        cell = np.rint(places).astype(int)
        held = ((cell >= 0) & (cell < under.shape[::-1])).all(axis=1)
        at = cell.clip(0, np.array(under.shape[::-1]) - 1)
        return np.asarray(held & under[at[:, 1], at[:, 0]])

    return np.asarray(np.rint(out), np.uint8), [covered(known, hides) for known in labels]


def _strip(shape: tuple[int, ...], rng: np.random.Generator) -> int:
    return round(float(rng.uniform(*_STRIP)) * min(shape))


def _caption(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Mask, Mask]:
    """A bar over the whole width with words on it: (plate, ink), 255 where drawn."""
    plate, ink = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    high = _strip(shape, rng)
    rows = slice(0, high) if rng.uniform() < 0.3 else slice(shape[0] - high, shape[0])
    plate[rows] = 255
    ink[rows] = _words((high, shape[1]), rng)
    return plate, ink


def _frame(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Mask, Mask]:
    """A border all around with a line inside it."""
    plate, ink = np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8)
    wide = _strip(shape, rng)
    plate[wide:-wide, wide:-wide] = 0
    inset = wide // 2
    cv2.rectangle(ink, (inset, inset), (shape[1] - 1 - inset, shape[0] - 1 - inset), (255,), 1)
    return plate, ink


def _logo(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Words alone in the strip above or below."""
    ink = np.zeros(shape, np.uint8)
    high = _strip(shape, rng)
    rows = slice(0, high) if rng.uniform() < 0.3 else slice(shape[0] - high, shape[0])
    ink[rows] = _words((high, shape[1]), rng)
    return np.zeros(shape, np.uint8), ink


def _words(shape: tuple[int, int], rng: np.random.Generator) -> Mask:
    """(high, wide) one of a few lines of words, as high as fits, somewhere along the strip."""
    line, font, thick = _WORDS[int(rng.integers(len(_WORDS)))], cv2.FONT_HERSHEY_SIMPLEX, 1
    (wide, high), _ = cv2.getTextSize(line, font, 1.0, thick)
    scale = min(0.6 * shape[0] / high, 0.9 * shape[1] / wide)
    left = int(rng.uniform(0.02, 0.98 - scale * wide / shape[1]) * shape[1])
    out = np.zeros(shape, np.uint8)
    cv2.putText(out, line, (left, round(0.76 * shape[0])), font, scale, (255,), thick, cv2.LINE_AA)
    return out


_OVERLAYS = (_caption, _frame, _logo)


def _photo(rng: np.random.Generator, count: int) -> PhotoSpec:
    """A photo of ``count`` people side by side under one light."""
    short = int(rng.integers(256, 400))
    long = int(rng.integers(max(short, 180 * count), 513)) if count < 3 else 512
    width, height = (long, short) if count > 1 or rng.uniform() < 0.5 else (short, long)
    light, slot = random_light(rng), width / max(count, 1)
    faces = tuple(_stand(rng, k * slot, slot, height, light) for k in range(count))
    seed = int(rng.integers(2**31))
    noise, blur = float(rng.uniform(0.5, 4)), float(rng.choice([0.0, rng.uniform(0.3, 0.9)]))
    return PhotoSpec(width, height, seed, faces, noise, blur)


def _stand(
    rng: np.random.Generator, left: float, slot: float, height: float, light: Any
) -> FaceSpec:
    """One person in a slot of the photo, the whole face on it."""
    most = max(min(0.72 * slot, 0.56 * height), _LEAST_FACE)
    size = float(rng.uniform(_LEAST_FACE, most))
    free = max(slot - size, 0.0) * 0.3
    x = left + slot / 2 - 0.5 + float(rng.uniform(-free, free))
    y = float(rng.uniform(0.75 * size, max(0.75 * size, height - 0.7 * size)))
    everyone = IDENTITIES["photos"]
    people = everyone[:_REGULARS] if rng.uniform() < 0.3 else everyone[_REGULARS:]
    return random_face(
        rng, people, max_yaw=30.0, max_pitch=13.0, size_px=size, centre=(x, y), light=light
    )
