"""How images are fetched: where from, how fast, how large, and in whose name."""

from __future__ import annotations

from dataclasses import dataclass

from facecurate.errors import UsageError
from facecurate.fetch.files import USER_AGENT
from facecurate.images import Limits
from facecurate.text import printable

# (bytes, MD5) of the picture that Flickr showed in place of removed photos, 2009 to about 2019.
PLACEHOLDERS = frozenset({(2051, "880a7a58e05d3e83797f27573bb6d35c")})

LIMITS = Limits(max_bytes=50 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """Settings of an ``ImageFetcher``; all times are seconds.

    ``hosts``: names that are asked, ``*.example.org`` for all below one; empty: every public host.
    ``local``: ``host:port`` of servers on this machine that are asked in spite of everything, also
    over http: for tests.
    """

    folder: str | None = None  # a storage url; None: images are handed over in memory
    hosts: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("https",)
    user_agent: str = USER_AGENT
    formats: tuple[str, ...] = ("JPEG", "PNG", "GIF", "WEBP")  # Pillow's names
    limits: Limits = LIMITS
    placeholders: frozenset[tuple[int, str]] = PLACEHOLDERS
    threads: int = 8
    connections: int = 2  # at once to one host
    lookahead: int = 256  # images taken from the list before their results are reported
    redirects: int = 3
    connect_seconds: float = 10.0
    silent_seconds: float = 20.0  # without a byte
    total_seconds: float = 90.0  # for one request, from connecting to the last byte
    slowest: float = 1024.0  # bytes a second, after ``slow_seconds``
    slow_seconds: float = 5.0
    first_pause: float = 60.0  # after a throttling answer; doubled each time
    longest_pause: float = 3600.0
    most_throttles: int = 6  # in a row, then the host is given up for this run
    most_misses: int = 20  # transient failures in a row that count as one throttling answer
    stop_when_closed: bool = True  # False: go on with the other hosts

    def __post_init__(self) -> None:
        if min(self.threads, self.connections, self.lookahead) < 1:
            raise UsageError("threads, connections and lookahead must be 1 or more")
        if not self.user_agent.isprintable() or not self.user_agent.isascii():
            raise UsageError("the user agent must be printable ASCII on one line")


def user_agent(contact: str) -> str:
    """The program's name with an address to complain to. Raises UsageError without one."""
    contact = contact.strip()
    if not ("@" in contact or contact.startswith(("https://", "http://"))):
        raise UsageError(
            f"{printable(contact, 60) or 'an empty contact'} is no contact: "
            "give a mail address or a web page"
        )
    if not contact.isprintable() or not contact.isascii() or set(contact) & set("()<>\\"):
        raise UsageError("the contact must be plain ASCII on one line, without brackets")
    return f"{USER_AGENT} (+{contact})"
