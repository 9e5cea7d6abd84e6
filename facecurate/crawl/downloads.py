"""From photos that wait to verified files in the spool, one try at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from facecurate import storage
from facecurate.crawl.asking import Asker
from facecurate.crawl.calls import ItemFailed
from facecurate.crawl.settings import FRESH
from facecurate.fetch import Got, Kind, Wanted, final_reason
from facecurate.flickr import rows
from facecurate.flickr.clock import Clock
from facecurate.flickr.photos import Photo, Photos
from facecurate.flickr.query import StopCrawl
from facecurate.flickr.schema import PhotoState

BLOCK = 500  # photos that are handed to the fetcher at once
TRIES = 5  # then a photo is given up
REFUSALS = 6  # blocks in a row that brought nothing but requests to slow down: then the run stops
SAME_BYTES = 3  # ids with the same bytes: a placeholder that nobody knew
_PAUSE, _LONGEST_PAUSE = 30.0, 3600.0  # seconds before another try of one photo


class Fetcher(Protocol):
    """Fetches images and tells what came of each."""

    def fetch_many(self, wanted: Iterable[Wanted], done: Callable[[Got], None]) -> Any:
        """Calls ``done`` for each."""
        ...


class Downloads:
    """The second stage of a crawl; every result is one transaction."""

    def __init__(
        self, photos: Photos, fetcher: Fetcher, asker: Asker, clock: Clock, size: str
    ) -> None:
        self._photos, self._fetcher, self._asker = photos, fetcher, asker
        self._clock, self._size = clock, size
        self._random = random.Random()
        self._refresh: list[Photo] = []
        self._arrived = self._throttled = self._refusals = 0
        self.stored: Callable[[], None] = lambda: None  # called for each photo that arrived

    def block(self, most: int) -> int:
        """Fetches photos that are due, ``most`` or fewer; how many were tried.

        Raises StopCrawl (exit code 75) when the host has only refused for a long while.
        """
        self._arrived = self._throttled = 0
        due = self._photos.next(min(BLOCK, most), self._now())
        usable = [(photo, want) for photo in due if (want := self._wanted(photo))]
        self._fetch(usable)
        again = [(photo, want) for photo in self._refresh if (want := self._fresh(photo))]
        self._refresh = []
        if again:
            self._fetch(again, fresh=True)
        self._refusals = self._refusals + 1 if self._throttled and not self._arrived else 0
        if self._refusals >= REFUSALS:
            raise StopCrawl("the image host only slows us down: run the same command in some hours")
        return len(due)

    def _now(self) -> int:
        return int(self._clock.time())

    def _fetch(self, wanted: Sequence[tuple[Photo, Wanted]], fresh: bool = False) -> None:
        by_key = {want.key: photo for photo, want in wanted}
        done = [want for _, want in wanted]
        self._fetcher.fetch_many(done, lambda got: self._take(by_key[got.key], got, fresh))

    # -- before ---------------------------------------------------------------------------------

    def _wanted(self, photo: Photo) -> Wanted | None:
        """The image of a photo; None if the photo is not to be had (any more)."""
        try:
            reason = self._asker.verdict(photo)
            if reason is None and self._now() - photo.seen_at > FRESH:
                reason = self._asker.reason_to_leave(photo)
        except ItemFailed:
            self._retry(photo, "unreachable", TRIES, None)
            return None
        if reason:
            state = PhotoState.GONE if reason == "gone" else PhotoState.REFUSED
            self._photos.end([photo.photo_id], state, reason)
            return None
        size = rows.pick_size(rows.parse(photo.raw), self._size)
        if size is None:
            self._photos.end([photo.photo_id], PhotoState.REFUSED, "no_size")
        return self._want(photo, size)

    def _fresh(self, photo: Photo) -> Wanted | None:
        """The photo's address as Flickr gives it now: its secret changes when it is replaced."""
        try:
            size = self._asker.size(photo.photo_id, self._size)
        except ItemFailed:
            self._retry(photo, "unreachable", TRIES, None)
            return None
        if size is None:
            self._photos.end([photo.photo_id], PhotoState.GONE, "gone")
        return self._want(photo, size)

    def _want(self, photo: Photo, size: rows.Size | None) -> Wanted | None:
        if size is None:
            return None
        return Wanted(key_of(photo.photo_id), size.url, size.width, size.height, photo.tries)

    # -- after ----------------------------------------------------------------------------------

    def _take(self, photo: Photo, got: Got, fresh: bool) -> None:
        if got.kind is None:
            self._store(photo, got)
            return
        reason = final_reason(got.reason) if got.reason else "unreachable"
        if got.kind is Kind.THROTTLE:
            self._throttled += 1
            if self._arrived:  # others come through: it is this photo that is refused
                self._retry(photo, reason, TRIES, None)
            elif got.status is not None:  # counted, so that in the end the fetcher knows it alone
                self._photos.retry(photo.photo_id, reason, self._now())
            else:  # it was not even asked for
                self._photos.again([photo.photo_id], self._now())
        elif got.kind is Kind.GONE and not fresh:
            self._refresh.append(photo)
        elif got.kind is Kind.OPTED_OUT:
            self._photos.end([photo.photo_id], PhotoState.REFUSED, reason)
        elif got.kind is Kind.REFUSED:
            self._photos.end([photo.photo_id], PhotoState.FAILED, reason)
        else:  # what was rejected may have been damaged on its way: twice the same is enough
            sure = got.kind is Kind.REJECTED and photo.reason == reason
            self._retry(photo, reason, 1 if sure else TRIES, got.retry_after)
        self._photos.state.attempt(
            "image", photo.photo_id, got.reason or "", got.status or 0, at=self._now()
        )

    def _retry(self, photo: Photo, reason: str, last: int, asked: float | None) -> None:
        bound = min(_LONGEST_PAUSE, _PAUSE * 2.0**photo.tries)
        pause = max(min(asked or 0.0, _LONGEST_PAUSE), bound * self._random.uniform(0.5, 1.0))
        tries = self._photos.retry(photo.photo_id, reason, self._now() + int(pause) + 1)
        if tries >= last:
            self._photos.end([photo.photo_id], PhotoState.FAILED, reason)

    def _store(self, photo: Photo, got: Got) -> None:
        self._arrived += 1
        if self._asker.is_barred(got.sha256):
            self._put_aside([photo.photo_id], PhotoState.REFUSED, "tombstoned", got)
            return
        sha256 = bytes.fromhex(got.sha256)
        self._photos.fetched(
            photo.photo_id,
            sha256=sha256,
            size=got.bytes,
            width=got.width,
            height=got.height,
            url=got.url,
            at=self._now(),
        )
        same = self._photos.same_bytes(sha256)
        if len(same) >= SAME_BYTES:
            self._put_aside(same, PhotoState.QUARANTINED, "many_ids", got)
        self.stored()

    def _put_aside(self, ids: Sequence[int], state: PhotoState, reason: str, got: Got) -> None:
        self._photos.end(ids, state, reason)
        if not got.path:
            return
        folder, gone = got.path.rpartition("/")[0], {key_of(photo_id) for photo_id in ids}
        for name in storage.list(folder):  # the files of the earlier ones too
            if name.partition(".")[0] in gone:
                storage.delete(storage.join(folder, name))


def key_of(photo_id: int) -> str:
    """The dataset's id of a photo."""
    return f"flickr-{photo_id}"
