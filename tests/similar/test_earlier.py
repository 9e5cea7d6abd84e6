"""Searching in steps: the same edges and clusters as in one go, however the pictures came."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from bit_worlds import bit_world, shuffled, unique_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.similar.deciding import ClusterRow
from facecurate.similar.duplicates import Duplicates, find_duplicates
from facecurate.similar.earlier import Earlier
from facecurate.similar.items import Items
from facecurate.similar.judging import Rules
from facecurate.similar.register import SAME

KEEP = st.sampled_from(["largest", "sharpest", "first"])
COUNT = 24
AGREED = (SAME, math.nan, 0.9375)  # the limit itself is not what the table's floats make of it
asked: list[frozenset[str]] = []  # pairs that were registered in one call


def laid(items: Items) -> Callable[[Sequence[tuple[int, int, bool]]], np.ndarray]:
    """Agreements that depend on the two keys alone; what is asked about is noted."""

    def registered(pairs: Sequence[tuple[int, int, bool]]) -> np.ndarray:
        asked[:] = [frozenset((items.keys[i], items.keys[j])) for i, j, _ in pairs]
        sums = [sum(int(items.keys[row][1:]) for row in (i, j)) for i, j, _ in pairs]
        return np.array([AGREED[number % 3] for number in sums])

    return registered


def found(items: Items, rules: Rules, earlier: Earlier | None = None) -> Duplicates:
    asked.clear()
    return find_duplicates(items, rules, registered=laid(items), earlier=earlier)


def after(before: Duplicates, old: Items, now: Items) -> Earlier:
    """An earlier search of all of ``old``; those of them that are there now were seen."""
    seen, there = set(old.keys), set(now.keys)
    return Earlier(
        edges=before.edges,
        seen=np.array([key in seen for key in now.keys], np.bool_),
        unasked=before.not_registered,
        whole=seen <= there,
    )


def world(seed: int) -> Items:
    return unique_bytes(bit_world(4, COUNT // 4, 40, seed))


@given(st.integers(0, 10_000), KEEP, st.sampled_from([1000, 12, 3, 0]), st.randoms())
@settings(max_examples=150, deadline=None)
def test_several_steps_come_to_what_one_does(  # type: ignore[no-untyped-def]
    seed: int, keep: str, budget: int, random
) -> None:
    whole, rules = world(seed), Rules(keep=keep, budget=budget)
    order = random.sample(range(COUNT), COUNT)
    ends = [*sorted(random.sample(range(COUNT), 3)), COUNT]
    old, before = shuffled(whole, []), found(shuffled(whole, []), rules)
    for end in ends:
        now = shuffled(whole, order[:end])
        step = found(now, rules, after(before, old, now))
        known = set(old.keys) if step.added else set()
        assert not any(pair <= known and speaks(before, pair) for pair in asked)
        once = found(now, rules)
        assert (told(step), step.not_registered) == (told(once), once.not_registered)
        assert step.edges.equals(once.edges)
        old, before = now, step


def told(found: Duplicates) -> list[ClusterRow]:
    """The rows as the table keeps them: with short floats."""
    return [
        dataclasses.replace(row, agreement=row.agreement and float(np.float32(row.agreement)))
        for row in found.rows
    ]


def speaks(before: Duplicates, pair: frozenset[str]) -> bool:
    """Whether both pictures spoke for their nodes, so that they were compared."""
    table = before.edges
    rows = zip(table["key"].to_pylist(), table["verified"].to_pylist(), strict=True)
    return not pair & {key for key, verified in rows if verified in ("bytes", "equal")}


@given(st.integers(0, 10_000), KEEP, st.sampled_from([1000, 12, 3]), st.randoms())
@settings(max_examples=150, deadline=None)
def test_pictures_may_vanish_and_come_back_changed(  # type: ignore[no-untyped-def]
    seed: int, keep: str, budget: int, random
) -> None:
    whole, other, rules = world(seed), world(seed + 1), Rules(keep=keep, budget=budget)
    old = shuffled(whole, random.sample(range(COUNT), 16))
    before = found(old, rules)
    rows = random.sample(range(COUNT), 16)
    changed = [key for key in old.keys if random.random() < 0.2]
    now = replaced(shuffled(whole, rows), other, changed)
    earlier = after(before, old, now)
    kept = np.array([key not in changed for key in now.keys], np.bool_)
    earlier = Earlier(
        edges=before.edges,
        seen=earlier.seen & kept,
        unasked=before.not_registered,
        whole=earlier.whole and not changed,
    )
    step, once = found(now, rules, earlier), found(now, rules)
    assert (told(step), step.not_registered) == (told(once), once.not_registered)
    assert step.edges.equals(once.edges)


def replaced(items: Items, other: Items, keys: Sequence[str]) -> Items:
    """Some pictures with hashes, bytes and size of others, under their own keys."""
    pool = unique_bytes(joined(items, other))
    count = len(items.keys)
    rows = [count + n if key in keys else n for n, key in enumerate(items.keys)]
    taken = shuffled(pool, rows)
    return Items(
        keys=items.keys,
        sha256=taken.sha256,
        hashes=taken.hashes,
        size=taken.size,
        sharpness=taken.sharpness,
    )


def joined(one: Items, two: Items) -> Items:
    columns = ("phash64", "phash64_mirror", "phash256", "phash256_mirror", "informative")
    hashes = [np.concatenate([getattr(x.hashes, c) for x in (one, two)]) for c in columns]
    return Items(
        keys=[f"{n}{key}" for n, x in enumerate((one, two)) for key in x.keys],
        sha256=[
            digest and bytes([n]) + digest for n, x in enumerate((one, two)) for digest in x.sha256
        ],
        hashes=type(one.hashes)(*hashes),
        size=np.concatenate([one.size, two.size]),
        sharpness=np.concatenate([one.sharpness, two.sharpness]),
    )


def test_nothing_known_is_everything_new() -> None:
    now = world(3)
    empty = Earlier(edges=find_duplicates(shuffled(now, [])).edges, seen=np.zeros(COUNT, np.bool_))
    step, once = found(now, Rules(), empty), found(now, Rules())
    assert step.added and step.rows == once.rows and step.edges.equals(once.edges)
    assert isinstance(step.edges, pa.Table)


def test_pairs_left_out_before_make_a_disturbed_search_start_over() -> None:
    now = world(5)
    old = shuffled(now, list(range(20)))
    before = found(old, Rules(budget=2))
    assert before.not_registered > 0
    gone = shuffled(now, list(range(1, COUNT)))
    assert not found(gone, Rules(budget=2), after(before, old, gone)).added
