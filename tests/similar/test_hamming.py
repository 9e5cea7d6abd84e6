import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.similar.hamming import distances, distinct, join, pairs_within, stream


def clustered(seed: int, centres: int, copies: int, width: int, flips: int) -> np.ndarray:
    """Hashes around ``centres`` random ones, each with up to ``flips`` bits turned."""
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.integers(0, 2, (centres, 8 * width)), copies, axis=0)
    for row in bits:
        row[rng.choice(8 * width, rng.integers(0, flips + 1), replace=False)] ^= 1
    return np.packbits(rng.permutation(bits), axis=1)


def brute(a: np.ndarray, b: np.ndarray, distance: int) -> set[tuple[int, int, int]]:
    apart = np.unpackbits(a[:, None] ^ b[None], axis=2).sum(axis=2)
    return {(int(i), int(j), int(apart[i, j])) for i, j in np.argwhere(apart <= distance)}


def triples(pairs: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[tuple[int, int, int]]:
    return list(zip(*(column.tolist() for column in pairs), strict=True))


@pytest.mark.parametrize(("width", "distance"), [(8, 0), (8, 10), (32, 40)])
def test_the_self_join_finds_every_pair_once(width: int, distance: int) -> None:
    hashes = clustered(1, 60, 5, width, flips=12)
    found = triples(pairs_within(hashes, distance).rows())
    assert len(found) > (30 if distance else 0)
    expected = {(i, j, d) for i, j, d in brute(hashes, hashes, distance) if i < j}
    assert found == sorted(expected)


@pytest.mark.parametrize(("width", "distance"), [(8, 10), (32, 40)])
def test_the_join_of_two_sets_finds_every_pair_once(width: int, distance: int) -> None:
    hashes = clustered(2, 50, 6, width, flips=10)
    a, b = hashes[:130], hashes[130:]
    assert triples(join(a, b, distance)) == sorted(brute(a, b, distance))


@pytest.mark.parametrize(("width", "distance"), [(8, 10), (32, 40)])
def test_the_join_equals_faiss(width: int, distance: int) -> None:
    hashes = np.vstack([clustered(3, 300, 4, width, 9), clustered(4, 2000, 1, width, 0)])
    index = faiss.IndexBinaryFlat(8 * width)
    index.add(hashes)
    limits, apart, others = index.range_search(hashes, distance + 1)  # faiss: strictly below
    rows = np.repeat(np.arange(len(hashes)), np.diff(limits.astype(np.int64)))
    expected = {
        (int(i), int(j), int(d)) for i, j, d in zip(rows, others, apart, strict=True) if i < j
    }
    assert set(triples(pairs_within(hashes, distance).rows())) == expected


def test_uniform_hashes_across_several_tiles_equal_brute_force() -> None:
    hashes = np.random.default_rng(5).integers(0, 256, (2500, 8), dtype=np.uint8)
    found = triples(pairs_within(hashes, 14).rows())
    x = hashes.view(np.uint64).ravel()
    apart = np.vstack(
        [np.unpackbits((x ^ one).view(np.uint8).reshape(-1, 8), axis=1).sum(1) for one in x]
    )
    i, j = np.nonzero(np.triu(apart <= 14, 1))
    assert len(i) > 5
    assert found == list(zip(i.tolist(), j.tolist(), apart[i, j].tolist(), strict=True))


def test_a_million_equal_hashes_are_one_group() -> None:
    hashes = np.zeros((1_000_001, 8), np.uint8)
    hashes[123_456, 0] = 1
    near = pairs_within(hashes, 10)
    assert near.groups.sizes.tolist() == [1_000_000, 1]
    assert near.groups.first.tolist() == [0, 123_456]
    assert triples(near.pairs) == [(0, 1, 1)]


def test_a_stream_holds_at_most_its_chunk_and_loses_nothing() -> None:
    hashes = np.zeros((2500, 8), np.uint8)  # three tiles a row, so that it stops inside rows
    chunks = list(stream(hashes, None, 0, chunk=1))  # 1 is raised to one tile
    assert max(len(chunk.i) for chunk in chunks) <= 1024
    pairs = np.concatenate([2500 * chunk.i + chunk.j for chunk in chunks])
    assert len(pairs) == len(np.unique(pairs)) == 2500 * 2499 // 2


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=40), st.integers(0, 64))
@settings(max_examples=60, deadline=None)
def test_any_hashes_at_any_distance(rows: list[bytes], distance: int) -> None:
    hashes = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 8)
    expected = {(i, j, d) for i, j, d in brute(hashes, hashes, distance) if i < j}
    assert triples(pairs_within(hashes, distance).rows()) == sorted(expected)
    groups = distinct(hashes)
    assert (hashes[groups.first][groups.inverse] == hashes).all()


def test_row_by_row_distances_count_bits() -> None:
    a = np.array([[0, 255], [1, 2]], np.uint8)
    assert distances(a, np.zeros((2, 2), np.uint8)).tolist() == [8, 2]


def test_hashes_of_different_lengths_do_not_compare() -> None:
    with pytest.raises(ValueError, match="8 and 32 bytes"):
        join(np.zeros((1, 8), np.uint8), np.zeros((1, 32), np.uint8), 3)
    with pytest.raises(ValueError, match="expected"):
        join(np.zeros((1, 7), np.uint8), np.zeros((1, 7), np.uint8), 3)
