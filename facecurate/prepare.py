"""A linked dataset made ready on first use: imported, cropped by its own boxes, sharded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, cast

from facecurate.datasets import DATASETS
from facecurate.detect import detect
from facecurate.errors import FacecurateError, SettingsError
from facecurate.importing import import_annotated
from facecurate.shard import shard
from facecurate.stats import Stats
from facecurate.synthesise import rendered_annotations
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, Link

if TYPE_CHECKING:
    from facecurate.datasets.annotated import Adapter


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


@contextmanager
def _command(words: str) -> Iterator[None]:
    """Names the command that mends a step which was run with other settings."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(f"{error}: facecurate {words}") from error
