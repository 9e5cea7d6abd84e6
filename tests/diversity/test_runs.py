import numpy as np
from made import labels, structure

from facecurate.diversity.runs import label_runs, numbered
from facecurate.diversity.stretches import stretches

NAN = float("nan")


def runs_of(*args, **kwargs):
    found = label_runs(*args, **kwargs)
    return list(zip(found.first.tolist(), found.frames.tolist(), strict=True))


def test_a_run_is_maximal_and_a_vector_that_returns_is_another_run_but_no_other_vector():
    found = label_runs(structure(range(6)), labels([0, 0, 1, 1, 0, 0], [0, 0, 0, 2, 0, 0]))
    assert list(zip(found.first.tolist(), found.frames.tolist(), strict=True)) == [
        (0, 2), (2, 1), (3, 1), (4, 2),
    ]  # fmt: skip
    assert (found.count, found.distinct, found.labelled, found.untimed) == (4, 3, 6, 0)
    assert found.seconds.tolist() == [0.1, 0.05, 0.05, 0.1]


def test_a_gap_ends_a_run():
    assert runs_of(structure([1, 2, 3, 7, 8]), labels([0] * 5)) == [(1, 3), (7, 2)]


def test_every_second_frame_is_no_gap_and_lasts_twice_as_long():
    found = label_runs(structure([0, 2, 4, 8, 10]), labels([0] * 5))
    assert found.frames.tolist() == [3, 2]
    assert found.seconds.tolist() == [0.3, 0.2]


def test_the_order_of_rows_changes_nothing():
    shuffled = label_runs(structure([3, 0, 2, 1]), labels([1, 0, 1, 0]))
    assert shuffled.frames.tolist() == [2, 2] and shuffled.first.tolist() == [0, 2]


def test_sequences_and_people_do_not_continue_each_other():
    world = structure([0, 1, 2, 3], ["a", "a", "b", "b"], ["x", "y", "y", "y"])
    found = label_runs(world, labels([0] * 4))
    assert found.frames.tolist() == [1, 1, 2]
    assert found.sequence == ("a", "a", "b") and found.subject == ("x", "y", "y")
    assert found.by_subject().to_pylist() == [
        {"subject": "x", "frames": 1, "runs": 1, "distinct": 1, "longest_frames": 1,
         "longest_seconds": 0.05},
        {"subject": "y", "frames": 3, "runs": 2, "distinct": 1, "longest_frames": 2,
         "longest_seconds": 0.1},
    ]  # fmt: skip


def test_a_frame_without_any_label_ends_a_run_and_a_single_missing_label_is_a_value():
    assert runs_of(structure(range(3)), labels([0, NAN, 0], [0, NAN, 0])) == [(0, 1), (2, 1)]
    found = label_runs(structure(range(3)), labels([NAN, NAN, 0], [0, 0, 0]))
    assert found.frames.tolist() == [2, 1] and found.distinct == 2


def test_frames_without_time_have_no_runs_but_their_vectors_count():
    found = label_runs(structure([0, 1, -1], ["a", "a", None]), labels([0, 0, 3]))
    assert found.frames.tolist() == [2]
    assert (found.distinct, found.labelled, found.untimed) == (2, 3, 1)


def test_a_number_that_comes_twice_continues_nothing():
    assert label_runs(structure([0, 1, 1, 2]), labels([0] * 4)).frames.tolist() == [2, 2]


def test_nothing_has_no_runs():
    found = label_runs(structure([]), labels([]))
    assert (found.count, found.distinct, found.by_subject().num_rows) == (0, 0, 0)


def test_vectors_are_numbered_by_value_whatever_the_sign_of_zero_or_the_bits_of_nan():
    other = np.array([0x7FC00001], np.uint32).view(np.float32)[0]
    values = np.array([[0.0, NAN], [-0.0, other], [1.0, 0.0], [NAN, NAN]], np.float32)
    one, two, three, nothing = numbered(values).tolist()
    assert one == two != three and nothing == -1


def test_frames_are_cut_where_a_slow_loop_cuts_them():
    rng = np.random.default_rng(0)
    frame = np.cumsum(rng.choice([1, 1, 1, 1, 5], 400))
    film = np.sort(rng.choice(["a", "b", "c"], 400))
    lines = stretches(structure(frame.tolist(), film.tolist()))
    slow = [k for k in range(1, 400) if film[k] != film[k - 1] or frame[k] - frame[k - 1] > 1]
    assert lines.bounds.tolist() == [0, *slow, 400]


def test_what_no_film_can_have_gives_no_seconds_and_no_warning():
    assert np.isnan(label_runs(structure([0, 1], rate=0.0), labels([0, 0])).seconds).all()
    far = label_runs(structure([0, 2**62, 2**63 - 1]), labels([0] * 3))
    assert far.frames.tolist() == [1, 2] and (far.seconds > 1e17).all()
