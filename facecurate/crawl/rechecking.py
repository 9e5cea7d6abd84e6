"""``recheck``: is every stored photo still public and still so licensed? The others are taken down.

All searches of the crawl are asked once more, 500 photos a call. Only what they do not bring again,
or bring with another licence, is asked about by itself: a million and a half single calls would
take three weeks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from facecurate import storage
from facecurate.crawl import attribution, removal, result
from facecurate.crawl.removal import Removed
from facecurate.crawl.run import Run, opened
from facecurate.crawl.settings import Access, CrawlSettings
from facecurate.errors import FacecurateError
from facecurate.flickr.photos import Photo
from facecurate.flickr.state import NAME, State
from facecurate.stats import Count, Stats
from facecurate.text import counted
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones

BATCH = 500  # photos that are taken down at once
_BEGAN = "recheck_began"


def recheck(
    dataset: Dataset,
    access: Access,
    say: Callable[[str], None] = lambda line: None,
    *,
    progress: Progress = silent,
) -> Stats:
    """Takes down what is gone, private or no longer licensed so; tells each photo and its reason.

    A recheck that was interrupted goes on. Raises FacecurateError for a dataset that no crawl made,
    and as ``crawl`` does.
    """
    with dataset.lock("recheck") as taken_over:
        if taken_over:
            say(taken_over)
        with opened(dataset, _settings(dataset), access, say) as run:
            return _Recheck(dataset, access, run, say, progress).finish()


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


class _Recheck:
    """One run of a recheck."""

    def __init__(
        self,
        dataset: Dataset,
        access: Access,
        run: Run,
        say: Callable[[str], None],
        progress: Progress,
    ) -> None:
        self._dataset, self._access, self._run = dataset, access, run
        self._say, self._progress = say, progress
        self._removed: list[Removed] = []
        self._asked = 0

    def finish(self) -> Stats:
        """The whole run."""
        run = self._run
        removal.finish(run.packer.pool, run.photos, tombstones(self._dataset.workspace))
        run.packer.tidy()
        before = result.counts(run.photos).kept
        began = run.state.get(_BEGAN) or int(self._access.clock.time())
        run.state.put(_BEGAN, began)
        self._sweep()
        self._take_down(self._doubtful(began))
        run.state.put(_BEGAN, None)
        attribution.write(self._dataset, self._access.contact)
        result.write(self._dataset, run)
        return self._account(before)

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
        batch: list[Removed] = []
        for photo in doubtful:
            reason = self._reason(photo)
            if reason is None:
                self._keep(photo)
                continue
            batch.append(Removed.of(photo, reason))
            if len(batch) == BATCH:
                self._apply(batch)
                batch = []
        self._apply(batch)

    def _reason(self, photo: Photo) -> str | None:
        """Flickr's word on the photo itself decides; else what the gate says of its new text."""
        self._asked += 1
        found = self._run.asker.reason_to_leave(photo)
        return found or (photo.reason if photo.reason not in (None, "license") else None)

    def _keep(self, photo: Photo) -> None:
        if photo.reason is not None and photo.part is not None:
            self._run.photos.packed([photo.photo_id], photo.part)  # forgets the reason

    def _apply(self, batch: list[Removed]) -> None:
        packer = self._run.packer
        now = self._access.clock.time()
        removal.take_down(
            self._dataset, packer.pool, self._run.photos, packer.spool.files(), batch, now
        )
        self._removed += batch
        for one in batch:
            self._say(f"flickr-{one.photo_id}: {one.reason}")

    def _account(self, before: int) -> Stats:
        dropped = Counter(one.reason for one in self._removed)
        count = Count(before, before - dropped.total(), dict(sorted(dropped.items())))
        parts = {one.part for one in self._removed if one.part is not None}
        notes = [f"{counted(self._asked, 'photo')} asked about by itself"]
        if parts:
            notes.append(
                f"{counted(len(parts), 'part')} of photos written anew: run detect and the steps "
                f"after it again"
            )
        removed: list[dict[str, Any]] = [
            {"photo_id": f"flickr-{one.photo_id}", "reason": one.reason} for one in self._removed
        ]
        stats = Stats({"photos": count}).noted(*notes, *self._run.notes)
        return stats.with_facts(removed=removed, calls=self._run.api.calls)
