import numpy as np
import pytest
from planted import calibrated, seen, states, structure

from facecurate.diversity import blocks
from facecurate.diversity.effective import (
    effective,
    effective_frames,
    effective_number,
    neighbour_counts,
)
from facecurate.diversity.kernels import ROUNDING
from facecurate.diversity.pairs import compare
from facecurate.errors import FacecurateError


@pytest.mark.parametrize("count", [50, 500])
@pytest.mark.parametrize("d", [64, 512])
@pytest.mark.parametrize("mean_cosine", [0.0, 0.4, 0.9])
def test_planted_states_are_counted_whatever_their_repetitions(
    count: int, d: int, mean_cosine: float
) -> None:
    rng = np.random.default_rng(count + d)
    planted = states(count, d, mean_cosine, rng)
    frames = seen(planted, np.repeat(np.arange(count), 10), rng)
    found = effective_number(frames, None, [calibrated(planted, rng)])
    assert found.total0[0] == pytest.approx(count, rel=0.03)


def test_frames_without_redundancy_all_count() -> None:
    rng = np.random.default_rng(1)
    planted = states(2000, 512, 0.4, rng)
    frames = seen(planted, np.arange(2000), rng)
    assert effective_number(frames, None, [calibrated(planted, rng)]).total0[0] >= 0.98 * 2000


def test_orders_0_1_2_of_unequal_frequencies() -> None:
    rng = np.random.default_rng(2)
    repeats = np.concatenate([[2000], rng.integers(1, 20, 199)])
    share = repeats / repeats.sum()
    planted = states(200, 128, 0.4, rng)
    frames = seen(planted, np.repeat(np.arange(200), repeats), rng)
    found = effective_number(frames, None, [calibrated(planted, rng)])
    expected = [200, np.exp(-(share * np.log(share)).sum()), 1 / (share**2).sum()]
    measured = [found.total0[0], found.total1[0], found.total2[0]]
    assert measured == pytest.approx(expected, rel=0.05)


def brute(x: np.ndarray, groups: list[str], tau: float) -> np.ndarray:
    x = x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True)
    same = np.equal.outer(np.array(groups), np.array(groups))
    within = x @ x.T >= tau - ROUNDING
    np.fill_diagonal(within, True)
    return (within & same).sum(axis=1)


@pytest.mark.parametrize("block", [7, 64, 2048])
def test_counts_equal_brute_force_whatever_the_block(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 5)).astype(np.float32)
    groups = [f"s{n}" for n in rng.integers(0, 4, 200)]
    taus = [0.2, 0.7, 0.95, -0.5]
    counts = neighbour_counts(x, groups, taus)
    assert counts.tolist() == [brute(x, groups, tau).tolist() for tau in taus]


def test_the_order_of_frames_and_the_length_of_vectors_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    x, groups = rng.normal(size=(300, 6)), [f"s{n}" for n in rng.integers(0, 5, 300)]
    order = rng.permutation(300)
    scaled = (x * rng.uniform(0.1, 9, (300, 1)))[order]
    before = effective_number(x, groups, [0.8])
    after = effective_number(scaled, [groups[r] for r in order], [0.8])
    assert after.groups == before.groups == ("s0", "s1", "s2", "s3", "s4")
    assert after.frames.tolist() == before.frames.tolist()
    for name in ("d0", "d1", "d2", "total0", "total1", "total2"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-12)


def test_groups_do_not_see_each_other_and_add_up() -> None:
    x = np.repeat(np.eye(3), [4, 1, 1], axis=0)
    found = effective_number(x, ["a", "a", "b", "b", "b", "b"], [0.9])
    assert found.frames.tolist() == [2, 4]
    assert found.d0.tolist() == [[1.0, 3.0]]
    assert found.total0.tolist() == [4.0]
    assert found.d2[0].tolist() == pytest.approx([1.0, 16 / 6])
    assert found.total2[0] == pytest.approx(36 / 10)


