"""What a crawl will cost, before it starts: calls, hours, bytes, days. Arithmetic only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ROWS_A_CALL = 500  # flickr.photos.search gives no more
CALLS_A_HOUR = 3000  # under Flickr's 3,600 an hour and key
SECOND_PASS = 1.15  # calls of both passes over those of the first
WALK = 2.0  # calls over photos / 500, the second pass included: the most that simulations needed
BYTES_A_PIXEL = 0.28  # of the JPEGs that Flickr makes: about 200 KB at 1024 x 683
BYTES_A_PHOTO = 200_000
SHORTFALL = 0.2  # Flickr's totals may be this much too low


@dataclass(frozen=True, slots=True)
class Plan:
    """The cost of a crawl."""

    photos: int  # that the search is expected to list
    downloads: int  # of them, after the gate and --limit
    calls: int
    hours: float  # of calls, at the budget
    bytes: int
    days: float  # of downloads, at the image rate
    image_rate: float  # images a second

    def __str__(self) -> str:
        high = round(self.photos * (1 + SHORTFALL / (1 - SHORTFALL)))
        return (
            f"about {self.photos:,} photos (Flickr's totals run short: up to {high:,}), "
            f"{self.downloads:,} to download: {self.calls:,} calls ({self.hours:,.1f} h), "
            f"{self.bytes / 1e9:,.1f} GB, {self.days:,.1f} days at {self.image_rate:g} images/s"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        return {name: getattr(self, name) for name in self.__slots__}


def cost(
    photos: int,
    *,
    image_rate: float = 1.0,
    kept: float = 1.0,
    limit: int | None = None,
    photo_bytes: float = BYTES_A_PHOTO,
    stored: int = 0,
    windows: int = 0,
) -> Plan:
    """The cost of finding ``photos`` and of fetching those that pass.

    ``image_rate``: images a second; ``kept``: share that the licence gate lets through;
    ``photo_bytes``: mean size of a file; ``stored``: photos that are here already;
    ``windows``: of 90 days, which take a call each however little they hold. With a limit the
    search ends when enough photos are known.
    """
    wanted = round(photos * kept)
    if limit is not None and wanted > limit:
        photos = math.ceil(limit / kept)
        wanted, windows = limit, 0
    downloads = max(0, wanted - stored)
    calls = math.ceil(max(WALK * photos / ROWS_A_CALL, SECOND_PASS * windows))
    return Plan(
        photos=photos,
        downloads=downloads,
        calls=calls,
        hours=calls / CALLS_A_HOUR,
        bytes=round(downloads * photo_bytes),
        days=downloads / image_rate / 86_400,
        image_rate=image_rate,
    )


def mean_bytes(sizes: Iterable[tuple[int, int]]) -> float:
    """The expected size of a photo's file from a sample of widths and heights in pixels."""
    areas = [width * height for width, height in sizes]
    return BYTES_A_PIXEL * sum(areas) / len(areas) if areas else float(BYTES_A_PHOTO)


def year_windows(since: int, until: int) -> list[tuple[int, int]]:
    """At most 24 windows of equal length, at least a year each where the range is long enough.

    ``since`` and ``until``: Unix seconds; each window is half-open.
    """
    count = max(1, min(24, (until - since) // (365 * 86_400)))
    edges = [since + (until - since) * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))
