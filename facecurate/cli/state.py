"""What every command shares: its options, its progress, its last line, its entry in the log."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facecurate.errors import FacecurateError
from facecurate.text import printable

if TYPE_CHECKING:
    from facecurate.stats import Stats
    from facecurate.workspace import Dataset, Workspace

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class State:
    """The common options, wherever they stood on the command line."""

    workspace_url: str = field(
        default_factory=lambda: os.environ.get("FACECURATE_WORKSPACE") or "data"
    )
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    arguments: list[str] = field(default_factory=list)  # the command line, for the log

    @property
    def workspace(self) -> Workspace:
        """The workspace that ``--workspace`` names."""
        from facecurate.workspace import Workspace

        return Workspace(self.workspace_url.rstrip("/") or "/")

    def say(self, line: str) -> None:
        """One line for a person; not with ``-q`` and not on the standard output."""
        if not self.quiet:
            click.echo(printable(line, 2000), err=True)

    def finish(self, sentence: str, facts: dict[str, Any]) -> None:
        """The last line: one sentence, or the same as one JSON object."""
        text = json.dumps(facts, ensure_ascii=True) if self.json else printable(sentence, 4000)
        click.echo(text)

    def run(self, dataset: Dataset, unit: str, work: Callable[[Any], Stats]) -> None:
        """Runs a verb on a dataset with progress, its last line and its entry in the log."""
        with self.logged(dataset) as counts:
            with self.progress(unit) as progress:
                stats = work(progress)
            counts |= stats.to_json()
            facts = {"dataset": dataset.name, **counts, **stats.facts, "notes": stats.notes}
            self.finish(f"{dataset.name}: {stats}", facts)

    @contextmanager
    def logged(self, place: Dataset) -> Iterator[dict[str, Any]]:
        """Adds a line to the place's log, however the block ends; yields the counts to tell."""
        from facecurate import storage
        from facecurate.workspace import log

        began, code = time.time(), 1
        counts: dict[str, Any] = {}
        try:
            yield counts
            code = 0
        except FacecurateError as error:
            code = error.exit_code
            raise
        except KeyboardInterrupt:
            code = 130
            raise
        except SystemExit as error:
            code = int(error.code or 0)
            raise
        finally:
            if storage.exists(place.url):
                log(place, arguments=self.arguments, began=began, exit_code=code, counts=counts)

    @contextmanager
    def progress(self, unit: str) -> Iterator[Callable[[int, int], None]]:
        """A bar with rate and time left on a terminal, plain lines elsewhere, nothing with -q."""
        if self.quiet:
            yield lambda done, total: None
        elif sys.stderr.isatty():
            with _bar(unit) as update:
                yield update
        else:
            yield _Lines(unit).update


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.1f}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task(unit, total=None)

        def update(done: int, total: int) -> None:
            if done == 0:  # another stage begins
                bar.reset(row)
            bar.update(row, completed=done, total=total)

        yield update


class _Lines:
    """A line now and then, where the output is a file or a log."""

    def __init__(self, unit: str, every: float = 20.0) -> None:
        self._unit, self._every, self._began = unit, every, time.monotonic()
        self._told = self._began

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:  # another stage begins
            self._began = self._told = now
        if now - self._told < self._every:
            return
        self._told = now
        rate = done / (now - self._began)
        left = f", {(total - done) / rate:,.0f} s left" if rate and total else ""
        click.echo(f"{done:,} of {total:,} {self._unit}, {rate:,.1f}/s{left}", err=True)


# -- options -----------------------------------------------------------------------------------


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None and value is not False:
            setattr(ctx.ensure_object(State), name, value)

    return callback


def common(function: F) -> F:
    """The options that every command takes, before and after its name; passes ``state``."""

    @functools.wraps(function)
    def with_state(*args: Any, **kwargs: Any) -> Any:
        return function(click.get_current_context().ensure_object(State), *args, **kwargs)

    options = [
        click.option(
            "--workspace",
            metavar="DIR_OR_URL",
            expose_value=False,
            callback=_set("workspace_url"),
            help="Where datasets and runs lie.  [default: $FACECURATE_WORKSPACE, else data]",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, expose_value=False, callback=_set("quiet"),
            help="Say nothing but the last line.",
        ),
        click.option(
            "-v", "--verbose", is_flag=True, expose_value=False, callback=_set("verbose"),
            help="Show where an error comes from.",
        ),
        click.option(
            "--json", is_flag=True, expose_value=False, callback=_set("json"),
            help="Print the last line as one JSON object.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        with_state = option(with_state)
    return with_state  # type: ignore[return-value]


def workers_option(function: F) -> F:
    """``--workers`` of the steps that run in parallel."""
    return click.option(
        "--workers",
        type=click.IntRange(min=0),
        default=None,
        help="Worker processes; 0 works in this process.  [default: one a core]",
    )(function)


def redo_option(function: F) -> F:
    """``--redo`` of the steps that go on where they stopped."""
    return click.option("--redo", is_flag=True, help="Start over; says what it discards.")(function)


def name_argument(function: F) -> F:
    """The dataset's name, which may be left out if there is only one."""
    return click.argument("name", required=False)(function)


def worker_count(workers: int | None) -> int:
    """What ``--workers`` means when it is left out."""
    from facecurate.workers import usual_workers

    return usual_workers() if workers is None else workers
