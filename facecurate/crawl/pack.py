"""From the spool to parts of the pool, so that a kill at any moment costs nothing but the moment.

The order is: the part's files, its JSON, the state's note, the files of the spool. What of it an
interrupted run left undone, ``tidy`` does or undoes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from facecurate import images, pool, storage
from facecurate.crawl.downloads import key_of
from facecurate.flickr import rows
from facecurate.flickr.licenses import LICENSES
from facecurate.flickr.photos import Photo, Photos
from facecurate.flickr.schema import PhotoState
from facecurate.pool import Pool, stem_of, write_part
from facecurate.records import PHOTO_SCHEMA, to_table
from facecurate.records import Photo as PhotoRow
from facecurate.stats import Stats
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

    def __init__(self, dataset: Dataset, photos: Photos) -> None:
        self.pool = Pool(dataset.path("photos"))
        self.spool = Spool(dataset)
        self._photos = photos
        self.waiting = 0  # verified photos in the spool; the caller counts them up

    def tidy(self) -> None:
        """Brings state, parts and spool into agreement after a run that may have been killed."""
        storage.sweep(self.pool.url)
        storage.sweep(self.spool.url)
        self._note_parts()
        self._refuse()
        files = self.spool.files()
        lost = []
        for photo in self._photos.each(PhotoState.FETCHED):
            url = files.pop(photo.photo_id, None)
            if url is None or storage.size(url) != photo.size:
                lost.append(photo.photo_id)
                files |= {photo.photo_id: url} if url else {}
            else:
                self.waiting += 1
        self._photos.again(lost)
        for url in files.values():
            storage.delete(url)

    def _note_parts(self) -> None:
        """Parts that were finished before the state knew; photos whose part is not there."""
        stems = self.pool.stems()
        for stem in reversed(stems):
            if next(self._photos.each(part=int(stem)), None) is not None:
                break
            self._photos.packed(self._members(stem), int(stem))
        known = {p.part for p in self._one_a_part(_last(stems)) if p.part is not None}
        for part in sorted(known - {int(stem) for stem in stems}):
            self._photos.again([p.photo_id for p in self._photos.each(part=part)])

    def _one_a_part(self, last: int) -> list[Photo]:
        """One photo of every part that the state names, up to one beyond the last that is there."""
        found = (next(self._photos.each(part=part), None) for part in range(last + 2))
        return [photo for photo in found if photo is not None]

    def _members(self, stem: str) -> list[int]:
        table = self.pool.table(stem, PHOTO_SCHEMA).select(["photo_id", "status"])
        return [
            int(row["photo_id"].removeprefix("flickr-"))
            for row in table.to_pylist()
            if row["status"] == "ok"
        ]

    def _refuse(self) -> None:
        """What waits in the spool and may no longer be had is not packed."""
        for photo in self._photos.withdrawn():
            if photo.state is PhotoState.FETCHED:
                reason = photo.reason or "license"
                self._photos.end([photo.photo_id], PhotoState.REFUSED, reason)
                self.waiting = max(0, self.waiting - 1)

    def full(self) -> bool:
        """Whether a whole part lies in the spool."""
        return self.waiting >= pool.PART_SIZE

    def pack(self) -> str | None:
        """Makes the next part of at most 1,000 photos, oldest ids first; its name, if any."""
        self._refuse()
        files = self.spool.files()
        chosen: list[Photo] = []
        for photo in self._photos.each(PhotoState.FETCHED):
            if photo.photo_id in files:
                chosen.append(photo)
            if len(chosen) == pool.PART_SIZE:
                break
        if not chosen:
            self.waiting = 0
            return None
        stem = stem_of(_last(self.pool.stems()) + 1)
        kept = self._write(stem, chosen, files)
        self._photos.packed([photo.photo_id for photo in kept], int(stem))
        for photo in chosen:
            storage.delete(files[photo.photo_id])
        self.waiting = max(0, self.waiting - len(chosen))
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
                    header = images.inspect(data)
                    tar.add(f"{key_of(photo.photo_id)}.{images.extension(header)}", data)
                    lines.append(row_of(photo, header))
                    kept.append(photo)
                tar.close()
            part.write_table(to_table(lines, PHOTO_SCHEMA))
            part.stats = Stats.of("photos", [None] * len(lines))
        return kept


def _last(stems: Sequence[str]) -> int:
    return int(stems[-1]) if stems else -1


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
