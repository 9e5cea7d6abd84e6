"""Which clusters are shown: bounded, the right ones, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from ledgers import Copy, ledger

from facecurate.review.choice import DOUBTFUL, LARGEST, SAMPLED, SHOWN, chosen, keys_of


def noise(count: int) -> list[list[Copy]]:
    rng = np.random.default_rng(1)
    return [
        [
            (("phash", "photo")[int(rng.integers(2))], rng.uniform() < 0.3, float(d))
            for d in rng.integers(0, 40, int(rng.integers(1, 12)))
        ]
        for _ in range(count)
    ]


def test_nothing_is_shown_of_nothing() -> None:
    assert chosen(ledger([])) == {"doubtful": [], "largest": [], "sample": []}


def test_a_small_table_is_shown_whole_and_each_cluster_once() -> None:
    made = ledger([[("phash", False, 12.0)], [("exact", False, 0.0)], [("phash", True, 0.0)]])
    found = [cluster for group in chosen(made).values() for cluster in group]
    assert sorted(keys_of(found)) == sorted(made.keys.to_pylist())


@pytest.mark.parametrize("count", [200, 2000])
def test_the_choice_is_bounded_and_always_the_same(count: int) -> None:
    clusters = noise(count)
    found = chosen(ledger(clusters))
    assert len(found["largest"]) <= LARGEST and len(found["doubtful"]) <= 2 * DOUBTFUL
    assert len(found["sample"]) <= 4 * SAMPLED
    assert max(len(c.copies) for group in found.values() for c in group) <= SHOWN
    kept = [c.kept for group in found.values() for c in group]
    assert len(kept) == len(set(kept)) and chosen(ledger(clusters)) == found


def test_the_doubtful_ones_have_the_farthest_copies_of_each_method() -> None:
    clusters: list[list[Copy]] = [[("phash", False, float(k % 40))] for k in range(400)]
    clusters += [[("embedding", False, float(k))] for k in range(30)]
    found = chosen(ledger(clusters))["doubtful"]
    distances = {
        method: sorted(c.copies[0].distance for c in found if c.copies[0].method == method)
        for method in ("phash", "embedding")
    }
    assert distances["phash"] == [38.0] * 8 + [39.0] * 10
    assert distances["embedding"] == list(range(12, 30))


def test_the_largest_is_shown_with_its_farthest_copies_and_its_true_size() -> None:
    crowd: list[Copy] = [("phash", False, float(k)) for k in range(40)]
    rest: list[list[Copy]] = [[("exact", False, 0.0)]] * 5
    found = chosen(ledger([*rest, crowd]))
    (cluster,) = [c for group in found.values() for c in group if c.kept == "000005-kept"]
    assert cluster.count == 40
    assert [c.distance for c in cluster.copies] == [39.0 - k for k in range(SHOWN)]


def test_every_method_is_in_the_sample_upright_and_mirrored() -> None:
    clusters: list[list[Copy]] = [[("phash", k % 2 == 0, 0.0)] for k in range(500)]
    clusters += [[("exact", False, 0.0)]]
    found = chosen(ledger(clusters))["sample"]
    seen = [(c.copies[0].method, c.copies[0].mirrored) for c in found]
    assert seen.count(("exact", False)) == 1
    assert seen.count(("phash", False)) == seen.count(("phash", True)) == SAMPLED
