"""Replies as bytes: the JSON in them, or the failure that they tell in whatever form."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple


class Fail(NamedTuple):
    """What Flickr says of a failure: its own code, if it gives one, and its words."""

    code: int | None
    message: str


def json_in(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or None if it holds none.

    NaN and infinities come as texts, so that whoever needs a number there refuses them.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        reply = json.loads(text, parse_constant=str, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) else None


def _finite(text: str) -> float | str:
    return number if math.isfinite(number := float(text)) else text


SHORT = 4096  # a failure is short; what is longer is a page of results that was cut
_CODE = re.compile(r"""["']?\bcode["']?\s*[:=]\s*["']?(-?[0-9]{1,6})\b""")
_MESSAGE = re.compile(r"""["']?\b(?:message|msg)["']?\s*[:=]\s*"([^"]{0,300})""")
_FAILED = re.compile(r"""\bstat["']?\s*[:=]\s*["']fail\b""")


def failure_in(reply: dict[str, Any] | None, body: bytes) -> Fail | None:
    """The failure that a reply tells: in JSON, in XML, or in JSON that does not parse.

    Such a fragment, with a comma too many and labelled text/xml, was recorded with code 201.
    """
    if reply is not None:
        if reply.get("stat") != "fail":
            return None
        return Fail(_number(reply.get("code")), str(reply.get("message") or ""))
    text = body.decode("utf-8", "replace") if len(body) <= SHORT else ""
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if not _FAILED.search(text) and not (code and message):
        return None
    return Fail(int(code[1]) if code else None, message[1] if message else "")


def _number(code: object) -> int | None:
    if isinstance(code, int):
        return int(code)
    if isinstance(code, str) and re.fullmatch(r"-?[0-9]{1,6}", code):
        return int(code)
    return None
