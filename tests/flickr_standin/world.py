"""A world of photos as columns of numbers, drawn by a seed: the same one in every process."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import hashing, timeline, words
from .sizes import SHAPES

Column = NDArray[Any]
NEVER = timeline.NEVER
TITLE, TAGS, DESCRIPTION, BOTH = 1, 2, 3, 4  # where a photo carries the term
MIX = {
    0: 0.30, 1: 0.10, 2: 0.08, 3: 0.08, 4: 0.12, 5: 0.08, 6: 0.03, 7: 0.02, 8: 0.01, 9: 0.03,
    10: 0.02, 11: 0.05, 12: 0.02, 13: 0.01, 14: 0.03, 15: 0.01, 16: 0.01,
}  # fmt: skip
_OLD_SMALL, _OLD_LARGE = 1330560000, 1272672000  # 2012-03-01 and 2010-05-01, UTC


def when(text: str) -> int:
    """Seconds since 1970 of an ISO date, UTC."""
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp())


@dataclass(eq=False)
class World:
    """``photos`` public photos, uploaded from ``since`` to ``until`` at a growing rate.

    ``bursts`` spells of ``burst_size`` uploads, each within one cell of ``burst_seconds``, are part
    of ``photos``. ``share`` of them carry ``term`` in the title, tags or description. ``mix`` gives
    the weight of each licence id. ``odd`` scales all that a crawler should not take: videos,
    screenshots, unsafe ones, hidden owners, minors' terms, opt-outs, missing sizes; 0 for none.
    ``changes`` is the share that turns private, is deleted, gets another licence or another secret
    in the ``change_days`` after ``until``. ``growth`` 1 is a steady rate.
    """

    photos: int = 2000
    seed: int = 0
    since: str = "2004-02-10"
    until: str = "2026-06-30"
    growth: float = 1.8
    bursts: int = 0
    burst_size: int = 4500
    burst_seconds: int = 300
    term: str = "faces"
    share: float = 1.0
    mix: Mapping[int, float] = field(default_factory=lambda: dict(MIX))
    odd: float = 1.0
    changes: float = 0.04
    change_days: int = 90

    def __post_init__(self) -> None:
        if self.bursts * self.burst_size > self.photos:
            raise ValueError(f"{self.bursts} bursts of {self.burst_size} need more photos")
        self.start, self.end = when(self.since), when(self.until)
        rng = np.random.default_rng([0xF11C, self.seed])
        self.uploaded = np.sort(np.concatenate([self._steady(rng), self._burst(rng)]))
        gaps = rng.integers(1, max(2, 2 * 54_000_000_000 // max(self.photos, 1)), self.photos)
        self.ids = 1_000_000 + np.cumsum(gaps)
        self._people(rng)
        self._kinds(rng)
        self._words(rng)
        self._pictures(rng)
        self.timeline = timeline.drawn(self, rng)

    def _steady(self, rng: np.random.Generator) -> Column:
        """Times of all but the bursts: more every year, most in the evening."""
        count = self.photos - self.bursts * self.burst_size
        days = max(1, (self.end - self.start) // 86_400)
        day = (rng.random(count) ** (1 / self.growth) * days).astype(np.int64)
        hours = np.arange(25)
        crowd = np.cumsum(1.15 - np.cos((hours - 7) * np.pi / 12))
        crowd = (crowd - crowd[0]) / (crowd[-1] - crowd[0])
        second = np.interp(rng.random(count), crowd, hours * 3600).astype(np.int64)
        return np.asarray(self.start + np.minimum(day * 86_400 + second, self.end - self.start))

    def _burst(self, rng: np.random.Generator) -> Column:
        cells = (self.end - self.start) // self.burst_seconds - 1
        places = rng.random(self.bursts) ** (1 / self.growth) * cells
        first = self.start // self.burst_seconds + 1
        begin = np.repeat((first + places.astype(np.int64)) * self.burst_seconds, self.burst_size)
        return begin + rng.integers(0, self.burst_seconds, len(begin))

    def _people(self, rng: np.random.Generator) -> None:
        count = max(3, self.photos // 12)
        self.owner = (count * rng.random(self.photos) ** 2).astype(np.int32)
        self.owner_number = 1000 + np.cumsum(rng.integers(1, 3000, count))
        self.owner_alias = rng.random(count) < 0.6
        self.owner_pro = rng.random(count) < 0.3
        self.owner_hides = rng.random(count) < 0.01 * self.odd
        self.owner_gone = np.where(
            rng.random(count) < 0.25 * self.changes * self.odd,
            self.end + rng.integers(86_400, self.change_days * 86_400, count),
            NEVER,
        )

    def _kinds(self, rng: np.random.Generator) -> None:
        names = np.array(sorted(self.mix))
        weights = np.array([self.mix[int(name)] for name in names], float)
        self.licence = names[rng.choice(len(names), self.photos, p=weights / weights.sum())]
        draw = rng.random((4, self.photos)) / max(self.odd, 1e-9)
        self.video = draw[0] < 0.03
        self.content = np.digitize(draw[1], [0.01, 0.03, 0.06])  # 1 2 3 for the rare, 3 the rest
        self.content = np.array([3, 2, 1, 0])[self.content]
        self.safety = np.array([2, 1, 0])[np.digitize(draw[2], [0.01, 0.03])]
        self.opt_out = np.array([1, 2, 0])[np.digitize(draw[3], [0.005, 0.01])]  # nocv, no_cv
        self.taken = self.uploaded - rng.exponential(86_400 * 40, self.photos).astype(np.int64)
        self.taken_known = rng.random(self.photos) > 0.03
        self.views = rng.geometric(0.004, self.photos) - 1
        self.updated = self.uploaded + (
            rng.random(self.photos) * (self.end - self.uploaded)
        ).astype(np.int64)

    def _words(self, rng: np.random.Generator) -> None:
        """Titles (N, 2) and tags (N, 5) as places in ``words.WORDS``, -1 for none."""
        weights = 1.0 / np.arange(2, 2 + len(words.WORDS))
        weights[words.FIRST_MINOR :] = 0.0015 * self.odd * weights.sum() / len(words.MINORS)
        weights /= weights.sum()
        drawn = rng.choice(len(words.WORDS), (self.photos, 7), p=weights)
        drawn[rng.random(drawn.shape) < 0.3] = -1
        self.title_words, self.tag_words = drawn[:, :2], drawn[:, 2:]
        self.form = rng.integers(len(words.FORMS), size=self.photos)
        self.text = rng.integers(len(words.DESCRIPTIONS), size=self.photos)
        place = rng.integers(1, 5, self.photos)
        self.place = np.where(rng.random(self.photos) < self.share, place, 0)

    def _pictures(self, rng: np.random.Generator) -> None:
        """Shape, longest edge of the original (pixels), and the largest of the old sizes."""
        self.shape = rng.integers(len(SHAPES), size=self.photos)
        small = rng.random(self.photos) < 0.14 * self.odd
        few = rng.choice([500, 640, 800, 1000, 1023], self.photos)
        many = rng.choice(
            [1024, 1280, 1600, 2048, 3072], self.photos, p=[0.1, 0.2, 0.2, 0.25, 0.25]
        )
        self.edge = np.where(small, few, many)
        lacks = rng.random((2, self.photos)) < np.array([[0.15], [0.4]]) * self.odd
        self.limit = np.where(lacks[0] & (self.uploaded < _OLD_SMALL), 640, 4096)
        no_large = lacks[1] & (self.uploaded < _OLD_LARGE)
        self.limit = np.where(no_large, np.minimum(self.limit, 800), self.limit)
        self.original = rng.random(self.photos) > 0.03  # owner lets others download it
        self.png = rng.random(self.photos) < 0.01 * self.odd
        old = 1 + (hashing.mixed(self.ids, 7) % np.uint64(8999)).astype(np.int64)
        self.server = np.where(self.ids > 48_000_000_000, 65535, old)
        self.farm = np.where(self.server == 65535, 66, 1 + old // 1000)

    def index(self, photo_id: int) -> int | None:
        """The place of a photo in the columns, None if there never was such an id."""
        place = int(np.searchsorted(self.ids, photo_id))
        return place if place < self.photos and int(self.ids[place]) == photo_id else None

    @cached_property
    def nsids(self) -> list[str]:
        """The owners' ids."""
        return [f"{number + 100_000}@N{number % 9:02d}" for number in self.owner_number.tolist()]

    @cached_property
    def names(self) -> list[str]:
        """What the owners are called."""
        count = len(words.PEOPLE)
        firsts = hashing.mixed(np.arange(len(self.nsids)), self.seed) % np.uint64(count)
        return [
            f"{words.PEOPLE[first]} {chr(65 + owner % 26)}. {owner}"
            for owner, first in enumerate(firsts.tolist())
        ]

    @cached_property
    def aliases(self) -> list[str | None]:
        """The names in the addresses of the owners' pages; many have none."""
        has = self.owner_alias.tolist()
        return [f"user-{owner}" if known else None for owner, known in enumerate(has)]

    def owner_of(self, nsid: str) -> int | None:
        """The owner of an id."""
        digits = nsid.partition("@")[0]
        number = int(digits) - 100_000 if digits.isdecimal() and len(digits) < 18 else -1
        place = int(np.searchsorted(self.owner_number, number))
        return place if place < len(self.nsids) and self.nsids[place] == nsid else None

    def secret(self, index: int, kind: int, version: int) -> str:
        """The digits that an address of this kind of size must hold."""
        return hashing.secret(int(self.ids[index]), kind, version, self.seed)
