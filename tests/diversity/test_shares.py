import numpy as np
import pytest
from planted import structure

from facecurate.diversity.pairs import compare
from facecurate.diversity.shares import share_by_group, shares

A, B, C = np.eye(3, dtype=np.float32)


def test_each_column_counts_the_frames_with_an_earlier_one_of_its_kind() -> None:
    x = np.stack([A, A, A, B, B, A])
    of = structure(
        subject=[0, 0, 0, 0, 1, 1],
        sequence=[0, 0, 1, 1, 2, 2],
        split=[0, 0, 0, 0, 1, 0],
        frame=[0, 1, 0, 1, 0, 1],
    )
    found = shares(compare(x, of, [0.9]), of)
    assert found.sequence is not None and found.sequence.tolist() == [1 / 6]  # 1
    assert found.subject is not None and found.subject.tolist() == [2 / 6]  # 1, 2
    assert found.split is not None and found.split.tolist() == [3 / 6]  # 1, 2, 5
    assert found.other is not None and found.other.tolist() == [2 / 6]  # 4 (of 3), 5
    assert found.frames == 6


def test_shares_grow_as_the_tolerance_gets_looser() -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    of = structure(np.arange(200) % 3, np.arange(200) % 6, frame=np.arange(200))
    taus = [0.2, 0.5, 0.9, 0.99]
    found = shares(compare(x, of, taus), of)
    assert found.subject is not None and found.sequence is not None
    assert (np.diff(found.subject) <= 0).all() and (found.sequence <= found.subject).all()


def test_what_the_source_does_not_say_has_no_column() -> None:
    of = structure([-1, -1], [0, 1])
    found = shares(compare(np.stack([A, A]), of, [0.9]), of)
    assert found.subject is None and found.other is None and found.split is None
    assert found.to_arrow().to_pylist() == [
        {"tau": 0.9, "sequence": 0.0, "subject": None, "split": None, "other": None}
    ]


def test_a_pass_inside_groups_says_nothing_of_other_groups() -> None:
    of = structure([0, 1], split=[0, 0])
    found = shares(compare(np.stack([A, A]), of, [0.9], across=False), of)
    assert found.split is None and found.other is None and found.subject is not None


def test_the_share_of_each_person() -> None:
    of = structure([0, 0, 0, 1, 1], frame=[0, 1, 2, 0, 1])
    pairs = compare(np.stack([A, B, A, C, A]), of, [0.9])
    assert share_by_group(pairs, 0.9).tolist() == pytest.approx([1 / 3, 0])


def test_a_data_frame_has_the_columns_of_the_table() -> None:
    pandas = pytest.importorskip("pandas")
    of = structure([0, 0])
    found = shares(compare(np.stack([A, A]), of, [0.9]), of).to_pandas()
    assert isinstance(found, pandas.DataFrame)
    assert list(found.columns) == ["tau", "sequence", "subject", "split", "other"]
