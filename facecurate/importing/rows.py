"""One picture on its way into a part: its bytes looked at, stored or dropped with a reason."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from facecurate import images, storage
from facecurate.copies.remembered import is_remembered
from facecurate.pool import Pool, Room, write_part
from facecurate.records import GIVEN_SCHEMA, PHOTO_SCHEMA, Given, Photo, to_table
from facecurate.stats import Stats
from facecurate.stones import Stones, stones_of
from facecurate.tars import TarWriter
from facecurate.text import storable
from facecurate.workers import Progress, Task, map_tasks


@dataclass(frozen=True, slots=True)
class Verified:
    """A picture that was decoded before, with what was found. Pixels are after the EXIF turn."""

    data: bytes
    extension: str
    width: int
    height: int
    orientation: int


GONE = "tombstoned"

# What is stored of a source, or why nothing is.
Content = bytes | Verified | images.ImageRejectedError


@dataclass(frozen=True, slots=True)
class PartTask(Task):
    """What every worker is told that makes one part of ``photos/``."""

    dataset: str
    folder: str  # photos/
    settings: Mapping[str, Any]
    tombstones: Stones


def limits() -> dict[str, int]:
    """What is decoded at all, as it stands in a part's settings."""
    return dataclasses.asdict(images.DEFAULT_LIMITS)


T = TypeVar("T", bound=PartTask)


def make_parts(
    pool: Pool,
    make: Callable[[T, Callable[[int], None]], None],
    tasks: Sequence[T],
    sources: Iterable[str],
    *,
    total: int,
    workers: int,
    progress: Progress,
) -> None:
    """Makes parts in worker processes; in this one where others do not see pool and sources."""
    room = Room(pool.url, len(tasks))
    map_tasks(
        make,
        tasks,
        workers=workers,
        in_process=not all(map(storage.is_shared, (pool.url, *sources))),
        total=total,
        progress=progress,
        finished=lambda task: room.check(pool, task.name),
    )


def write_rows(
    task: PartTask,
    items: Iterable[tuple[Photo, Content, Sequence[Given]]],
    tick: Callable[[int], None],
    *,
    given: bool = False,
    result: Mapping[str, Any] | None = None,
) -> Stats:
    """Makes one part of rows, what they stand for and their annotated faces; its counts.

    ``given``: whether the part has a table of annotated faces. ``result``: for the part's JSON;
    what ``items`` puts into it while they are read is in it too.
    """
    rows: list[Photo] = []
    faces: list[Given] = []
    writer = write_part(task.folder, task.name, tool="import", settings=task.settings, inputs={})
    with writer as part:
        with part.file("tar") as file:
            tar = TarWriter(file)
            for row, data, told in items:
                rows.append(take(row, data, task.tombstones, tar))
                faces += told if rows[-1].reason != GONE else ()
                tick(1)
            tar.close()
        part.write_table(to_table(rows, PHOTO_SCHEMA))
        if given:
            part.write_table(to_table(faces, GIVEN_SCHEMA), "given.parquet")
        part.stats = Stats.of("photos", (row.reason for row in rows))
        part.result = dict(result or {})
    return part.stats


def take(row: Photo, data: Content, gone: Stones, tar: TarWriter) -> Photo:
    """The row with all that its bytes tell; they go into the tar unless the photo is dropped."""
    if isinstance(data, images.ImageRejectedError):
        return dropped(row, data.reason)
    raw = data.data if isinstance(data, Verified) else data
    row = dataclasses.replace(row, sha256=hashlib.sha256(raw).digest(), bytes=len(raw))
    try:
        if is_gone(row, gone):
            raise images.ImageRejectedError(GONE)
        good = data if isinstance(data, Verified) else verified(data)
        if is_remembered(good.data, gone):
            raise images.ImageRejectedError(GONE)
    except images.ImageRejectedError as error:
        return dropped(row, error.reason)
    tar.add(f"{row.photo_id}.{good.extension}", good.data)
    return dataclasses.replace(
        row, width=good.width, height=good.height, exif_orientation=good.orientation
    )


def verified(data: bytes) -> Verified:
    """Decodes a picture to its end. Raises ImageRejectedError."""
    header = images.decode(data).header
    suffix = images.extension(header)
    return Verified(data, suffix, header.width, header.height, header.orientation)


def dropped(row: Photo, reason: str) -> Photo:
    """The row of a photo that is not stored; of one that was taken down nothing but its id."""
    if reason == GONE:
        row = Photo(row.photo_id, "", origin=row.origin)
    return dataclasses.replace(row, status="dropped", reason=reason)


def is_gone(row: Photo, gone: Stones) -> bool:
    """Whether the photo, its bytes, an address of it or all of its owner's were taken down."""
    if not gone:
        return False
    urls = (row.url, row.page_url, row.source)
    return not gone.isdisjoint(stones_of(row.photo_id, row.owner, urls, row.sha256))


def text(value: str | None) -> str | None:
    """A name that may come from a folder's, whose bytes may be no UTF-8."""
    return None if value is None else storable(value)
