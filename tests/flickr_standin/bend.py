"""What each kind of fault does to a reply on the wire."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from email.utils import formatdate
from functools import cache
from typing import Any

from . import codes, pictures, static
from .changes import BEFORE, DATA, Asked
from .faults import Fault
from .rate import TOO_MANY
from .wire import Reply

HTML = "text/html; charset=utf-8"
FRAGMENT = '{{"stat":"fail","code":{code},"message":"{message}",}}'
HUGE = 200 * 1024 * 1024


def page_of(status: int) -> Reply:
    """An error page of a proxy."""
    text = f"<html><body><h1>{status}</h1>\nThe service is not available.\n</body></html>\n"
    return Reply(status, {"Content-Type": HTML}, text.encode(), framing="length")


def too_many(retry_after: str | None) -> Reply:
    """HTTP 429 with the body that was recorded."""
    headers: dict[str, str | list[str]] = {"Content-Type": HTML}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return Reply(429, headers, TOO_MANY, framing="length")


def _too_many(reply: Reply, asked: Asked, value: Any) -> Reply:
    """``value``: seconds, any text, or "date+N" for an HTTP date N seconds from now."""
    if isinstance(value, str) and value.startswith("date"):
        value = formatdate(asked.wall() + float(value[4:] or 0), usegmt=True)
    return too_many(None if value is None else str(value))


def _with_body(reply: Reply, body: bytes, kind: str | None = None, **more: Any) -> Reply:
    """The same headers, but the length that they tell, about another body."""
    headers: dict[str, str | list[str]] = {
        name: value
        for name, value in reply.headers.items()
        if name.lower() not in ("x-ttdb-l", "imagewidth", "imageheight", "content-encoding")
    }
    if kind is not None:
        headers["Content-Type"] = kind
    return Reply(reply.status, headers, body, framing=reply.framing, **more)


def _cut(framing: str) -> Callable[[Reply, Asked, Any], Reply]:
    def bend(reply: Reply, asked: Asked, value: Any) -> Reply:
        reply.framing = framing
        if framing == "close":
            reply.headers.pop("x-ttdb-l", None)  # nothing but the bytes tells that some lack
        share = float(value if value is not None else 0.5)
        reply.cut = int(reply.size * share)
        return reply

    return bend


def _half_json(reply: Reply, asked: Asked, value: Any) -> Reply:
    return _with_body(reply, reply.body[: len(reply.body) // 2])


def _fragment(reply: Reply, asked: Asked, value: Any) -> Reply:
    code = int(value if value is not None else 201)
    text = FRAGMENT.format(code=code, message=codes.MESSAGES[code])
    return _with_body(reply, text.encode(), "text/xml; charset=utf-8")


def _redirect(target: str) -> Callable[[Reply, Asked, Any], Reply]:
    def bend(reply: Reply, asked: Asked, value: Any) -> Reply:
        place = str(value or target).format(base=asked.service.base, path=asked.path)
        return Reply(302, {"Location": place, "Content-Type": HTML}, framing="length")

    return bend


@cache
def bomb() -> bytes:
    """About 1 MiB of gzip that unpacks to a GiB of zeros."""
    return gzip.compress(bytes(1 << 26), 9) * 16


def _bomb(reply: Reply, asked: Asked, value: Any) -> Reply:
    bent = _with_body(reply, bomb())
    bent.headers["Content-Encoding"] = "gzip"
    return bent


def _huge(reply: Reply, asked: Asked, value: Any) -> Reply:
    """An image that goes on and on: ``value`` bytes (200 MB) of it."""
    piece = 1 << 20
    bent = _with_body(reply, b"\0" * piece, repeat=-(-int(value or HUGE) // piece))
    bent.head = reply.head
    return bent


def _robots(reply: Reply, asked: Asked, value: Any) -> Reply:
    reply.headers["X-Robots-Tag"] = str(value or "noai")
    return reply


def _type(reply: Reply, asked: Asked, value: Any) -> Reply:
    reply.headers["Content-Type"] = str(value or "text/html")
    return reply


def _exif(reply: Reply, asked: Asked, value: Any) -> Reply:
    if reply.head:
        reply.head = pictures.with_exif(reply.head)
        reply.headers["x-ttdb-l"] = str(reply.size)
    return reply


def _same(reply: Reply, asked: Asked, value: Any) -> Reply:
    """The same bytes for every photo of a size: one picture without a comment."""
    return _with_body(reply, pictures.jpeg(0, 0, 1024), "image/jpeg")


def _setting(name: str, otherwise: Any) -> Callable[[Reply, Asked, Any], Reply]:
    def bend(reply: Reply, asked: Asked, value: Any) -> Reply:
        setattr(reply, name, otherwise if value is None else type(otherwise)(value))
        return reply

    return bend


def _oauth(reply: Reply, asked: Asked, value: Any) -> Reply:
    text = "oauth_problem=signature_invalid&debug_sbs=POST&"
    return Reply(401, {"Content-Type": "text/plain"}, text.encode(), framing="length")


REPLY: dict[str, Callable[[Reply, Asked, Any], Reply]] = {
    "429": _too_many,
    "404": lambda reply, asked, value: static.absent(404),
    "410": lambda reply, asked, value: static.absent(410),
    "reset": _setting("reset", True),
    "hang": _setting("hold", 3600.0),
    "latency": _setting("hold", 0.5),
    "drip": _setting("drip", 0.4),
    "truncated": _cut("length"),
    "truncated_chunked": _cut("chunked"),
    "truncated_close": _cut("close"),
    "truncated_json": _half_json,
    "fragment": _fragment,
    "html_image": lambda reply, asked, value: _with_body(reply, b"<html><p>Sorry</p></html>\n"),
    "wrong_type": _type,
    "png": lambda reply, asked, value: _with_body(reply, pictures.placeholder()),
    "gif": lambda reply, asked, value: _with_body(reply, pictures.gif()),
    "zero": lambda reply, asked, value: _with_body(reply, b""),
    "placeholder": _redirect("{base}" + static.PLACEHOLDER_PATH),
    "loop": _redirect("{base}{path}"),
    "foreign": _redirect("https://www.example.org{path}"),
    "private": _redirect("http://169.254.169.254/latest/"),
    "file": _redirect("file:///etc/hostname"),
    "robots": _robots,
    "gzip_bomb": _bomb,
    "huge": _huge,
    "exif": _exif,
    "same_bytes": _same,
    "oauth": _oauth,
}
KINDS = ("code", *BEFORE, *DATA, *REPLY, "any HTTP status from 400 to 599")


def check(fault: Fault) -> None:
    """ValueError for a kind that nothing here does."""
    status = fault.kind.isdecimal() and 400 <= int(fault.kind) < 600
    if fault.kind not in KINDS and not status:
        raise ValueError(f"no fault '{fault.kind}': {', '.join(KINDS)}")


def before(faults: list[Fault], asked: Asked) -> None:
    """Changes the world or the question; Refusal for the kind "code"."""
    for fault in faults:
        if fault.kind in BEFORE:
            BEFORE[fault.kind](asked, fault.value)
    for fault in faults:
        if fault.kind == "code":
            _refuse(fault.value)


def _refuse(value: Any) -> None:
    """``value``: a code, or a code and its message."""
    code, message = value if isinstance(value, tuple | list) else (value, None)
    raise codes.Refusal(int(code), message)


def data(faults: list[Fault], tree: dict[str, Any], asked: Asked) -> None:
    """Changes the rows."""
    for fault in faults:
        if fault.kind in DATA:
            DATA[fault.kind](tree, asked, fault.value)


def reply(faults: list[Fault], answer: Reply, asked: Asked) -> Reply:
    """Changes the reply."""
    for fault in faults:
        if fault.kind in REPLY:
            answer = REPLY[fault.kind](answer, asked, fault.value)
        elif fault.kind.isdecimal():
            answer = page_of(int(fault.kind))
    return answer
