"""flickr.photos.search over a world: which photos, in which order, on which page."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import codes, hashing, query, words
from .codes import Refusal
from .query import Query
from .timeline import Now, States
from .world import BOTH, TAGS, World

Order = NDArray[np.int64]
_KEEP = 32  # answers kept for their next pages


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How far the search is from an exact one.

    ``date_quantum``: upload bounds are widened outward to this grid (seconds). ``cap``: rows that a
    query gives; pages beyond repeat the last one (``beyond`` "repeat") or are code 20 ("error").
    ``total_bias``: totals are up to this share too small. ``jitter``: chance that the two rows at
    the border of two pages change places, or that the first one is repeated in the place of the
    second. ``shuffle``: chance that two neighbours within a page change places. ``unordered``:
    windows of more than so many days come in no order. ``missing``: chance that one query leaves
    out a photo; another query finds it. ``types``: "modern" or "legacy" numbers in JSON.
    """

    date_quantum: int = 300
    cap: int = 4000
    beyond: str = "repeat"
    total_bias: float = 0.2
    jitter: float = 0.02
    shuffle: float = 0.0
    unordered: float = math.inf
    missing: float = 0.0
    types: str = "modern"


EXACT = Behaviour(date_quantum=1, total_bias=0.0, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Page:
    """Places of photos in the columns, and the numbers above them."""

    rows: Order
    page: int
    pages: int
    per_page: int
    total: int


class Search:
    """Answers queries about one world; keeps what its next pages need. Not for two threads."""

    def __init__(self, world: World, states: States, behaviour: Behaviour) -> None:
        self._world, self._states, self.behaviour = world, states, behaviour
        self._masks: dict[tuple[str, bool], NDArray[np.bool_]] = {}
        self._kinds: dict[tuple[str, tuple[int, ...] | None], NDArray[np.bool_]] = {}
        self._answers: OrderedDict[tuple[Any, ...], Order] = OrderedDict()
        self._ranks: dict[str, Order] = {}

    def page(self, params: Mapping[str, str], clock: float) -> Page:
        """One page as the service answers it; raises Refusal."""
        asked = query.read(params)
        self._check_user(asked, clock)
        number, per_page = query.pages(params, asked.geo)
        order, how = self.order(asked, clock), self.behaviour
        key = hashing.number(repr(asked))
        last = -(-how.cap // per_page)
        if number > last and len(order) > how.cap and how.beyond == "error":
            raise Refusal(codes.TOO_FAR)
        rows = self._cut(order[: how.cap], min(number, last), per_page, key)
        bias = how.total_bias * hashing.chance(self._world.seed, key, 1)
        total = max(round(len(order) * (1 - bias)), min(1, len(order)))
        return Page(rows, number, -(-total // per_page), per_page, total)

    def order(self, asked: Query, clock: float) -> Order:
        """All photos that a query finds, in its order, beyond the cap too."""
        key = (asked, self._states.epoch(clock), self.behaviour)
        if key not in self._answers:
            self._answers[key] = self._found(asked, clock)
            if len(self._answers) > _KEEP:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        return self._answers[key]

    def exact(self, params: Mapping[str, str], clock: float) -> Order:
        """What a search without any fault would find."""
        return self._sorted(self._matching(query.read(params), clock, 1), query.read(params))

    def _check_user(self, asked: Query, clock: float) -> None:
        if asked.user is None:
            return
        owner = self._world.owner_of(asked.user)
        if owner is None:
            raise Refusal(codes.UNKNOWN_USER)
        if self._world.owner_gone[owner] <= clock:
            raise Refusal(codes.USER_DELETED)

    def _found(self, asked: Query, clock: float) -> Order:
        how, world = self.behaviour, self._world
        rows = self._matching(asked, clock, how.date_quantum)
        key = hashing.number(repr(asked))
        if how.missing:
            rows = rows[hashing.chances(world.ids[rows], world.seed, key, 2) >= how.missing]
        if asked.high - asked.low > how.unordered * 86_400:
            return rows[np.argsort(hashing.mixed(world.ids[rows], world.seed, key, 3))]
        rows = self._sorted(rows, asked)
        return _shuffled(rows, how.shuffle, world.seed, key) if how.shuffle else rows

    def _matching(self, asked: Query, clock: float, quantum: int) -> Order:
        world, now = self._world, self._states.at(clock)
        if asked.nothing:
            return np.zeros(0, np.int64)
        low, high = asked.low // quantum * quantum, -(-asked.high // quantum) * quantum
        first = int(np.searchsorted(world.uploaded, low))
        window = slice(first, int(np.searchsorted(world.uploaded, high, "right")))
        kept = now.visible[window].copy()
        kept &= self._kind(asked)[window]
        for mask in self._word_masks(asked):
            kept &= mask[window]
        if asked.licences is not None:
            kept &= _licensed(now, asked.licences)[window]
        if asked.user is not None:
            kept &= world.owner[window] == world.owner_of(asked.user)
        if (asked.taken_low, asked.taken_high) != (-query.FOREVER, query.FOREVER):
            taken = world.taken[window]
            kept &= (taken >= asked.taken_low) & (taken <= asked.taken_high)
        return first + np.flatnonzero(kept)

    def _kind(self, asked: Query) -> NDArray[np.bool_]:
        key = (asked.media, asked.content)
        if key not in self._kinds:
            world = self._world
            mask = np.ones(world.photos, bool)
            if asked.media in ("photos", "videos"):
                mask &= world.video == (asked.media == "videos")
            if asked.content is not None:
                mask &= np.isin(world.content, asked.content)
            self._kinds[key] = mask
        return self._kinds[key]

    def _word_masks(self, asked: Query) -> list[NDArray[np.bool_]]:
        masks = [~self._has(word, False) for word in asked.without]
        masks += [~self._has(tag, True) for tag in asked.without_tags]
        if asked.text:
            groups = [
                np.logical_and.reduce([self._has(word, False) for word in group])
                for group in asked.text
            ]
            masks.append(np.logical_or.reduce(groups))
        if asked.tags:
            join = np.logical_and if asked.all_tags else np.logical_or
            masks.append(join.reduce([self._has(tag, True) for tag in asked.tags]))
        return masks

    def _has(self, word: str, tags_only: bool) -> NDArray[np.bool_]:
        """(N,) which photos carry a word in their tags, or anywhere."""
        key = (word, tags_only)
        if key not in self._masks:
            self._masks[key] = carries(self._world, word, tags_only)
        return self._masks[key]

    def _sorted(self, rows: Order, asked: Query) -> Order:
        name, _, way = asked.sort.rpartition("-")
        if name == "date-posted":
            return rows if way == "asc" else rows[::-1]
        keys = self._rank(name or f"relevance {asked.text} {asked.tags}")[rows]
        return rows[np.argsort(-keys if way == "desc" else keys, kind="stable")]

    def _rank(self, name: str) -> Order:
        if name not in self._ranks:
            world = self._world
            hashes = hashing.mixed(world.ids, world.seed, hashing.number(name))
            by = world.taken if name == "date-taken" else hashes >> np.uint64(2)
            self._ranks[name] = by.astype(np.int64)
        return self._ranks[name]

    def _cut(self, rows: Order, number: int, per_page: int, key: int) -> Order:
        """The rows of one page, with what goes wrong at its two borders."""
        first, last = (number - 1) * per_page, min(number * per_page, len(rows))
        page = rows[first:last].copy()
        if not len(page):
            return page
        if first and self._slips(first, key):
            page[0] = rows[first - 1]  # swapped with the page before, or the row before twice
        if last < len(rows) and self._slips(last, key) == 1:
            page[-1] = rows[last]
        return page

    def _slips(self, border: int, key: int) -> int:
        """0: two pages join well; 1: two rows change places; 2: one is told twice, one not."""
        draw = hashing.chance(self._world.seed, key, border, 4)
        return 0 if draw >= self.behaviour.jitter else 1 if draw < self.behaviour.jitter / 2 else 2


def _licensed(now: Now, licences: tuple[int, ...]) -> NDArray[np.bool_]:
    wanted = np.zeros(256, bool)
    wanted[[number for number in licences if number < 256]] = True
    return wanted[now.licence]


def _shuffled(rows: Order, share: float, seed: int, key: int) -> Order:
    """Neighbours change places with a chance of ``share``."""
    left = np.flatnonzero(hashing.chances(rows[:-1], seed, key, 5) < share)
    left = left[np.insert(np.diff(left) > 1, 0, True)] if len(left) else left
    rows = rows.copy()
    rows[left], rows[left + 1] = rows[left + 1], rows[left]
    return rows


def carries(world: World, word: str, tags_only: bool) -> NDArray[np.bool_]:
    """(N,) which photos have a word: cleaned tags, and the words of title and description."""
    places = [place for place, known in enumerate(words.WORDS) if words.clean(known) == word]
    mask = np.asarray(np.isin(world.tag_words, places).any(axis=1), bool)
    in_term = word in words.tokens(world.term)
    if word == "nocv":
        mask = mask | (world.opt_out > 0)
    if word == words.clean(world.term):
        mask |= (world.place == TAGS) | (world.place == BOTH)
    if tags_only:
        return mask
    mask |= np.isin(world.title_words, places).any(axis=1)
    return mask | (world.place > 0) if in_term else mask
