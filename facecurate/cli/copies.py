"""``dedupe`` and ``decontaminate``: copies inside a dataset, and of evaluation sets in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facecurate.cli.names import existing, prepared
from facecurate.cli.state import (
    State,
    common,
    name_argument,
    redo_option,
    worker_count,
    workers_option,
)

if TYPE_CHECKING:
    from facecurate.workspace import Dataset

F = TypeVar("F", bound=Callable[..., Any])


def comparing(function: F) -> F:
    """How two pictures are compared."""
    options = [
        click.option(
            "--hash-distance",
            type=click.IntRange(0, 20),
            default=10,
            show_default=True,
            help="Bits of the 64-bit hash within which pictures are compared closely.",
        ),
        click.option(
            "--photo-distance",
            type=click.IntRange(0, 128),
            default=32,
            show_default=True,
            help="Bits of the 256-bit hash within which two photos are one.",
        ),
        click.option(
            "--face-distance",
            type=click.IntRange(0, 128),
            default=12,
            show_default=True,
            help="The same for face crops; those beyond it are laid on each other.",
        ),
        click.option(
            "--registrations",
            type=click.IntRange(min=0),
            default=200_000,
            show_default=True,
            help="Pairs of faces that hashes leave in doubt and that are laid on each other, at "
            "most; the nearest first, about 100 a second.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command(short_help="Find duplicates of photos and of faces.")
@name_argument
@comparing
@click.option(
    "--encoder",
    help="Compare also faces whose vectors are near: dct, run:NAME, ... Never one that "
    "recognises people.",
)
@click.option(
    "--similarity",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Cosine from which two vectors are near.  [default: 0.8, set for dct on rendered faces]",
)
@click.option(
    "--not-identity",
    is_flag=True,
    help="The file given by file:PATH was not trained to recognise people.",
)
@click.option(
    "--keep",
    type=click.Choice(["largest", "sharpest", "first"]),
    default="largest",
    show_default=True,
    help="Which picture of a cluster stays.",
)
@click.option(
    "--allow-large-clusters",
    is_flag=True,
    help="Write the result even if one cluster holds more than 1% of over 1,000 pictures.",
)
@click.option(
    "--incremental",
    is_flag=True,
    help="Compare what has come since the last dedupe with itself and with the rest; the result is "
    "that of a run from the start.",
)
@click.option(
    "--calibrate",
    metavar="PAIRS.tsv",
    help="Find nothing; measure limits on labelled pairs: two pictures and 'same' or 'different' a "
    "line, tabs between.",
)
@workers_option
@redo_option
@common
def dedupe(
    state: State,
    name: str | None,
    encoder: str | None,
    similarity: float | None,
    not_identity: bool,
    calibrate: str | None,
    workers: int | None,
    **options: Any,
) -> None:
    """Find copies: exact, rescaled, re-encoded, mirrored, cut. Nothing is deleted.

    A pair must be close by a 64-bit perceptual hash (or by its vectors) and agree by a 256-bit one,
    or, for faces, pixel by pixel once they are laid on each other; every dropped picture has an
    edge of its own to the one that is kept, and shard reads which. Never who is who: only which
    picture is the same picture. Look at what was found in dedupe.html.

    With --calibrate a picture is named by its key, its photo_id or its path as it was imported;
    calibration.html tells precision and recall of every limit, the last line which option would
    apply the limit that the pairs suggest; nothing else changes.

    \b
    Example:
      facecurate dedupe
      facecurate dedupe mine --keep sharpest
      facecurate dedupe mine --incremental
      facecurate dedupe mine --encoder dct --similarity 0.7
      facecurate dedupe mine --calibrate pairs.tsv
    """
    from facecurate.errors import UsageError

    if encoder is None and similarity is not None:
        raise UsageError("--similarity goes with --encoder: name one, such as dct")
    dataset = existing(state, name)
    if calibrate is not None:
        _calibrate(state, dataset, calibrate, encoder, not_identity, options)
        return
    from facecurate.dedupe import SIMILARITY, dedupe, refuse_recognition

    count = worker_count(workers)

    def work(progress: Any) -> Any:
        if encoder is not None:
            from facecurate.embed import embed
            from facecurate.encoders import load_encoder

            model = load_encoder(encoder, dataset.workspace, not_identity=not_identity)
            refuse_recognition(model)
            told: dict[str, Any] = {"encoder": encoder, "not_identity": not_identity}
            embed(dataset, workers=count, progress=progress, **told)
            options["encoder"], options["similarity"] = model, similarity or SIMILARITY
        return dedupe(dataset, workers=count, progress=progress, **options)

    state.run(dataset, "photos", work)


def _calibrate(
    state: State,
    dataset: Dataset,
    pairs: str,
    encoder: str | None,
    not_identity: bool,
    options: Mapping[str, Any],
) -> None:
    """Measures with the limits that are given, which are then the ones in force."""
    from facecurate.encoders import load_encoder
    from facecurate.review.calibrate import calibrate

    limits = {name: options[name] for name in ("hash_distance", "photo_distance", "face_distance")}
    model = None
    if encoder is not None:
        model = load_encoder(encoder, dataset.workspace, not_identity=not_identity)
    state.run(
        dataset,
        "pairs",
        lambda p: calibrate(dataset, pairs, encoder=model, **limits),
    )


@click.command(short_help="Keep evaluation sets out of a dataset.")
@name_argument
@click.option(
    "--against",
    metavar="D1,D2",
    multiple=True,
    help="Datasets of the workspace, or linked ones.  [default: every linked evaluation set]",
)
@comparing
@workers_option
@redo_option
@common
def decontaminate(
    state: State,
    name: str | None,
    against: tuple[str, ...],
    workers: int | None,
    **options: Any,
) -> None:
    """Find what near-duplicates an evaluation set, mirrored and cut too; shard then leaves it out.

    Photos and faces are compared by hashes and, where these leave a doubt, pixel by pixel. Faces of
    NAME alone are dropped, never those of the evaluation sets. The certificate (overlaps.json) says
    what was compared, with digests of both lists; shard puts it into the card. A linked dataset is
    imported and cropped on first use.

    \b
    Example:
      facecurate decontaminate flickr-face --against 300w,aflw
    """
    dataset = existing(state, name)
    from facecurate.decontaminate import decontaminate, linked_evaluation_sets
    from facecurate.workspace import links

    count = worker_count(workers)
    names = [one for text in against for one in text.split(",") if one]
    chosen = names or linked_evaluation_sets(links(dataset.workspace))
    others = [prepared(state, other, workers=count) for other in chosen]
    if not names:
        others = [other for other in others if other.name != dataset.name]
    state.run(
        dataset,
        "photos",
        lambda p: decontaminate(dataset, others, workers=count, progress=p, **options),
    )


COMMANDS = [dedupe, decontaminate]
