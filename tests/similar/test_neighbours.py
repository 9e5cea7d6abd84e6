from pathlib import Path

import numpy as np
import pytest
import torch

from facecurate.similar import products
from facecurate.similar.neighbours import Neighbours, Recall, pairs_of, prepare
from facecurate.similar.products import Rows


def planted(seed: int, rows: int, dimension: int, copies: int) -> np.ndarray:
    """Vectors around 30 centres, of any length; the last ones copy the first."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((30, dimension))
    x = centres[rng.integers(0, 30, rows)] + rng.standard_normal((rows, dimension))
    noise = rng.standard_normal((copies, dimension))
    x[rows - copies :] = x[:copies] + rng.uniform(0.1, 0.4, (copies, 1)) * noise
    return np.asarray(x * rng.uniform(0.1, 9.0, (rows, 1)), np.float32)


def brute(x: np.ndarray, similarity: float) -> dict[tuple[int, int], float]:
    unit = x.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = np.triu(unit @ unit.T, 1)
    return {(int(i), int(j)): cosines[i, j] for i, j in np.argwhere(cosines >= similarity)}


def collected(parts: list[Neighbours]) -> dict[tuple[int, int], float]:
    pairs = [row for part in parts for row in zip(*(c.tolist() for c in part), strict=True)]
    found = {(i, j): cosine for i, j, cosine in pairs}
    assert len(found) == len(pairs), "a pair came twice"
    return found


def test_below_the_limit_every_pair_is_found_once_with_its_cosine() -> None:
    x = planted(1, 2500, 24, 300)  # more rows than one block
    search = prepare(x, 0.95)
    found, expected = collected(list(search.pairs())), brute(x, 0.95)
    assert search.cells is None and search.recall is None
    assert found.keys() == expected.keys() and len(found) > 200
    assert all(abs(found[pair] - expected[pair]) < 1e-12 for pair in found)


def test_cells_find_nearly_every_pair_once_and_none_that_is_not_there() -> None:
    x = planted(2, 4000, 64, 800)
    search = prepare(x, 0.95, exact_below=100)
    found, expected = collected(list(search.pairs())), brute(x, 0.95)
    assert search.cells is not None and search.cells.total == 126
    assert found.keys() <= expected.keys() and len(expected) > 400
    assert len(found) >= 0.99 * len(expected)
    assert all(i < j for i, j in found)


def test_recall_is_counted_on_pairs_that_did_not_set_the_margin() -> None:
    x = planted(3, 3000, 64, 900)
    search = prepare(x, 0.95, exact_below=100, queries=3000)
    assert search.recall is not None and search.cells is not None
    i, j = pairs_of(search.rows, np.arange(3000), 0.95)
    assert 0 < search.recall.pairs < len(i)
    found = collected(list(search.pairs()))
    listed = search.cells.needed(i, j) <= search.margin
    assert {(a, b) for a, b in zip(i[listed], j[listed], strict=True) if a < b} == found.keys()


def test_the_pairs_and_their_order_are_the_same_again_and_with_one_thread() -> None:
    x = planted(4, 3000, 32, 500)
    first = [tuple(map(bytes, part)) for part in prepare(x, 0.95, exact_below=9).pairs()]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        again = [tuple(map(bytes, part)) for part in prepare(x, 0.95, exact_below=9).pairs()]
    finally:
        torch.set_num_threads(threads)
    assert first == again and len(first) > 10


@pytest.mark.parametrize("exact_below", [10, 10_000])
def test_half_precision_vectors_may_lie_in_a_file(tmp_path: Path, exact_below: int) -> None:
    x = planted(5, 1200, 32, 300).astype(np.float16)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = collected(list(prepare(mapped, 0.95, exact_below=exact_below).pairs()))
    assert found.keys() == collected(list(prepare(x, 0.95, exact_below=exact_below).pairs())).keys()
    assert len(found) > 100


def test_rows_without_a_direction_have_no_neighbours() -> None:
    x = planted(6, 300, 16, 50)
    x[3], x[4], x[5, 0], x[6, 0] = np.nan, 0.0, np.inf, np.nan
    x[8] = x[7]
    for exact_below in (10, 1000):
        found = collected(list(prepare(x, 0.9, exact_below=exact_below).pairs()))
        assert (7, 8) in found and not {3, 4, 5, 6} & {row for pair in found for row in pair}


def test_rows_without_a_direction_lie_in_no_cell() -> None:
    x = planted(8, 2000, 32, 300)
    x[400:1600] = np.nan
    search = prepare(x, 0.95, exact_below=100)
    assert search.cells is not None and (search.cells.near[400:1600] == -1).all()
    listed, _ = search.cells.lists(search.margin)
    assert set(listed) == {*range(400), *range(1600, 2000)}
    assert list(prepare(np.full((500, 8), np.nan, np.float32), 0.9, exact_below=9).pairs()) == []


def test_the_proposing_product_never_loses_a_pair_to_its_rounding() -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((400, 8)).astype(np.float32)
    rows = Rows.of(x)
    unit = products.unit(rows, np.arange(400))
    block = products.Product(400, 400).of(unit, unit)
    for similarity in (0.002, 0.5, 0.9, 0.999):
        proposed = {
            pair for i, j in products.above(block, similarity) for pair in zip(i, j, strict=True)
        }
        assert proposed >= brute(x, similarity).keys()


def test_the_interval_of_a_recall_holds_the_share_and_narrows() -> None:
    few, many = Recall(100, 99).interval, Recall(10_000, 9900).interval
    assert few[0] < many[0] < 0.99 < many[1] < few[1]
    assert Recall(0, 0).interval == (0.0, 1.0)


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        prepare(np.zeros((3, 3), np.float32), 95.0)
    with pytest.raises(ValueError, match="float16 or float32"):
        prepare(np.zeros((3, 3)), 0.9)  # type: ignore[arg-type]
    assert list(prepare(np.zeros((0, 8), np.float32), 0.9).pairs()) == []
