"""Strings from outside, made safe to show: they are data, never markup and never control codes."""

import re
import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: object, limit: int = 200) -> str:
    """``text`` on one line without control, format or bidirectional characters, cut at ``limit``.

    Each hidden character becomes U+FFFD, so that a reader sees that something was there.
    """
    shown = "".join(
        "�" if unicodedata.category(c) in _HIDDEN else c for c in str(text)[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def counted(count: int, noun: str, plural: str = "") -> str:
    """For example ``1 part`` and ``1,200 parts``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def markdown(text: object, limit: int = 200) -> str:
    """``text`` as a Markdown cell: every character with a meaning is escaped."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~&$:@^=\"'])", r"\\\1", printable(text, limit))


def storable(text: str) -> str:
    """``text`` that UTF-8 can hold: undecodable bytes of a file name are written as escapes."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character that no file name can hold
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")
