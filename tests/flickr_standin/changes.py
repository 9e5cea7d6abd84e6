"""Faults that change the world, the question or the rows of an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .methods import Service
from .query import moment

Params = dict[str, str]


@dataclass
class Asked:
    """One request as the faults see it: ``photo`` is the place of the photo it is about."""

    service: Service
    clock: float
    params: Params
    photo: int | None = None
    path: str = ""
    step: Callable[[float], None] = lambda seconds: None
    wall: Callable[[], float] = lambda: 0.0


# Before the answer: the world changes, or another question is answered.


def _secret(asked: Asked, value: Any) -> None:
    if asked.photo is not None:
        asked.service.world.timeline.set(asked.photo, resecret=int(asked.clock))


def _relicense(asked: Asked, value: Any) -> None:
    if asked.photo is not None:
        line = asked.service.world.timeline
        line.set(asked.photo, licence=int(value or 0), relicensed=int(asked.clock))


def _vanish(asked: Asked, value: Any) -> None:
    """``value`` photos (1) of those that a search finds are deleted, the first ones first."""
    line = asked.service.world.timeline
    gone = [asked.photo] if asked.photo is not None else _found(asked)[: int(value or 1)]
    for place in gone:
        line.set(int(place), deleted=int(asked.clock))


def _appear(asked: Asked, value: Any) -> None:
    """The photos that were held back from the start (:func:`hold`) are shown."""
    line = asked.service.world.timeline
    late = (line.public == NOT_YET).nonzero()[0]
    for place in late.tolist():
        line.set(place, public=int(asked.clock))


def _found(asked: Asked) -> Any:
    if asked.params.get("method") != "flickr.photos.search":
        return []
    return asked.service.search.exact(asked.params, asked.clock)


NOT_YET = 1 << 60


def hold(service: Service, value: Any) -> None:
    """Keeps ``value`` photos (10), spread evenly over time, from everybody until "appear"."""
    world, count = service.world, int(value or 10)
    for place in range(world.photos // (2 * count), world.photos, max(1, world.photos // count)):
        world.timeline.set(place, public=NOT_YET)


def _clock(asked: Asked, value: Any) -> None:
    asked.step(float(value or 3600))


def _same_page(asked: Asked, value: Any) -> None:
    page = int(asked.params.get("page", "1") or 1)
    asked.params["page"] = str(max(1, page - 1))


def _other_query(asked: Asked, value: Any) -> None:
    """Rows of a query without this one's dates."""
    for name in ("min_upload_date", "max_upload_date"):
        asked.params.pop(name, None)
    asked.params.setdefault("text", asked.service.world.term)


BEFORE: dict[str, Callable[[Asked, Any], None]] = {
    "secret": _secret,
    "relicense": _relicense,
    "vanish": _vanish,
    "appear": _appear,
    "clock_step": _clock,
    "same_page": _same_page,
    "other_query": _other_query,
}


# The rows of a search.


def _drift(tree: dict[str, Any], asked: Asked, value: Any) -> None:
    """Totals times ``value`` (0.5)."""
    photos = tree.get("photos")
    if photos:
        total = round(int(photos["total"]) * float(value if value is not None else 0.5))
        photos["total"] = type(photos["total"])(total)
        photos["pages"] = -(-total // photos["perpage"])


def _two_windows(tree: dict[str, Any], asked: Asked, value: Any) -> None:
    """``value`` (1) photos from outside the window stand in the place of its last ones."""
    photos, count = tree.get("photos"), int(value or 1)
    if not photos or not photos["photo"]:
        return
    wider = dict(asked.params, sort="date-posted-asc", per_page=str(count), page="1")
    wider["min_upload_date"] = str(_after(asked))
    wider.pop("max_upload_date", None)
    page = asked.service.search.page(wider, asked.clock)
    more = asked.service.reply(page, asked.params.get("extras", ""), asked.clock)
    rows = more["photos"]["photo"][: len(photos["photo"])]
    photos["photo"][len(photos["photo"]) - len(rows) :] = rows


def _after(asked: Asked) -> int:
    return moment(asked.params.get("max_upload_date", ""), asked.service.world.start) + 1


DATA: dict[str, Callable[[dict[str, Any], Asked, Any], None]] = {
    "total_drift": _drift,
    "two_windows": _two_windows,
}
