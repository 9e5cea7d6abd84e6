"""Crops laid on each other by several processes: the same numbers, and one clear line on damage."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from facecurate import storage
from facecurate.copies import registering
from facecurate.copies.crops import Crops
from facecurate.copies.pictures import read_pictures
from facecurate.copies.registering import Registration
from facecurate.dedupe import dedupe
from facecurate.errors import DamagedError
from facecurate.pool import Pool
from facecurate.similar.register import SAME
from facecurate.workspace import Dataset

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import _planted

PAIRS = [(0, 3, False), (1, 4, True), (0, 1, False), (2, 5, False), (2, 2, True)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three portraits, and each again: cut, mirrored, rescaled."""
    folder = tmp_path_factory.mktemp("world")
    dataset = Dataset(str(folder / "work"), "laid")
    one = [_planted.portrait(3, n) for n in range(3)]
    ways = ("cut by 5 %", "mirrored", "rescaled")
    shown = [*one, *(_planted.copied(o, way, 3) for o, way in zip(one, ways, strict=True))]
    _planted.take(dataset, folder / "files", shown, 1)
    dedupe(dataset)
    return dataset


def crops(dataset: Dataset) -> Crops:
    return Crops(Pool(dataset.path("faces")), read_pictures(dataset).faces)


def test_two_processes_say_what_one_says(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = crops(world), crops(world)
    alone = Registration(ours, theirs)(PAIRS)
    assert (alone[[0, 1, 3]] >= SAME).all() and not (alone[[2, 4]] >= SAME).any()
    monkeypatch.setattr(registering, "TASK", 2)
    told: list[tuple[int, int]] = []
    both = Registration(ours, theirs, workers=2, progress=lambda *at: told.append(at))(PAIRS)
    assert both.tobytes() == alone.tobytes()
    assert told[-1] == (5, 5)


def test_no_pairs_have_no_agreements(world: Dataset) -> None:
    found = Registration(crops(world), crops(world), workers=2)([])
    assert found.shape == (0,) and found.dtype == np.float64


def test_a_crop_that_is_not_there_is_named(world: Dataset, tmp_path: Path) -> None:
    pictures = read_pictures(world)
    storage.write_atomic(str(tmp_path / "faces" / "00000.tar"), bytes(1024))
    empty = Crops(Pool(str(tmp_path / "faces")), pictures.faces)
    with pytest.raises(DamagedError, match=r"00000.tar lacks laid-.*_000: 'facecurate verify'"):
        Registration(empty, empty)(PAIRS)
