"""Clusters from edges: the same as from the pictures, whoever has gone since."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from bit_worlds import bit_world, shuffled, unique_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.errors import DamagedError
from facecurate.similar.deciding import SamePicture, clusters_from_edges
from facecurate.similar.duplicates import find_duplicates
from facecurate.similar.edges import COLUMNS
from facecurate.similar.items import Items
from facecurate.similar.judging import Rules

KEEP = st.sampled_from(["largest", "sharpest", "first"])


def same(pairs: Sequence[tuple[int, int, bool]]) -> np.ndarray:
    """Agreements as if some of the crops had been laid on each other; the same both ways."""
    return np.array([0.96875 if (i + j) % 3 == 0 else 0.125 for i, j, _ in pairs])


@given(st.integers(0, 10_000), KEEP)
@settings(max_examples=25, deadline=None)
def test_the_edges_give_the_same_rows_and_the_same_edges(seed: int, keep: str) -> None:
    world = unique_bytes(bit_world(4, 6, 40, seed))
    also = [SamePicture(world.keys[0], world.keys[9], False, 7.0)]
    found = find_duplicates(world, Rules(keep=keep), also=also, registered=same)
    again = clusters_from_edges(found.edges, world, keep, also)
    assert again.rows == found.rows
    assert again.edges.equals(found.edges)


@given(st.integers(0, 10_000), KEEP, st.randoms())
@settings(max_examples=50, deadline=None)
def test_what_is_left_is_decided_as_if_the_others_had_never_been(  # type: ignore[no-untyped-def]
    seed: int, keep: str, random
) -> None:
    world = unique_bytes(bit_world(4, 6, 40, seed))
    left = shuffled(world, sorted(random.sample(range(24), random.randrange(24))))
    edges = find_duplicates(world, Rules(keep=keep)).edges
    again, never = clusters_from_edges(edges, left, keep), find_duplicates(left, Rules(keep=keep))
    assert again.rows == never.rows
    assert without_heirs(again.edges).equals(never.edges)
    assert clusters_from_edges(again.edges, left, keep).rows == never.rows


def without_heirs(table: pa.Table) -> pa.Table:
    """Without the rows that say who was not compared itself."""
    ends = zip(table["key"].to_pylist(), table["other"].to_pylist(), strict=True)
    return table.filter(pa.array([key != other for key, other in ends], pa.bool_()))


def test_nobody_left_leaves_nothing() -> None:
    world = unique_bytes(bit_world(4, 6, 40, 1))
    rows, edges = clusters_from_edges(find_duplicates(world).edges, shuffled(world, []), "first")
    assert (rows, len(edges)) == ([], 0)


def one(key: str, other: str, verified: str | None) -> pa.Table:
    row = {"key": key, "other": other, "method": "phash", "mirrored": False, "distance": 0.0}
    return pa.Table.from_pylist([{**row, "verified": verified}], schema=COLUMNS)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (one("a", "b", None), "without a word"),
        (pa.concat_tables([one("a", "b", "equal"), one("b", "a", "equal")]), "in circles"),
    ],
)
def test_a_table_that_cannot_be_is_damaged(table: pa.Table, told: str) -> None:
    nobody: Items = shuffled(unique_bytes(bit_world(1, 2, 4, 1)), [])
    with pytest.raises(DamagedError, match=told):
        clusters_from_edges(table, nobody, "first")
