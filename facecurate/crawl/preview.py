"""``crawl --dry-run``: a few searches spread over the years, and what they say of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facecurate import storage
from facecurate.crawl import result
from facecurate.crawl.calls import Api
from facecurate.crawl.plan import Plan, cost, mean_bytes, year_windows
from facecurate.crawl.run import allowed, connection
from facecurate.crawl.settings import Access, CrawlSettings
from facecurate.crawl.sieve import Sieve
from facecurate.flickr import rows
from facecurate.flickr.photos import Photos
from facecurate.flickr.query import Page, Query, Row, Term
from facecurate.flickr.state import NAME, State
from facecurate.flickr.windows import LATE
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones


@dataclass(frozen=True, slots=True)
class Sample:
    """What the searches of a dry run brought."""

    total: int  # photos that match, as Flickr counts them
    kept: float  # share of them that the gate lets through
    bytes: float  # mean size of a file
    calls: int


def preview(
    dataset: Dataset, settings: CrawlSettings, access: Access, *, progress: Progress = silent
) -> tuple[Plan, Sample]:
    """The cost of a crawl: a search for each year and query, at most 24 each. Stores nothing."""
    with connection(access) as (api, _):
        taken, _ = allowed(api, settings)
        sieve = Sieve(taken, settings.size, settings.gate, tombstones(dataset.workspace))
        now = int(access.clock.time())
        sample = _sampled(api, settings, sieve, now, progress)
    plan = cost(
        sample.total,
        image_rate=settings.image_rate,
        kept=sample.kept,
        limit=settings.limit,
        photo_bytes=sample.bytes,
        stored=_stored(dataset),
        windows=len(settings.queries) * -(-_length(settings, now) // settings.enumeration.longest),
    )
    return plan, sample


def _sampled(
    api: Api, settings: CrawlSettings, sieve: Sieve, now: int, progress: Progress
) -> Sample:
    years = year_windows(settings.since, settings.since + _length(settings, now))
    windows = [(term, year) for term in settings.enumeration.terms for year in years]
    pages: list[tuple[Page, float]] = []
    sizes: list[tuple[int, int]] = []
    for done, (term, window) in enumerate(windows):
        page = _page(api, settings, term, window)
        good = [row for row in page.rows if sieve(row) is None]
        pages.append((page, len(good) / len(page.rows) if page.rows else 0.0))
        sizes += _sizes(good, settings.size)
        progress(done + 1, len(windows))
    total = sum(page.total for page, _ in pages)
    kept = sum(page.total * share for page, share in pages) / total if total else 1.0
    return Sample(total, kept, mean_bytes(sizes), api.calls)


def _length(settings: CrawlSettings, now: int) -> int:
    """Seconds of uploads that the crawl looks at."""
    return max(1, min(settings.until or now - LATE, now - LATE) - settings.since)


def _page(api: Api, settings: CrawlSettings, term: Term, window: tuple[int, int]) -> Page:
    licences = tuple(sorted(settings.licenses))
    return api.search(Query(term=term, since=window[0], until=window[1], licences=licences))


def _sizes(found: Sequence[Row], size: str) -> list[tuple[int, int]]:
    picked = [rows.pick_size(rows.parse(row.raw), size) for row in found]
    return [(p.width, p.height) for p in picked if p and p.width and p.height]


def _stored(dataset: Dataset) -> int:
    """Photos that an earlier run has brought."""
    if not storage.exists(dataset.path(NAME)):
        return 0
    with State(dataset.path(NAME)) as state:
        return result.counts(Photos(state)).kept