def test_exact_copies_are_within_a_tolerance_of_one() -> None:
    x = np.repeat(np.random.default_rng(5).normal(size=(20, 512)), 50, axis=0)
    assert effective_number(x, None, [1.0]).total0[0] == pytest.approx(20)


def test_twice_the_frame_rate_keeps_the_number_and_twice_the_motion_doubles_it() -> None:
    def walk(frames: int, speed: float) -> np.ndarray:
        """Steady motion along a circle, wide enough that its ends do not meet."""
        angle = np.linspace(0, 3.0 * speed, frames, endpoint=False)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    tau = np.cos(0.02)
    slow, dense, fast = (
        effective_number(walk(*f), None, [tau]).total0[0]
        for f in [(6000, 1), (12000, 1), (6000, 2)]
    )
    assert dense == pytest.approx(slow, rel=0.05)
    assert fast == pytest.approx(2 * slow, rel=0.1)


def test_vectors_without_direction_are_an_error_that_counts_them() -> None:
    x = np.ones((5, 3))
    x[1], x[2, 0] = 0, np.nan
    with pytest.raises(FacecurateError, match="2 of 5 vectors"):
        effective_number(x, None, [0.9])


def test_no_frames_are_no_states() -> None:
    found = effective_number(np.empty((0, 4)), None, [0.9, 0.5])
    assert found.total0.tolist() == [0.0, 0.0] and found.groups == ()


def test_the_groups_order_is_that_of_their_names_and_the_table_has_a_row_for_each() -> None:
    found = effective_number(np.eye(4), ["b", "a", "b", "c"], [0.9, 0.1])
    assert found.groups == ("a", "b", "c") and found.frames.tolist() == [1, 2, 1]
    table = found.to_arrow()
    assert table.column_names == ["tau", "group", "frames", "d0", "d1", "d2"]
    assert table.column("group").to_pylist() == ["a", "b", "c"] * 2
    assert table.column("d0").to_pylist() == [1, 2, 1] * 2


def test_frames_of_a_label_weigh_what_they_add_to_the_whole() -> None:
    x = np.repeat(np.eye(3), [4, 2, 1], axis=0).astype(np.float32)
    pairs = compare(x, structure([0] * 7), [0.9])
    strong = np.array([1, 0, 0, 0, 1, 1, 1], bool)
    assert effective_frames(pairs, 0.9, strong) == pytest.approx(1 / 4 + 1 + 1)
    assert effective_frames(pairs, 0.9, ~strong) == pytest.approx(3 / 4)


def test_a_sample_estimates_the_whole_within_its_standard_error() -> None:
    rng = np.random.default_rng(6)
    people = np.repeat(np.arange(5), 600)
    which = people * 100 + rng.integers(0, 30 + 10 * people)
    x = seen(states(500, 64, 0.4, rng), which, rng)
    whole = effective(compare(x, structure(people), [0.99]))
    parts = [
        effective(compare(x, structure(people), [0.99], exact_up_to=0, sample=600, seed=seed))
        for seed in range(40)
    ]
    off = np.array([(part.total0[0] - whole.total0[0]) / part.error0[0] for part in parts])
    assert whole.error0[0] == 0 and whole.frames.tolist() == parts[0].frames.tolist()
    assert abs(off.mean()) < 0.5 and 0.7 < off.std() < 1.3


def test_a_sample_of_very_many_small_groups_is_drawn_from_all_frames_alike() -> None:
    rng = np.random.default_rng(7)
    people = np.repeat(np.arange(1500), 2)
    x = np.repeat(rng.normal(size=(1500, 32)), 2, axis=0).astype(np.float32)
    pairs = compare(x, structure(people), [0.9], exact_up_to=0, sample=600)
    found = effective(pairs)
    assert len(pairs.rows) == 600 and pairs.pooled
    assert found.total0[0] == pytest.approx(1500) and found.error0[0] == pytest.approx(0)
    assert found.d0.sum() == pytest.approx(1500) and set(found.frames.tolist()) == {2}
