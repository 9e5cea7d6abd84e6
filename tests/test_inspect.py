from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import chain
import pytest

from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.errors import FacecurateError
from facecurate.inspect import status, verify, why
from facecurate.workspace import Dataset


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = chain.world(tmp_path_factory.mktemp("whole"))
    detect(dataset, crop="arcface112")
    return dataset


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


def test_a_second_crop_is_remade_by_its_own_command(whole: Dataset) -> None:
    path = Path(whole.path("faces-arcface112", "00000.tar"))
    data = path.read_bytes()
    path.write_bytes(flip(data, 600))
    try:
        (line,) = verify(whole)[1]
    finally:
        path.write_bytes(data)
    assert line.endswith("facecurate detect tiny --crop arcface112 --redo")


def test_what_a_remedy_names_mends_it(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    path = Path(dataset.path("hashes", "00000.parquet"))
    before = chain.files(dataset)
    path.write_bytes(flip(path.read_bytes(), 9))
    (line,) = verify(dataset)[1]
    assert line.endswith("facecurate dedupe tiny --redo")
    dedupe(dataset, redo=True)
    assert verify(dataset)[1] == [] and chain.files(dataset) == before


def test_a_step_whose_input_was_remade_is_found(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    detect(dataset, detector="given", min_face=90, redo=True)
    findings = verify(dataset)[1]
    assert any("hashes/00000.json was made from another faces/00000.tar" in f for f in findings)
    assert any("dataset.json was made from other faces" in f for f in findings) or any(
        "train-000000.json was made from another faces/00000.tar" in f for f in findings
    )
    chain.run(dataset, "embed", "dedupe", "redundancy", "shard")
    assert verify(dataset)[1] == []


def test_without_photos_it_says_what_to_type(tmp_path: Path) -> None:
    nothing = Dataset(str(tmp_path), "nothing")
    calls: list[Callable[[Dataset], object]] = [verify, status]
    for call in calls:
        with pytest.raises(FacecurateError, match="facecurate import FOLDER"):
            call(nothing)


# -- status --------------------------------------------------------------------------------------


def test_status_tells_the_stages_in_the_order_of_the_chain(whole: Dataset) -> None:
    stages = {stage.name: stage for stage in status(whole)}
    names = list(stages)
    assert names[:4] == ["photos", "faces", "faces-arcface112", "hashes"]
    assert names[4].startswith("embeddings/dct-") and names[5:] == [
        "quality",
        "quality-arcface112",
        "clusters",
        "redundancy",
        "shards",
    ]
    assert all(s.state in ("1 part", "done", "1 shard") for s in stages.values())


def test_status_balances_from_stage_to_stage(whole: Dataset) -> None:
    counts = {stage.name: stage.stats.counts for stage in status(whole)}
    for units in counts.values():
        for count in units.values():
            assert count.taken == count.kept + sum(count.dropped.values())
    assert counts["photos"]["photos"].kept == counts["faces"]["photos"].taken
    assert counts["faces"]["faces"].taken == counts["shards"]["faces"].taken
    assert counts["faces"]["faces"].kept == counts["clusters"]["faces"].taken
    assert counts["clusters"]["faces"].kept == counts["shards"]["faces"].kept
    hashed = counts["photos"]["photos"].kept + counts["faces"]["faces"].kept
    assert counts["hashes"]["pictures"].taken == hashed


def test_status_says_how_many_parts_are_to_do(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    more = [chain.flipped(chain.shots()[5], "later.jpg")]
    chain.take(dataset, tmp_path / "files", [*chain.shots(), *more])
    state = {stage.name: stage.state for stage in status(dataset)}
    assert state["photos"] == "2 parts" and state["faces"] == "1 part, 1 to do"


# -- why -----------------------------------------------------------------------------------------


def test_why_tells_the_story_of_a_dropped_duplicate(whole: Dataset) -> None:
    key = chain.key("copies/rescaled.jpg")
    events = why(whole, key)
    tables = [event["table"] for event in events]
    assert tables == [
        "photos/00000",
        "faces/00000",
        "clusters",
        "clusters",
        "shards/decisions",
    ]
    photo, face, photo_cluster, face_cluster, decision = events
    assert photo["source"] == "copies/rescaled.jpg" and face["key"] == key
    assert photo_cluster["kept_key"] == chain.key("02.jpg")[:-4]
    assert not face_cluster["keep"] and face_cluster["kept_key"] == chain.key("02.jpg")
    assert (decision["kept"], decision["step"], decision["reason"], decision["ref"]) == (
        False,
        "dedupe",
        "duplicate",
        chain.key("02.jpg"),
    )


def test_why_of_a_kept_face_ends_with_its_place_in_the_shards(whole: Dataset) -> None:
    last = why(whole, chain.key("04.jpg"))[-1]
    assert last["table"] == "shards/index" and last["shard"] == "train-000000.tar"


def test_why_of_a_photo_tells_of_all_its_faces(whole: Dataset) -> None:
    photo = chain.key("10.jpg")[:-4]
    faces = {event["key"] for event in why(whole, photo) if event["table"] == "faces/00000"}
    assert faces == {f"{photo}_000", f"{photo}_001"}


def test_why_of_a_face_does_not_tell_of_its_neighbour(whole: Dataset) -> None:
    keys = {event.get("key") for event in why(whole, chain.key("10.jpg", 1))}
    assert chain.key("10.jpg", 0) not in keys


def test_why_of_an_unknown_key_shows_the_key(whole: Dataset) -> None:
    with pytest.raises(FacecurateError, match="knows no photo or face 'nobody_000'"):
        why(whole, "nobody_000")
