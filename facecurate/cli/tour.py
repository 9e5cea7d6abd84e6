"""``demo``: the first five minutes."""

from __future__ import annotations

import click

from facecurate.cli.state import State, common, redo_option, worker_count, workers_option


@click.command(short_help="The whole chain on rendered faces, in minutes.")
@click.option("--out", metavar="DIR", default="demo", show_default=True)
@click.option("--faces", type=click.IntRange(min=40), default=2000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@workers_option
@redo_option
@common
def demo(state: State, out: str, faces: int, seed: int, workers: int | None, redo: bool) -> None:
    """Render faces, then import, detect, dedupe, measure, shard, pre-train and evaluate them.

    Ends with a table and one page. No download, no key, nobody's pictures.

    \b
    Example:
      facecurate demo
      facecurate demo --faces 200 --out ~/demo
    """
    from facecurate.demo import demo

    with state.progress("items") as progress:
        result = demo(
            out,
            faces=faces,
            seed=seed,
            workers=worker_count(workers),
            redo=redo,
            say=state.say,
            progress=progress,
        )
    if not (state.json or state.quiet):
        click.echo(result.table)
    state.finish(str(result), result.facts)


COMMANDS = [demo]
