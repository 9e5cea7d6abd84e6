"""The parts of one crawl put together, for ``crawl``, its dry run and ``recheck``."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from facecurate.crawl.asking import Asker
from facecurate.crawl.calls import SEARCH, Api, Failed
from facecurate.crawl.downloads import Downloads
from facecurate.crawl.pack import Packer, Spool
from facecurate.crawl.settings import IMAGE_HOSTS, Access, CrawlSettings
from facecurate.crawl.sieve import Sieve
from facecurate.errors import SettingsError
from facecurate.fetch import FetchSettings, ImageFetcher, Robots
from facecurate.flickr import licenses
from facecurate.flickr.budget import Budgets, api_bucket
from facecurate.flickr.client import FlickrClient
from facecurate.flickr.clock import LONG, day
from facecurate.flickr.failures import CallFailure
from facecurate.flickr.hosts import HostBudgets
from facecurate.flickr.photos import Photos
from facecurate.flickr.state import NAME, State
from facecurate.flickr.windows import Enumerator
from facecurate.workspace import Dataset, tombstones


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a crawl works with."""

    state: State
    photos: Photos
    api: Api
    sieve: Sieve
    asker: Asker
    enumerator: Enumerator
    downloads: Downloads
    packer: Packer
    notes: tuple[str, ...]  # differences between Flickr's licences and ours


@contextlib.contextmanager
def connection(access: Access) -> Iterator[tuple[Api, Budgets]]:
    """The key's calls, and the budgets of the user."""
    budgets = Budgets(access.state_folder, access.clock)
    client = FlickrClient(
        access.key,
        access.secret,
        rest_url=access.rest_url,
        user_agent=access.user_agent,
        deadline=access.deadline,
    )
    try:
        bucket = api_bucket(access.key)
        budgets.limit(bucket, access.api_limit())
        yield Api(client, budgets, bucket, access.clock), budgets
    finally:
        client.close()
        budgets.close()


def allowed(api: Api, settings: CrawlSettings) -> tuple[frozenset[int], tuple[str, ...]]:
    """The licences that are taken, as Flickr lists them today, and where its list is another."""
    agreed, differences = licenses.read(api.needed("flickr.photos.licenses.getInfo"))
    return settings.licenses & frozenset(agreed), tuple(differences)


@contextlib.contextmanager
def opened(
    dataset: Dataset, settings: CrawlSettings, access: Access, say: Callable[[str], None]
) -> Iterator[Run]:
    """Everything for one run; the caller holds the dataset's lock. ``say``: of long pauses."""
    with connection(access) as (api, budgets):
        state = State(dataset.path(NAME))
        try:
            _settle_size(state, settings.size)
            api.failed, api.say = _recorder(state, access, say), say
            yield _assembled(dataset, settings, access, api, budgets, state, say)
        finally:
            state.close()


def _assembled(
    dataset: Dataset,
    settings: CrawlSettings,
    access: Access,
    api: Api,
    budgets: Budgets,
    state: State,
    say: Callable[[str], None],
) -> Run:
    taken, notes = allowed(api, settings)
    sieve = Sieve(taken, settings.size, settings.gate, tombstones(dataset.workspace))
    photos, clock = Photos(state), access.clock
    asker = Asker(api, sieve)
    hosts = HostBudgets(budgets, access.image_limit(settings.image_rate), clock, say)
    fetch = _fetch_settings(dataset, settings, access)
    fetcher = ImageFetcher(fetch, hosts, Robots(clock=clock), clock=clock)
    return Run(
        state=state,
        photos=photos,
        api=api,
        sieve=sieve,
        asker=asker,
        enumerator=Enumerator(state, api.search, settings.enumeration, clock, sieve),
        downloads=Downloads(photos, fetcher, asker, clock, settings.size),
        packer=Packer(dataset, photos, sieve.verdict, sieve.tombstones),
        notes=notes,
    )


def _settle_size(state: State, size: str) -> None:
    """One size for the whole crawl. Raises SettingsError."""
    before = state.get("size")
    if before is None:
        state.put("size", size)
    elif before != size:
        raise SettingsError(
            f"{state.path} was begun with size = {before}, now it is {size}: use that value, or "
            "another --name"
        )


def _recorder(state: State, access: Access, say: Callable[[str], None]) -> Failed:
    """Writes failed calls down, and tells of pauses that somebody might wonder about."""

    def failed(method: str, failure: CallFailure, wait: float) -> None:
        what = "search" if method == SEARCH else method.rsplit(".", 1)[-1]
        status, code = failure.status or 0, failure.code or 0
        at = int(access.clock.time())
        state.attempt(what, 0, failure.kind.value, status, code, wait, at=at)
        if wait >= LONG:
            say(f"{failure.message}: waiting until {day(at + wait)}")

    return failed


def _fetch_settings(dataset: Dataset, settings: CrawlSettings, access: Access) -> FetchSettings:
    return dataclasses.replace(
        access.images,
        folder=Spool(dataset).url,
        hosts=IMAGE_HOSTS,
        local=(access.image_host,) if access.image_host else (),
        user_agent=access.user_agent,
        formats=("JPEG", "PNG", "GIF") if settings.size == "o" else ("JPEG",),
        connections=2 if settings.image_rate <= 20 else 8,
    )
