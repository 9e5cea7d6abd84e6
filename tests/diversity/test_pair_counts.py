from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import shuffled, structure

from facecurate.diversity import blocks, crossings, kernels
from facecurate.diversity.kernels import ROUNDING
from facecurate.diversity.pairs import Pairs, compare
from facecurate.diversity.places import grouping, places
from facecurate.diversity.structure import Structure
from facecurate.errors import FacecurateError
from facecurate.similar import products

TAUS = [0.9, 0.99, 0.5, -0.2, 0.95]


def world(seed: int, frames: int = 300) -> tuple[np.ndarray, Structure]:
    """Frames of 5 people in 10 films and 3 splits, some of no split, some of no numbered frame."""
    rng = np.random.default_rng(seed)
    subject = rng.integers(0, 5, frames)
    film = 2 * subject + rng.integers(0, 2, frames)
    x = rng.normal(size=(frames, 6)).astype(np.float32)
    x[frames // 2 : frames // 2 + 20] = x[:20]  # exact copies
    frame = rng.permutation(frames)
    return x, structure(subject, film, rng.integers(-1, 3, frames), frame)


def brute(x: np.ndarray, of: Structure, tau: float) -> dict[str, np.ndarray]:
    """c_i, whether an earlier frame is near in each of four ways, and the pairs between splits."""
    unit = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    near = unit @ unit.T >= tau - ROUNDING
    np.fill_diagonal(near, True)
    place = np.empty(len(x), int)
    place[np.lexsort((of.frame, of.sequence, of.subject))] = np.arange(len(x))
    earlier = place[None, :] < place[:, None]

    def same(codes: np.ndarray) -> np.ndarray:
        return (codes[:, None] == codes[None, :]) & (codes >= 0)[:, None]

    crossing = ~same(of.split) & (of.split >= 0)[:, None] & (of.split >= 0)[None, :]
    columns = [same(of.sequence), same(of.subject), same(of.split), ~same(of.subject)]
    return {
        "counts": (near & same(of.subject)).sum(axis=1),
        "earlier": np.stack([(near & earlier & column).any(axis=1) for column in columns]),
        "crossing": (near & crossing).any(axis=1),
        "pairs": np.argwhere(np.triu(near & crossing)),
    }


def check(found: Pairs, x: np.ndarray, of: Structure) -> None:
    for tau in found.taus:
        true = brute(x, of, tau)
        assert found.within(tau).tolist() == true["counts"][found.rows].tolist()
        for column in range(4):
            reached = found.reached(found.earlier[column], tau)
            assert reached.tolist() == true["earlier"][column][found.rows].tolist()
        reached = found.reached(found.crossing, tau)
        assert reached.tolist() == true["crossing"][found.rows].tolist()


@pytest.mark.parametrize("block", [17, 128, 2048])
@pytest.mark.parametrize("taus", [TAUS, [0.99, 0.97], [1.0]])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_every_count_equals_brute_force(
    block: int, taus: list[float], kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    monkeypatch.setattr(products, "precision", lambda: kind)
    x, of = world(1)
    found = compare(x, of, taus, leak_tau=0.97)
    check(found, x, of)
    wanted = {tuple(pair) for pair in brute(x, of, 0.97)["pairs"].tolist()}
    assert found.exact and found.crossings is not None and found.crossings.total == len(wanted)
    listed = zip(found.crossings.i.tolist(), found.crossings.j.tolist(), strict=True)
    assert {tuple(sorted(pair)) for pair in listed} == wanted


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_what_is_said_of_a_sampled_frame_is_exact(
    kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 64)
    monkeypatch.setattr(products, "precision", lambda: kind)
    x, of = world(2, 800)
    found = compare(x, of, TAUS, exact_up_to=799, sample=100)
    assert 100 <= len(found.rows) <= 105 and not found.exact  # of each person a share
    assert found.weights.sum() == pytest.approx(800)
    check(found, x, of)


def test_a_block_with_too_many_proposals_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, of = world(3)
    monkeypatch.setattr(blocks, "BLOCK", 32)
    monkeypatch.setattr(products, "precision", lambda: torch.bfloat16)
    one = compare(x, of, [0.9, 0.3], leak_tau=0.9)
    monkeypatch.setattr(blocks, "_ROOM", 256)
    monkeypatch.setattr(crossings, "_ROOM", 256)
    two = compare(x, of, [0.9, 0.3], leak_tau=0.9)
    same(one, two)


def same(one: Pairs, two: Pairs) -> None:
    for name in ("rows", "counts", "earlier", "crossing"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert one.crossings is not None and two.crossings is not None
    for name in ("i", "j", "cosine", "counts"):
        assert np.array_equal(getattr(one.crossings, name), getattr(two.crossings, name)), name


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_order_of_files_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, of = world(seed % 1000, 120)
    order = rng.permutation(len(x))
    before = compare(x, of, TAUS, leak_tau=0.9)
    after = compare(x[order], shuffled(of, order, rng), TAUS, leak_tau=0.9)
    back = np.argsort(order)
    assert np.array_equal(after.counts[:, back], before.counts)
    assert np.array_equal(after.earlier[:, back], before.earlier)
    assert np.array_equal(after.crossing[back], before.crossing)
    assert before.crossings is not None and after.crossings is not None
    listed = [
        sorted(zip(one.i.tolist(), one.j.tolist(), one.cosine.tolist(), strict=True))
        for one in (
            before.crossings,
            replace(after.crossings, i=order[after.crossings.i], j=order[after.crossings.j]),
        )
    ]
    assert listed[0] == listed[1]


def test_a_capped_list_holds_the_nearest_pairs_and_counts_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, of = world(4)
    monkeypatch.setattr(blocks, "BLOCK", 32)
    whole = compare(x, of, [0.5], leak_tau=0.3).crossings
    few = compare(x, of, [0.5], leak_tau=0.3, listed=40).crossings
    assert whole is not None and few is not None and len(whole.i) > 1000
    assert few.total == whole.total == len(whole.i)
    assert few.cosine.tolist() == whole.cosine[:40].tolist()
    assert set(zip(few.i, few.j, strict=True)) <= set(zip(whole.i, whole.j, strict=True))


def test_half_floats_in_a_file_are_compared_as_they_are(tmp_path: pytest.TempPathFactory) -> None:
    x, of = world(5)
    stored = np.lib.format.open_memmap(str(tmp_path / "x.npy"), "w+", np.float16, x.shape)
    stored[:] = x
    same(
        compare(stored, of, TAUS, leak_tau=0.9),
        compare(stored.astype(np.float32), of, TAUS, leak_tau=0.9),
    )


def test_people_come_before_films_and_films_before_the_whole() -> None:
    known = structure([0, 1], [0, 0])
    assert grouping(known).unit == "subject"
    assert grouping(structure([0, -1], [1, 0])).unit == "sequence"
    assert grouping(structure([0, -1], [1, -1])).unit == "dataset"


def test_the_earlier_frame_is_that_of_the_lower_number_in_the_film_whose_name_comes_first() -> None:
    of = structure([1, 0, 1, 1, 0], [2, 0, 1, 1, 0], frame=[0, 7, 9, 3, 5])
    assert places(of, grouping(of)).row.tolist() == [4, 1, 3, 2, 0]


def test_frames_of_which_nothing_is_known_keep_the_order_of_their_rows() -> None:
    of = structure([-1] * 4)
    found = compare(np.ones((4, 2), np.float32), of, [0.9])
    assert found.counts.tolist() == [[4] * 4]
    assert found.reached(found.earlier[kernels.GROUP], 0.9).tolist() == [False, True, True, True]
    assert not found.earlier[[kernels.SEQUENCE, kernels.SPLIT, kernels.OTHER]].any()


def test_vectors_without_direction_wrong_lengths_and_repeated_taus_are_refused() -> None:
    x = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="3 vectors but a structure of 2"):
        compare(x, structure([0, 0]), [0.9])
    with pytest.raises(ValueError, match="different tolerances"):
        compare(x, structure([0, 0, 0]), [0.9, 0.9])
    x[1] = 0
    with pytest.raises(FacecurateError, match="1 of 3 vectors"):
        compare(x, structure([0, 0, 0]), [0.9])
