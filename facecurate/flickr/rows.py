"""One photo of a reply to ``flickr.photos.search``, in whatever types the service sends it.

Numbers have come as numbers and as strings, titles and descriptions as strings and as
``{"_content": ...}``, and a size that a photo does not have is simply absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from facecurate.errors import FacecurateError
from facecurate.text import printable, storable

EXTRAS = (
    "license,owner_name,path_alias,date_upload,last_update,date_taken,description,tags,"
    "machine_tags,o_dims,original_format,media,content_type,safety_level,url_c,url_l,url_z,url_m"
)  # no geo: it is not needed and tells more about people than a dataset should know

# From the largest to the smallest; the pixels of the longer side where they are fixed.
SIZES = {
    "o": None, "6k": 6144, "5k": 5120, "4k": 4096, "3k": 3072, "k": 2048, "h": 1600, "l": 1024,
    "c": 800, "z": 640, "m": 500, "w": 400, "n": 320, "s": 240, "t": 100, "q": 150, "sq": 75,
}  # fmt: skip
_URL_FIELDS = {name: f"url_{name}" for name in SIZES}
SMALLEST = "m"  # nothing below is ever fetched: its faces are too small

_PHOTO_ID = re.compile(r"[0-9]{1,20}")
_OWNER = re.compile(r"[0-9]{1,20}@N[0-9]{2}")
_WHOLE = re.compile(r"\s*-?[0-9]{1,18}\s*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_URL = re.compile(r"https?://[!-~]{1,1000}")
_LARGEST_SIDE = 1 << 20


class RowError(FacecurateError):
    """A row that lacks what is needed or has it in no known form; the message names the field."""


class Size(NamedTuple):
    """Where one size of a photo lies; pixels, or None where the reply does not say."""

    url: str
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class SearchRow:
    """One photo as search shows it."""

    photo_id: str  # Flickr's: digits
    owner: str  # NSID, like 12345678@N00
    owner_name: str | None
    path_alias: str | None
    title: str
    description: str  # HTML, as the owner wrote it
    license_id: int
    uploaded: int  # seconds since 1970
    updated: int | None
    taken: str | None  # YYYY-MM-DD HH:MM:SS of the camera, without a time zone
    tags: tuple[str, ...]  # as search shows them: lower case, without punctuation
    machine_tags: tuple[str, ...]  # namespace:predicate=value
    media: str | None  # photo, video
    content_type: int | None  # 0 photo, 1 screenshot, 2 other, 3 virtual
    urls: dict[str, Size] = field(hash=False)  # by the names of SIZES
    secret: str
    server: str
    public: bool = True
    safety_level: int | None = None  # 0 safe, 1 moderate, 2 restricted

    @property
    def pool_id(self) -> str:
        """The ``photo_id`` of the dataset: the same photo has it in every crawl."""
        return f"flickr-{self.photo_id}"


def parse(photo: Mapping[str, Any]) -> SearchRow:
    """One row of a reply. Raises RowError, naming the field."""
    if not isinstance(photo, Mapping):
        raise RowError("a row is no object")
    return SearchRow(
        photo_id=_matching(photo, "id", _PHOTO_ID),
        owner=_matching(photo, "owner", _OWNER),
        owner_name=_text(photo, "ownername") or None,
        path_alias=_text(photo, "pathalias") or None,
        title=_text(photo, "title"),
        description=_text(photo, "description"),
        license_id=_needed(photo, "license"),
        uploaded=_needed(photo, "dateupload"),
        updated=_whole(photo, "lastupdate"),
        taken=_taken(photo),
        tags=tuple(_text(photo, "tags").split()),
        machine_tags=tuple(_text(photo, "machine_tags").split()),
        media=_text(photo, "media") or None,
        content_type=_whole(photo, "content_type"),
        urls=_urls(photo),
        secret=_text(photo, "secret"),
        server=_text(photo, "server"),
        public=_whole(photo, "ispublic") != 0,
        safety_level=_whole(photo, "safety_level"),
    )


def _matching(photo: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = photo.get(name)
    text = str(value) if isinstance(value, str | int) else ""
    if not form.fullmatch(text):
        raise RowError(f"a row's {name} is {printable(repr(value), 60)}")
    return text


def _text(photo: Mapping[str, Any], name: str) -> str:
    text = photo.get(name)
    if isinstance(text, dict):
        text = text.get("_content")
    if text is None:
        return ""
    if isinstance(text, int | float):
        text = str(text)
    if not isinstance(text, str):
        raise RowError(f"a row's {name} is {printable(repr(text), 60)}")
    return text if text.isascii() and "\0" not in text else storable(text).replace("\0", "")


def _needed(photo: Mapping[str, Any], name: str) -> int:
    value = _whole(photo, name)
    if value is None or value < 0:
        raise RowError(f"a row has no {name}")
    return value


def _whole(photo: Mapping[str, Any], name: str) -> int | None:
    """A whole number, whether it came as one or as its digits; None if it is absent or empty."""
    value = photo.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value)):
        return int(value)
    raise RowError(f"a row's {name} is {printable(repr(value), 60)}")


def _taken(photo: Mapping[str, Any]) -> str | None:
    """When the camera says it was; None where that is unknown or no date (0000-00-00)."""
    text = _text(photo, "datetaken")
    if _whole(photo, "datetakenunknown"):  # Flickr then repeats the time of the upload
        return None
    try:
        return str(datetime.fromisoformat(text)) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _urls(photo: Mapping[str, Any]) -> dict[str, Size]:
    found = {}
    for name, field_name in _URL_FIELDS.items():
        url = photo.get(field_name)
        if isinstance(url, str) and _URL.fullmatch(url):
            found[name] = Size(url, _side(photo, f"width_{name}"), _side(photo, f"height_{name}"))
    return found


def _side(photo: Mapping[str, Any], name: str) -> int | None:
    try:
        pixels = _whole(photo, name)
    except RowError:
        return None
    return pixels if pixels is not None and 0 < pixels < _LARGEST_SIDE else None


def pick_size(row: SearchRow, wanted: str) -> Size | None:
    """The size asked for, else the next smaller one that exists; None if there is none.

    ``wanted`` is a key of SIZES of 500 pixels or more: ``l`` falls back to ``c``, ``z``, ``m``.
    """
    names = list(SIZES)
    for name in names[names.index(wanted) : names.index(SMALLEST) + 1]:
        if name in row.urls:
            return row.urls[name]
    return None


def page_url(row: SearchRow) -> str:
    """The photo's page; by the owner's id, which unlike the alias never changes."""
    return page_of(row.owner, row.photo_id)


def page_of(owner: str, photo_id: str | int) -> str:
    """The page of a photo by its owner's id and its own."""
    return f"https://www.flickr.com/photos/{owner}/{photo_id}/"


def owner_url(row: SearchRow) -> str:
    """The page of the photo's owner."""
    return f"https://www.flickr.com/people/{row.owner}/"
