"""The verb: what was found is taken out, under the locks of every dataset that it touches."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence

from facecurate import storage
from facecurate.erase import Gone, Order, Outcome, begin, concerned, finish, stones_for, unfinished
from facecurate.erase.burying import Row, bury, picture_row, stone_row
from facecurate.erase.telling import facts, notes
from facecurate.errors import LockedError
from facecurate.stats import Stats
from facecurate.stones import REASONS, stone
from facecurate.takedown import known
from facecurate.takedown.found import Found, Request
from facecurate.text import counted
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones


def takedown(
    workspace: str,
    request: Request,
    found: Found,
    *,
    reason: str = "other",
    now: float,
    progress: Progress = silent,
) -> Stats:
    """Takes out what ``finding.find`` found, for good. Raises LockedError, with nothing changed.

    ``reason``: of ``stones.REASONS``; ``now``: seconds since 1970. What a request names and is not
    here gets its tombstone all the same, but for ids and keys, which may be mistyped.
    """
    assert reason in REASONS, f"{reason} is no reason of a tombstone"
    stones = [*_named_stones(request, found, reason, now)]
    rows = [one.row for one in found.photos.values() if one.row is not None]
    stones += stones_for(rows, reason, now, bytes_too=not request.only)
    stones += [
        stone_row("face", one.key, reason, now, box=list(one.box) if one.box else None)
        for one in found.faces.values()
    ]
    if not len(found):
        return _kept_out(bury(workspace, stones), request, found)
    gone = Gone(
        frozenset(key for _, key in found.photos),
        {key: one.box or () for (_, key), one in found.faces.items()},
    )
    names = _touched(workspace, {one.dataset for one in found} | concerned(workspace, gone))
    with locked(workspace, names) as left:
        order = Order(
            workspace=workspace, datasets=names, gone=gone, stones=stones, reason=reason, now=now
        )
        done = finish(workspace, begin(order), progress)
    return told(done).noted(*left, *_still_written(workspace, names))


def complete(workspace: str, progress: Progress = silent) -> list[Outcome]:
    """Finishes take-downs that were interrupted. Raises LockedError."""
    done = []
    for url, names in unfinished(workspace).items():
        with locked(workspace, names):
            if storage.exists(url):
                done.append(finish(workspace, url, progress))
    return done


def _named_stones(request: Request, found: Found, reason: str, now: float) -> Iterator[Row]:
    for kind, names in (
        ("owner", request.owners),
        ("url", request.urls),
        ("sha256", request.sha256),
    ):
        yield from (stone_row(kind, name, reason, now) for name in sorted(names))
    for picture in found.pictures:
        yield stone_row("sha256", picture.sha256.hex(), reason, now)
    if request.remember:
        looks = [p.hashes.phash256 for p in found.pictures if p.hashes.informative]
        yield from (picture_row(look, reason, now) for look in (*looks, *found.looks.values()))


@contextlib.contextmanager
def locked(workspace: str, names: Iterable[str]) -> Iterator[list[str]]:
    """Holds several datasets, in the order of their names; lines about dead holders."""
    with contextlib.ExitStack() as held:
        places = [Dataset(workspace, name) for name in sorted(names)]
        left = [held.enter_context(place.lock("takedown")) for place in places]
        yield [line for line in left if line]


def _still_written(workspace: str, names: Sequence[str]) -> Iterator[str]:
    """Other datasets whose command read the tombstones before these were there."""
    for name in known.datasets(workspace):
        if name not in names:
            try:
                with Dataset(workspace, name).lock("takedown"):
                    pass
            except LockedError as error:
                yield f"{error}, and then run this again: it may have let them in meanwhile"


def _touched(workspace: str, names: set[str]) -> list[str]:
    """These datasets, and those whose overlaps were found with them."""
    also = []
    for name in known.datasets(workspace):
        place = Dataset(workspace, name)
        if name not in names and place.has("overlaps.json"):
            told_inputs = json.loads(storage.read(place.path("overlaps.json"))).get("inputs", {})
            also += [name] if names & {path.partition("/")[0] for path in told_inputs} else []
    return sorted([*names, *also])


def _kept_out(new: int, request: Request, found: Found) -> Stats:
    asked_for = len(request.owners) + len(request.urls) + len(request.sha256) + len(found.pictures)
    what = "nothing of it is here" if asked_for else "nothing is here"
    note = f"{what}; {counted(new, 'tombstone')} written, so that it stays out" if new else what
    return Stats().noted(note)


def is_buried(workspace: str, keys: Iterable[str]) -> bool:
    """Whether all of these ids and keys were taken down before."""
    stones = tombstones(workspace)
    return all(stone("face" if "_" in key else "photo", key) in stones for key in keys)


def told(done: Outcome) -> Stats:
    """The last line of one take-down."""
    faces = f" and {counted(done.faces, 'single face')}" if done.faces else ""
    first = f"{counted(done.photos, 'photo')}{faces} taken down"
    return Stats().noted(first, *notes(done)).with_facts(**facts(done))
