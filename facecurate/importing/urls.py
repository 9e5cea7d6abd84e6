"""``import`` of a list of addresses: fetched politely, each a row, in the order of the list."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from facecurate import images
from facecurate import pool as pools
from facecurate.errors import FacecurateError
from facecurate.importing import earlier
from facecurate.importing.earlier import Numbers
from facecurate.importing.ids import license_id, number_of, photo_id
from facecurate.importing.lists import AddressList, Line, Survey, shown_url
from facecurate.importing.polite import Politeness
from facecurate.importing.rows import (
    Content,
    PartTask,
    Verified,
    is_gone,
    limits,
    write_rows,
)
from facecurate.importing.spool import Ended, Spool
from facecurate.importing.window import Stretch, Window
from facecurate.pool import Pool, Room
from facecurate.records import Given, Photo
from facecurate.stats import Stats
from facecurate.stones import Stones
from facecurate.text import counted
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones

SOURCE = "urls"


def import_list(
    dataset: Dataset,
    source: str,
    polite: Politeness,
    *,
    columns: Mapping[str, str] | None = None,
    license: str | None = None,
    redo: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> Stats:
    """Takes the picture at every address of a CSV, TSV or Parquet file.

    ``columns``: the file's names of ours (``url``, ``license``, ``author``, ``owner``, ``title``,
    ``page_url``). ``license``: of pictures whose row names none. ``say``: of long pauses.
    The same call goes on where an earlier one ended, however it did.

    Raises StoppedError (exit code 75) when what is left waits for hosts that ask for a long pause,
    and as ``AddressList.survey`` does.
    """
    settings = {
        "origin": "collected",
        "source": SOURCE,
        "license": license_id(license),
        **limits(),
        "max_bytes": polite.settings("").limits.max_bytes,
    }
    addresses = AddressList(source, columns or {})
    next(addresses.lines(), None)  # a list that cannot be read changes nothing
    with dataset.lock("import") as taken_over:
        if dataset.has("crawl.sqlite"):
            raise FacecurateError(f"{dataset.name} is a crawl's: choose another --name")
        pool = Pool(dataset.path("photos"))
        known = earlier.none() if redo else earlier.numbers(pool)
        survey = addresses.survey(known)
        if redo:
            Spool(dataset).clear()
        notes = [taken_over or "", earlier.begin(pool, redo)]
        earlier.check_source(pool, settings, new=bool(survey.wanted))
        run = _Run(dataset, pool, addresses, survey, settings, polite, known, say, progress)
        run.fetch()
        return pool.stats().noted(*notes, *_remarks(survey, pool))


@dataclass(slots=True)
class _Run:
    dataset: Dataset
    pool: Pool
    addresses: AddressList
    survey: Survey
    settings: Mapping[str, Any]
    polite: Politeness
    known: Numbers
    say: Callable[[str], None]
    progress: Progress
    done: int = 0
    gone: Stones = field(init=False)
    spool: Spool = field(init=False)
    room: Room = field(init=False)

    def fetch(self) -> None:
        """Fetches and packs what is new."""
        self.gone = tombstones(self.dataset.workspace)
        self.spool = Spool(self.dataset)
        left = self.spool.load(lambda key: earlier.holds(self.known, number_of(key)))
        wanted = self.survey.wanted
        self.room = Room(self.pool.url, -(-wanted // pools.PART_SIZE))
        self.progress(0, wanted)
        window = Window(
            self._stretches(),
            self.spool,
            self.polite,
            judge=self._judge,
            earlier=left,
            pack=self._pack,
            done=self._count,
        )
        with self.polite.fetcher(self.spool.url, self.say) as fetcher:
            window.run(fetcher)
        self.spool.clear()

    def _count(self, more: int) -> None:
        self.done += more
        self.progress(self.done, self.survey.wanted)

    def _stretches(self) -> Iterator[Stretch]:
        """What is new, cut into parts; an interrupted import cuts the rest in the same places."""
        new = itertools.compress(self.addresses.lines(), self.survey.new)
        stems = earlier.free_stems(self.pool)
        parts = -(-self.survey.wanted // pools.PART_SIZE)
        for stem in itertools.islice(stems, parts):
            lines = itertools.islice(new, pools.PART_SIZE)
            yield Stretch(stem, {photo_id(self.dataset.name, line.url): line for line in lines})

    def _judge(self, key: str, line: Line) -> str | None:
        row = self._row(key, line, Ended(key, line.url))
        return "tombstoned" if is_gone(row, self.gone) else None

    def _pack(self, stretch: Stretch) -> None:
        task = PartTask(stretch.stem, self.dataset.name, self.pool.url, self.settings, self.gone)
        write_rows(task, self._items(stretch), lambda count: None)
        self.room.check(self.pool, stretch.stem)

    def _items(self, stretch: Stretch) -> Iterator[tuple[Photo, Content, Sequence[Given]]]:
        for key, line in stretch.lines.items():
            ended = stretch.ended[key]
            yield self._row(key, line, ended), self._content(ended), ()

    def _row(self, key: str, line: Line, ended: Ended) -> Photo:
        return Photo(
            photo_id=key,
            source=shown_url(line.url),
            url=shown_url(ended.url),
            page_url=line.page_url,
            owner=line.owner,
            author=line.author,
            title=line.title,
            license=license_id(line.license) if line.license else self.settings["license"],
            fetched_at=datetime.fromtimestamp(ended.at, UTC) if ended.at else None,
            origin=self.settings["origin"],
        )

    def _content(self, ended: Ended) -> Content:
        if ended.file is None:
            return images.ImageRejectedError(ended.reason or "unreachable")
        data = self.spool.data(ended)
        if data is None:
            return images.ImageRejectedError("unreadable", "its bytes changed on the disk")
        suffix = ended.file.rpartition(".")[2]
        return Verified(data, suffix, ended.width, ended.height, ended.orientation)


def _remarks(survey: Survey, pool: Pool) -> Iterator[str]:
    if survey.repeated:
        yield f"{counted(survey.repeated, 'row')} with an address of another row"
    if survey.blank:
        yield f"{counted(survey.blank, 'row')} without an address"
    if survey.known:
        yield f"{survey.known:,} were here already"
        yield earlier.not_retried(pool, "unreachable")
