"""``redundancy-report``: how redundant a set of faces is, from wherever it lies."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from facecurate.cli.names import prepared
from facecurate.cli.state import State, common, redo_option, worker_count, workers_option
from facecurate.faces import DETECTORS

if TYPE_CHECKING:
    from facecurate.shares import Fraction
    from facecurate.workspace import Dataset

STRATEGIES = ("stride", "stratified", "random", "k-centre", "facility", "label-aware")
"""Those of ``facecurate.choose``, which is not loaded for ``--help``; a test compares the two."""


@click.command("redundancy-report", short_help="How many distinct frames a dataset holds.")
@click.argument("name", metavar="[NAME_OR_DATASET]", required=False)
@click.option("--root", metavar="DIR", help="Where a known dataset's files lie, instead of a link.")
@click.option(
    "--encoder",
    "encoders",
    multiple=True,
    default=("dct",),
    show_default=True,
    help="dct, shape+hog, run:NAME, file:PATH, ...; the first counts, further ones give the range.",
)
@click.option(
    "--not-identity",
    is_flag=True,
    help="The file given by file:PATH was not trained to recognise people.",
)
@click.option(
    "--detector",
    type=click.Choice(sorted(DETECTORS)),
    help="Of pictures whose faces are not found yet.  [default: the boxes that came with them, "
    "else retinaface-mobile]",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames a second, where the source does not say.",
)
@click.option(
    "--labels",
    metavar="FILE",
    help="A table (CSV, TSV, Parquet) with source and any of subject, session, sequence, split, "
    "frame, AU1 ..., valence, arousal.",
)
@click.option(
    "--subset-size",
    "subset_sizes",
    multiple=True,
    metavar="PERCENT",
    help="Write the keys of so many frames, such as 2% or '1310 frames', as subset-2pct.parquet.",
)
@click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    help="How these are chosen.  [default: stride, without an order stratified]",
)
@click.option(
    "--learning-curve",
    is_flag=True,
    help="Train probes on shares of the frames and people; with --subset-size compare strategies.",
)
@click.option(
    "--minutes-per-frame",
    type=click.FloatRange(min=0, min_open=True),
    help="What labelling one frame takes: the page then has a plan with hours.",
)
@workers_option
@redo_option
@common
def redundancy_report(
    state: State,
    name: str | None,
    root: str | None,
    encoders: tuple[str, ...],
    not_identity: bool,
    detector: str | None,
    workers: int | None,
    redo: bool,
    subset_sizes: tuple[str, ...],
    **options: Any,
) -> None:
    """Measure how redundant a set of faces is, before training on it.

    NAME_OR_DATASET is a dataset of the workspace, a linked one (imported and cropped on first use)
    or a folder of pictures or videos (imported under the folder's name).

    Counts the frames that are still distinct at a tolerance measured on the data itself: where a
    re-compressed, shifted or slightly brighter copy cannot be told apart. Writes redundancy.json
    and redundancy.html.

    \b
    Example:
      facecurate redundancy-report mine
      facecurate redundancy-report disfa --encoder dct --encoder shape+hog
      facecurate redundancy-report disfa --learning-curve --subset-size 2% --minutes-per-frame 3
      facecurate redundancy-report recordings/ --detector dlib --fps 25
    """
    began = time.monotonic()
    options["subset_sizes"] = tuple(
        _size(text) for several in subset_sizes for text in several.split(",")
    )
    count = worker_count(workers)
    dataset = _made_ready(state, name, root, detector, count)
    from facecurate.embed import embed
    from facecurate.encoders import load_encoder
    from facecurate.redundancy import Options, redundancy_report

    def work(progress: Any) -> Any:
        models = []
        for one in dict.fromkeys(encoders):
            done = embed(
                dataset,
                encoder=one,
                not_identity=not_identity,
                workers=count,
                progress=progress,
            )
            state.say(f"embed --encoder {one}: {done}")
            models.append(load_encoder(one, dataset.workspace, not_identity=not_identity))
        stats = redundancy_report(
            dataset,
            models[0],
            others=models[1:],
            options=Options(**options),
            redo=redo,
            say=state.say,
            progress=progress,
        )
        seconds = time.monotonic() - began
        return stats.noted(f"see {dataset.path('redundancy.html')}", f"{seconds:,.0f} s in all")

    state.run(dataset, "faces", work)


def _size(text: str) -> Fraction:
    """``2%`` or ``1310 frames``. Raises UsageError; a bare number has two readings."""
    from facecurate.errors import UsageError
    from facecurate.shares import Fraction, parse_fraction
    from facecurate.text import printable

    if match := re.fullmatch(r"\s*(\d{1,9})\s*frames?\s*", text):
        return Fraction(labels=int(match[1]))
    if re.fullmatch(r"\s*\d*\.?\d+\s*", text):
        number = float(text)
        percent = 100 * number if number < 1 else number
        count = f"'{number:g} frames'" if number >= 1 else "'50 frames'"
        raise UsageError(
            f"--subset-size {text.strip()} can mean two things: write {percent:g}%, or {count}"
        )
    if not re.fullmatch(r"\s*\d+(\.\d+)?\s*%\s*", text):
        raise UsageError(
            f"--subset-size '{printable(text, 40)}' is no size: write 2% or '1310 frames'"
        )
    return parse_fraction(text)


def _made_ready(
    state: State, name: str | None, root: str | None, detector: str | None, workers: int
) -> Dataset:
    """The dataset with its faces; what has to be done for that is done and told."""
    from facecurate.prepare import find_faces, prepare_source

    if name is not None and root is None and _is_source(state, name):
        dataset = state.workspace.dataset(_free_name(name))
        with state.progress("photos") as progress:
            prepare_source(
                dataset, name, detector=detector, workers=workers, say=state.say, progress=progress
            )
        return dataset
    dataset = prepared(state, name, root=root, workers=workers)
    with state.progress("photos") as progress:
        find_faces(dataset, detector=detector, workers=workers, say=state.say, progress=progress)
    return dataset


def _is_source(state: State, name: str) -> bool:
    """A folder or a video that is no name of a dataset."""
    from facecurate.datasets import manifest
    from facecurate.importing import Kind, kind_of

    named = name in state.workspace.names() or name in manifest.names()
    return not named and kind_of(name) in (Kind.FOLDER, Kind.VIDEO)


def _free_name(source: str) -> str:
    """The name that a folder's pictures are imported under. Raises UsageError for a known one."""
    from facecurate.datasets import manifest
    from facecurate.errors import UsageError
    from facecurate.importing.sources import usual_name

    name = usual_name(source)
    if name in manifest.names():
        raise UsageError(
            f"'{name}' is the name of a known dataset: if this is a copy of it, facecurate "
            f"redundancy-report {name} --root {source}; if it is not, import it with a --name of "
            "its own"
        )
    return name


COMMANDS = [redundancy_report]
