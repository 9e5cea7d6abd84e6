"""A dataset made ready on first use: imported, cropped by its own boxes if it has any, sharded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, cast

from facecurate.datasets import DATASETS
from facecurate.detect import detect
from facecurate.errors import FacecurateError, SettingsError
from facecurate.importing import Kind, import_annotated, import_tree, import_video, kind_of
from facecurate.pool import Pool
from facecurate.shard import shard
from facecurate.stats import Stats
from facecurate.synthesise import rendered_annotations
from facecurate.text import counted, printable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, Link

if TYPE_CHECKING:
    from facecurate.datasets.annotated import Adapter

DETECTOR = "retinaface-mobile"  # of pictures without boxes of their own


def adapter(dataset: str) -> Adapter:
    """What reads a dataset's own files. Raises FacecurateError if nothing does yet."""
    if dataset not in DATASETS:
        raise FacecurateError(
            f"no adapter reads {dataset} yet; these have one: {', '.join(sorted(DATASETS))}"
        )
    module, name = DATASETS[dataset].split(":")
    return cast("Adapter", getattr(import_module(module), name))


def import_linked(
    dataset: Dataset,
    link: Link,
    *,
    license: str | None = None,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """``import`` of a linked dataset: its owner's files to ``photos/`` with labels."""
    return import_annotated(
        dataset,
        link.root,
        adapter(link.dataset).annotations(link.root),
        source_id=link.dataset,
        rendered=link.rendered,
        license=license,
        workers=workers,
        redo=redo,
        progress=progress,
    )


def import_rendered(
    dataset: Dataset, *, workers: int = 0, redo: bool = False, progress: Progress = silent
) -> Stats:
    """``import`` of the photos that ``synth`` rendered into this dataset, with their labels."""
    return import_annotated(
        dataset,
        dataset.path("files"),
        rendered_annotations(dataset),
        source_id="photos",
        rendered=True,
        workers=workers,
        redo=redo,
        progress=progress,
    )


def prepare(
    dataset: Dataset,
    link: Link,
    *,
    shards: bool = True,
    workers: int = 0,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> None:
    """Imports, crops by the given boxes and shards what is missing; tells each step it runs."""
    done = import_linked(dataset, link, workers=workers, progress=progress)
    say(f"import {link.dataset}: {done}")
    with _command(f"detect {dataset.name} --detector given --min-face 0 --redo"):
        done = detect(dataset, detector="given", min_face=0, workers=workers, progress=progress)
    say(f"detect --detector given: {done}")
    if shards:
        with _command(f"shard {dataset.name} --redo"):
            done = shard(dataset, workers=workers, progress=progress)
        say(f"shard: {done}")


def prepare_source(
    dataset: Dataset,
    source: str,
    *,
    detector: str | None = None,
    workers: int = 0,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> None:
    """Imports a folder of pictures and videos, or one video, and finds its faces; tells the steps.

    Raises FacecurateError for other sources.
    """
    kind = kind_of(source)
    if kind is Kind.FOLDER:
        done = import_tree(dataset, source, workers=workers, progress=progress)
    elif kind is Kind.VIDEO:
        done = import_video(dataset, source, progress=progress)
    else:
        raise FacecurateError(f"{printable(source)} is neither a folder nor a video: import it")
    say(f"import {source}: {done}")
    find_faces(dataset, detector=detector, workers=workers, say=say, progress=progress)


def find_faces(
    dataset: Dataset,
    *,
    detector: str | None = None,
    workers: int = 0,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> None:
    """``detect`` where it has never run: the given boxes where there are any, else a detector.

    ``detector``: another one than ``DETECTOR``. What was detected before stays as it is; raises
    FacecurateError if photos have come since.
    """
    photos, faces = Pool(dataset.path("photos")), Pool(dataset.path("faces"))
    left = set(photos.stems()).difference(faces.stems())
    if not left:
        return
    if faces.stems():
        raise FacecurateError(
            f"{counted(len(left), 'part')} of {dataset.name}'s photos came after its faces were "
            f"found: facecurate detect {dataset.name} with the options of then"
        )
    count = photos.stats().counts.get("photos")
    if count and not count.kept:  # said before a detector's weights are looked for
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(count.dropped.items()))
        raise FacecurateError(f"{dataset.name} has no picture that can be read ({reasons})")
    given = any(f"{stem}.given.parquet" in photos.info(stem).outputs for stem in photos.stems())
    detector = detector or ("given" if given else DETECTOR)
    done = detect(
        dataset,
        detector=detector,
        min_face=0 if detector == "given" else 40,
        workers=workers,
        progress=progress,
    )
    say(f"detect --detector {detector}: {done}")


@contextmanager
def _command(words: str) -> Iterator[None]:
    """Names the command that mends a step which was run with other settings."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(f"{error}: facecurate {words}") from error
