"""A stand-in for Flickr with a clock of its own, crawls of it, and what must be true of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flickr_standin import Behaviour, Fault, Rate, Standin, World, pictures
from PIL import Image

from facecurate import tars
from facecurate.crawl import Access, CrawlSettings, crawl
from facecurate.fetch import FetchSettings
from facecurate.flickr.clock import FakeClock
from facecurate.flickr.licenses import LICENSES, SETS
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA
from facecurate.stats import Stats
from facecurate.workspace import Dataset

CONTACT = "keeper@example.org"
OPEN = SETS["open"]
DAY, QUALITY = 86_400, 80
SINCE = 1704067200  # 2024-01-01
# Impatient: what hangs is given up in a second of the machine's own clock.
QUICK = FetchSettings(
    connect_seconds=2, silent_seconds=0.6, total_seconds=4, slow_seconds=0.8, slowest=4096
)


def settings(**changes: Any) -> CrawlSettings:
    usual: dict[str, Any] = {
        "queries": ("faces",), "licenses": OPEN, "since": SINCE, "size": "m", "image_rate": 50,
    }  # fmt: skip
    return CrawlSettings(**(usual | changes))


@dataclass
class Flickr:
    """A running stand-in, its world's clock, and a folder to crawl into."""

    standin: Standin
    clock: FakeClock
    folder: Path
    images: FetchSettings = field(default=QUICK)

    @property
    def access(self) -> Access:
        return Access(
            key=self.standin.key,
            secret=self.standin.secret,
            contact=CONTACT,
            rest_url=self.standin.rest_url,
            image_host=self.standin.image_host,
            clock=self.clock,
            deadline=1.5,
            images=self.images,
            state_folder=str(self.folder / "state"),
        )

    @property
    def dataset(self) -> Dataset:
        return Dataset(str(self.folder / "data"), "flickr-face")

    def crawl(self, **changes: Any) -> Stats:
        return crawl(self.dataset, settings(**changes), self.access)

    def there(self, since: int = SINCE) -> set[str]:
        """Ids of what a search can find and anybody may take: asked of the world, not of us."""
        found = self.standin.matching(
            text="faces", license=",".join(map(str, sorted(OPEN))), content_types="0",
            media="photos", safe_search="1", min_upload_date=str(since),
            max_upload_date=str(int(self.clock.time()) - DAY),
        )  # fmt: skip
        return {f"flickr-{number}" for number in found}


@contextmanager
def flickr(
    folder: Path,
    *,
    photos: int = 400,
    seed: int = 1,
    faults: Iterable[Fault | Mapping[str, Any]] = (),
    behaviour: Behaviour | None = None,
    rate: Rate | None = None,
    images: FetchSettings = QUICK,
    world: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Flickr]:
    made: dict[str, Any] = {"since": "2024-01-10", "until": "2026-06-30", "odd": 1.0}
    for shape in range(6):  # drawn now, so that no request waits for it
        pictures.jpeg(shape, 0, 500, quality=QUALITY)
    built = World(photos=photos, seed=seed, **(made | dict(world or {})))
    clock = FakeClock(built.end + 3 * DAY)
    with Standin(
        built,
        faults=faults,
        behaviour=behaviour,
        rate=rate or Rate(None),
        quality=QUALITY,
        now=clock.time,
        **options,
    ) as standin:
        yield Flickr(standin, clock, folder, images)


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    return list(Pool(dataset.path("photos")).tables(PHOTO_SCHEMA).to_pylist())


def stored(dataset: Dataset) -> set[str]:
    return {row["photo_id"] for row in rows(dataset) if row["status"] == "ok"}


def check_stored(found: Flickr, allowed: frozenset[int] = OPEN) -> None:
    """Nothing is stored that is not a whole picture, the right one, with an allowed licence."""
    dataset, world = found.dataset, found.standin.world
    pool = Pool(dataset.path("photos"))
    table = {row["photo_id"]: row for row in rows(dataset) if row["status"] == "ok"}
    members = [m for stem in pool.stems() for m in tars.read_members(pool.file(stem, "tar"))]
    assert sorted(name for name, _ in members) == sorted(f"{key}.jpg" for key in table)
    for name, data in members:
        row = table[name.partition(".")[0]]
        number = int(row["photo_id"].removeprefix("flickr-"))
        index = world.index(number)
        assert index is not None
        assert hashlib.sha256(data).digest() == row["sha256"] and len(data) == row["bytes"]
        assert f"photo {number} size".encode() in data, "another photo's bytes"
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.size == (row["width"], row["height"])
            assert 0x8825 not in image.getexif()
        assert row["license"] in {LICENSES[id].spdx for id in allowed}
    assert not (Path(pool.url) / ".spool").exists() or not list(
        (Path(pool.url) / ".spool").iterdir()
    )
