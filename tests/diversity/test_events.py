import numpy as np
import pytest
from made import labels, structure

from facecurate.diversity.events import events
from facecurate.diversity.levels import level_counts
from facecurate.diversity.structure import Labels

NAN = float("nan")


def told(found, unit, level):
    mine = (found.unit == unit) & (found.level == level)
    return list(zip(found.row[mine].tolist(), found.frames[mine].tolist(), strict=True))


def test_events_are_counted_at_each_level_with_their_durations():
    #                                  0  1  2  3  4  5  6  7
    found = events(structure(range(8)), labels([0, 1, 2, 3, 1, 0, 4, 0]))
    assert told(found, 0, 1) == [(1, 4), (6, 1)]
    assert told(found, 0, 2) == [(2, 2), (6, 1)]
    assert told(found, 0, 3) == [(3, 1), (6, 1)]
    assert found.to_arrow().to_pylist()[0] == {
        "unit": "AU1", "at_least": 1, "events": 2, "cut": 0, "frames": 5, "strong_frames": 2,
        "median_frames": 2.5, "median_seconds": 0.125, "seconds": 0.25,
    }  # fmt: skip


def test_a_gap_ends_an_event_and_two_units_have_their_own():
    found = events(structure([0, 1, 2, 9, 10]), labels([1] * 5, [0, 1, 0, 0, 0]))
    assert told(found, 0, 1) == [(0, 3), (3, 2)]
    assert told(found, 1, 1) == [(1, 1)]


def test_an_event_at_an_end_or_beside_a_missing_label_is_cut():
    found = events(structure(range(9)), labels([1, 0, 1, 0, 1, NAN, 1, 0, 1]))
    assert told(found, 0, 1) == [(0, 1), (2, 1), (4, 1), (6, 1), (8, 1)]
    assert found.cut.tolist() == [True, False, True, True, True]


def test_a_subset_keeps_an_event_by_any_of_its_frames():
    found = events(structure([3, 2, 1, 0]), labels([1, 0, 1, 1]))  # rows against the time
    assert told(found, 0, 1) == [(3, 2), (0, 1)]
    assert found.kept([2]).tolist() == [True, False]
    assert found.kept(np.array([True, True, False, False])).tolist() == [False, True]
    assert found.kept([]).tolist() == [False, False]
    assert found.to_arrow([0, 3]).to_pylist()[0]["kept"] == 2


def test_kept_events_are_those_that_a_loop_over_their_frames_keeps():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 4, (300, 3)).astype(np.float32)
    found = events(structure(range(300)), Labels(("a", "b", "c"), values, True))
    subset = rng.random(300) < 0.1
    slow = [
        bool(subset[row : row + n].any())
        for row, n in zip(found.row.tolist(), found.frames.tolist(), strict=True)
    ]
    assert found.kept(subset).tolist() == slow
    strong = [
        int((values[row : row + n, unit] >= 3).sum())
        for row, n, unit in zip(found.row, found.frames, found.unit, strict=True)
    ]
    assert found.strong.tolist() == strong


def test_still_pictures_have_no_events_but_levels():
    still = structure([-1, -1], [None, None])
    table = events(still, labels([1, 4])).to_arrow()
    assert table["events"].to_pylist() == [0, 0, 0]
    assert table["median_frames"].to_pylist() == [None] * 3
    assert level_counts(labels([1, 4])).frames.tolist() == [[0, 1, 0, 0, 1, 0]]


def test_levels_are_counted_in_frames_and_in_effective_frames():
    found = level_counts(labels([4, 4, 3, 0, NAN], [0] * 5), [0.25, 0.25, 0.5, 1.0, 1.0])
    assert found.frames[0].tolist() == [1, 0, 0, 1, 2, 0]
    assert found.effective[0].tolist() == [1.0, 0, 0, 0.5, 0.5, 0]
    assert found.missing.tolist() == [1, 0]
    assert found.at_least(3)[0].tolist() == [3, 0]
    assert found.sentence("AU1", 3) == "effective frames with AU1 >= 3: 1 (of 3)"
    assert found.to_arrow().to_pylist()[4] == {
        "unit": "AU1", "level": 4, "frames": 2, "effective": 0.5,
    }  # fmt: skip


def test_labels_that_are_no_levels_are_refused():
    with pytest.raises(ValueError, match="no ordered levels"):
        events(structure([0]), Labels(("valence",), np.zeros((1, 1), np.float32), False))
    with pytest.raises(ValueError, match="write a missing label as NaN"):
        level_counts(labels([9]))
    with pytest.raises(ValueError, match="weights"):
        level_counts(labels([1, 2]), [1.0])


def test_no_labels_give_empty_tables():
    nothing = Labels((), np.zeros((2, 0), np.float32), True)
    assert events(structure([0, 1]), nothing).to_arrow().num_rows == 0
    assert level_counts(nothing).to_arrow().num_rows == 0
