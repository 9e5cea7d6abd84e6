"""``dedupe --calibrate``: exact counts on a world whose copies are known; nothing else changes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pytest

from facecurate import storage
from facecurate.cli import run
from facecurate.encoders import DctEncoder
from facecurate.errors import FacecurateError, RefusedError
from facecurate.importing import photo_id
from facecurate.inspect import verify
from facecurate.metrics import wilson
from facecurate.review.calibrate import calibrate
from facecurate.review.curve import Measured
from facecurate.similar.verify import VERIFIED_BITS
from facecurate.workspace import Dataset

COPIES = [(shot.copy_of, shot.file) for shot in chain.shots() if shot.copy_of]
ORIGINALS = [shot.file for shot in chain.shots() if not shot.copy_of]


def lines(pairs: list[tuple[str, str]], word: str) -> list[str]:
    return [f"{a}\t{b}\t{word}" for a, b in pairs]


def labelled(folder: Path, *rows: str) -> str:
    """The planted copies and all pairs of originals, or the given lines."""
    apart = list(itertools.combinations(ORIGINALS, 2))
    told = rows or (*lines(COPIES, "same"), *lines(apart, "different"))
    (folder / "pairs.tsv").write_text("\n".join(told) + "\n")
    return str(folder / "pairs.tsv")


def curves(dataset: Dataset) -> dict[tuple[str, str], dict[str, Any]]:
    told = json.loads(storage.read(dataset.path("calibration.json")))["result"]
    return {(one["level"], one["measure"]): one for one in told["curves"]}


def point(curve: dict[str, Any], limit: float) -> dict[str, Any]:
    (found,) = [p for p in curve["points"] if p["limit"] == limit]
    return dict(found)


def test_all_planted_copies_and_no_other_pair_are_accepted(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    stats = calibrate(dataset, labelled(tmp_path))
    pairs = len(COPIES) + math.comb(len(ORIGINALS), 2)
    assert stats.counts["pairs"].taken == stats.counts["pairs"].kept == pairs
    photo, face = (curves(dataset)[level, "hash"] for level in ("photo", "face"))
    assert (photo["same"], photo["different"], photo["unseen"]) == (6, 78, 0)
    now = point(photo, 40)
    assert (now["same_accepted"], now["different_accepted"]) == (6, 0)
    assert now["recall"] == [1.0, *wilson(6, 6)] and now["precision"] == [1.0, *wilson(6, 6)]
    assert now["false_rate"] == [0.0, *wilson(0, 78)]
    assert (face["same"], face["different"], face["unseen"]) == (6, 66, 12)  # one shows nobody
    accepted = [p["same_accepted"] for p in photo["points"]]
    assert accepted == sorted(accepted) and accepted[0] < 6


def test_the_limit_in_force_is_suggested_where_it_does_as_well(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    told = str(calibrate(dataset, labelled(tmp_path)))
    assert curves(dataset)["photo", "hash"]["suggested"] == VERIFIED_BITS
    assert f"photos by the 256-bit hash: {VERIFIED_BITS} bits suggested (as it is)" in told


def test_another_limit_is_suggested_as_the_option_that_dedupe_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    calibrate(dataset, labelled(tmp_path), photo_distance=0, encoder=DctEncoder())
    bits = curves(dataset)["photo", "hash"]["suggested"]
    told = str(calibrate(dataset, labelled(tmp_path), photo_distance=0, encoder=DctEncoder()))
    assert 0 < bits < VERIFIED_BITS and f"(--photo-distance {bits:.0f})" in told
    (cosine,) = re.findall(r"\(--similarity (0\.\d{3})\)", told)
    assert 0 <= 1 - curves(dataset)["face", "cosine"]["suggested"] - float(cosine) < 0.001
    start = ["--workspace", dataset.workspace, "-q", "dedupe", "--redo", "--photo-distance"]
    assert run([*start, f"{bits:.0f}"]) == 0
    assert "19 photos: 13 kept" in capsys.readouterr().out
    assert run([*start, "0"]) == 0
    assert "19 photos: 13 kept" not in capsys.readouterr().out


def test_the_cosine_of_vectors_is_measured_where_there_are_any(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")  # after embed
    calibrate(dataset, labelled(tmp_path), encoder=DctEncoder())
    curve = curves(dataset)["face", "cosine"]
    assert (curve["same"], curve["different"]) == (6, 66)
    exact = point(curve, 0.0)["same_accepted"]
    assert 0 <= exact <= point(curve, 0.1)["same_accepted"] <= 6
    assert point(curve, 0.5)["different_accepted"] >= point(curve, 0.1)["different_accepted"]


def test_without_vectors_it_says_what_to_type(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    chain.run(dataset, "dedupe")
    with pytest.raises(FacecurateError, match="'facecurate embed tiny --encoder dct'"):
        calibrate(dataset, labelled(tmp_path), encoder=DctEncoder())


def test_an_encoder_that_recognises_people_is_refused(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    known = dataclasses.replace(DctEncoder(), identity=True)
    with pytest.raises(RefusedError, match="recognises people"):
        calibrate(dataset, labelled(tmp_path), encoder=known)


def test_nothing_else_changes_and_the_same_list_gives_the_same_bytes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    before = chain.files(dataset)
    calibrate(dataset, labelled(tmp_path))
    after = chain.files(dataset)
    assert set(after) - set(before) == {"calibration.html", "calibration.json"}
    assert before.items() <= after.items()
    calibrate(dataset, labelled(tmp_path))
    assert chain.files(dataset) == after and verify(dataset)[1] == []


def test_keys_photo_ids_paths_and_the_ends_of_paths_are_names(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    one, two = (photo_id(chain.NAME, f) for f in ("02.jpg", "copies/rescaled.jpg"))
    same = [f"02.jpg\t{two}\tsame", f"{one}\trescaled.jpg\tsame", *lines(COPIES[3:], "same")]
    calibrate(dataset, labelled(tmp_path, *same, *lines([("00.jpg", "04.jpg")] * 5, "different")))
    assert curves(dataset)["photo", "hash"]["same"] == 5
    faces = [f"{chain.key(a)}\t{chain.key(b)}\tsame" for a, b in COPIES[:6]]
    other = [f"{chain.key('04.jpg')}\t{chain.key(f'{k:02}.jpg')}\tdifferent" for k in range(5, 10)]
    calibrate(dataset, labelled(tmp_path, *faces, *other))
    assert set(curves(dataset)) == {("face", "hash")}  # a face's key names no photo


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("00.jpg\tnone.jpg\tsame", "line 1: tiny knows no photo or face 'none.jpg': give a key"),
        ("00.jpg\t\x1b[31m.jpg\tsame", "line 1: tiny knows no photo or face '�[31m.jpg'"),
        ("00.jpg\t{id}\tsame", "line 1 names one picture twice"),
        ("00.jpg\t{id}_007\tsame", "line 1: tiny knows no photo or face"),
    ],
    ids=["unknown", "control codes", "twice", "no such face"],
)
def test_an_unclear_name_is_told_with_its_line(tmp_path: Path, row: str, told: str) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    row = row.format(id=photo_id(chain.NAME, "00.jpg"))
    with pytest.raises(FacecurateError) as raised:
        calibrate(dataset, labelled(tmp_path, row))
    assert str(raised.value).startswith(told)


def test_an_end_of_several_paths_is_not_clear(tmp_path: Path) -> None:
    shots = chain.shots()
    twice = [dataclasses.replace(shots[k], file=f"{k}/a.jpg") for k in range(2)]
    dataset = Dataset(str(tmp_path / "work"), chain.NAME)
    chain.take(dataset, tmp_path / "files", twice)
    chain.run(dataset, "detect", "dedupe")
    with pytest.raises(FacecurateError, match=r"line 1: 'a.jpg' is the end of 2 paths"):
        calibrate(dataset, labelled(tmp_path, "a.jpg\t0/a.jpg\tsame"))


def test_too_few_pairs_are_refused_with_their_number(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    few = [*lines(COPIES[:4], "same"), *lines([("00.jpg", "04.jpg")], "different")]
    with pytest.raises(FacecurateError, match="too few pairs: 4 same and 1 different of photos"):
        calibrate(dataset, labelled(tmp_path, *few))
    assert not dataset.has("calibration.json")


def test_without_hashes_it_says_what_to_type(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    with pytest.raises(FacecurateError, match="'facecurate dedupe tiny'"):
        calibrate(dataset, labelled(tmp_path))


def test_the_command_takes_a_file_and_writes_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    start = ["--workspace", dataset.workspace, "-q", "dedupe", "--calibrate"]
    assert run([*start, labelled(tmp_path), "--encoder", "dct"]) == 0
    assert "bits suggested" in capsys.readouterr().out
    assert b"Wilson" in storage.read(dataset.path("calibration.html"))
    assert run([*start, labelled(tmp_path, "a\tb\tsame")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# -- the arithmetic ------------------------------------------------------------------------------


def measured(same: list[float], different: list[float], apart: list[float]) -> Measured:
    return Measured(
        level="photo", measure="hash", same=np.array(same), different=np.array(different),
        apart=np.array(apart), same_lines=np.arange(len(same)),
        different_lines=np.arange(len(different)), limits=range(100), in_force=40.0, compared=1,
        unseen=0,
    )  # fmt: skip


def test_a_limit_counts_what_lies_at_it() -> None:
    one = measured([2, 10, math.inf], [10, math.inf], [10, 50])
    at = one.at(10)
    assert (at.right, at.wrong, at.wrong_alone) == (2, 1, 1)
    assert at.recall[0] == at.precision[0] == pytest.approx(2 / 3) and at.false_rate[0] == 0.5
    assert one.at(50).wrong_alone == 2 and math.isnan(one.at(1).precision[0])
    assert one.at(1).to_json()["precision"] == [None, 0.0, 1.0]


@pytest.mark.parametrize(
    ("same", "apart", "in_force", "found"),
    [
        ([2, 31], [42, 90], 12, 31),
        ([2, 31, 44], [42, 90], None, 31),
        ([2, 31], [42, 90], 40, 40),
        ([2, 31], [42, 90], 42, 31),
        ([math.inf, 5], [42], 4, 5),
        ([50, 60], [42], 40, None),
        ([42], [42], None, None),
        ([3], [math.inf], None, 3),
    ],
)
def test_no_suggestion_accepts_a_different_pair_or_is_wider_than_it_need_be(
    same: list[float], apart: list[float], in_force: float | None, found: float | None
) -> None:
    one = dataclasses.replace(measured(same, apart, apart), in_force=in_force)
    assert one.suggested() == found
