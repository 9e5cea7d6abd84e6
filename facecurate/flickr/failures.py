"""What each failure of Flickr means, as tables, and how long to wait after it.

Flickr says most of its failures with HTTP 200 and ``{"stat": "fail", "code": ...}``; the codes are
those of its reflection methods and of recorded replies. Codes 0 and 201 ("not currently available")
are in no list: they were seen as the face of throttling. HTTP 400 and 418 were seen in outages.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Literal, Protocol

from facecurate.errors import FacecurateError
from facecurate.flickr.replies import SHORT, Fail, failure_in, json_in
from facecurate.text import printable


class Kind(Enum):
    """What a failure asks of the caller; ``Backoff`` says for how long."""

    THROTTLE = "throttle"  # too many requests: block the whole bucket, then ask again
    TRANSIENT = "transient"  # try this again a few times, later in another pass
    GONE = "gone"  # what was asked for is not there: go on without it
    OWNER_GONE = "owner_gone"  # the account is not there: go on without its photos
    STOP = "stop"  # the key or the right is refused: end the run, never try another key
    BUG = "bug"  # we asked nonsense: end the run
    UNKNOWN = "unknown"  # not in any table: end the run after three in a row


class CallFailure(FacecurateError):
    """A call that gave no reply to work with; ``str`` of it holds no key, secret or body."""

    def __init__(
        self,
        kind: Kind,
        status: int | None,
        code: int | None,
        message: str,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(kind, status, code, message, retry_after)
        self.kind = kind
        self.status = status  # of HTTP; None if there was no answer
        self.code = code  # Flickr's own
        self.message = message
        self.retry_after = retry_after  # seconds
        self.exit_code = 75 if kind in (Kind.THROTTLE, Kind.TRANSIENT) else 1

    def __str__(self) -> str:
        return self.message


_STATUS = {
    400: Kind.TRANSIENT, 401: Kind.STOP, 403: Kind.THROTTLE, 408: Kind.TRANSIENT, 413: Kind.BUG,
    414: Kind.BUG, 418: Kind.TRANSIENT, 425: Kind.TRANSIENT, 429: Kind.THROTTLE,
}  # fmt: skip

# Codes that mean the same in every method.
_COMMON = {
    0: Kind.THROTTLE, 77: Kind.BUG, 95: Kind.STOP, 96: Kind.STOP, 97: Kind.STOP, 98: Kind.STOP,
    99: Kind.STOP, 100: Kind.STOP, 105: Kind.TRANSIENT, 106: Kind.TRANSIENT, 111: Kind.BUG,
    112: Kind.BUG, 114: Kind.BUG, 115: Kind.BUG, 116: Kind.BUG, 201: Kind.THROTTLE,
}  # fmt: skip

# Low codes are each method's own. Page offsets beyond the cap (20) are pages that are not there.
_SEARCH = {
    1: Kind.BUG, 2: Kind.OWNER_GONE, 3: Kind.BUG, 4: Kind.BUG, 5: Kind.OWNER_GONE,
    10: Kind.THROTTLE, 11: Kind.BUG, 12: Kind.BUG, 13: Kind.BUG, 14: Kind.BUG, 15: Kind.BUG,
    16: Kind.BUG, 17: Kind.BUG, 18: Kind.BUG, 19: Kind.BUG, 20: Kind.GONE,
}  # fmt: skip
_METHODS = {
    "flickr.photos.search": _SEARCH,
    "flickr.photos.getInfo": {1: Kind.GONE, 2: Kind.GONE},
    "flickr.photos.getSizes": {1: Kind.GONE, 2: Kind.GONE},
    "flickr.photos.licenses.getLicenseHistory": {1: Kind.GONE, 2: Kind.GONE},
    "flickr.people.getInfo": {1: Kind.OWNER_GONE, 5: Kind.OWNER_GONE},
}

# ``oauth_problem=...`` of bodies with HTTP 401; the rest of such a body holds the key.
_OAUTH = {
    "signature_invalid": "FLICKR_API_SECRET does not belong to FLICKR_API_KEY",
    "consumer_key_unknown": "Flickr does not know FLICKR_API_KEY",
    "consumer_key_rejected": "Flickr refuses FLICKR_API_KEY",
    "timestamp_refused": "Flickr refuses this machine's time: set its clock",
}
_KEY_REFUSED = (
    "check FLICKR_API_KEY (new keys need a Flickr Pro account; an expired one was disabled by "
    "Flickr, and a second key against that is not allowed)"
)


def classify_call(
    status: int | None,
    body: bytes,
    retry_after: str | None = None,
    exception: BaseException | None = None,
    *,
    method: str = "flickr.photos.search",
    now: float | None = None,
) -> CallFailure | dict[str, Any]:
    """The reply of a call, or what its failure means.

    ``retry_after``: the header as it came; ``exception``: why there is no whole answer; ``now``:
    the seconds since 1970 that an HTTP-date is compared with. Messages quote Flickr's own ones but
    never another body, which may hold the key.
    """
    wait = parse_retry_after(retry_after, time.time() if now is None else now)
    if status is None or (exception is not None and status == 200):
        return _of_exception(status, exception, wait)
    reply = json_in(body)
    if status == 200 and reply is not None and reply.get("stat") == "ok":
        return reply
    fail = failure_in(reply, body)
    if status == 200 and fail is None:
        return CallFailure(Kind.TRANSIENT, status, None, "Flickr's reply is cut or no JSON", wait)
    if status == 200 and fail is not None:
        return _of_code(status, fail, method, wait)
    if fail is not None and _kind_of_code(fail.code, method) in (Kind.STOP, Kind.THROTTLE):
        return _of_code(status, fail, method, wait)
    return _of_status(status, body, wait)


def _kind_of_code(code: int | None, method: str) -> Kind:
    if code is None:
        return Kind.UNKNOWN
    return _METHODS.get(method, {}).get(code) or _COMMON.get(code) or Kind.UNKNOWN


def _of_code(status: int, fail: Fail, method: str, wait: float | None) -> CallFailure:
    kind = _kind_of_code(fail.code, method)
    told = printable(fail.message, 150) or "no reason given"
    number = "without a code" if fail.code is None else f"code {fail.code}"
    message = f"Flickr says '{told}' ({number}) to {method}"
    if kind is Kind.STOP:
        message += f": {_KEY_REFUSED}"
    if kind is Kind.UNKNOWN:
        message += ": this is not in the list of its failures"
    return CallFailure(kind, status, fail.code, message, wait)


def _of_status(status: int, body: bytes, wait: float | None) -> CallFailure:
    if status == 401:
        return _of_oauth(body, wait)
    note = ", a redirect, which is not followed" if 300 <= status < 400 else ""
    message = f"Flickr answered HTTP {status}{note}"
    return CallFailure(status_kind(status), status, None, message, wait)


def status_kind(status: int) -> Kind:
    """What an HTTP status of the API other than 200 means."""
    return Kind.TRANSIENT if 500 <= status < 600 else _STATUS.get(status, Kind.UNKNOWN)


def _of_oauth(body: bytes, wait: float | None) -> CallFailure:
    found = re.search(rb"oauth_problem=([a-z_]{1,40})", body[:SHORT])
    problem = found[1].decode() if found else ""
    if problem == "nonce_used":  # drawn at random for each request: the next one is another
        return CallFailure(Kind.TRANSIENT, 401, None, "Flickr answered HTTP 401 (nonce_used)", wait)
    advice = _OAUTH.get(problem, _KEY_REFUSED)
    message = f"Flickr answered HTTP 401 ({problem or 'no reason given'}): {advice}"
    return CallFailure(Kind.STOP, 401, None, message, wait)


_CAUSES = {
    "DeadlineError": "it took too long",
    "TooLargeError": "it is larger than any reply",
    "ConnectTimeout": "no connection in time",
    "ReadTimeout": "no answer in time",
    "SSLError": "its certificate cannot be checked",
    "ProxyError": "the proxy refuses the connection",
    "ConnectionError": "no connection, or it broke",
    "ChunkedEncodingError": "the connection broke",
    "NoneType": "nothing came",
}


def _of_exception(
    status: int | None, exception: BaseException | None, wait: float | None
) -> CallFailure:
    """In words of ours: the text of an error may hold addresses or the key."""
    name = type(exception).__name__
    if isinstance(exception, TypeError | ValueError | AttributeError | KeyError):
        return CallFailure(Kind.BUG, status, None, f"a call to Flickr cannot be made ({name})")
    message = f"Flickr gave no whole answer ({_CAUSES.get(name, name)})"
    return CallFailure(Kind.TRANSIENT, status, None, message, wait)


def classify_image(
    status: int | None,
    *,
    redirected_off: bool = False,
    placeholder: bool = False,
    exception: BaseException | None = None,
) -> Kind | None:
    """What the answer of an image host means; None if the bytes are worth a look.

    ``redirected_off``: a redirect led away from the hosts that are asked; ``placeholder``: the
    bytes are the picture shown for missing ones. GONE asks for one fresh address (getSizes) first:
    the secret in it changes when a photo is replaced.
    """
    if redirected_off or placeholder:
        return Kind.GONE
    if exception is not None or status is None:
        return Kind.TRANSIENT
    if status == 200:
        return None
    if status in (401, 404, 410, 451) or 300 <= status < 400:
        return Kind.GONE
    return status_kind(status)


_LONGEST = 3650 * 86400.0


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header: a number or an HTTP-date; None for anything else.

    RFC 9110, section 10.2.3. Dates that are past give 0; absurd numbers stay absurd, at most ten
    years, so that the caller sees that it shall go away.
    """
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]{1,400}(\.[0-9]{1,20})?", text):
        return min(float(text), _LONGEST)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None
    return min(max(0.0, seconds), _LONGEST)


