"""``recheck``: is every stored photo still public and still so licensed? The others are taken down.

All searches of the crawl are asked once more, 500 photos a call. Only what they do not bring again,
or bring with another licence, is asked about by itself: a million and a half single calls would
take three weeks.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from facecurate import storage
from facecurate.crawl import attribution, removal, result
from facecurate.crawl.calls import ItemFailed
from facecurate.crawl.downloads import key_of
from facecurate.crawl.removal import Removed
from facecurate.crawl.run import Run, opened
from facecurate.crawl.settings import Access, CrawlSettings
from facecurate.erase import Outcome, telling
from facecurate.errors import FacecurateError
from facecurate.flickr.photos import Photo
from facecurate.flickr.query import StopCrawl
from facecurate.flickr.schema import PhotoState
from facecurate.flickr.state import NAME, State
from facecurate.stats import Count, Stats
from facecurate.text import counted
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

BATCH = 50  # photos whose tombstones are written at once
SILENT = 10  # photos in a row of which nothing can be learned: then the run stops
_DAY = 86_400  # seconds after which what was found out counts no more
_BEGAN, _SWEPT = "recheck_began", "recheck_swept"
# What the gate says of a stored photo's new words and counts; other reasons (no size in the answer,
# a row that cannot be read) say nothing about whether it is still public and so licensed.
_LEAVES = ("no_cv", "not_public")


def recheck(
    dataset: Dataset,
    access: Access,
    say: Callable[[str], None] = lambda line: None,
    *,
    progress: Progress = silent,
) -> Stats:
    """Takes down what is gone, private or no longer licensed so; tells each photo and its reason.

    A recheck that was interrupted goes on, within a day. Photos about which Flickr cannot say
    anything stay, and make it end with exit code 75. Raises FacecurateError for a dataset that no
    crawl made or where Flickr's list of licences contradicts ours, and as ``crawl`` does.
    """
    with dataset.lock("recheck") as taken_over:
        if taken_over:
            say(taken_over)
        settings = _settings(dataset)
        settled = removal.settle(dataset, access.clock.time())
        for note in settled.notes():
            say(note)
        with opened(dataset, settings, access, say) as run:
            _check_licenses(run, settings)
            return _Recheck(dataset, access, run, say, progress, settled).finish()


def _settings(dataset: Dataset) -> CrawlSettings:
    """Those that the crawl was begun with."""
    if not storage.exists(dataset.path(NAME)):
        raise FacecurateError(
            f"{dataset.name} was not made by 'facecurate crawl': there is nobody to ask again"
        )
    with State(dataset.path(NAME)) as state:
        found = state.get("settings") or {}
        size = state.get("size") or "l"
    return CrawlSettings(
        queries=tuple(found.get("queries", ())),
        licenses=frozenset(found.get("licenses", ())),
        since=found.get("since", 0),
        until=found.get("until"),
        size=size,
    )


def _check_licenses(run: Run, settings: CrawlSettings) -> None:
    """Raises FacecurateError where nobody knows what the licence of stored photos means now."""
    held = frozenset(run.photos.licences((PhotoState.FETCHED, PhotoState.PACKED)))
    if disputed := sorted(held & settings.licenses - run.sieve.licenses):
        raise FacecurateError(
            f"Flickr's list of licenses contradicts ours for id {', '.join(map(str, disputed))}, "
            "under which photos are stored: nothing is taken down; try again in a day, then with "
            "a newer facecurate"
        )


class _Recheck:
    """One run of a recheck."""

    def __init__(
        self,
        dataset: Dataset,
        access: Access,
        run: Run,
        say: Callable[[str], None],
        progress: Progress,
        settled: removal.Settled,
    ) -> None:
        self._dataset, self._access, self._run, self._settled = dataset, access, run, settled
        self._say, self._progress = say, progress
        self._removed: list[Removed] = []
        self._batch: list[Removed] = []
        self._asked = self._silent = self._silent_in_a_row = 0
        self._done: Outcome | None = None

    def finish(self) -> Stats:
        """The whole run."""
        run = self._run
        run.packer.tidy()
        before = result.counts(run.photos).kept
        began = self._begin()
        if not run.state.get(_SWEPT):
            self._sweep()
            run.state.put(_SWEPT, True)
        try:
            self._take_down(self._doubtful(began))
        finally:
            keys = [key_of(one.photo_id) for one in self._removed]
            if keys:
                now = self._access.clock.time()
                self._done = removal.take_out(self._dataset, keys, "recheck", now)
            attribution.write(self._dataset, self._access.contact)
            result.write(self._dataset, run)
        if self._silent:
            raise StopCrawl(
                f"{counted(self._silent, 'photo')} could not be asked about and stayed, the others "
                f"were ({self._account(before)}): run recheck again later"
            )
        with run.state.transaction():
            run.state.put(_BEGAN, None)
            run.state.put(_SWEPT, None)
        return self._account(before)

    def _begin(self) -> int:
        """When the recheck began; one that is older than a day begins again, sweep and all."""
        state, now = self._run.state, int(self._access.clock.time())
        began = state.get(_BEGAN)
        if began is not None and began <= now < began + _DAY:
            return int(began)
        with state.transaction():
            for window in state.windows("turn > 2 AND state = 'open'"):
                state.save_window(dataclasses.replace(window, state="done"))
            state.put(_BEGAN, now)
            state.put(_SWEPT, None)
        return now

    def _sweep(self) -> None:
        total = len(self._run.state.windows("turn = 1 AND state NOT IN ('open', 'split')"))
        done = 0
        for step in self._run.enumerator.sweep():
            done += step.window.state != "open"
            self._progress(done, total)

    def _doubtful(self, began: int) -> Iterator[Photo]:
        """Photos that no search brought again, that the gate refuses now, or with a new licence."""
        seen = set()
        photos = self._run.photos
        for found in (photos.unseen(began), photos.withdrawn(), photos.relicensed()):
            for photo in found:
                if photo.photo_id not in seen:
                    seen.add(photo.photo_id)
                    yield photo

    def _take_down(self, doubtful: Iterable[Photo]) -> None:
        try:
            for photo in doubtful:
                self._decide(photo)
                if len(self._batch) >= BATCH:
                    self._apply()
        finally:  # whatever ended it: these verdicts stand
            self._apply()

    def _decide(self, photo: Photo) -> None:
        try:
            reason = self._reason(photo)
        except ItemFailed as failure:
            self._silent += 1
            self._silent_in_a_row += 1
            if self._silent_in_a_row >= SILENT:
                raise StopCrawl(
                    f"{failure}, as did {SILENT} in a row: stopped; run recheck again later"
                ) from failure
            return
        self._silent_in_a_row = 0
        if reason is None:
            self._keep(photo)
        else:
            self._batch.append(Removed.of(photo, reason))

    def _reason(self, photo: Photo) -> str | None:
        """Flickr's word on the photo itself decides; else what the gate says of its new text."""
        self._asked += 1
        found = self._run.asker.reason_to_leave(photo)
        return found or (photo.reason if photo.reason in _LEAVES else None)

    def _keep(self, photo: Photo) -> None:
        """It was seen now, and is not asked about again when an interrupted recheck goes on."""
        with self._run.state.transaction() as db:
            db.execute(
                "UPDATE photos SET seen_at = ?, license_was = NULL, reason = NULL"
                " WHERE photo_id = ?",
                (int(self._access.clock.time()), photo.photo_id),
            )

    def _apply(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        packer = self._run.packer
        now = self._access.clock.time()
        removal.condemn(self._dataset, self._run.photos, packer.spool.files(), batch, now)
        self._removed += batch
        for one in batch:
            self._say(f"flickr-{one.photo_id}: {one.reason}")

    def _account(self, before: int) -> Stats:
        dropped = Counter(one.reason for one in self._removed)
        count = Count(before, before - dropped.total(), dict(sorted(dropped.items())))
        notes = self._settled.notes()
        notes += [f"{counted(self._asked, 'photo')} asked about one by one"]
        if self._done:
            notes += telling.notes(self._done)
        removed: list[dict[str, Any]] = [
            {"photo_id": f"flickr-{one.photo_id}", "reason": one.reason} for one in self._removed
        ]
        stats = Stats({"photos": count}).noted(*notes, *self._run.notes)
        return stats.with_facts(
            removed=removed, taken_down=self._settled.photos, calls=self._run.api.calls
        )
