"""The verb ``crawl``: search and downloads by turns, parts as they fill, the account at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from facecurate.crawl import attribution, removal, result
from facecurate.crawl.downloads import key_of
from facecurate.crawl.pack import SETTINGS
from facecurate.crawl.run import Run, opened
from facecurate.crawl.settings import Access, CrawlSettings
from facecurate.errors import FacecurateError
from facecurate.flickr.schema import PhotoState
from facecurate.pool import Pool, Room, check_settings
from facecurate.stats import Stats
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset


def crawl(
    dataset: Dataset,
    settings: CrawlSettings,
    access: Access,
    say: Callable[[str], None] = lambda line: None,
    *,
    progress: Progress = silent,
) -> Stats:
    """Finds, fetches and packs; the same call goes on where an earlier one ended, however it did.

    Raises StoppedError (exit code 75) when Flickr or the image host asks for a long pause, and
    FacecurateError when the key is refused or another kind of dataset lies under the name.
    """
    with dataset.lock("crawl") as taken_over:
        if taken_over:
            say(taken_over)
        _check_pool(Pool(dataset.path("photos")))
        settled = removal.settle(dataset, access.clock.time())
        for note in settled.notes():
            say(note)
        with opened(dataset, settings, access, say) as run:
            for note in run.notes:
                say(note)
            return _Crawl(dataset, settings, access, run, progress, settled).finish()


def _check_pool(pool: Pool) -> None:
    for stem in pool.stems()[:1]:
        found = pool.info(stem).settings
        before = {name: found.get(name) for name in SETTINGS}
        check_settings(before, SETTINGS, f"{pool.name}/{stem}")


@dataclass(slots=True)
class _Crawl:
    """One run of a crawl."""

    dataset: Dataset
    settings: CrawlSettings
    access: Access
    run: Run
    progress: Progress
    settled: removal.Settled
    stored: int = 0  # photos in parts and in the spool
    through: float = 0.0  # share of the range that the search has behind it
    credited: int = 0  # parts in the attribution files
    room: Room = field(init=False)

    def finish(self) -> Stats:
        """The whole run."""
        run, packer = self.run, self.run.packer
        packer.tidy()
        self._once_more()
        self.stored = result.counts(run.photos).kept
        self.room = Room(packer.pool.url, 1_000_000)
        run.downloads.stored = self._count
        self._fetch()
        if self._room_left():
            for step in run.enumerator.steps():
                self.through = step.through
                self._fetch()
                if not self._room_left():
                    break
        self._fetch(patient=True)
        self._take_back()
        while self._pack():
            pass
        return self._account()

    def _once_more(self) -> None:
        """What earlier runs could not reach gets one more try in each later one."""
        failed = self.run.photos.each(PhotoState.FAILED)
        self.run.photos.again([p.photo_id for p in failed if p.reason == "unreachable"])

    def _room_left(self) -> int:
        limit = self.settings.limit
        return 1 << 40 if limit is None else max(0, limit - self.stored)

    def _count(self) -> None:
        self.stored += 1
        self.run.packer.waiting += 1
        self._tell()

    def _tell(self) -> None:
        expected = self.settings.limit
        if expected is None:
            known = self.stored + result.waiting(self.run.photos) if self.stored % 50 == 0 else 0
            expected = round(known / max(self.through, 0.01)) if known else 0
        if expected:
            self.progress(min(self.stored, expected), expected)

    # -- downloads ------------------------------------------------------------------------------

    def _fetch(self, patient: bool = False) -> None:
        """Downloads what is due; ``patient`` also waits for what is to be tried again later."""
        while room := self._room_left():
            if self.run.downloads.block(room) == 0 and not (patient and self._until_due()):
                return
            self.stored = result.counts(self.run.photos).kept
            if self.run.packer.full():
                self._pack()

    def _until_due(self) -> bool:
        due = self.run.photos.next_due()
        if due is not None:
            self.access.clock.sleep(max(1.0, due - self.access.clock.time()))
        return due is not None

    # -- parts ----------------------------------------------------------------------------------

    def _pack(self) -> bool:
        stem = self.run.packer.pack()
        if stem is None:
            return False
        parts = len(self.run.packer.pool.stems())
        if attribution.is_due(parts, self.credited):
            attribution.write(self.dataset, self.access.contact)
            self.credited = parts
        self.room.check(self.run.packer.pool, stem)
        return True

    def _take_back(self) -> None:
        """Photos in parts that turned out to be none, or whose owners changed their minds since."""
        run = self.run
        late = [p for p in run.photos.withdrawn() if p.state is PhotoState.PACKED]
        none = run.photos.each(PhotoState.QUARANTINED)
        reasons = {key_of(p.photo_id): p.reason or "license" for p in (*late, *none)}
        if reasons:
            removal.rewrite(run.packer.pool, reasons)
        for photo in late:
            # Gone for good: its row stays in the part, so it never comes back into another.
            run.photos.end([photo.photo_id], PhotoState.GONE, photo.reason or "license")

    def _account(self) -> Stats:
        run = self.run
        credited = attribution.write(self.dataset, self.access.contact)
        result.write(self.dataset, run)
        stats = result.told(run)
        if not stats.counts["photos"].taken and not result.waiting(run.photos):
            raise FacecurateError(
                "the search found no photo: try other --query words or a wider --since and --until"
            )
        return stats.noted(*self.settled.notes(), attribution.summary(credited)).with_facts(
            taken_down=self.settled.photos
        )
