"""Photos as the replies show them: the rows of a search."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import hashing, sizes, words
from .sizes import Size
from .timeline import Now
from .world import BOTH, DESCRIPTION, TAGS, TITLE, World

Row = dict[str, Any]
Places = NDArray[np.int64]
_CLEAN = [words.clean(word) for word in words.WORDS]


@dataclass(frozen=True, slots=True)
class Shown:
    """The photos of one reply: their places in the world's columns and the world's state."""

    world: World
    places: Places
    now: Now
    clock: float
    base: str  # of the addresses of pictures
    modern: bool
    kept: dict[int, list[str]] = field(default_factory=dict)

    @property
    def ids(self) -> NDArray[np.int64]:
        """(n,) the ids."""
        return np.asarray(self.world.ids[self.places])

    @property
    def owners(self) -> list[int]:
        """Places of the owners."""
        return list(self.world.owner[self.places].tolist())

    def secrets(self, kind: int) -> list[str]:
        """The secrets of one kind."""
        world = self.world
        if kind not in self.kept:
            found = hashing.secrets(self.ids, kind, 0, world.seed)
            for place in np.flatnonzero(self.now.version[self.places]).tolist():
                found[place] = world.secret(int(self.places[place]), kind, 1)
            self.kept[kind] = found
        return self.kept[kind]


def _titles(shown: Shown) -> list[str]:
    world, at = shown.world, shown.places
    columns = (world.title_words[at], world.place[at], world.form[at], shown.ids % 10_000)
    return [_title(world.term, *row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def _title(term: str, places: Sequence[int], where: int, form: int, number: int) -> str:
    said = [words.WORDS[place] for place in places if place >= 0]
    if where in (TITLE, BOTH):
        said.insert(0, term)
    return words.FORMS[form].format(" ".join(said), n=number) if said else ""


def _descriptions(shown: Shown) -> list[dict[str, str]]:
    world, at = shown.world, shown.places
    pairs = zip(world.text[at].tolist(), world.place[at].tolist(), strict=True)
    head = f"{world.term}: "
    return [
        {"_content": (head if place == DESCRIPTION else "") + words.DESCRIPTIONS[text]}
        for text, place in pairs
    ]


def _tags(shown: Shown) -> list[str]:
    """Tags as search shows them: lower case, no punctuation, no spaces within one."""
    return [" ".join(dict.fromkeys(cleaned)) for cleaned in tag_lists(shown, _CLEAN, words.clean)]


def tag_lists(
    shown: Shown, vocabulary: Sequence[str], form: Callable[[str], str]
) -> list[list[str]]:
    """The tags of each photo, from a vocabulary in the order of ``words.WORDS``."""
    world, at = shown.world, shown.places
    columns = (world.tag_words[at], world.place[at], world.opt_out[at])
    term, out = form(world.term), ["", form("nocv"), form("no_cv")]
    found = []
    for places, where, no in zip(*(c.tolist() for c in columns), strict=True):
        tags = [vocabulary[place] for place in places if place >= 0]
        if where in (TAGS, BOTH):
            tags.insert(0, term)
        if no:
            tags.append(out[no])
        found.append(tags)
    return found


@lru_cache(4096)
def _day(number: int) -> str:
    return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=number))


def date(seconds: int) -> str:
    """A MySQL datetime of seconds since 1970."""
    day, rest = divmod(seconds, 86_400)
    minute, second = divmod(rest, 60)
    return f"{_day(day)} {minute // 60:02d}:{minute % 60:02d}:{second:02d}"


def _taken(shown: Shown) -> list[str]:
    world, at = shown.world, shown.places
    pairs = zip(world.taken[at].tolist(), world.taken_known[at].tolist(), strict=True)
    return [date(taken) if known else "0000-00-00 00:00:00" for taken, known in pairs]


def _unknown(shown: Shown) -> list[int | str]:
    known = shown.world.taken_known[shown.places].tolist()
    sure: int | str = "0" if shown.modern else 0
    return [sure if one else "1" for one in known]


def updated(shown: Shown) -> list[int]:
    """When something about each photo last changed."""
    line, at = shown.world.timeline, shown.places
    latest = shown.world.updated[at]
    for column in (line.relicensed[at], line.resecret[at], line.public[at]):
        latest = np.where(column <= shown.clock, np.maximum(latest, column), latest)
    return list(latest.tolist())


def _texts(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]


def _licences(shown: Shown) -> list[Any]:
    numbers = shown.now.licence[shown.places].tolist()
    return _texts(numbers) if shown.modern else list(numbers)


Columns = dict[str, list[Any]]
# What each extra adds to every row, in the order of the service.
EXTRAS: dict[str, Callable[[Shown], Columns]] = {
    "license": lambda s: {"license": _licences(s)},
    "description": lambda s: {"description": _descriptions(s)},
    "date_upload": lambda s: {"dateupload": _texts(s.world.uploaded[s.places].tolist())},
    "last_update": lambda s: {"lastupdate": _texts(updated(s))},
    "date_taken": lambda s: {
        "datetaken": _taken(s),
        "datetakengranularity": ["0" if place % 3 else 0 for place in s.places.tolist()],
        "datetakenunknown": _unknown(s),
    },
    "owner_name": lambda s: {"ownername": [s.world.names[owner] for owner in s.owners]},
    "icon_server": lambda s: {"iconserver": ["0"] * len(s.places), "iconfarm": [0] * len(s.places)},
    "tags": lambda s: {"tags": _tags(s)},
    "machine_tags": lambda s: {"machine_tags": [""] * len(s.places)},
    "views": lambda s: {"views": _texts(s.world.views[s.places].tolist())},
    "count_views": lambda s: {"views": _texts(s.world.views[s.places].tolist())},
    "media": lambda s: {
        "media": ["video" if one else "photo" for one in s.world.video[s.places].tolist()],
        "media_status": ["ready"] * len(s.places),
    },
    "safety_level": lambda s: {"safety_level": _texts(s.world.safety[s.places].tolist())},
    "content_type": lambda s: {"content_type": _texts(s.world.content[s.places].tolist())},
    "realname": lambda s: {"realname": [""] * len(s.places)},
    "geo": lambda s: {
        name: [0] * len(s.places) for name in ("latitude", "longitude", "accuracy", "context")
    },
    "path_alias": lambda s: {"pathalias": [s.world.aliases[owner] for owner in s.owners]},
}


def rows(shown: Shown, extras: Iterable[str]) -> list[Row]:
    """The photos with exactly the ``extras`` that were asked; keys of absent sizes are absent."""
    world, at, count = shown.world, shown.places, len(shown.places)
    asked = frozenset(extras)
    columns: Columns = {
        "id": _texts(shown.ids.tolist()),
        "owner": [world.nsids[owner] for owner in shown.owners],
        "secret": shown.secrets(sizes.COMMON),
        "server": _texts(world.server[at].tolist()),
        "farm": world.farm[at].tolist(),
        "title": _titles(shown),
        "ispublic": [1] * count,
        "isfriend": [0] * count,
        "isfamily": [0] * count,
    }
    for name, extra in EXTRAS.items():
        if name in asked:
            columns |= extra(shown)
    names = tuple(columns)
    found = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    add_sizes(found, shown, asked)
    return found


def offered(shown: Shown, size: Size) -> list[bool]:
    """Whether a size of each photo exists and everybody may have it."""
    world, at = shown.world, shown.places
    edge = world.edge[at]
    permitted = (shown.now.licence[at] > 0) | world.owner_pro[world.owner[at]]
    if size.secret == sizes.ORIGINAL:
        there = world.original[at] & (permitted | (edge <= 1024))
    else:
        there = (size.edge <= edge) & ((size.edge <= world.limit[at]) | (size.edge <= 640))
        there &= permitted | (size.edge <= 1024)
    return list(there.tolist())


def pixels(shown: Shown, size: Size) -> list[tuple[int, int]]:
    """Width and height of a size of each photo."""
    world, at = shown.world, shown.places
    pairs = zip(world.shape[at].tolist(), world.edge[at].tolist(), strict=True)
    return [sizes.pixels(shape, size.edge or edge, size.square) for shape, edge in pairs]


def extensions(shown: Shown, size: Size) -> list[str]:
    """Only originals may be something else than a JPEG."""
    if size.secret != sizes.ORIGINAL:
        return ["jpg"] * len(shown.places)
    return ["png" if one else "jpg" for one in shown.world.png[shown.places].tolist()]


def addresses(shown: Shown, size: Size) -> list[str]:
    """Where a size of each photo lies on the image host."""
    base, end = shown.base, f"_{size.suffix}" if size.suffix else ""
    servers = shown.world.server[shown.places].tolist()
    parts = (servers, shown.ids.tolist(), shown.secrets(size.secret), extensions(shown, size))
    return [
        f"{base}/{server}/{number}_{secret}{end}.{kind}"
        for server, number, secret, kind in zip(*parts, strict=True)
    ]


def add_sizes(found: list[Row], shown: Shown, asked: frozenset[str]) -> None:
    """Adds the keys of the sizes that were asked for and exist."""
    original = sizes.BY_NAME["o"]
    if asked & {"o_dims", "original_format"}:
        secrets, kinds = shown.secrets(sizes.ORIGINAL), extensions(shown, original)
        there, edges = offered(shown, original), pixels(shown, original)
        for row, has, (width, height), *named in zip(
            found, there, edges, secrets, kinds, strict=True
        ):
            if has and "o_dims" in asked:
                row |= {"o_width": str(width), "o_height": str(height)}
            if has and "original_format" in asked:
                row["originalsecret"], row["originalformat"] = named
    for size in sizes.SIZES:
        if f"url_{size.name}" in asked:
            _add_size(found, shown, size)


def _add_size(found: list[Row], shown: Shown, size: Size) -> None:
    """Numbers of the old kind were strings for the longest edge, else whole numbers."""
    url, high, wide = (f"{part}_{size.name}" for part in ("url", "height", "width"))
    columns = (found, offered(shown, size), pixels(shown, size), addresses(shown, size))
    for row, has, (width, height), address in zip(*columns, strict=True):
        if has:
            row[url] = address
            row[high] = height if shown.modern or height < size.edge else str(height)
            row[wide] = width if shown.modern or width < size.edge else str(width)
