"""``detect`` and ``embed``: faces, and their vectors."""

from __future__ import annotations

from typing import Any

import click

from facecurate.cli.gates import gate_options, taken
from facecurate.cli.names import existing
from facecurate.cli.state import (
    State,
    common,
    name_argument,
    redo_option,
    worker_count,
    workers_option,
)
from facecurate.faces import CROPS, DETECTORS


@click.command(short_help="Find faces: boxes, points, quality, crops.")
@name_argument
@click.option(
    "--detector",
    type=click.Choice(sorted(DETECTORS)),
    default="retinaface-mobile",
    show_default=True,
    help="dlib works without a download; given takes the boxes that came with the photos.",
)
@click.option("--weights", metavar="FILE", help="The detector's weights, instead of the fetched.")
@click.option(
    "--weights-unchecked",
    is_flag=True,
    help="Take that FILE even if its SHA-256 is not the published one.",
)
@click.option("--crop", type=click.Choice(CROPS), default="box", show_default=True)
@click.option(
    "--crop-size",
    type=click.IntRange(16, 4096),
    default=256,
    show_default=True,
    help="Largest, in pixels.",
)
@click.option(
    "--min-face",
    type=click.FloatRange(min=0),
    default=40,
    show_default=True,
    help="Longer side, pixels.",
)
@click.option("--threshold", type=float, help="Lowest score.  [default: the detector's]")
@gate_options
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    help="RetinaFace's; bf16 is faster where the processor has it.  [default: fp32, cuda: bf16]",
)
@workers_option
@redo_option
@common
def detect(state: State, name: str | None, workers: int | None, **options: Any) -> None:
    """Find the faces of every photo and cut them out.

    A box crop is a square of 1.4 times the box's longer side; a small face keeps its size. Every
    face that is dropped has a reason in the table. quality.html shows how good the faces are.

    --min-score to --max-asymmetry are limits of quality, off unless given; a face whose value is
    not known does not pass. Look at quality.html before you set one.

    \b
    Example:
      facecurate detect mine --detector dlib
      facecurate detect mine --weights mobilenet0.25_Final.pth --threshold 0.8
      facecurate detect mine --redo --max-yaw 45 --min-sharpness 8 --max-outside 20%
    """
    dataset = existing(state, name)
    from facecurate.detect import detect

    count = worker_count(workers)
    options["limits"] = taken(options)
    state.run(dataset, "photos", lambda p: detect(dataset, workers=count, progress=p, **options))


@click.command(short_help="One vector a face.")
@name_argument
@click.option("--encoder", default="dct", show_default=True, help="dct, run:NAME, file:PATH, ...")
@click.option(
    "--not-identity",
    is_flag=True,
    help="The file given by file:PATH was not trained to recognise people.",
)
@workers_option
@redo_option
@common
def embed(
    state: State,
    name: str | None,
    encoder: str,
    not_identity: bool,
    workers: int | None,
    redo: bool,
) -> None:
    """Compute one vector a face, row by row beside the table of faces.

    Encoders that recognise people are refused on collected photos.

    \b
    Example:
      facecurate embed mine --encoder dct
    """
    dataset = existing(state, name)
    from facecurate.embed import embed

    count = worker_count(workers)
    state.run(
        dataset,
        "faces",
        lambda p: embed(
            dataset,
            encoder=encoder,
            not_identity=not_identity,
            workers=count,
            redo=redo,
            progress=p,
        ),
    )


COMMANDS = [detect, embed]
