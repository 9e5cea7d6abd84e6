"""Runs of near duplicates, and the timeline that shows them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facecurate.diversity.structure import UNKNOWN, Structure
from facecurate.redundancy.near import near_runs
from facecurate.redundancy.timeline import Line, timeline

HOSTILE = '"><script>alert(1)</script>\u202e]]>'


def film(frames: int, sequences: int = 1, rate: float = 20.0) -> Structure:
    """So many frames in each sequence, in the order of time."""
    total = frames * sequences
    nobody = np.full(total, UNKNOWN, np.int32)
    return Structure(
        subject=nobody,
        session=nobody,
        sequence=np.repeat(np.arange(sequences, dtype=np.int32), frames),
        split=nobody,
        frame=np.tile(np.arange(frames, dtype=np.int64), sequences),
        rate=np.full(total, rate, np.float32),
        subject_names=(),
        session_names=(),
        sequence_names=tuple(f"s{k}" for k in range(sequences)),
        split_names=(),
    )


def at_angles(*degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float16)


# -- runs ----------------------------------------------------------------------------------------


def test_a_run_lasts_while_frames_are_near_its_first_one_not_the_one_before() -> None:
    """Each frame is 4 degrees on: within 9 degrees of the first are the next two."""
    runs = near_runs(film(7), at_angles(0, 4, 8, 12, 16, 20, 24), math.cos(math.radians(9)))
    assert runs.first.tolist() == [0, 3, 6] and runs.frames.tolist() == [3, 3, 1]
    assert runs.repeated == pytest.approx(4 / 7)
    assert runs.edge[0] == pytest.approx(math.cos(math.radians(12)), abs=1e-3)
    assert math.isnan(runs.edge[-1])  # the sequence ends, not the likeness


def test_a_run_ends_with_its_sequence() -> None:
    runs = near_runs(film(3, sequences=2), at_angles(0, 0, 0, 0, 0, 0), 0.99)
    assert runs.frames.tolist() == [3, 3] and runs.rows(1).tolist() == [3, 4, 5]


def test_a_run_longer_than_the_look_ahead_is_one() -> None:
    runs = near_runs(film(500), at_angles(*[0] * 499, 90), 0.99)
    assert runs.frames.tolist() == [499, 1]


def test_frames_without_a_sequence_are_in_no_run() -> None:
    alone = film(3)
    alone.sequence[:] = UNKNOWN
    assert len(near_runs(alone, at_angles(0, 0, 0), 0.9).first) == 0


# -- timeline ------------------------------------------------------------------------------------


def line(name: str = "a", runs: list[list[float]] | None = None) -> Line:
    nothing = np.empty((0, 2))
    spans = nothing if runs is None else np.array(runs, np.float64)
    return Line(name, 10.0, spans, nothing, np.empty(0), "50 %")


def test_names_in_the_timeline_are_text() -> None:
    svg = timeline([line(HOSTILE)], "s")
    assert "<script" not in svg and "\u202e" not in svg and "&lt;script&gt;" in svg


def test_many_runs_make_one_path_and_no_run_is_lost() -> None:
    runs = [[k, k + 0.5] for k in range(10)]
    svg = timeline([line(runs=runs)], "s")
    assert svg.count("<path") == 2  # by turns
    assert svg.count("z") >= 10


def test_runs_closer_than_the_eye_sees_are_drawn_as_one() -> None:
    runs = [[k / 1000, k / 1000 + 0.0009] for k in range(0, 10_000, 2)]
    assert len(timeline([line(runs=runs)], "s")) < 5000
