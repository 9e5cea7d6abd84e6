import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.similar.clusters import around_kept, components, ranks
from facecurate.similar.verify import PHASH, Edges

Edge = tuple[int, int, int]


def edges(*triples: Edge) -> Edges:
    """Upright perceptual edges (i, j, distance)."""
    i, j, d = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    return Edges.by_hash(i, j, np.full(len(i), PHASH), np.zeros(len(i), bool), d)


def kept(count: int, *triples: Edge) -> list[int]:
    return around_kept(np.arange(count), edges(*triples)).kept.tolist()


def test_a_chain_is_split_around_the_kept_one() -> None:
    assert kept(3, (0, 1, 5), (1, 2, 5)) == [0, 0, 2]  # 2 is like 1, not like 0


def test_the_middle_of_a_chain_may_hold_both_ends() -> None:
    middle_first = np.array([1, 0, 2])
    assert around_kept(middle_first, edges((0, 1, 5), (1, 2, 5))).kept.tolist() == [1, 1, 1]


def test_a_picture_goes_to_the_nearest_kept_one() -> None:
    assert kept(3, (0, 2, 9), (1, 2, 3)) == [0, 1, 1]


def test_a_surer_method_goes_before_a_smaller_distance() -> None:
    e = edges((0, 2, 30), (1, 2, 3))._replace(method=np.array([0, PHASH]))
    assert around_kept(np.arange(3), e).kept.tolist() == [0, 1, 0]


def test_upright_goes_before_mirrored_at_the_same_distance() -> None:
    e = edges((0, 1, 3), (0, 1, 3))._replace(mirrored=np.array([True, False]))
    assert around_kept(np.arange(2), e).edge.tolist() == [-1, 1]


def test_components_are_named_by_their_smallest_row() -> None:
    i, j = np.array([5, 1, 4]), np.array([4, 3, 1])
    assert components(7, i, j).tolist() == [0, 1, 2, 1, 1, 1, 6]


def test_keep_rules_and_their_ties() -> None:
    keys = ["b", "a", "d", "c"]
    size = np.array([10.0, 10.0, 20.0, 10.0])
    sharpness = np.array([1.0, 1.0, np.nan, 9.0])
    order = {k: [keys[r] for r in np.argsort(ranks(keys, size, sharpness, k))] for k in RULES}
    assert order == RULES


RULES = {
    "largest": ["d", "c", "a", "b"],
    "sharpest": ["c", "a", "b", "d"],
    "first": ["a", "b", "c", "d"],
}


def test_an_unknown_keep_rule_is_named() -> None:
    with pytest.raises(ValueError, match="largest, sharpest, first"):
        ranks(["a"], np.ones(1), np.ones(1), "best")


graphs = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.permutations(range(n)),
        st.permutations(range(n)),
        st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.integers(0, 40)).filter(
                lambda e: e[0] < e[1]
            ),
            max_size=40,
            unique_by=lambda e: e[:2],
        ),
    )
)


@given(graphs)
@settings(max_examples=200, deadline=None)
def test_every_dropped_picture_has_an_edge_of_its_own_to_a_kept_one(graph) -> None:  # type: ignore[no-untyped-def]
    count, rank, _, triples = graph
    e = edges(*triples)
    solved = around_kept(np.array(rank), e)
    assert (solved.kept[solved.kept] == solved.kept).all()
    for row in range(count):
        ends = {int(e.i[solved.edge[row]]), int(e.j[solved.edge[row]])} if triples else set()
        assert solved.kept[row] == row or ends == {row, int(solved.kept[row])}
    is_kept = solved.kept == np.arange(count)
    assert not (is_kept[e.i] & is_kept[e.j]).any()
    assert (np.array(rank)[solved.kept] <= np.array(rank)).all()


@given(graphs)
@settings(max_examples=200, deadline=None)
def test_the_order_of_pictures_and_edges_does_not_matter(graph) -> None:  # type: ignore[no-untyped-def]
    count, rank, renamed, triples = graph
    before = around_kept(np.array(rank), edges(*triples)).kept
    new = np.array(renamed)
    moved = [(*sorted((renamed[i], renamed[j])), d) for i, j, d in reversed(triples)]
    new_rank = np.empty(count, np.int64)
    new_rank[new] = rank
    after = around_kept(new_rank, edges(*moved)).kept
    assert after[new].tolist() == new[before].tolist()
