"""One search of Flickr: what is asked, what comes back, and the other ways in which it may end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from facecurate.errors import StoppedError
from facecurate.flickr.rows import EXTRAS
from facecurate.text import printable

ASCENDING = "date-posted-asc"
DESCENDING = "date-posted-desc"
SORTS = (
    ASCENDING, DESCENDING, "date-taken-asc", "date-taken-desc",
    "interestingness-asc", "interestingness-desc", "relevance",
)  # fmt: skip


_OWNER = re.compile(r"[0-9]{1,20}@N[0-9]{2}")
_LARGEST = 2**40  # of dates and totals: far more than there is, and small enough for a database
_MOST_ROWS = 5000  # in one page: ten times what is ever asked for


@dataclass(frozen=True, slots=True)
class Term:
    """What photos must match: words anywhere in their texts, or any of some tags."""

    text: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.text.strip()) == bool(self.tags):
            raise ValueError("a term is either words or tags")

    def __str__(self) -> str:
        return json.dumps({"tags": self.tags} if self.tags else {"text": self.text})

    @classmethod
    def read(cls, written: str) -> Term:
        """The term that ``str`` wrote."""
        found = json.loads(written)
        return cls(found.get("text", ""), tuple(found.get("tags", ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One page of one search; ``since`` <= upload < ``until``, seconds since 1970, UTC."""

    term: Term
    since: int
    until: int
    licences: tuple[int, ...]
    sort: str = ASCENDING
    page: int = 1
    per_page: int = 500

    def params(self) -> dict[str, str | int]:
        """The arguments of ``flickr.photos.search``, whose bounds are both inclusive."""
        tags = {"tags": ",".join(self.term.tags), "tag_mode": "any"}
        words: dict[str, str] = tags if self.term.tags else {"text": self.term.text}
        return {
            **words,
            "license": ",".join(map(str, self.licences)),
            "min_upload_date": self.since,
            "max_upload_date": self.until - 1,
            "sort": self.sort,
            "content_types": 0,
            "media": "photos",
            "safe_search": 1,
            "per_page": self.per_page,
            "page": self.page,
            "extras": EXTRAS,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One photo of a page: what enumeration needs, and all that Flickr said (``raw``)."""

    photo_id: int
    owner: str
    uploaded: int
    updated: int
    license_id: int  # -1 where the row names none
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of answers in the order they came; ``total`` is what Flickr says matches."""

    total: int
    rows: tuple[Row, ...]
    malformed: int = 0  # photos that had no usable id, owner, date or licence
    too_deep: bool = False  # refused: the query has no page of that number (code 20)


Search = Callable[[Query], Page]


class Retry(Exception):
    """The same page may be asked again after ``wait`` seconds."""

    def __init__(self, wait: float, kind: str = "", status: int = 0, code: int = 0) -> None:
        super().__init__(f"ask again in {wait:g} s ({kind or 'no reason given'})")
        self.wait, self.kind, self.status, self.code = wait, kind, status, code


class TooDeep(Exception):
    """The page's number is beyond what the query gives (code 20)."""


class StopCrawl(StoppedError):
    """The crawl cannot go on now; what is done is kept."""


class BadReply(ValueError):
    """An answer to a search that has no list of photos."""


def page_of(reply: Mapping[str, Any]) -> Page:
    """The page in an answer of ``flickr.photos.search``; numbers may be strings, as they once were.

    Raises BadReply where the answer is not one; single photos that cannot be read are counted.
    """
    try:
        photos = reply["photos"]
        total, found = int(photos["total"] or 0), photos["photo"]
        if len(found) > _MOST_ROWS or total >= _LARGEST:
            raise ValueError("more photos than there can be")
        rows = [row for raw in found if (row := _row(raw)) is not None]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadReply(f"no list of photos in the answer: {printable(error, 80)}") from None
    return Page(max(0, total), tuple(rows), len(found) - len(rows))


def _row(raw: Any) -> Row | None:
    try:
        number, owner = int(raw["id"]), str(raw["owner"])
        uploaded, updated = int(raw["dateupload"]), int(raw.get("lastupdate") or 0)
        license_id = int(raw.get("license", -1))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    usable = (
        0 < number < 2**63
        and _OWNER.fullmatch(owner)
        and 0 <= uploaded < _LARGEST
        and 0 <= updated < _LARGEST
        and -1 <= license_id <= 999
    )
    return Row(number, owner, uploaded, updated, license_id, raw) if usable else None
