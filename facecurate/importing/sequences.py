"""``import`` of videos: each a sequence, its frames photos with their numbers, as JPEGs.

Videos are read one after the other, in one pass: how many frames one has is known when it ends. A
killed run decodes the video that it was in again, and stores nothing twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from facecurate import images, storage, videos
from facecurate import pool as pools
from facecurate.errors import FacecurateError
from facecurate.importing import earlier, films
from facecurate.importing.earlier import Numbers
from facecurate.importing.ids import license_id, number_of, photo_id
from facecurate.importing.rows import Content, PartTask, limits, write_rows
from facecurate.pool import Pool, Room
from facecurate.records import Given, Photo
from facecurate.stats import Stats
from facecurate.text import counted, printable, storable
from facecurate.workers import Progress, silent, single_thread
from facecurate.workspace import Dataset, tombstones

_TOLD = 3  # damaged videos that the last line names


def import_videos(
    dataset: Dataset,
    root: str,
    paths: Sequence[str],
    *,
    fps: Fraction | None = None,
    license: str | None = None,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes the frames of videos at ``paths`` below ``root``.

    ``fps``: at most so many frames a second of the video's own time; None: every frame. What could
    be read of a damaged video is kept, and the video itself is a dropped row.

    Raises MissingExtraError without PyAV, FacecurateError if another video lies under a path that
    was imported.
    """
    settings = {
        "origin": "collected",
        "source": None,
        "license": license_id(license),
        "fps": None if fps is None else str(fps),
        "frames": videos.STORED_AS,
        **limits(),
    }
    films.check_installed()
    sizes = {storable(path): storage.size(storage.join(root, path)) for path in paths}
    with dataset.lock("import") as taken_over, single_thread():
        pool = Pool(dataset.path("photos"))
        notes = [taken_over or "", earlier.begin(pool, redo)]
        earlier.check_sizes(dataset, pool, "videos", sizes.get)
        ended = set(itertools.chain.from_iterable(earlier.results(pool, "ended")))
        left = [path for path in paths if storable(path) not in ended]
        earlier.check_source(pool, settings, new=bool(left))
        run = _Run(dataset, pool, root, settings, fps, sizes, earlier.numbers(pool), progress)
        run.take(left)
        if ended:
            notes.append(earlier.here(len(paths) - len(left), "video"))
        return pool.stats().noted(*notes, *run.remarks())


@dataclass(frozen=True, slots=True)
class _Item:
    """A photo of a video. ``last``: nothing more comes of that video."""

    video: str
    row: Photo
    data: Content
    last: bool


@dataclass(slots=True)
class _Run:
    dataset: Dataset
    pool: Pool
    root: str
    settings: dict[str, Any]
    fps: Fraction | None
    sizes: dict[str, int]
    known: Numbers
    progress: Progress
    damaged: dict[str, str] = field(default_factory=dict)
    taken: int = 0

    def take(self, paths: Sequence[str]) -> None:
        """Makes parts of what is new in the videos."""
        gone = tombstones(self.dataset.workspace)
        room = Room(self.pool.url, 1_000_000)
        items = itertools.chain.from_iterable(map(self._items, paths, self._shares(paths)))
        for stem in earlier.free_stems(self.pool):
            first = next(items, None)
            if first is None:
                return
            part = itertools.chain([first], itertools.islice(items, pools.PART_SIZE - 1))
            told: dict[str, Any] = {"videos": {}, "ended": []}
            task = PartTask(stem, self.dataset.name, self.pool.url, self.settings, gone)
            write_rows(task, self._told(part, told), lambda count: None, result=told)
            room.check(self.pool, stem)

    def _told(
        self, items: Iterable[_Item], told: dict[str, Any]
    ) -> Iterator[tuple[Photo, Content, Sequence[Given]]]:
        for item in items:
            told["videos"][item.video] = self.sizes[item.video]
            told["ended"] += [item.video] if item.last else []
            yield item.row, item.data, ()

    def _shares(self, paths: Sequence[str]) -> Iterator[float]:
        """The share of all bytes that lies behind when a video begins."""
        sizes = [self.sizes[storable(path)] for path in paths]
        return (sum(sizes[:i]) / max(sum(sizes), 1) for i in range(len(sizes)))

    def _items(self, path: str, share: float) -> Iterator[_Item]:
        """What is new of one video, each item told when it is known whether another follows."""
        held: tuple[Photo, films.Frame | Content] | None = None
        for found in films.read(storage.join(self.root, path), self.fps):
            if isinstance(found, films.Damage):
                self.damaged[path] = found.detail
            row, data = self._photo(path, found)
            if earlier.holds(self.known, number_of(row.photo_id)):
                continue
            if held:
                yield self._item(path, *held, last=False)
            held = row, data
            self.taken += 1
            self.progress(self.taken, round(self.taken / share) if share else self.taken)
        if held:
            yield self._item(path, *held, last=True)

    def _item(self, path: str, row: Photo, data: films.Frame | Content, *, last: bool) -> _Item:
        content = data.stored() if isinstance(data, films.Frame) else data
        return _Item(storable(path), row, content, last)

    def _photo(
        self, path: str, found: films.Frame | films.Damage
    ) -> tuple[Photo, films.Frame | Content]:
        if isinstance(found, films.Frame):
            row = self._row(path, videos.frame_name(path, found.number), found.number)
            return row, found
        return self._row(path, path, None), images.ImageRejectedError(found.reason)

    def _row(self, path: str, source: str, number: int | None) -> Photo:
        return Photo(
            photo_id=photo_id(self.dataset.name, source),
            source=storable(source),
            license=self.settings["license"],
            origin=self.settings["origin"],
            sequence=storable(path),
            frame=number,
        )

    def remarks(self) -> list[str]:
        """For the last line."""
        told = [f"{printable(video)}: {detail}" for video, detail in self.damaged.items()]
        if len(told) > _TOLD:
            told = [*told[:_TOLD], f"{counted(len(told) - _TOLD, 'more video')} damaged"]
        return told


def import_video(dataset: Dataset, source: str, **options: Any) -> Stats:
    """Takes the frames of a single file; its name is the path of its sequence."""
    if not storage.is_file(source):
        raise FacecurateError(f"{printable(source)} is no file: give a video or a folder of videos")
    name = storage.name(source)
    return import_videos(dataset, source[: -len(name)] or ".", [name], **options)
