"""``shard``, and the commands that look at what is there: ``verify``, ``status``, ``why``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facecurate.cli.names import existing
from facecurate.cli.state import (
    State,
    common,
    name_argument,
    redo_option,
    worker_count,
    workers_option,
)
from facecurate.text import counted

if TYPE_CHECKING:
    from facecurate.workspace import Dataset


@click.command(short_help="Training shards, index and cards.")
@name_argument
@click.option("--shard-size", default="512MB", show_default=True)
@click.option(
    "--split",
    default="train=1.0",
    show_default=True,
    metavar="NAME=SHARE,...",
    help="Copies, persons and owners stay together: train=90%,val=10%.",
)
@click.option(
    "--mix",
    metavar="MANIFEST",
    help="A mixture of datasets: large-scale-face, vgg-face-small, or a manifest's file.",
)
@click.option("--subset", metavar="FILE", help="Keep only these keys: .parquet or one key a line.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of order and splits.")
@click.option(
    "--keep-embeddings", is_flag=True, help="Keep the vectors of collected photos afterwards."
)
@workers_option
@redo_option
@common
def shard(
    state: State, name: str | None, mix: str | None, workers: int | None, **options: Any
) -> None:
    """Write the kept faces as WebDataset tars in one shuffled order, with an index and a card.

    Faces dropped by detect, dedupe or decontaminate stay out, each with its reason in
    decisions.parquet. Stock webdataset reads the tars as they are. With --mix the shards of several
    datasets lie under the mixture's name, unless another is given.

    \b
    Example:
      facecurate shard mine --shard-size 256MB --split train=90%,val=10%
      facecurate shard --mix large-scale-face
    """
    if mix:
        from facecurate import storage

        dataset = state.workspace.dataset(name or storage.name(mix).removesuffix(".toml"))
    else:
        dataset = existing(state, name)
    from facecurate.shard import shard

    if not mix:
        _say_not_compared(state, dataset)
    count = worker_count(workers)
    state.run(
        dataset, "faces", lambda p: shard(dataset, mix=mix, workers=count, progress=p, **options)
    )


def _say_not_compared(state: State, dataset: Dataset) -> None:
    """Names the evaluation sets at hand that a dataset was never compared with."""
    from facecurate.datasets import manifest
    from facecurate.workspace import links

    known = (name for name in links(dataset.workspace) if name in manifest.names())
    linked = sorted(name for name in known if manifest.load(name).kind == "evaluation")
    mine = {dataset.name, *(n for n in linked if _stands_for(dataset, n))}
    others = [name for name in linked if name not in mine]
    if others and not dataset.has("overlaps.parquet"):
        state.say(
            f"{', '.join(others)}: linked, and {dataset.name} was not compared with it: "
            f"'facecurate decontaminate {dataset.name}'"
        )


def _stands_for(dataset: Dataset, known: str) -> bool:
    from facecurate.workspace import links

    return any(link.name == dataset.name for link in links(dataset.workspace)[known])


@click.command(short_help="Check every digest, count and key.")
@name_argument
@common
def verify(state: State, name: str | None) -> int:
    """Read everything again and compare it with what was written; exit 1 if anything differs.

    \b
    Example:
      facecurate verify mine
    """
    dataset = existing(state, name)
    from facecurate.inspect import verify

    with state.progress("parts") as progress:
        stats, findings = verify(dataset, progress=progress)
    for finding in findings:
        state.say(finding)
    files = stats.counts["files"].taken
    state.finish(
        f"{dataset.name}: {files:,} files read, {counted(len(findings), 'thing')} wrong",
        {"dataset": dataset.name, "files": files, "findings": findings},
    )
    return 1 if findings else 0


@click.command(short_help="Stages and counts by reason.")
@name_argument
@common
def status(state: State, name: str | None) -> None:
    """Show what has been done with a dataset and what each stage dropped.

    \b
    Example:
      facecurate status mine
    """
    dataset = existing(state, name)
    from facecurate.inspect import status

    stages = status(dataset)
    if not (state.json or state.quiet):
        for stage in stages:
            click.echo(f"{stage.name:<24} {stage.state:<20} {stage.stats}")
    told = {s.name: {"state": s.state, **s.stats.to_json()} for s in stages}
    state.finish(
        f"{dataset.name}: {len(stages)} stages done", {"dataset": dataset.name, "stages": told}
    )


@click.command(short_help="One photo's or face's history.")
@click.argument("key")
@click.option("--name", help="The dataset.  [default: the only one]")
@common
def why(state: State, key: str, name: str | None) -> None:
    """Tell what happened to one photo or face at each step, and why it is in or out.

    \b
    Example:
      facecurate why mine-00d7a3f1c2b4e596_000
    """
    dataset = existing(state, name, "why KEY --name {}")
    from facecurate.inspect import why
    from facecurate.text import printable

    events = why(dataset, key)
    if not (state.json or state.quiet):
        for event in events:
            words = ", ".join(f"{k} {_short(v)}" for k, v in event.items() if k != "table")
            click.echo(printable(f"{event['table']:<24} {words}", 1000))
    last = events[-1]
    told = [{k: _plain(v) for k, v in event.items()} for event in events]
    facts = {"dataset": dataset.name, "events": told}
    state.finish(f"{key}: {len(events)} entries, the last in {last['table']}", facts)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        numbers = [_short(v) for v in value[:10]]
        return "[" + " ".join(numbers) + (" ...]" if len(value) > 10 else "]")
    return value.hex() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


COMMANDS = [shard, verify, status, why]
