import faiss
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.similar import joins, plan
from facecurate.similar.plan import EVERYTHING, Plan, Substring

FOUR = tuple(Substring(0, 16 * k, 16, radius) for k, radius in enumerate((2, 2, 1, 2)))
UNEVEN = (Substring(0, 0, 20, 3), Substring(0, 20, 22, 3), Substring(0, 42, 22, 2))
EIGHT_WIDE = tuple(Substring(k // 2, 32 * (k % 2), 12, 5 - k % 2) for k in range(8))


def words(seed: int, centres: int, copies: int, width: int, flips: int) -> np.ndarray:
    """Hashes around random centres, each with up to ``flips`` bits turned, as words."""
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.integers(0, 2, (centres, 64 * width), dtype=np.uint8), copies, axis=0)
    for row in bits:
        row[rng.choice(64 * width, rng.integers(0, flips + 1), replace=False)] ^= 1
    return np.packbits(rng.permutation(bits), axis=1).view(np.uint64)


def skewed(seed: int, rows: int) -> np.ndarray:
    """Hashes of which three in four share their lower half, and the others have few bits."""
    x = np.random.default_rng(seed).integers(0, 2**64, (rows, 1), dtype=np.uint64)
    return np.where(np.arange(rows)[:, None] % 4 > 0, x >> np.uint64(32) << np.uint64(32), x >> 40)


def shuffled(substrings: tuple[Substring, ...], width: int, seed: int = 0) -> Plan:
    return Plan(np.random.default_rng(seed).permutation(64 * width), substrings)


def joined(x: np.ndarray, y: np.ndarray | None, distance: int, how: Plan, chunk: int = 99) -> list:
    parts = joins.stream(x, y, distance, chunk, how)
    return [row for part in parts for row in zip(*(c.tolist() for c in part), strict=True)]


def faiss_pairs(x: np.ndarray, y: np.ndarray, distance: int) -> set[tuple[int, int, int]]:
    index = faiss.IndexBinaryFlat(64 * x.shape[1])
    index.add(np.ascontiguousarray(y).view(np.uint8))
    limits, apart, others = index.range_search(np.ascontiguousarray(x).view(np.uint8), distance + 1)
    rows = np.repeat(np.arange(len(x)), np.diff(limits.astype(np.int64)))
    return {(int(i), int(j), int(d)) for i, j, d in zip(rows, others, apart, strict=True)}


@pytest.mark.parametrize("substrings", [FOUR, UNEVEN, EVERYTHING], ids=["16s", "uneven", "all"])
@pytest.mark.parametrize("data", ["clustered", "uniform", "skewed"])
def test_every_plan_finds_the_pairs_of_faiss_each_once(
    substrings: tuple[Substring, ...], data: str
) -> None:
    x = {
        "clustered": words(1, 300, 6, 1, 9),
        "uniform": words(2, 3000, 1, 1, 0),
        "skewed": skewed(3, 1500),
    }[data]
    found = joined(x, None, 10, shuffled(substrings, 1))
    expected = {pair for pair in faiss_pairs(x, x, 10) if pair[0] < pair[1]}
    assert sorted(found) == sorted(expected)
    assert data == "uniform" or len(found) > 2000


@pytest.mark.parametrize("substrings", [EIGHT_WIDE, EVERYTHING], ids=["32s", "all"])
def test_long_hashes_of_two_sets_join_as_in_faiss(substrings: tuple[Substring, ...]) -> None:
    both = words(4, 150, 4, 4, 22)
    x, y = both[:350], both[350:]
    found = joined(x, y, 40, shuffled(substrings, 4))
    assert sorted(found) == sorted(faiss_pairs(x, y, 40))
    assert len(found) > 100


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30),
    st.lists(st.integers(0, 63), max_size=6),
    st.integers(0, 10),
)
@settings(max_examples=40, deadline=None)
def test_any_hashes_and_their_near_copies(
    rows: list[int], turned: list[int], distance: int
) -> None:
    copies = [row ^ (1 << bit) for row, bit in zip(rows, turned, strict=False)]
    x = np.array(rows + copies, np.uint64)[:, None]
    found = joined(x, None, distance, shuffled(FOUR, 1))
    expected = {pair for pair in faiss_pairs(x, x, distance) if pair[0] < pair[1]}
    assert sorted(found) == sorted(expected)


def test_the_order_of_the_pairs_does_not_depend_on_the_threads() -> None:
    x, how = words(5, 400, 5, 1, 6), shuffled(FOUR, 1)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = joined(x, None, 10, how)
    finally:
        numba.set_num_threads(threads)
    assert alone == joined(x, None, 10, how) and len(alone) > 1000


def test_a_chunk_is_never_longer_than_asked_for() -> None:
    x = words(6, 20, 60, 1, 3)
    parts = list(joins.stream(x, None, 10, 64, shuffled(FOUR, 1)))
    assert max(len(i) for i, _, _ in parts) <= 64 and len(parts) > 100


def test_a_stream_that_is_left_early_ends() -> None:
    stream = joins.stream(words(7, 50, 40, 1, 2), None, 10, 64, shuffled(FOUR, 1))
    assert len(next(stream)[0]) > 0
    stream.close()


def test_the_radii_of_a_plan_reach_the_distance() -> None:
    rng = np.random.default_rng(8)
    for width, distance in ((1, 8), (1, 10), (4, 40)):
        x = rng.integers(0, 2**64, (60_000, width), dtype=np.uint64)
        chosen = plan.choose(x, None, distance)
        assert sum(s.radius + 1 for s in chosen.substrings) == distance + 1
        assert sorted(chosen.places.tolist()) == list(range(64 * width))
        assert {len(plan.ball(s.size, s.radius)) > 0 for s in chosen.substrings} == {True}


def test_where_all_substrings_are_shared_everything_is_compared() -> None:
    x = np.random.default_rng(9).integers(0, 2**9, (60_000, 1), dtype=np.uint64)
    assert plan.choose(x, None, 8).substrings == EVERYTHING
    assert plan.choose(words(10, 60_000, 1, 1, 0), None, 40).substrings == EVERYTHING


def test_bits_that_say_nothing_are_dealt_to_all_substrings() -> None:
    x = np.random.default_rng(11).integers(0, 2**64, (60_000, 1), dtype=np.uint64)
    x &= np.uint64(0x00000000FFFFFFFF)  # half of the bits are always zero
    chosen = plan.choose(x, None, 6)
    sizes = [64 // len(chosen.substrings)] * len(chosen.substrings)
    assert len(sizes) > 1
    for substring in chosen.substrings:
        bits = chosen.places[:32]
        inside = (bits >= substring.shift) & (bits < substring.shift + substring.size)
        assert inside.sum() >= substring.size // 2 - 1


def test_hashes_of_any_number_of_words_join() -> None:
    for width in (1, 2, 3, 4):
        x = words(12, 120, 4, width, 5)
        how = shuffled(tuple(Substring(0, 8 * k, 8, 1 + (k < 3)) for k in range(4)), width)
        expected = {pair for pair in faiss_pairs(x, x, 10) if pair[0] < pair[1]}
        assert sorted(joined(x, None, 10, how)) == sorted(expected) and len(expected) > 300
