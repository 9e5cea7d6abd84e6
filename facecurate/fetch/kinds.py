"""What is asked for, what comes of it, and what each failure means for the one who asked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from facecurate.text import printable


class Kind(StrEnum):
    """What to do about a failure."""

    THROTTLE = (
        "throttle"  # ask again in a later pass; its host is paused already; no try is used up
    )
    TRANSIENT = "transient"  # ask again in a later pass, a few times
    GONE = "gone"  # this address is no longer the photo's: get a new one once, then it is gone
    OPTED_OUT = "opted_out"  # the server says that machines shall not use it: never again
    REJECTED = "rejected"  # it arrived whole and is no image that is stored: final
    REFUSED = "refused"  # an address that is never asked: final


# Reason -> what to do, the reason of ``records.REASONS`` if it stays so, what happened.
REASONS: dict[str, tuple[Kind, str, str]] = {
    "throttled": (Kind.THROTTLE, "unreachable", "the server asks for fewer requests"),
    "forbidden": (Kind.THROTTLE, "unreachable", "refused (403), as image hosts do under load"),
    "host_closed": (Kind.THROTTLE, "unreachable", "its host asked for a longer pause than is made"),
    "server_error": (Kind.TRANSIENT, "unreachable", "the server failed, or answered oddly"),
    "no_answer": (Kind.TRANSIENT, "unreachable", "no answer in time"),
    "too_slow": (Kind.TRANSIENT, "unreachable", "it came too slowly"),
    "connection": (Kind.TRANSIENT, "unreachable", "no connection, or it broke"),
    "certificate": (Kind.TRANSIENT, "unreachable", "the server's certificate cannot be checked"),
    "unknown_host": (Kind.TRANSIENT, "unreachable", "its host's name cannot be resolved"),
    "denied": (Kind.TRANSIENT, "unreachable", "refused for the third time: it alone, then"),
    "redirects": (Kind.TRANSIENT, "unreachable", "too many redirects"),
    "robots_unknown": (Kind.TRANSIENT, "unreachable", "robots.txt cannot be read at the moment"),
    "encoded": (Kind.TRANSIENT, "unsupported", "it came compressed, which nobody asked for"),
    "truncated": (Kind.TRANSIENT, "truncated", "it ends early"),
    "empty": (Kind.TRANSIENT, "empty", "no bytes came"),
    "not_an_image": (Kind.TRANSIENT, "not_an_image", "the bytes are no image"),
    "damaged": (Kind.TRANSIENT, "broken", "not decodable whole; nothing confirms its length"),
    "not_found": (Kind.GONE, "gone", "there is nothing at the address"),
    "placeholder": (Kind.GONE, "placeholder", "a picture that stands for missing ones"),
    "moved_away": (Kind.GONE, "gone", "the address leads to one that is never asked"),
    "wrong_size": (Kind.GONE, "other_size", "the image has another size than announced"),
    "robots_header": (Kind.OPTED_OUT, "noai", "its X-Robots-Tag forbids the use"),
    "robots_txt": (Kind.OPTED_OUT, "robots", "its host's robots.txt forbids the request"),
    "broken": (Kind.REJECTED, "broken", "the image is damaged where it comes from"),
    "unsupported": (Kind.REJECTED, "unsupported", "an image whose format is not stored"),
    "too_many_bytes": (Kind.REJECTED, "too_many_bytes", "more bytes than the limit"),
    "too_many_pixels": (Kind.REJECTED, "too_many_pixels", "more pixels than the limit"),
    "too_small": (Kind.REJECTED, "too_small", "smaller than the smallest side asked for"),
    "address": (Kind.REFUSED, "refused_address", "an address that is never asked"),
}


class Failure(Exception):
    """An image did not come; ``reason`` is one of REASONS and decides the kind."""

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, printable(detail, 200)
        self.status, self.retry_after = status, retry_after

    @property
    def kind(self) -> Kind:
        """What the reason means for the one who asked."""
        return REASONS[self.reason][0]


def final_reason(reason: str) -> str:
    """The reason of ``records.REASONS`` under which a photo is dropped that never came."""
    return REASONS[reason][1]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to fetch. ``width`` and ``height``: pixels as announced, None if nobody says."""

    key: str  # letters, digits, - and _: the file's name where it is stored
    url: str
    width: int | None = None
    height: int | None = None
    tries: int = 0  # that failed before, as the caller knows


@dataclass(frozen=True, slots=True)
class Got:
    """What came of a ``Wanted``: a verified image, or a failure (``kind`` is not None).

    ``width`` and ``height``: pixels after the EXIF turn. ``sha256`` (hexadecimal) and ``bytes`` are
    those of the image as stored, which is ``path`` (a storage url), or ``data`` where no folder was
    given.
    """

    key: str
    url: str  # the last one asked, redirects included
    kind: Kind | None = None
    reason: str | None = None  # of REASONS
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None  # seconds, as the server asked
    path: str | None = None
    data: bytes | None = None
    extension: str = ""
    sha256: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    orientation: int = 1  # EXIF, as stored
    headers: Mapping[str, str] = field(default_factory=dict)


def failed(wanted: Wanted, url: str, failure: Failure) -> Got:
    """The failure as a result."""
    return Got(
        wanted.key,
        url,
        kind=failure.kind,
        reason=failure.reason,
        detail=failure.detail,
        status=failure.status,
        retry_after=failure.retry_after,
    )


def of_status(status: int, seconds: float | None) -> Failure | None:
    """The failure that an HTTP status other than a redirect stands for; None for 200.

    ``seconds``: what Retry-After asks for. 400 and 418 have been seen in outages.
    """
    if status == 200:
        return None
    if status == 429 or (status == 503 and seconds is not None):
        named = "throttled"
    elif status == 403:
        named = "forbidden"
    elif status in (404, 410, 451):
        named = "not_found"
    else:
        named = "server_error"
    return Failure(named, f"status {status}", status=status, retry_after=seconds)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, at least 0; None if it says nothing readable.

    ``now``: seconds since 1970, best the server's own Date, as both are then of one clock.
    RFC 9110, section 10.2.3: a number of seconds, or a date.
    """
    text = (value or "").strip()
    if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{0,9})?", text):
        return max(float(text), 0.0)
    try:
        moment = parsedate_to_datetime(text)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
