"""All pairs of vectors at or above a cosine: exact, or by cells with a measured recall.

Below ``EXACT_BELOW`` vectors every pair is computed, in blocks. Above it vectors meet inside
cells (``cells``), and what that misses is measured: some vectors are compared with all others,
and half of the pairs so found set the margin within which a vector is listed in further cells,
the other half says how many are found. Cosines are computed again in float64 from the vectors,
so the rounding of a product decides no pair, though it may move a vector to another cell.
Vectors may be mapped from a file: a block of them is read at a time. Equal vectors are the
caller's to collapse first: a hundred thousand equal ones make five thousand million pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import cells, products
from facecurate.similar.cells import Cells
from facecurate.similar.products import Index, Product, Rows, Vectors

EXACT_BELOW = 50_000
"""Vectors that are compared with all others: a minute at most."""

QUERIES = 2000
"""Vectors that are compared with all others to measure what cells miss."""

_BLOCK = 2048
_MARGIN = 0.12  # where too few pairs are known to set it
_SPARE = 3.0  # times the margin that 99 in 100 pairs need: the tail is about a normal one's
_FEW = 20


class Neighbours(NamedTuple):
    """Pairs i < j and their cosines, float64."""

    i: Index
    j: Index
    cosine: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recall:
    """Of ``pairs`` that a comparison with everything found, how many the cells find."""

    pairs: int
    found: int

    @property
    def interval(self) -> tuple[float, float]:
        """The share found, as Wilson's 95 % interval; (0, 1) without any pair."""
        if not self.pairs:
            return 0.0, 1.0
        n, z = self.pairs, 1.959964
        share = self.found / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Search:
    """A search that is ready to run; ``cells`` and ``recall`` are None where it is exact."""

    rows: Rows
    similarity: float
    cells: Cells | None = None
    margin: float = 0.0
    recall: Recall | None = None

    def pairs(self) -> Iterator[Neighbours]:
        """Every pair found, each once, in an order that depends on the vectors alone."""
        yield from _everything(self) if self.cells is None else _inside(self, self.cells)


def prepare(
    vectors: Vectors,
    similarity: float,
    *,
    exact_below: int = EXACT_BELOW,
    queries: int = QUERIES,
    seed: int = 0,
) -> Search:
    """Decides how to find the pairs of (N, D) vectors at or above ``similarity``, 0 to 1.

    float16 or float32, of any length; rows with a value that is not finite have no neighbours.
    """
    if not 0.0 < similarity < 1.0:
        raise ValueError(f"similarity {similarity}: choose a cosine between 0 and 1")
    rows = Rows.of(vectors)
    usable = rows.usable
    if len(usable) < max(exact_below, 4 * cells.LISTED):
        return Search(rows, similarity)
    centres = cells.centres(rows, cells.usual_count(len(usable)), seed)
    assigned = cells.assign(rows, centres)
    rng = np.random.default_rng([seed, 1])
    asked = np.sort(rng.choice(usable, min(queries, len(usable)), replace=False))
    half = rng.random(len(asked)) < 0.5
    needed = [assigned.needed(*pairs_of(rows, asked[part], similarity)) for part in (half, ~half)]
    margin = _MARGIN if len(needed[0]) < _FEW else _SPARE * _usual(needed[0])
    recall = Recall(len(needed[1]), int((needed[1] <= margin).sum()))
    return Search(rows, similarity, assigned, margin, recall)


def _usual(needed: NDArray[np.float32]) -> float:
    """The margin that 99 in 100 pairs need, among those that any margin finds."""
    reached = needed[np.isfinite(needed)]
    return float(np.quantile(reached, 0.99)) if len(reached) else _MARGIN


def pairs_of(rows: Rows, asked: Index, similarity: float) -> tuple[Index, Index]:
    """Every pair of one of the rows ``asked`` and another one, by comparison with everything."""
    found: list[tuple[Index, Index]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    mine = products.unit(rows, asked)
    product = Product(len(asked), _BLOCK)
    usable = rows.usable
    for start in range(0, len(usable), _BLOCK):
        others = usable[start : start + _BLOCK]
        for r, c in products.above(product.of(mine, products.unit(rows, others)), similarity):
            i, j = asked[r], others[c]
            near = (i != j) & (products.cosines(rows, i, j) >= similarity)
            found.append((i[near], j[near]))
    i, j = (np.concatenate(side) for side in zip(*found, strict=True))
    return i, j


def _everything(search: Search) -> Iterator[Neighbours]:
    rows, product = search.rows, Product(_BLOCK, _BLOCK)
    usable = rows.usable
    for top in range(0, len(usable), _BLOCK):
        mine = usable[top : top + _BLOCK]
        first = products.unit(rows, mine)
        for left in range(top, len(usable), _BLOCK):
            others = usable[left : left + _BLOCK]
            second = first if left == top else products.unit(rows, others)
            for r, c in products.above(product.of(first, second), search.similarity):
                i, j = mine[r], others[c]
                yield from _told(search, i[i < j], j[i < j])


def _inside(search: Search, found: Cells) -> Iterator[Neighbours]:
    """The pairs of every cell: its own vectors with all that it lists."""
    listed, starts = found.lists(search.margin)
    product = Product(_BLOCK, _BLOCK)
    for cell in range(found.total):
        others = listed[starts[cell] : starts[cell + 1]]
        mine = others[found.near[others, 0] == cell]
        for top in range(0, len(mine), _BLOCK):
            upper = mine[top : top + _BLOCK]
            first = products.unit(search.rows, upper)
            for left in range(0, len(others), _BLOCK):
                lower = others[left : left + _BLOCK]
                second = products.unit(search.rows, lower)
                for r, c in products.above(product.of(first, second), search.similarity):
                    i, j = upper[r], lower[c]
                    once = _first_time(found, search.margin, i, j)
                    yield from _told(search, *np.sort([i[once], j[once]], axis=0))


def _first_time(found: Cells, margin: float, i: Index, j: Index) -> NDArray[np.bool_]:
    """Whether a pair met in the cell of i is to be told there, and not in the cell of j.

    Inside one cell it is met both ways. Else it is met in the cell of j as well if that one
    lists i, and the smaller cell tells it.
    """
    here, there = found.near[i, 0], found.near[j, 0]
    also = ((found.near[i] == there[:, None]) & (found.behind[i] <= margin)).any(axis=1)
    told: NDArray[np.bool_] = np.where(here == there, i < j, ~also | (here < there))
    return told


def _told(search: Search, i: Index, j: Index) -> Iterator[Neighbours]:
    cosine = products.cosines(search.rows, i, j)
    near = cosine >= search.similarity
    if near.any():
        yield Neighbours(i[near], j[near], cosine[near])
