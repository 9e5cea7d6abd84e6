"""The nearest pairs in doubt are asked about, whatever the order in which they come."""

import numpy as np
import pytest

from facecurate.similar.doubts import Collected, Doubts
from facecurate.similar.register import SAME
from facecurate.similar.verify import PHASH, Edges


def pairs(count: int, seed: int) -> Edges:
    rng = np.random.default_rng(seed)
    i, j = rng.permutation(count), rng.permutation(count)
    mirrored = rng.random(count) < 0.5
    return Edges.by_hash(i, j, np.full(count, PHASH), mirrored, rng.integers(13, 66, count))


@pytest.mark.parametrize("batch", [7, 100, 300_000])
def test_the_nearest_are_held_however_they_come(batch: int) -> None:
    whole, budget = pairs(400_000, 1), 5
    doubts = Doubts(budget)
    order = np.random.default_rng(batch).permutation(400_000)[: 2000 * batch]
    for start in range(0, len(order), batch):
        doubts.add(whole.take(order[start : start + batch]))
    chosen = sorted(
        zip(*(c[order].tolist() for c in (whole.distance, whole.i, whole.j)), strict=True)
    )
    nearest = doubts.nearest()
    got = list(zip(nearest.distance.tolist(), nearest.i.tolist(), nearest.j.tolist(), strict=True))
    assert got == chosen[:budget] and doubts.seen == len(order)


def test_an_edge_is_what_agrees_and_the_rest_is_counted() -> None:
    whole, asked = pairs(40, 2), []

    def agreement(rows: list[tuple[int, int, bool]]) -> np.ndarray:
        asked.extend(rows)
        values = np.full(len(rows), np.nan)
        values[:3] = SAME, 0.99, SAME - 1e-6
        return values

    doubts = Doubts(30)
    doubts.add(whole)
    rows = np.arange(40) + 100
    settled = Collected(whole, 0, None, doubts).settle(agreement, rows, -rows)
    assert (len(asked), settled.asked, settled.unasked) == (30, 30, 10)
    assert settled.edges.agreement.tolist() == [SAME, 0.99]
    first = settled.edges.i[0] + 100, -(settled.edges.j[0] + 100), bool(settled.edges.mirrored[0])
    assert asked[0] == first and asked == sorted(asked, key=lambda row: (row[0], -row[1], row[2]))


def test_without_anybody_to_ask_all_stay_unasked() -> None:
    doubts = Doubts(30)
    doubts.add(pairs(40, 3))
    settled = Collected(pairs(1, 1), 0, None, doubts).settle(None, np.arange(40), np.arange(40))
    assert (len(settled.edges.i), settled.asked, settled.unasked) == (0, 0, 40)
