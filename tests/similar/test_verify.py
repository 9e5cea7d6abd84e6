import numpy as np

from facecurate.similar.verify import METHODS, Edges, HashTable, distances, edges


def world(count: int, seed: int) -> HashTable:
    """Random hashes within a few bits of each other; the last row mirrors the first, and so on."""
    rng = np.random.default_rng(seed)
    small = (rng.random((count, 64)) < 0.1).astype(np.uint8)
    large = (rng.random((count, 256)) < 0.09).astype(np.uint8)
    a, b = np.packbits(small, axis=1), np.packbits(large, axis=1)
    return HashTable(a, a[::-1], b, b[::-1], np.ones(count, bool))


def test_edges_are_the_pairs_that_pass_both_stages_each_once() -> None:
    table = world(60, seed=1)
    batches = list(edges(table, candidate_bits=9, verified_bits=38))
    found = Edges.concatenate(batch.edges for batch in batches)
    assert {METHODS[m] for m in found.method} == {"phash"}
    i, j = np.triu_indices(60, 1)
    expected, candidates, refused = [], 0, []
    for mirrored in (False, True):
        other = table.phash64_mirror if mirrored else table.phash64
        forth = np.unpackbits(table.phash64[i] ^ other[j], axis=1).sum(axis=1) <= 9
        back = np.unpackbits(table.phash64[j] ^ other[i], axis=1).sum(axis=1) <= 9
        apart = distances(table, i, j, mirrored)
        candidates += int((forth | back).sum())
        refused += apart[(forth | back) & (apart > 38)].tolist()
        near = (forth | back) & (apart <= 38)
        rows = zip(i[near], j[near], apart[near], strict=True)
        expected += [(a, b, mirrored, d) for a, b, d in rows]
    got = sorted(zip(found.i, found.j, found.mirrored, found.distance, strict=True))
    assert got == sorted(expected) and 20 < len(got) < candidates
    assert sum(batch.candidates for batch in batches) == candidates
    assert min(b.nearest_refused for b in batches if b.nearest_refused) == min(refused)


def test_mirrored_distances_do_not_depend_on_the_order_of_a_pair() -> None:
    table = world(10, seed=2)
    table = HashTable(
        table.phash64, table.phash64, table.phash256, table.phash256 ^ 3, table.informative
    )
    i, j = np.triu_indices(10, 1)
    assert (distances(table, i, j, True) == distances(table, j, i, True)).all()


def test_a_missing_hash_makes_a_row_without_information() -> None:
    rows = [b"8bytes..", None]
    long = [b"8bytes.." * 4, None]
    table = HashTable.of(rows, rows, long, long)
    assert table.informative.tolist() == [True, False]
    assert table.phash64[0].tobytes() == b"8bytes.." and not table.phash256[1].any()
    assert len(HashTable.of([], [], [], [])) == 0
