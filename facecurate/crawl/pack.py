"""From the spool to parts of the pool, so that a kill at any moment costs nothing but the moment.

The order is: the part's files, its JSON, the state's note, the files of the spool. What of it an
interrupted run left undone, ``tidy`` does or undoes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from facecurate import images, pool, storage
from facecurate.copies.remembered import is_remembered
from facecurate.crawl.downloads import key_of
from facecurate.flickr import rows
from facecurate.flickr.licenses import LICENSES
from facecurate.flickr.photos import Photo, Photos
from facecurate.flickr.schema import PhotoState
from facecurate.flickr.sightings import TOMBSTONED
from facecurate.pool import Pool, stem_of, write_part
from facecurate.records import PHOTO_SCHEMA, to_table
from facecurate.records import Photo as PhotoRow
from facecurate.stats import Stats
from facecurate.stones import Stones
from facecurate.tars import TarWriter
from facecurate.workspace import Dataset

SPOOL = ".spool"
SETTINGS: dict[str, Any] = {"origin": "collected", "source": "flickr"}


@dataclasses.dataclass(frozen=True, slots=True)
class Spool:
    """Verified photos that are in no part yet: ``photos/.spool/<photo_id>.<extension>``."""

    dataset: Dataset

    @property
    def url(self) -> str:
        """The folder."""
        return self.dataset.path("photos", SPOOL)

    def files(self) -> dict[int, str]:
        """The files by Flickr's number; others that lie there are none of ours."""
        found = {}
        for name in storage.list(self.url):
            stem, _, _ = name.partition(".")
            number = stem.removeprefix("flickr-")
            if number.isascii() and number.isdigit():
                found[int(number)] = storage.join(self.url, name)
        return found


class Packer:
    """Makes parts of a dataset's spool. The caller holds the dataset's lock."""

    def __init__(
        self,
        dataset: Dataset,
        photos: Photos,
        verdict: Callable[[Photo], str | None] = lambda photo: None,
        stones: Stones = frozenset(),
    ) -> None:
        self._stones = stones
        self._verdict = verdict  # the last door: why a verified photo may not be packed after all
        self.pool = Pool(dataset.path("photos"))
        self.spool = Spool(dataset)
        self._photos = photos
        self.waiting = 0  # verified photos in the spool; the caller counts them up

    def tidy(self) -> None:
        """Brings state, parts and spool into agreement after a run that may have been killed."""
        storage.sweep(self.pool.url)
        storage.sweep(self.spool.url)
        self._note_parts()
        files = self.spool.files()
        good = {p.photo_id for p in self._spooled(files) if self._fits(p, files)}
        for photo_id, url in files.items():
            if photo_id not in good:
                storage.delete(url)
        self.waiting = len(good)

    def _fits(self, photo: Photo, files: dict[int, str]) -> bool:
        """Whether the file is the one that was verified, by its size; else it is fetched again."""
        if storage.size(files[photo.photo_id]) == photo.size:
            return True
        self._photos.again([photo.photo_id])
        return False

    def _note_parts(self) -> None:
        """Parts that were finished before the state knew; photos whose part is not there."""
        query = "SELECT DISTINCT part FROM photos WHERE part IS NOT NULL"
        known = {int(row[0]) for row in self._photos.state.db.execute(query)}
        there = {int(stem) for stem in self.pool.stems()}
        for part in sorted(there - known):
            members = map(self._photos.get, self._members(stem_of(part)))
            alive = (PhotoState.FETCHED, PhotoState.WAITING)  # a power cut may forget a download
            fetched = [p.photo_id for p in members if p and p.state in alive]
            self._photos.packed(fetched, part)
        for part in sorted(known - there):
            self._photos.again([photo.photo_id for photo in self._photos.each(part=part)])

    def _members(self, stem: str) -> list[int]:
        table = self.pool.table(stem, PHOTO_SCHEMA).select(["photo_id", "status"])
        return [
            int(row["photo_id"].removeprefix("flickr-"))
            for row in table.to_pylist()
            if row["status"] == "ok"
        ]

    def _spooled(self, files: Mapping[int, str]) -> Iterator[Photo]:
        """Verified photos whose bytes lie in the spool and may still be had, oldest ids first."""
        for photo in self._photos.each(PhotoState.FETCHED):
            reason = photo.reason or self._verdict(photo)
            if reason is not None:  # its owner has changed it since, or it was taken down
                self._photos.end([photo.photo_id], PhotoState.REFUSED, reason)
                if photo.photo_id in files:
                    storage.delete(files[photo.photo_id])
            elif photo.photo_id not in files:
                self._photos.again([photo.photo_id])
            else:
                yield photo

    def full(self) -> bool:
        """Whether a whole part lies in the spool."""
        return self.waiting >= pool.PART_SIZE

    def pack(self) -> str | None:
        """Makes the next part of at most 1,000 photos, oldest ids first; its name, if any."""
        files = self.spool.files()
        chosen = list(itertools.islice(self._spooled(files), pool.PART_SIZE))
        self.waiting = max(0, self.waiting - len(chosen))
        if not chosen:
            return None
        stem = stem_of(int((self.pool.stems() or ["-1"])[-1]) + 1)
        kept = self._write(stem, chosen, files)
        self._photos.packed([photo.photo_id for photo in kept], int(stem))
        for photo in chosen:
            storage.delete(files[photo.photo_id])
        return stem

    def _write(self, stem: str, chosen: Sequence[Photo], files: dict[int, str]) -> list[Photo]:
        """The files of one part; photos whose bytes have changed on the disk are fetched again."""
        kept, lines = [], []
        writer = write_part(self.pool.url, stem, tool="crawl", settings=SETTINGS, inputs={})
        with writer as part:
            with part.file("tar") as file:
                tar = TarWriter(file)
                for photo in chosen:
                    data = storage.read(files[photo.photo_id])
                    if hashlib.sha256(data).digest() != photo.sha256:
                        self._photos.again([photo.photo_id])
                        continue
                    if is_remembered(data, self._stones):
                        self._photos.end([photo.photo_id], PhotoState.REFUSED, TOMBSTONED)
                        continue
                    header = images.inspect(data)
                    tar.add(f"{key_of(photo.photo_id)}.{images.extension(header)}", data)
                    lines.append(row_of(photo, header))
                    kept.append(photo)
                tar.close()
            part.write_table(to_table(lines, PHOTO_SCHEMA))
            part.stats = Stats.of("photos", [None] * len(lines))
        return kept


def row_of(photo: Photo, header: images.Header) -> PhotoRow:
    """The row of a stored photo in ``photos/``."""
    found = rows.parse(photo.raw)
    taken = datetime.fromisoformat(found.taken) if found.taken else None
    return PhotoRow(
        photo_id=key_of(photo.photo_id),
        source="flickr",
        url=photo.url,
        page_url=rows.page_url(found),
        owner=found.owner,
        author=found.owner_name,
        title=found.title or None,
        license=LICENSES[photo.license_id].spdx,
        license_seen_at=_time(photo.seen_at),
        sha256=photo.sha256,
        bytes=photo.size,
        width=header.width,
        height=header.height,
        exif_orientation=header.orientation,
        fetched_at=_time(photo.fetched_at),
        uploaded_at=_time(photo.uploaded),
        taken_at=taken.replace(tzinfo=UTC) if taken else None,  # the camera's clock, zone unknown
        origin="collected",
    )


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
