"""What is asked about single photos: may they still be had, and where do their bytes lie now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facecurate.crawl.calls import Api, ItemFailed
from facecurate.crawl.sieve import Sieve
from facecurate.flickr import gate
from facecurate.flickr.failures import CallFailure, Kind
from facecurate.flickr.photos import Photo
from facecurate.flickr.rows import SIZES, SMALLEST, Size
from facecurate.stones import stone

# Flickr's labels of getSizes by the names of rows.SIZES.
_LABELS = {
    "o": "Original", "6k": "X-Large 6K", "5k": "X-Large 5K", "4k": "X-Large 4K",
    "3k": "X-Large 3K", "k": "Large 2048", "h": "Large 1600", "l": "Large", "c": "Medium 800",
    "z": "Medium 640", "m": "Medium",
}  # fmt: skip
_GONE = (Kind.GONE, Kind.OWNER_GONE)


class Asker:
    """Calls about one photo each: weeks for a million, so only where a search cannot say."""

    def __init__(self, api: Api, sieve: Sieve) -> None:
        self._api, self._sieve = api, sieve

    def reason_to_leave(self, photo: Photo) -> str | None:
        """Why a photo may not be had (any more), of ``records.REASONS``; None if it may.

        Raises ItemFailed where Flickr cannot say, or says what cannot be read: no verdict.
        """
        if self._sieve.is_buried(photo.photo_id, photo.owner):
            return "tombstoned"
        try:
            reply = self._api.call("flickr.photos.getInfo", photo_id=photo.photo_id)
        except CallFailure as failure:
            if failure.kind in _GONE:
                return "gone"
            raise
        return self._judge(reply, photo)

    def _judge(self, reply: Mapping[str, Any], photo: Photo) -> str | None:
        try:
            info = reply["photo"]
            number, license_id = int(info["id"]), int(info["license"])
            public = int(info.get("visibility", {}).get("ispublic", 1))
            tags = [t for tag in info.get("tags", {}).get("tag", ()) for t in _words(tag, "raw")]
            texts = [t for name in ("title", "description") for t in _words(info.get(name))]
            if number != photo.photo_id or not 0 <= license_id <= 999 or public not in (0, 1):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            told = f"Flickr's answer about photo {photo.photo_id} cannot be read"
            raise ItemFailed(Kind.TRANSIENT, None, None, told) from None
        if not public:
            return "gone"
        if license_id not in self._sieve.licenses:
            return "license"
        opted_out = any(map(gate.is_opt_out, tags)) or any(map(gate.is_opt_out_text, texts))
        return "no_cv" if opted_out else None

    def verdict(self, photo: Photo) -> str | None:
        """Why the gate leaves a known photo alone, without asking anybody; None if it does not."""
        return self._sieve.verdict(photo)

    def is_barred(self, sha256: str) -> bool:
        """Whether a picture with these bytes was taken down from the workspace; hexadecimal."""
        return stone("sha256", sha256) in self._sieve.tombstones

    def size(self, photo_id: int, wanted: str) -> Size | None:
        """The address of a photo's size, or of the next smaller one; None if the photo is gone."""
        try:
            reply = self._api.call("flickr.photos.getSizes", photo_id=photo_id)
        except CallFailure as failure:
            if failure.kind in _GONE:
                return None
            raise
        found = _sizes(reply)
        names = list(SIZES)
        for name in names[names.index(wanted) : names.index(SMALLEST) + 1]:
            if (size := found.get(_LABELS.get(name, ""))) is not None:
                return size
        return None


def _words(found: Any, *more: str) -> Iterator[str]:
    """A text, whether it came as one or as ``{"_content": ...}``, and its further forms."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, Mapping):
        yield from (t for name in ("_content", *more) if isinstance(t := found.get(name), str))


def _sizes(reply: Mapping[str, Any]) -> dict[str, Size]:
    try:
        listed = [(str(s["label"]), str(s["source"]), s) for s in reply["sizes"]["size"]]
        return {
            label: Size(url, int(s["width"]) or None, int(s["height"]) or None)
            for label, url, s in listed
        }
    except (KeyError, TypeError, ValueError):
        return {}
