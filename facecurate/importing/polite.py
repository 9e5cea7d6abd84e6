"""Who asks strangers' servers for pictures, and how: contact, pace, patience."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from facecurate.errors import FacecurateError, UsageError
from facecurate.fetch import FetchSettings, ImageFetcher, Robots, user_agent
from facecurate.flickr.budget import Budgets, Limit, image_limit, state_folder
from facecurate.flickr.clock import Clock, RealClock
from facecurate.flickr.hosts import HostBudgets

LOCAL = "FACECURATE_LOCAL_HOST"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NO_CONTACT = (
    "servers are told who asks: give a mail address or a web page with --contact, or set "
    "FACECURATE_CONTACT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """How addresses of a list are asked for; times are seconds.

    ``rate``: pictures a second from one host, at most. ``local``: host and port of a server on this
    machine that may be asked in spite of its private address, also over http.
    """

    contact: str
    rate: float = 1.0
    local: str | None = None
    # Before the second and the third try of one address; robots.txt is asked again after 60.
    pauses: tuple[float, ...] = (65.0, 65.0)
    refusals: int = 6  # requests to slow down for one address, while others come through
    longest: float = 600.0  # pause of a host that is waited for; a longer one closes it
    runs: int = 3  # in the last of which addresses of a closed host are given up
    clock: Clock = field(default_factory=RealClock)
    folder: str = field(default_factory=state_folder)  # of the budgets

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise UsageError("--max-image-rate must be above 0 images a second")
        user_agent(self.contact)

    def settings(self, folder: str) -> FetchSettings:
        """How the fetcher is set; a host that closes does not stop the others."""
        return FetchSettings(
            folder=folder,
            local=(self.local,) if self.local else (),
            user_agent=user_agent(self.contact),
            threads=16,
            connections=2 if self.rate <= 20 else 8,
            lookahead=2048,
            longest_pause=self.longest,
            most_throttles=4,
            stop_when_closed=False,
        )

    @contextlib.contextmanager
    def fetcher(self, folder: str, say: Callable[[str], None]) -> Iterator[ImageFetcher]:
        """A fetcher that writes pictures into ``folder``, by the budgets of the user.

        ``say``: of hosts that ask for long pauses.
        """
        budgets = Budgets(self.folder, self.clock)
        limit = Limit(per_second=self.rate) if self.local else image_limit(self.rate)
        try:
            hosts = HostBudgets(budgets, limit, self.clock, say)
            robots = Robots(clock=self.clock)
            yield ImageFetcher(self.settings(folder), hosts, robots, clock=self.clock)
        finally:
            budgets.close()


def politeness(
    environ: Mapping[str, str], contact: str | None = None, rate: float = 1.0
) -> Politeness:
    """Who asks, out of the environment. Raises FacecurateError without a contact."""
    contact = (contact or environ.get("FACECURATE_CONTACT") or "").strip()
    if not contact:
        raise FacecurateError(_NO_CONTACT)
    local = environ.get(LOCAL, "").strip() or None
    if local and urllib.parse.urlsplit(f"//{local}").hostname not in _LOOPBACK:
        raise FacecurateError(f"{LOCAL} names a server on this machine, like 127.0.0.1:8000")
    return Politeness(contact=contact, rate=rate, local=local)
