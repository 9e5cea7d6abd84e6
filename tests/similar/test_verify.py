import numpy as np

from facecurate.similar.candidates import between, within
from facecurate.similar.verify import METHODS, Edges, HashTable, distances, judge


def world(count: int, seed: int) -> HashTable:
    """Random hashes within a few bits of each other; the last row mirrors the first, and so on."""
    rng = np.random.default_rng(seed)
    small = (rng.random((count, 64)) < 0.1).astype(np.uint8)
    large = (rng.random((count, 256)) < 0.09).astype(np.uint8)
    a, b = np.packbits(small, axis=1), np.packbits(large, axis=1)
    return HashTable(a, a[::-1], b, b[::-1], np.ones(count, bool))


def test_edges_are_the_pairs_that_pass_both_stages_each_once() -> None:
    table = world(60, seed=1)
    batches = [judge(table, table, batch, 38, 45) for batch in within(table, 9)]
    found = Edges.concatenate(batch.edges for batch in batches)
    assert {METHODS[m] for m in found.method} == {"phash"}
    i, j = np.triu_indices(60, 1)
    expected, doubted, candidates, refused = [], [], 0, []
    for mirrored in (False, True):
        other = table.phash64_mirror if mirrored else table.phash64
        forth = np.unpackbits(table.phash64[i] ^ other[j], axis=1).sum(axis=1) <= 9
        back = np.unpackbits(table.phash64[j] ^ other[i], axis=1).sum(axis=1) <= 9
        apart = distances(table, table, i, j, mirrored)
        candidates += int((forth | back).sum())
        refused += apart[(forth | back) & (apart > 38)].tolist()
        for wanted, apartness in ((expected, apart <= 38), (doubted, abs(apart - 42) < 4)):
            near = (forth | back) & apartness
            rows = zip(i[near], j[near], apart[near], strict=True)
            wanted += [(a, b, mirrored, d) for a, b, d in rows]
    assert told(found) == sorted(expected) and 20 < len(expected) < candidates
    doubtful = Edges.concatenate(batch.doubtful for batch in batches)
    assert told(doubtful) == sorted(doubted) and doubted
    assert sum(batch.candidates for batch in batches) == candidates
    assert min(b.nearest_refused for b in batches if b.nearest_refused) == min(refused)


def told(pairs: Edges) -> list[tuple[int, int, bool, int]]:
    return sorted(zip(pairs.i, pairs.j, pairs.mirrored, pairs.distance, strict=True))


def test_between_two_lists_every_pair_is_proposed_once_in_each_way() -> None:
    ours, theirs = world(40, seed=3), world(30, seed=4)
    got = [
        (int(a), int(b), batch.mirrored)
        for batch in between(ours, theirs, 9)
        for a, b in zip(batch.i, batch.j, strict=True)
    ]
    i, j = (grid.ravel() for grid in np.indices((40, 30)))

    def near(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return np.unpackbits(one[i] ^ two[j], axis=1).sum(axis=1) <= 9

    upright = near(ours.phash64, theirs.phash64)
    flipped = near(ours.phash64, theirs.phash64_mirror) | near(ours.phash64_mirror, theirs.phash64)
    expected = [
        (int(a), int(b), way)
        for way, rows in ((False, upright), (True, flipped))
        for a, b in zip(i[rows], j[rows], strict=True)
    ]
    assert sorted(got) == sorted(expected) and upright.any() and flipped.any()


def test_mirrored_distances_do_not_depend_on_the_order_of_a_pair() -> None:
    table = world(10, seed=2)
    table = HashTable(
        table.phash64, table.phash64, table.phash256, table.phash256 ^ 3, table.informative
    )
    i, j = np.triu_indices(10, 1)
    forth, back = distances(table, table, i, j, True), distances(table, table, j, i, True)
    assert (forth == back).all()


def test_a_missing_hash_makes_a_row_without_information() -> None:
    rows = [b"8bytes..", None]
    long = [b"8bytes.." * 4, None]
    table = HashTable.of(rows, rows, long, long)
    assert table.informative.tolist() == [True, False]
    assert table.phash64[0].tobytes() == b"8bytes.." and not table.phash256[1].any()
    assert len(HashTable.of([], [], [], [])) == 0