class Random(Protocol):
    """Anything that draws numbers from 0 to 1, like NumPy's generators."""

    def random(self) -> float:
        """A number from 0 up to but not including 1."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """Do not try this again: ``ends`` says whether for one item or for the whole run."""

    why: str
    ends: Literal["item", "run"]
    exit_code: int = 0  # of the run


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after a failure; seconds.

    Throttling doubles from a minute, with up to a quarter of jitter. Transient failures draw from
    zero to a doubling bound ("full jitter": Brooker, 2015).
    """

    pause_first: float = 60.0
    pause_longest: float = 3600.0
    throttles: int = 6  # in a row: then the run stops
    retry_first: float = 2.0
    retry_longest: float = 120.0
    tries: int = 5  # then the item waits for a later pass
    unknowns: int = 3

    def pause(
        self, kind: Kind, failures_in_a_row: int, retry_after: float | None, rng: Random
    ) -> float | Stop:
        """Seconds to wait before the next try after the n-th failure of a kind, or to stop.

        ``failures_in_a_row`` counts from 1: for THROTTLE and UNKNOWN over the whole bucket, for
        TRANSIENT over one item.
        """
        if kind in (Kind.GONE, Kind.OWNER_GONE):
            return Stop("it is not there", "item")
        if kind in (Kind.STOP, Kind.BUG):
            return Stop("the request is refused for good", "run", 1)
        if retry_after is not None and retry_after > self.pause_longest:
            told = f"the server asks to wait {retry_after / 3600:,.1f} hours"
            return Stop(f"{told}: run the same command again later", "run", 75)
        if kind is Kind.TRANSIENT:
            return self._retry(failures_in_a_row, retry_after or 0.0, rng)
        return self._throttled(kind, failures_in_a_row, retry_after or 0.0, rng)

    def _retry(self, failures: int, least: float, rng: Random) -> float | Stop:
        if failures >= self.tries:
            return Stop(f"{failures} tries failed", "item")
        bound = min(self.retry_longest, self.retry_first * 2.0 ** (failures - 1))
        return max(least, rng.random() * bound)

    def _throttled(self, kind: Kind, failures: int, least: float, rng: Random) -> float | Stop:
        if kind is Kind.UNKNOWN and failures >= self.unknowns:
            return Stop(f"{failures} unknown failures in a row", "run", 1)
        if failures >= self.throttles:
            why = f"the server slowed us down {failures} times in a row"
            return Stop(f"{why}: run the same command again in some hours", "run", 75)
        base = max(least, self.pause_first * 2.0 ** (failures - 1))
        return min(self.pause_longest, base * (1 + rng.random() / 4))
