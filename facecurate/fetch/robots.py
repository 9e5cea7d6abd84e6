"""What servers say about machines: robots.txt (RFC 9309) and the X-Robots-Tag of an image."""

from __future__ import annotations

import re
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from facecurate.fetch.addresses import Target
from facecurate.fetch.kinds import Failure, Kind
from facecurate.fetch.pace import Clock, MachineClock

TOKEN = "facecurate"
FORBIDDING = frozenset({"noai", "noimageai", "noindex", "noimageindex", "noml", "none"})
_WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
_LONGEST, _PARSED = 4 << 20, 500 << 10  # bytes of a robots.txt that are taken, and read
_RETRY = 60.0  # seconds until an unreadable robots.txt is asked for again


def tag_forbids(headers: Iterable[str], token: str = TOKEN) -> str | None:
    """The first directive of X-Robots-Tag headers that forbids the use; None if there is none.

    ``noai, noindex`` speaks to all, ``name: noai, noindex`` to the robot of that name, up to the
    next name in the same header.
    """
    for header in headers:
        robot = "*"
        for part in header.split(","):
            name, colon, rest = part.strip().lower().partition(":")
            if colon and name.strip() not in _WITH_VALUE:
                robot, directive = name.strip(), rest.strip()
            else:
                directive = name.strip()
            if directive in FORBIDDING and robot in ("*", "", token):
                return directive
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The lines of a robots.txt that are for us: (allowed, pattern)."""

    lines: tuple[tuple[bool, str], ...] = ()

    def allow(self, path: str) -> bool:
        """False if the longest pattern that fits the path forbids it; at equal length it may."""
        path = _plain(path)
        fitting = [(len(p), allowed) for allowed, p in self.lines if _fits(p, path)]
        return max(fitting)[1] if fitting else True


def _plain(path: str) -> str:
    """Percent-encoded in one way, so that patterns and paths can be compared."""
    return urllib.parse.quote(urllib.parse.unquote(path), safe="/*$?=&;:@!'()+,~-._")


def _fits(pattern: str, path: str) -> bool:
    """``*`` stands for any characters, ``$`` at the end for the end; linear in the lengths."""
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at, last = len(first), others.pop() if others else None
    for piece in others:
        at = path.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    if not pattern.endswith("$"):
        return last is None or path.find(last, at) >= 0
    return len(path) == at if last is None else path.endswith(last) and len(path) - len(last) >= at


def parse(text: str, token: str = TOKEN) -> Rules:
    """The rules for ``token``: all groups that name it, else those for ``*``."""
    groups: dict[str, list[tuple[bool, str]]] = {}
    names: list[str] = []
    ruled = False
    for line in text.lstrip("\ufeff").splitlines():
        field_, colon, value = line.partition("#")[0].partition(":")
        name, value = field_.strip().lower(), value.strip()
        if name == "user-agent" and colon:
            names, ruled = ([] if ruled else names), False
            names.append(re.split(r"[^a-z_*-]", value.lower())[0])
            groups.setdefault(names[-1], [])
        elif name in ("allow", "disallow"):
            ruled = True
            for robot in names if value else []:
                groups[robot].append((name == "allow", _plain(value)[:2000]))
    return Rules(tuple(groups.get(token, groups.get("*", []))))


Reader = Callable[[str, int], bytes]  # (url, limit) -> body; raises Failure


@dataclass(slots=True)
class _Host:
    lock: threading.Lock = field(default_factory=threading.Lock)
    rules: Rules | None = None
    trouble: Failure | None = None
    again: float = 0.0


@dataclass(slots=True)
class Robots:
    """The robots.txt of every host, fetched once; for any number of threads."""

    token: str = TOKEN
    clock: Clock = field(default_factory=MachineClock)
    _hosts: dict[tuple[str, str, int], _Host] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, target: Target, read: Reader) -> None:
        """Raises Failure if the target must not be asked, or if nobody can say at the moment.

        ``read`` fetches robots.txt the first time. Without one (status 400-499) all is allowed;
        while the server fails nothing is (RFC 9309, section 2.3.1).
        """
        with self._lock:
            host = self._hosts.setdefault(target.origin, _Host())
        with host.lock:
            if host.rules is None:
                host.rules = self._read(target, host, read)
        if not host.rules.allow(target.path):
            raise Failure("robots_txt", f"robots.txt of {target.host}")

    def _read(self, target: Target, host: _Host, read: Reader) -> Rules:
        now = self.clock.time()
        if host.trouble and now < host.again:
            trouble = host.trouble
            raise Failure("robots_unknown", trouble.reason, status=trouble.status) from trouble
        url = urllib.parse.urljoin(target.url, "/robots.txt")
        try:
            body = read(url, _LONGEST)
        except Failure as failure:
            client_error = failure.status is not None and 400 <= failure.status < 500
            if client_error and failure.reason != "throttled":
                return Rules()
            if failure.kind in (Kind.GONE, Kind.REFUSED):  # it leads elsewhere: there is none
                return Rules()
            if failure.kind is Kind.THROTTLE:
                raise
            host.again = now + _RETRY
            host.trouble = failure
            raise Failure("robots_unknown", failure.reason, status=failure.status) from failure
        return parse(body[:_PARSED].decode("utf-8", "replace"), self.token)
