"""What a search asks for, read from its parameters."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from . import codes, words
from .codes import Refusal

FOREVER = 1 << 40
_LIMITING = (
    "text", "tags", "user_id", "license", "min_upload_date", "max_upload_date", "min_taken_date",
    "max_taken_date", "group_id", "bbox", "lat", "lon", "woe_id", "place_id", "machine_tags",
    "is_commons", "in_gallery", "is_getty", "has_geo", "contacts",
)  # fmt: skip
_GEO = ("bbox", "lat", "lon", "woe_id", "place_id")
_OLD_CONTENT = {1: "0", 2: "1", 3: "2", 4: "01", 5: "12", 6: "02", 7: "0123"}
SORTS = frozenset(
    f"{name}-{way}"
    for name in ("date-posted", "date-taken", "interestingness")
    for way in ("asc", "desc")
) | {"relevance"}
MAX_ORS = 20


@dataclass(frozen=True, slots=True)
class Query:
    """One search without its page. Times are seconds since 1970, both ends included."""

    text: tuple[tuple[str, ...], ...] = ()  # any of these groups, each with all its words
    without: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    all_tags: bool = False
    licences: tuple[int, ...] | None = None
    low: int = 0
    high: int = FOREVER
    taken_low: int = -FOREVER
    taken_high: int = FOREVER
    sort: str = "date-posted-desc"
    content: tuple[int, ...] | None = None
    media: str = "all"
    user: str | None = None
    nothing: bool = False  # parameters that exclude each other
    geo: bool = False


def moment(text: str, otherwise: int) -> int:
    """Seconds since 1970 of a unix time or a MySQL datetime; ``otherwise`` if it is neither."""
    text = text.strip()
    if re.fullmatch(r"-?\d{1,15}(\.\d+)?", text):
        return int(float(text))
    try:
        return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp())
    except ValueError:
        return otherwise


def read(params: Mapping[str, str]) -> Query:
    """The search that the parameters mean; raises Refusal as the service would."""
    if not any(params.get(name, "").strip() for name in _LIMITING):
        raise Refusal(codes.NO_PARAMETERS)
    query = _dated(_worded(Query(), params), params)
    sort = params.get("sort", "").lower()
    licences = [int(part) for part in re.findall(r"\d+", params.get("license", ""))]
    geo = any(params.get(name) for name in _GEO)
    query = replace(
        _kinds(query, params),
        sort=sort if sort in SORTS else "date-posted-desc",
        licences=tuple(sorted(set(licences))) if licences else None,
        user=params.get("user_id") or None,
        geo=geo,
    )
    if query.low > query.high or query.taken_low > query.taken_high:
        raise Refusal(codes.ILLOGICAL)
    return query


def _worded(query: Query, params: Mapping[str, str]) -> Query:
    groups = re.split(r"\s+OR\s+", params.get("text", "").strip())
    if len(groups) > MAX_ORS:
        raise Refusal(codes.TOO_MANY_ORS)
    without, wanted = [], []
    for group in groups:
        parts = group.split()
        without += [token for part in parts if part[0] == "-" for token in words.tokens(part)]
        wanted.append(
            tuple(token for part in parts if part[0] != "-" for token in words.tokens(part))
        )
    tags = [part.strip() for part in params.get("tags", "").split(",") if part.strip()]
    all_tags = params.get("tag_mode", "any") in ("all", "AND", "and")
    if all_tags and len(tags) > 20:
        raise Refusal(codes.TOO_MANY_TAGS)
    return replace(
        query,
        text=tuple(group for group in wanted if group),
        without=tuple(without),
        tags=tuple(words.clean(tag) for tag in tags if tag[0] != "-"),
        without_tags=tuple(words.clean(tag) for tag in tags if tag[0] == "-"),
        all_tags=all_tags,
    )


def _dated(query: Query, params: Mapping[str, str]) -> Query:
    return replace(
        query,
        low=moment(params.get("min_upload_date", ""), 0),
        high=moment(params.get("max_upload_date", ""), FOREVER),
        taken_low=moment(params.get("min_taken_date", ""), -FOREVER),
        taken_high=moment(params.get("max_taken_date", ""), FOREVER),
    )


def _kinds(query: Query, params: Mapping[str, str]) -> Query:
    """The new parameter counts from 0, the old one from 1."""
    media = params.get("media", "all")
    listed = re.findall(r"\d+", params.get("content_types", ""))
    if listed:
        content: tuple[int, ...] | None = tuple(sorted({int(part) for part in listed}))
    else:
        old = params.get("content_type", "")
        known = _OLD_CONTENT.get(int(old)) if old.isdecimal() else None
        content = tuple(int(digit) for digit in known) if known else None
    only_video = bool(params.get("video_content_types")) and not listed and media == "photos"
    return replace(query, media=media, content=content, nothing=only_video)


def pages(params: Mapping[str, str], geo: bool) -> tuple[int, int]:
    """The page (1-based) and the rows of a page that are answered, whatever was asked."""
    rows, page = (_whole(params.get(name, "")) for name in ("per_page", "page"))
    return max(1, page), min(rows or 100, 250 if geo else 500)


def _whole(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 12 else 0
