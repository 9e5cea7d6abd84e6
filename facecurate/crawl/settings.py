"""What a crawl is told: what to look for, how fast, in whose name, and with which key."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from facecurate.errors import FacecurateError, UsageError
from facecurate.fetch import FetchSettings, user_agent
from facecurate.flickr.budget import API_LIMIT, Limit, image_limit, state_folder
from facecurate.flickr.client import REST_URL
from facecurate.flickr.clock import Clock, RealClock
from facecurate.flickr.gate import GateSettings
from facecurate.flickr.rows import SIZES, SMALLEST
from facecurate.flickr.windows import FLICKR_BEGAN, Settings
from facecurate.text import printable

IMAGE_HOSTS = ("staticflickr.com", "*.staticflickr.com")
MAIN_IMAGE_HOST = "live.staticflickr.com"
USABLE_SIZES = tuple(list(SIZES)[: list(SIZES).index(SMALLEST) + 1])
FRESH = 86_400  # seconds for which what a search said of a photo is believed
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_NO_KEY = (
    "{missing} not set: a crawl asks Flickr with a key of your own, and Flickr gives new keys only "
    "to accounts with Flickr Pro (https://www.flickr.com/services/apps/create/); then "
    "'export FLICKR_API_KEY=... FLICKR_API_SECRET=...'. To try it without a key: docs/crawl.md"
)
_NO_CONTACT = (
    "a crawl tells Flickr who it is: give a mail address or a web page with --contact, or set "
    "FACECURATE_CONTACT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSettings:
    """What to look for and how much of it; times in seconds since 1970, UTC."""

    queries: tuple[str, ...]
    licenses: frozenset[int]
    since: int = FLICKR_BEGAN  # inclusive, by upload
    until: int | None = None  # exclusive; None: a day before the crawl began
    size: str = "l"  # longest side 1024 pixels; smaller where a photo has none
    limit: int | None = None  # photos, at most
    image_rate: float = 1.0  # images a second, at most
    gate: GateSettings = field(default_factory=GateSettings)

    def __post_init__(self) -> None:
        if self.size not in USABLE_SIZES:
            raise UsageError(f"--size {printable(self.size, 20)}: one of {', '.join(USABLE_SIZES)}")
        if not self.image_rate > 0:
            raise UsageError("--max-image-rate must be above 0 images a second")
        if self.limit is not None and self.limit < 1:
            raise UsageError("--limit must be 1 photo or more")

    @property
    def enumeration(self) -> Settings:
        """The same for the enumeration."""
        return Settings(
            queries=self.queries,
            licences=tuple(sorted(self.licenses)),
            since=self.since,
            until=self.until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How Flickr is reached; the key is never shown. ``image_host``: a stand-in's host and port."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    contact: str
    rest_url: str = REST_URL
    image_host: str | None = None
    clock: Clock = field(default_factory=RealClock)
    deadline: float = 60.0  # seconds for one call
    images: FetchSettings = field(default_factory=FetchSettings)  # timeouts and limits of images
    state_folder: str = field(default_factory=state_folder)

    @property
    def user_agent(self) -> str:
        """The name that servers are told, with the contact in it."""
        return user_agent(self.contact)

    @property
    def stand_in(self) -> bool:
        """Whether a server on this machine is asked instead of Flickr."""
        return urllib.parse.urlsplit(self.rest_url).hostname in _LOOPBACK

    def api_limit(self) -> Limit:
        """Calls of the key: Flickr's limit with room to spare; a stand-in has no burst to fear."""
        return Limit(per_hour=API_LIMIT.per_hour) if self.stand_in else API_LIMIT

    def image_limit(self, rate: float) -> Limit:
        """Images a second: begins slowly at Flickr, at once with a stand-in."""
        return Limit(per_second=rate) if self.image_host else image_limit(rate)


def access(environ: Mapping[str, str], contact: str | None = None) -> Access:
    """Who asks, out of the environment. Raises FacecurateError that says what is missing."""
    contact = (contact or environ.get("FACECURATE_CONTACT") or "").strip()
    missing = [n for n in ("FLICKR_API_KEY", "FLICKR_API_SECRET") if not environ.get(n, "").strip()]
    if missing:
        raise FacecurateError(_NO_KEY.format(missing=" and ".join(missing)))
    if not contact:
        raise FacecurateError(_NO_CONTACT)
    user_agent(contact)
    found = Access(
        key=environ["FLICKR_API_KEY"].strip(),
        secret=environ["FLICKR_API_SECRET"].strip(),
        contact=contact,
    )
    return _redirected(found, environ)


def _redirected(found: Access, environ: Mapping[str, str]) -> Access:
    """The stand-in that the environment names: both of its servers, and on this machine only."""
    rest = environ.get("FACECURATE_FLICKR_URL", "").strip()
    images = environ.get("FACECURATE_FLICKR_IMAGE_HOST", "").strip()
    if not rest and not images:
        return found
    hosts = [urllib.parse.urlsplit(url).hostname for url in (rest, f"//{images}")]
    if any(host not in _LOOPBACK for host in hosts):
        raise FacecurateError(
            "FACECURATE_FLICKR_URL and FACECURATE_FLICKR_IMAGE_HOST go together and name servers "
            "on this machine: unset both to ask Flickr"
        )
    return dataclasses.replace(found, rest_url=rest, image_host=images)


def moment(text: str, name: str) -> int:
    """A year, month, day or time (ISO 8601, UTC unless it says otherwise) as seconds since 1970.

    ``name``: the option, for the message of the UsageError that anything else raises.
    """
    try:
        whole = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
        found = datetime.fromisoformat(whole)
        return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{name} {printable(text, 40)} is no date: for example 2010, 2010-05-01"
        ) from error
