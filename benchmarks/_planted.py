"""Rendered portraits of people who come once each, and planted copies of some, in a dataset.

A portrait is a face of 170 px on 256 px. Its box and points are given as a detector would give
them: off by a normal error, of the box's centre .7 % and of its side 1.5 % of the side, of the
points .7 % (between what retinaface-mobile's boxes scatter when a photo is re-encoded, .4 and .9 %,
and when it is halved, 1.5 and 3.6 %; measured on 135 portraits).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate import images
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.detect import detect
from facecurate.importing import import_annotated, photo_id
from facecurate.synth.corpora import overlaid, rescaled
from facecurate.synth.labels import FaceLabels, mirrored, moved
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.workers import single_thread, usual_workers
from facecurate.workspace import Dataset

SIZE, FACE = 256, 170.0
_CENTRE, _SIDE, _POINT = 0.007, 0.015, 0.007
_BATCH = 50

Pair = tuple[Image, FaceLabels]


@dataclass(frozen=True)
class Portrait:
    """One file: its JPEG, its one face, and which portrait it was made from in which way."""

    file: str
    data: bytes
    labels: FaceLabels
    kind: str | None = None
    copy_of: str | None = None


class Named(NamedTuple):
    """What is known of a portrait before it is drawn."""

    file: str
    kind: str | None
    copy_of: str | None


def planned(count: int, every: int) -> Iterator[Named]:
    """``count`` portraits; every ``every``-th is followed by a copy, the ways by turns."""
    kinds = list(WAYS)
    for number in range(count):
        file = f"{number:06d}.jpg"
        yield Named(file, None, None)
        if every and number % every == 0:
            yield Named(f"copies/{file}", kinds[number // every % len(kinds)], file)


def portrait(seed: int, number: int) -> Portrait:
    """The ``number``-th portrait: nobody comes twice."""
    rng = np.random.default_rng([0x91A27, seed, number])
    who = IDENTITIES["train"][seed * 1_000_000 + number :][:1]
    middle = (SIZE - 1) / 2, (SIZE - 1) / 2
    face = random_face(rng, who, max_yaw=30.0, max_pitch=15.0, size_px=FACE, centre=middle)
    image, (labels,) = render_photo(PhotoSpec(SIZE, SIZE, int(rng.integers(2**31)), (face,)))
    return Portrait(f"{number:06d}.jpg", images.encode_jpeg(image), labels)


# -- copies ----------------------------------------------------------------------------------


def _smaller(image: Image, labels: FaceLabels, rng: np.random.Generator) -> Pair:
    side = round(SIZE * float(rng.uniform(0.5, 0.8)))
    return images.resize(image, side, side), rescaled(labels, np.full(2, side / SIZE))


def _brighter(image: Image, labels: FaceLabels, rng: np.random.Generator) -> Pair:
    bright = image * rng.uniform(1.05, 1.25) + rng.uniform(0, 15)
    return np.clip(np.rint(bright), 0, 255).astype(np.uint8), labels


def _flipped(image: Image, labels: FaceLabels, rng: np.random.Generator) -> Pair:
    return np.ascontiguousarray(image[:, ::-1]), mirrored(labels, image.shape[1])


def _cut(share: float) -> Callable[[Image, FaceLabels, np.random.Generator], Pair]:
    def cut(image: Image, labels: FaceLabels, rng: np.random.Generator) -> Pair:
        lost = round(share * SIZE)
        x, y = (int(v) for v in rng.integers(0, lost + 1, 2))
        kept = np.ascontiguousarray(image[y : y + SIZE - lost, x : x + SIZE - lost])
        return kept, moved(labels, np.ones(2), np.array([-x, -y], float))

    return cut


def _written_on(image: Image, labels: FaceLabels, rng: np.random.Generator) -> Pair:
    drawn, (known,) = overlaid(image, [labels], rng)
    return drawn, known


def _same(image: Image, labels: FaceLabels, rng: np.random.Generator) -> Pair:
    return image, labels


WAYS: Mapping[str, Callable[[Image, FaceLabels, np.random.Generator], Pair]] = {
    "rescaled": _smaller,
    "re-encoded": _same,
    "brightened": _brighter,
    "mirrored": _flipped,
    "cut by 5 %": _cut(0.05),
    "cut by 10 %": _cut(0.10),
    "written on": _written_on,
}


def copied(original: Portrait, kind: str, seed: int) -> Portrait:
    """A copy, encoded again: at quality 30 to 95 where nothing else was done, else 85 to 95."""
    rng = np.random.default_rng([0xC0B7, seed, int(original.file[:6])])
    image, labels = WAYS[kind](images.decode(original.data).pixels, original.labels, rng)
    quality = int(rng.integers(30 if kind == "re-encoded" else 85, 96))
    file = f"copies/{original.file}"
    return Portrait(file, images.encode_jpeg(image, quality), labels, kind, original.file)


# -- the dataset -----------------------------------------------------------------------------


def _batch(task: tuple[int, int, int, int]) -> list[Portrait]:
    seed, first, last, every = task
    found: list[Portrait] = []
    with single_thread():
        for one in planned(last, every):
            number = int(one.file[-10:-4])
            if number < first:
                continue
            found.append(copied(found[-1], one.kind, seed) if one.kind else portrait(seed, number))
    return found


def drawn(seed: int, count: int, every: int) -> Iterator[Portrait]:
    """The portraits that ``planned`` names."""
    starts = range(0, count, _BATCH)
    tasks = [(seed, start, min(start + _BATCH, count), every) for start in starts]
    with multiprocessing.get_context("spawn").Pool(usual_workers()) as pool:
        for batch in pool.imap(_batch, tasks):
            yield from batch


def given(shown: Portrait, seed: int) -> Annotated:
    """The face as a detector would give it."""
    rng = np.random.default_rng([0x5CA7, seed, *shown.file.encode()])
    box: NDArray[np.float64] = np.array(shown.labels.box, np.float64)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    side = 2 * float(half.max())
    centre = centre + rng.normal(0, _CENTRE * side, 2)
    half = half * (1 + rng.normal(0, _SIDE))
    points = np.asarray(shown.labels.landmarks) + rng.normal(0, _POINT * side, 10)
    face = GivenFace(box=[*(centre - half), *(centre + half)], landmarks=points.tolist())
    return Annotated(shown.file, "train", faces=(face,))


def take(
    dataset: Dataset, folder: Path, shown: Sequence[Portrait], seed: int, **options: Any
) -> None:
    """Writes the files and runs ``import`` and ``detect --detector given``."""
    for one in shown:
        path = folder / one.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
    told = (given(one, seed) for one in shown)
    import_annotated(dataset, str(folder), told, source_id=dataset.name, rendered=True, **options)
    detect(dataset, detector="given", **options)


def face_key(dataset: Dataset, file: str) -> str:
    """The key of the one face of a file."""
    return f"{photo_id(dataset.name, file)}_000"
