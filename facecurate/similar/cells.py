"""Cells of near vectors, and which cells a vector near a boundary is looked for in.

FAISS trains the cells' centres (k-means on the sphere, on a sample). Each vector has its own
cell, the one whose centre is nearest, and is listed in every other cell whose centre is nearly as
near: within ``margin``. In each cell its own vectors meet those listed, so a pair is found if the
cell of one lists the other.
"""

from math import isqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from facecurate.similar import products
from facecurate.similar.lanes import compiled
from facecurate.similar.products import Index, Product, Rows

LISTED = 16
"""Cells that list a vector at most, its own among them."""

_TRAIN, _ROUNDS = 48, 5  # vectors a cell and rounds of k-means: cells need not be good, only cells
_BATCH = 4096


class Cells(NamedTuple):
    """Where each vector belongs.

    near: (N, LISTED) int32 the nearest cells, nearest first, -1 for rows that are in none;
    behind: (N, LISTED) float32 by how much each of their cosines is less than the first;
    total: cells.
    """

    near: NDArray[np.int32]
    behind: NDArray[np.float32]
    total: int

    def needed(self, i: Index, j: Index) -> NDArray[np.float32]:
        """(P,) the least margin at which each pair is found; infinite where none is enough."""
        forth, back = self._listed(i, j), self._listed(j, i)
        return np.minimum(forth, back)

    def _listed(self, i: Index, j: Index) -> NDArray[np.float32]:
        same = self.near[j] == self.near[i, :1]
        reached: NDArray[np.float32] = np.where(same, self.behind[j], np.inf).min(axis=1)
        return reached.astype(np.float32)

    def lists(self, margin: float) -> tuple[Index, Index]:
        """Each cell's vectors, own ones and others: the rows, cell by cell, and where they begin.

        Rows ascend in each cell. Returns (L,) rows and (total + 1,) starts.
        """
        listed = self.behind <= margin
        rows = np.repeat(np.arange(len(self.near)), listed.sum(axis=1))
        cells = self.near[listed]
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(self.total + 1))
        return rows[order].astype(np.int64), starts.astype(np.int64)


def usual_count(rows: int) -> int:
    """As many cells as make finding a vector's cells about as much work as comparing inside."""
    return max(LISTED, isqrt(4 * rows))


def centres(rows: Rows, count: int, seed: int) -> torch.Tensor:
    """(count, D) centres of unit length, trained on a sample."""
    import faiss

    rng = np.random.default_rng(seed)
    chosen = rng.permutation(rows.usable)[: _TRAIN * count]
    sample = np.asarray(rows.vectors[np.sort(chosen)], np.float32)
    sample *= rows.inverse[np.sort(chosen), None]
    trained = faiss.Kmeans(
        sample.shape[1],
        count,
        niter=_ROUNDS,
        seed=seed,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAIN,
    )
    trained.train(sample)
    return torch.from_numpy(np.asarray(trained.centroids)).to(products.precision())


def assign(rows: Rows, centres: torch.Tensor) -> Cells:
    """The nearest cells of every vector."""
    count = len(rows.inverse)
    near = np.empty((count, LISTED), np.int32)
    behind = np.empty((count, LISTED), np.float32)
    product = Product(_BATCH, len(centres))
    for start in range(0, count, _BATCH):
        batch = slice(start, min(start + _BATCH, count))
        block = product.of(products.unit(rows, np.arange(batch.start, batch.stop)), centres)
        values = np.empty((len(block), LISTED), block.dtype)
        _nearest(block, near[batch], values)
        cosine = products.values(values)
        behind[batch] = cosine[:, :1] - cosine
    behind[rows.inverse == 0], near[rows.inverse == 0] = np.inf, -1
    return Cells(near, behind, len(centres))


@compiled
def _nearest(block: Any, near: Any, values: Any) -> None:
    """The columns of the largest values of each row, largest first, ties by the column."""
    kept = near.shape[1]
    for r in range(block.shape[0]):
        for k in range(kept):
            near[r, k], values[r, k] = -1, block[r, 0]
        held = 0
        for c in range(block.shape[1]):
            value = block[r, c]
            if held == kept and value <= values[r, kept - 1]:
                continue
            held = min(held + 1, kept)
            k = held - 1
            while k > 0 and value > values[r, k - 1]:
                near[r, k], values[r, k] = near[r, k - 1], values[r, k - 1]
                k -= 1
            near[r, k], values[r, k] = c, value
