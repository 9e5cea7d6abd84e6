"""``takedown``: what it would take is listed first, then it asks, then it is gone."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from facecurate.cli.state import State, common
from facecurate.errors import FacecurateError, UsageError
from facecurate.text import counted, printable

if TYPE_CHECKING:
    from facecurate.stats import Stats
    from facecurate.takedown import Found, Request


@click.command(short_help="Take photos, faces and their copies out of the whole workspace.")
@click.option("--photo", "photos", multiple=True, metavar="ID", help="A photo_id.")
@click.option("--owner", "owners", multiple=True, metavar="OWNER",
              help="All photos of one owner, as the source names the account.")  # fmt: skip
@click.option("--url", "urls", multiple=True, metavar="URL", help="Of the picture or its page.")
@click.option("--sha256", multiple=True, metavar="HEX", help="Of the picture's bytes.")
@click.option("--face", "faces", multiple=True, metavar="KEY",
              help="That face alone; its photo stays, and still shows it.")  # fmt: skip
@click.option("--photo-file", "files", multiple=True, metavar="IMAGE",
              help="A picture that somebody holds: what looks the same is found.")  # fmt: skip
@click.option(
    "--reason",
    metavar="TEXT",
    help="person, owner, license, law, minor, or other words, which are not kept.",
)
@click.option("--only", is_flag=True, help="Leave copies of what is named.")
@click.option("--remember-picture", "remember", is_flag=True,
              help="Keep a hash of how it looks, so that re-uploads are refused too.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def takedown(
    state: State, reason: str | None, dry_run: bool, yes: bool, **options: Any
) -> int | None:
    """Take down what somebody asks for, everywhere: it cannot be brought back.

    Finds the named photos in all datasets, and their copies: the same bytes, members of their
    clusters, pictures that look the same. Lists them, asks, and then removes rows, bytes, vectors,
    hashes and every report that shows one; rewrites the shards concerned, whose other samples keep
    their places; and keeps them out of later imports and crawls. Without options it finishes what
    was interrupted. Options repeat; ids, digests and keys also take commas.

    \b
    Example:
      facecurate takedown --photo mine-00d7a3f1c2b4e596 --reason person --dry-run
      facecurate takedown --owner 12345678@N00 --reason owner --yes
      facecurate takedown --photo-file theirs.jpg --remember-picture --reason person
    """
    from facecurate.takedown import Request, find

    request = Request(
        photos=_split(options["photos"]),
        owners=frozenset(options["owners"]),
        urls=frozenset(options["urls"]),
        sha256=frozenset(digest.lower() for digest in _split(options["sha256"])),
        faces=_split(options["faces"]),
        files=tuple(options["files"]),
        only=options["only"],
        remember=options["remember"],
    )
    finished = [] if dry_run else _complete(state)
    if not request:
        return _nothing_named(state, finished)
    if reason is None and not dry_run:
        raise UsageError("--reason is missing: person, owner, license, law, minor or other")
    with state.progress("datasets") as progress:
        found = find(state.workspace.url, request, progress)
    _list(state, found)
    if dry_run:
        state.finish(f"{_count(found)} would be taken down", {"would_go": found.to_json()})
        return None
    _check(state, request, found)
    if len(found) and not yes:
        _ask(found)
    _act(state, request, found, _code(state, reason or "other"))
    return None


def _split(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(
        word for value in values for part in value.split(",") if (word := part.strip())
    )


def _complete(state: State) -> list[Stats]:
    """Take-downs that were interrupted come first."""
    from facecurate.takedown import complete, told

    with state.progress("datasets") as progress:
        finished = [told(done) for done in complete(state.workspace.url, progress)]
    for stats in finished:
        state.say(f"an interrupted take-down was finished: {stats}")
    return finished


def _nothing_named(state: State, finished: list[Stats]) -> int | None:
    if not finished:
        raise UsageError(
            "nothing is named: give --photo, --owner, --url, --sha256, --face or --photo-file"
        )
    for stats in finished:
        state.finish(str(stats), {**stats.to_json(), **stats.facts})
    return None


def _list(state: State, found: Found) -> None:
    """The table, a line each; with --json it is in the last line."""
    if state.json or state.quiet:
        return
    wide = max((len(one.dataset) for one in found), default=0)
    long = max((len(one.key) for one in found), default=0)
    for one in found:
        click.echo(printable(f"{one.dataset:<{wide}}  {one.key:<{long}}  {one}", 400))
    for one in found.faces.values():
        photo = one.key.rpartition("_")[0]
        click.echo(printable(f"the photo still shows that face: --photo {photo} takes it too", 400))


def _check(state: State, request: Request, found: Found) -> None:
    from facecurate.takedown import is_buried

    if found.missing and not is_buried(state.workspace.url, found.missing):
        names = ", ".join(found.missing[:5])
        raise FacecurateError(
            f"{printable(names)} is in no dataset of {state.workspace.url}: nothing was taken down"
        )


def _ask(found: Found) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{_count(found)} would be taken down for good: add --yes, or --dry-run")
    click.confirm(f"Take down {_count(found)} for good?", abort=True, err=True)


def _count(found: Found) -> str:
    faces = f" and {counted(len(found.faces), 'single face')}" if found.faces else ""
    return counted(len(found.photos), "photo") + faces


def _code(state: State, reason: str) -> str:
    """Words of the user's are kept nowhere: they may name somebody, and tombstones stay."""
    from facecurate.stones import REASONS

    if reason in REASONS:
        return reason
    state.say("the words of --reason are not kept: 'other' stands in the tombstones")
    return "other"


def _act(state: State, request: Request, found: Found, reason: str) -> None:
    """The logs of the datasets tell of it without naming anything."""
    from facecurate import workspace as places
    from facecurate.takedown import takedown

    began = time.time()
    with state.progress("datasets") as progress:
        stats = takedown(
            state.workspace.url, request, found, reason=reason, now=began, progress=progress
        )
    for name in sorted({one.dataset for one in found}):
        places.log(
            state.workspace.dataset(name),
            arguments=["takedown", "***"],
            began=began,
            exit_code=0,
            counts=stats.to_json(),
        )
    facts = {**stats.to_json(), **stats.facts, "taken_down": found.to_json(), "notes": stats.notes}
    state.finish(str(stats), facts)


COMMANDS = [takedown]
