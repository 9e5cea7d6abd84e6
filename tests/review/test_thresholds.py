"""What other limits would drop: counted as ``dedupe`` would, by brute force on small worlds."""

from __future__ import annotations

import itertools
from pathlib import Path

import chain
import numpy as np
import pytest
from ledgers import ledger, pictures

from facecurate.pool import Pool
from facecurate.review import thresholds
from facecurate.review.hashed import Pictures
from facecurate.review.report import measure
from facecurate.review.thresholds import outlook

NONE = ledger([])


def hamming(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.unpackbits(a ^ b).sum())


def near(made: Pictures, i: int, j: int, candidate: int, limit: int) -> bool:
    """Whether two pictures are copies, upright or mirrored from either side."""
    t = made.hashes
    if not (t.informative[i] and t.informative[j]):
        return False
    upright = hamming(t.phash64[i], t.phash64[j]) <= candidate
    if upright and hamming(t.phash256[i], t.phash256[j]) <= limit:
        return True
    ways = ((i, j), (j, i))
    proposed = any(hamming(t.phash64[a], t.phash64_mirror[b]) <= candidate for a, b in ways)
    return proposed and min(hamming(t.phash256[a], t.phash256_mirror[b]) for a, b in ways) <= limit


def dropped(made: Pictures, candidate: int, limit: int) -> int:
    """By rank: a picture stays unless it is near one that stays."""
    stays: list[int] = []
    for i in np.argsort(made.rank).tolist():
        if not any(near(made, i, j, candidate, limit) for j in stays):
            stays.append(i)
    return len(made.keys) - len(stays)


@pytest.mark.parametrize("seed", range(4))
def test_every_limit_drops_what_brute_force_drops(seed: int) -> None:
    made = pictures(np.random.default_rng(seed), 60, blank=3)
    found = outlook(made, NONE, candidate_bits=10, limit=20)
    assert found is not None and set(found.dropped) == {*range(0, 65, 2)}
    for limit in (0, 8, 20, 32, 64):
        assert found.dropped[limit] == dropped(made, 10, limit)


def test_refused_pairs_are_counted_by_their_distance_and_the_nearest_are_named() -> None:
    made = pictures(np.random.default_rng(5), 40)
    found = outlook(made, NONE, candidate_bits=10, limit=20)
    assert found is not None
    t = made.hashes
    apart = {
        (made.keys[i], made.keys[j]): hamming(t.phash256[i], t.phash256[j])
        for i, j in itertools.combinations(range(40), 2)
        if hamming(t.phash64[i], t.phash64[j]) <= 10
    }
    upright = [pair for pair in found.nearest if not pair.mirrored]
    assert upright and all(apart[pair.key, pair.other] == pair.distance for pair in upright)
    assert [p.distance for p in found.nearest] == sorted(p.distance for p in found.nearest)
    assert min(p.distance for p in found.nearest) > 20 and not found.refused[:21].any()
    names = [key for pair in found.nearest for key in (pair.key, pair.other)]
    assert len(names) == len(set(names))


def test_pairs_within_one_cluster_are_not_refused() -> None:
    made = pictures(np.random.default_rng(6), 30)
    together = ledger([[("embedding", False, 30.0)] * 29])
    named = Pictures(together.keys.to_pylist(), made.hashes, made.rank)
    found = outlook(named, together, candidate_bits=10, limit=20)
    assert found is not None and not found.refused.any() and found.nearest == []


def test_what_something_else_decided_stays_a_copy_at_any_limit() -> None:
    made = pictures(np.random.default_rng(7), 3)
    of = ledger([[("photo", False, 2.0), ("phash", False, 90.0)]])  # the latter was registered
    rank = np.array([0, 1, 2])
    found = outlook(
        Pictures(of.keys.to_pylist(), made.hashes, rank), of, candidate_bits=0, limit=12
    )
    assert found is not None and set(found.dropped.values()) == {2}


def test_too_many_pairs_lower_the_bound_and_change_nothing_below_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = pictures(np.random.default_rng(8), 60)
    whole = outlook(made, NONE, candidate_bits=10, limit=20)
    monkeypatch.setattr(thresholds, "MOST_PAIRS", 40)
    less = outlook(made, NONE, candidate_bits=10, limit=20)
    assert whole is not None and less is not None
    assert max(less.dropped) < max(whole.dropped)
    assert less.dropped.items() <= whole.dropped.items()


def test_too_many_pictures_are_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "MOST_PICTURES", 59)
    made = pictures(np.random.default_rng(9), 60)
    assert outlook(made, NONE, candidate_bits=10, limit=20) is None


def test_the_limit_in_force_drops_what_dedupe_dropped(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    for one in measure(dataset, Pool(dataset.url).info("clusters")):
        assert one.outlook is not None
        copies = int((~one.ledger.kept).sum())
        assert copies > 0 and one.outlook.dropped[one.limit] == copies
