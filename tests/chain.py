"""A tiny world for the tests of the chain: rendered photos, planted copies, boxes that are known.

Nobody's pictures, no detector, no download. A finished dataset is made once in a test run and
copied for every test that wants to change it.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facecurate import images
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.importing import import_annotated, photo_id
from facecurate.redundancy import redundancy_report
from facecurate.shard import shard
from facecurate.synth.background import background
from facecurate.synth.corpora import rescaled
from facecurate.synth.labels import FaceLabels, mirrored
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec
from facecurate.workspace import Dataset

NAME = "tiny"
HEIGHT, WIDTH = 200, 220
SINGLES = 10
STEPS = ("import", "detect", "embed", "dedupe", "redundancy", "shard")


@dataclass(frozen=True)
class Shot:
    """One photo: its file, its bytes, the faces that are told, and what it is a copy of."""

    file: str
    data: bytes
    faces: tuple[FaceLabels, ...]
    copy_of: str | None = None
    subject: str | None = None


def photo(seed: int, faces: int = 1) -> tuple[Any, list[FaceLabels]]:
    """Pixels and labels of people side by side; another seed is another photo."""
    places = [(110 + 180 * k + seed % 7, 105 - seed % 5) for k in range(faces)]
    specs = [
        random_spec(1000 * seed + k, size_px=100, centre=place) for k, place in enumerate(places)
    ]
    return render_photo(PhotoSpec(WIDTH + 180 * (faces - 1), HEIGHT, seed, tuple(specs)))


@cache
def shots() -> tuple[Shot, ...]:
    """19 photos: 10 with a face, 2 with two, 1 without; six are copies of others.

    The second face of ``11.jpg`` is told on its copy alone.
    """
    made: dict[str, Shot] = {}
    for i in range(SINGLES):
        pixels, labels = photo(i + 1)
        made[f"{i:02}.jpg"] = Shot(f"{i:02}.jpg", images.encode_jpeg(pixels), tuple(labels))
    for i in (10, 11):
        pixels, labels = photo(i + 1, faces=2)
        made[f"{i}.jpg"] = Shot(f"{i}.jpg", images.encode_jpeg(pixels), tuple(labels))
    empty = images.encode_jpeg(background(WIDTH, HEIGHT, 77, clutter=12))
    made["12.jpg"] = Shot("12.jpg", empty, ())
    copies = [
        replace(made["00.jpg"], file="copies/exact.jpg", copy_of="00.jpg"),
        flipped(made["01.jpg"], "copies/mirrored.jpg"),
        shrunk(made["02.jpg"], "copies/rescaled.jpg"),
        recompressed(made["03.jpg"], "copies/recompressed.jpg"),
        flipped(made["10.jpg"], "copies/mirrored-pair.jpg"),
        shrunk(made["11.jpg"], "copies/rescaled-pair.jpg"),
    ]
    made["11.jpg"] = replace(made["11.jpg"], faces=made["11.jpg"].faces[:1])
    return (*made.values(), *copies)


def flipped(shot: Shot, file: str) -> Shot:
    pixels = images.decode(shot.data).pixels
    labels = [mirrored(known, pixels.shape[1]) for known in shot.faces]
    return Shot(file, images.encode_jpeg(pixels[:, ::-1]), tuple(labels), shot.file)


def shrunk(shot: Shot, file: str, scale: float = 0.75) -> Shot:
    import numpy as np

    pixels = images.decode(shot.data).pixels
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    factor = np.array(size) / [pixels.shape[1], pixels.shape[0]]
    labels = [rescaled(known, factor) for known in shot.faces]
    return Shot(file, images.encode_jpeg(images.resize(pixels, *size)), tuple(labels), shot.file)


def recompressed(shot: Shot, file: str, quality: int = 50) -> Shot:
    return replace(
        shot,
        file=file,
        data=images.encode_jpeg(images.decode(shot.data).pixels, quality),
        copy_of=shot.file,
    )


def annotated(shot: Shot) -> Annotated:
    faces = tuple(
        GivenFace(
            box=list(known.box),
            landmarks=known.landmarks.tolist(),
            points=known.points68.ravel().tolist(),
            label_identity=str(known.identity),
        )
        for known in shot.faces
    )
    return Annotated(shot.file, "train", subject=shot.subject, faces=faces)


def write(folder: Path, shown: Sequence[Shot]) -> Path:
    """The photos as files."""
    for shot in shown:
        (folder / shot.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / shot.file).write_bytes(shot.data)
    return folder


def take(dataset: Dataset, folder: Path, shown: Sequence[Shot]) -> None:
    """``import`` of photos with their boxes."""
    write(folder, shown)
    import_annotated(dataset, str(folder), map(annotated, shown), source_id=NAME, rendered=True)


def run(dataset: Dataset, *steps: str) -> dict[str, Any]:
    """Runs the named steps after ``import`` with given boxes; what each one said."""
    work = {
        "detect": lambda: detect(dataset, detector="given"),
        "embed": lambda: embed(dataset),
        "dedupe": lambda: dedupe(dataset),
        "redundancy": lambda: redundancy_report(dataset, load_encoder("dct", dataset.workspace)),
        "shard": lambda: shard(dataset),
    }
    return {step: work[step]() for step in steps}


@cache
def _made(last: str) -> Path:
    """The workspace after the steps up to ``last``, in a folder that goes with the process."""
    where = Path(tempfile.mkdtemp(prefix="facecurate-chain-"))
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    place = STEPS.index(last)
    dataset = Dataset(str(where / "work"), NAME)
    if place == 0:
        take(dataset, where / "files", shots())
    else:
        shutil.copytree(_made(STEPS[place - 1]) / "work", where / "work")
        run(dataset, last)
    return where


def world(tmp_path: Path, last: str = "shard") -> Dataset:
    """A copy of the dataset after the steps up to ``last``."""
    shutil.copytree(_made(last) / "work", tmp_path / "work")
    return Dataset(str(tmp_path / "work"), NAME)


def key(file: str, index: int = 0) -> str:
    """The key of a face of ``shots()``."""
    return f"{photo_id(NAME, file)}_{index:03d}"


def rows(dataset: Dataset, *names: str) -> list[dict[str, Any]]:
    """The rows of one Parquet file of a local dataset."""
    found: list[dict[str, Any]] = pq.read_table(dataset.path(*names)).to_pylist()
    return found


def rewrite(dataset: Dataset, table: pa.Table, *names: str) -> None:
    """Replaces a Parquet file behind the tool's back."""
    pq.write_table(table, dataset.path(*names))


def files(dataset: Dataset) -> dict[str, bytes]:
    """Every file of a local dataset but its lock and its log."""
    return dict(_files(Path(dataset.url)))


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith((".lock", "log.jsonl")):
            yield str(path.relative_to(root)), path.read_bytes()
