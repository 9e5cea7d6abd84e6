import numpy as np
import pytest
from made import structure
from scipy.signal import lfilter

from facecurate.diversity.correlation import correlation
from facecurate.diversity.timing import timings


def walk(frames: int, seed: int) -> np.ndarray:
    steps = np.random.default_rng(seed).standard_normal(frames)
    return lfilter([1], [1, -0.8], steps)


def films(lengths: dict[str, int], **more):
    frame = [k for length in lengths.values() for k in range(length)]
    names = [name for name, length in lengths.items() for _ in range(length)]
    return structure(frame, names, names, **more)


def test_each_sequence_and_all_of_them_in_frames_and_seconds():
    a, b = walk(900, 0), walk(600, 1)
    found = timings(films({"a": 900, "b": 600}), ["AU4"], np.concatenate([a, b])[:, None])
    pooled = correlation([[a], [b]])
    rows = found.to_arrow().to_pylist()
    assert [(row["sequence"], row["frames"]) for row in rows] == [
        (None, 1500), ("a", 900), ("b", 600),
    ]  # fmt: skip
    assert rows[0]["tau_frames"] == pytest.approx(pooled.time)
    assert rows[0]["tau_seconds"] == pytest.approx(pooled.time / 20)
    assert rows[0]["interval_frames"] == np.ceil(pooled.time)
    assert rows[0]["effective"] == pytest.approx(1500 / pooled.time)
    assert rows[1]["effective"] == pytest.approx(correlation([[a]]).effective)
    assert rows[0]["relative_error"] == pytest.approx(pooled.error)


def test_gaps_and_missing_values_cut_a_series_into_pieces_of_one_mean():
    x = walk(600, 2)
    frame = np.delete(np.arange(600), slice(200, 210))
    values = np.delete(x, slice(200, 210))
    values[350] = np.nan
    found = timings(structure(frame.tolist()), ["AU4"], values[:, None]).single
    pieces = [x[:200], x[210:360], x[361:]]
    assert found[0].inside == correlation([pieces])


def test_a_clock_that_runs_twice_as_fast_halves_seconds_alone():
    x = walk(800, 3)[:, None]
    slow = timings(films({"a": 800}), ["x"], x).to_arrow().to_pylist()[0]
    fast = timings(films({"a": 800}, rate=40.0), ["x"], x).to_arrow().to_pylist()[0]
    assert fast["tau_frames"] == slow["tau_frames"]
    assert fast["tau_seconds"] == slow["tau_seconds"] / 2


def test_sequences_whose_frames_are_not_equally_far_apart_are_added_and_not_pooled():
    a, b = walk(700, 4), walk(700, 5)
    world = structure(
        [*range(700), *range(0, 1400, 2)], ["a"] * 700 + ["b"] * 700, ["a"] * 700 + ["b"] * 700
    )
    (pooled,) = timings(world, ["x"], np.concatenate([a, b])[:, None]).pooled
    parts = correlation([[a]]).effective + correlation([[b]]).effective
    assert pooled.inside.effective == pytest.approx(parts)
    assert np.isnan(pooled.frame)


def test_what_never_changes_or_has_no_time_is_null():
    still = structure([-1, -1], [None, None])
    for world in (films({"a": 2}), still):
        (row, *_) = timings(world, ["x"], np.zeros((2, 1))).to_arrow().to_pylist()
        assert (row["tau_frames"], row["effective"], row["reliable"]) == (None, None, False)


def test_the_rows_and_the_names_must_fit():
    with pytest.raises(ValueError, match="2 frames and 1 names"):
        timings(films({"a": 2}), ["x"], np.zeros((3, 1)))
