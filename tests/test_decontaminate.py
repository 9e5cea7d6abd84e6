"""An evaluation set leaked into a collected one: what equals it stays out, and nothing else."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import chain
import pytest

from facecurate import images, storage
from facecurate.decontaminate import decontaminate
from facecurate.detect import detect
from facecurate.errors import FacecurateError, SettingsError, UsageError
from facecurate.inspect import status, verify, why
from facecurate.records import OVERLAP_SCHEMA, to_table
from facecurate.shard import shard
from facecurate.workspace import Dataset

EVALUATION = "evaluated"


def evaluation(tmp_path: Path, shots: list[chain.Shot]) -> Dataset:
    """A second dataset of the workspace, with faces."""
    dataset = Dataset(str(tmp_path / "work"), EVALUATION)
    chain.take(dataset, tmp_path / "theirs", shots)
    detect(dataset, detector="given")
    return dataset


@cache
def unseen(seed: int) -> chain.Shot:
    """A photo that is in no other set."""
    pixels, labels = chain.photo(900 + seed)
    return chain.Shot(f"unseen-{seed}.jpg", images.encode_jpeg(pixels), tuple(labels))


def leaked() -> list[chain.Shot]:
    """Three photos of the tiny world, changed: theirs are the copies."""
    shots = chain.shots()
    return [
        chain.shrunk(shots[4], "a.jpg"),
        chain.flipped(shots[5], "b.jpg"),
        chain.recompressed(shots[10], "c.jpg"),
        unseen(1),
    ]


def test_what_equals_an_evaluation_photo_is_named_and_nothing_else(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "dedupe")
    stats = decontaminate(ours, [evaluation(tmp_path, leaked())])
    rows = chain.rows(ours, "overlaps.parquet")
    photos = {row["key"]: row for row in rows if row["level"] == "photo"}
    pair = chain.key("10.jpg")[:-4], chain.key("copies/mirrored-pair.jpg")[:-4]
    single = chain.key("04.jpg")[:-4], chain.key("05.jpg")[:-4]
    assert set(photos) == {*pair, *single}
    assert {key for key, row in photos.items() if row["mirrored"]} == {single[1], pair[1]}
    faces = {row["key"]: row for row in rows if row["level"] == "face"}
    assert set(faces) == {f"{p}_{n:03d}" for p in pair for n in (0, 1)} | {
        f"{p}_000" for p in single
    }
    assert all(row["drop"] and row["dataset"] == EVALUATION for row in rows)
    assert stats.to_json()["faces"] == {"taken": 21, "kept": 15, "dropped": {"overlap": 6}}
    assert stats.to_json()["photos"] == {"taken": 19, "kept": 15, "dropped": {"overlap": 4}}


def test_a_face_that_they_do_not_tell_goes_with_its_photo(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "detect")
    first = replace(chain.shots()[10], file="c.jpg", faces=chain.shots()[10].faces[:1])
    decontaminate(ours, [evaluation(tmp_path, [first, unseen(1)])])
    faces = {r["key"]: r for r in chain.rows(ours, "overlaps.parquet") if r["level"] == "face"}
    whole = faces[chain.key("10.jpg", 1)]
    assert (whole["method"], whole["distance"]) == ("photo", 0.0)
    assert not whole["other_key"].endswith("_000")
    assert faces[chain.key("10.jpg", 0)]["other_key"].endswith("_000")


def test_the_certificate_stands_in_the_shards_and_on_their_card(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "dedupe")
    decontaminate(ours, [evaluation(tmp_path, leaked())])
    stats = shard(ours)
    assert "not compared" not in str(stats) and stats.counts["faces"].dropped["overlap"] >= 4
    summary = json.loads(storage.read(ours.path("shards", "dataset.json")))
    told = summary["decontaminated"]
    assert told["thresholds"]["hash_distance"] == 10
    assert told["ours"]["photos"] == 19 and told["ours"]["faces"] == 21
    theirs = told["against"][EVALUATION]
    assert (theirs["photos"], theirs["faces"]) == (4, 5)
    assert sum(theirs["photos_found"].values()) == 4 and theirs["known"] == []
    card = storage.read(ours.path("shards", "README.md")).decode()
    assert f"| {EVALUATION} | 4 | 5 | 4 | 6 |" in card
    assert verify(ours)[1] == []
    assert "overlaps" in [stage.name for stage in status(ours)]
    assert "overlaps" in [event["table"] for event in why(ours, chain.key("04.jpg"))]


def test_verify_names_the_sets_to_compare_with_again(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "detect")
    decontaminate(ours, [evaluation(tmp_path, leaked())])
    storage.delete(ours.path("overlaps.parquet"))
    (line,) = verify(ours)[1]
    assert line.endswith(f": facecurate decontaminate {ours.name} --against {EVALUATION} --redo")


def test_a_kept_face_goes_with_its_copy_that_equals_an_evaluation_picture(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "dedupe")
    decontaminate(ours, [evaluation(tmp_path, [unseen(1)])])
    row = {
        "key": chain.key("copies/rescaled.jpg"),
        "dataset": EVALUATION,
        "other_key": "e-1",
        "drop": True,
    }
    chain.rewrite(ours, to_table([row], OVERLAP_SCHEMA), "overlaps.parquet")
    shard(ours)
    told = {r["key"]: r for r in chain.rows(ours, "shards", "decisions.parquet")}
    kept, copy = told[chain.key("02.jpg")], told[chain.key("copies/rescaled.jpg")]
    assert (kept["step"], kept["ref"]) == ("decontaminate", f"{EVALUATION}:e-1")
    assert copy["step"] == "dedupe"


def test_digests_do_not_depend_on_names_or_order(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "detect")
    theirs = evaluation(tmp_path, leaked())
    decontaminate(ours, [theirs])
    first = certificate(ours)
    renamed = Dataset(ours.workspace, "other-name")
    again = [replace(shot, file=f"z/{n}.jpg") for n, shot in enumerate(reversed(leaked()))]
    chain.take(renamed, tmp_path / "again", again)
    detect(renamed, detector="given")
    decontaminate(ours, [renamed], redo=True)
    second = certificate(ours)
    assert second["ours"] == first["ours"]
    assert second["against"]["other-name"] == first["against"][EVALUATION]


def certificate(dataset: Dataset) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(storage.read(dataset.path("overlaps.json")))["result"]
    return told


def test_a_second_run_finds_it_done_and_other_sets_need_redo(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "detect")
    theirs = evaluation(tmp_path, leaked())
    told = decontaminate(ours, [theirs])
    again = decontaminate(ours, [theirs])
    assert again.to_json() == told.to_json() and "overlaps were up to date" in str(again)
    more = Dataset(ours.workspace, "more")
    chain.take(more, tmp_path / "more", [unseen(2)])
    with pytest.raises(SettingsError, match="against"):
        decontaminate(ours, [theirs, more])
    assert "more has no faces yet" in str(decontaminate(ours, [theirs, more], redo=True))


def test_shards_are_not_made_from_a_comparison_of_other_faces(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "detect")
    decontaminate(ours, [evaluation(tmp_path, leaked())])
    detect(ours, detector="given", min_face=90, redo=True)
    with pytest.raises(FacecurateError, match="older than the faces: 'facecurate decontaminate"):
        shard(ours)


def test_a_set_is_not_compared_with_itself_nor_with_nothing(tmp_path: Path) -> None:
    ours = chain.world(tmp_path, "import")
    with pytest.raises(UsageError, match="with itself"):
        decontaminate(ours, [ours])
    with pytest.raises(UsageError, match="--against"):
        decontaminate(ours, [])


def test_known_overlaps_of_public_sets_are_named(tmp_path: Path) -> None:
    ours, theirs = (Dataset(str(tmp_path / "work"), name) for name in ("300w-lp", "300w"))
    for dataset, seed in ((ours, 3), (theirs, 4)):
        chain.take(dataset, tmp_path / dataset.name, [unseen(seed)])
    assert "known: 300W-LP is synthesised from AFW" in str(decontaminate(ours, [theirs]))


# -- leaks at scale ------------------------------------------------------------------------------


def leak(tmp_path: Path, theirs: int, clean: int) -> tuple[float, int]:
    """The share of leaked faces that is caught, and how many clean ones are dropped."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    import _planted

    work = str(tmp_path / "work")
    sets = {"evaluated": list(_planted.drawn(7, theirs, 0)), "crawled": []}
    ways = list(_planted.WAYS)[:-1]  # rescaled, re-encoded, brightened, mirrored, cut
    leaked = [
        _planted.copied(one, ways[n % len(ways)], 7) for n, one in enumerate(sets["evaluated"])
    ]
    sets["crawled"] = [*_planted.drawn(8, clean, 0), *leaked]
    for seed, (name, shown) in enumerate(sets.items()):
        _planted.take(Dataset(work, name), tmp_path / name, shown, seed)
        shutil.rmtree(tmp_path / name)
    crawled = Dataset(work, "crawled")
    decontaminate(crawled, [Dataset(work, "evaluated")])
    rows = chain.rows(crawled, "overlaps.parquet")
    dropped = {row["key"] for row in rows if row["level"] == "face"}
    bad = {_planted.face_key(crawled, one.file): one.kind for one in leaked}
    missed = [kind for key, kind in bad.items() if key not in dropped]
    print(f"missed: {missed}")
    return 1 - len(missed) / len(bad), len(dropped - set(bad))


def test_leaked_faces_are_caught_and_clean_ones_stay(tmp_path: Path) -> None:
    caught, clean_dropped = leak(tmp_path, 24, 60)
    assert caught == 1.0 and clean_dropped == 0


@pytest.mark.soak
def test_99_of_100_leaked_faces_are_caught_and_999_of_1000_clean_ones_stay(tmp_path: Path) -> None:
    caught, clean_dropped = leak(tmp_path, 300, 2000)
    assert caught >= 0.99 and clean_dropped < 2
