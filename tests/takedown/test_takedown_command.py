"""The command lists before it acts, says what it did, and names nobody in what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import chain
import pytest
import worlds

from facecurate import storage
from facecurate.cli import run
from facecurate.inspect import verify
from facecurate.loading import FaceShards
from facecurate.takedown import Request, find, takedown
from facecurate.workspace import Dataset, tombstones

PHOTO = chain.key("00.jpg")[:-4]
COPY = chain.key("copies/exact.jpg")[:-4]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    place = chain.world(tmp_path)
    monkeypatch.setenv("FACECURATE_WORKSPACE", place.workspace)
    return place


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_it_lists_and_changes_nothing_until_it_is_told_to(
    tiny: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before = chain.files(tiny)
    code, out, _ = told(capsys, "takedown", "--photo", PHOTO, "--dry-run")
    lines = out.splitlines()
    assert code == 0 and lines[-1] == "2 photos would be taken down"
    assert lines[0].split() == ["tiny", PHOTO, "named"]
    assert lines[1].split()[:2] == ["tiny", COPY] and lines[1].endswith(f"with {PHOTO}")
    code, out, err = told(capsys, "takedown", "--photo", PHOTO, "--reason", "person")
    assert code == 2 and "add --yes, or --dry-run" in err
    assert chain.files(tiny) == before and not tombstones(tiny.workspace)


def test_the_list_is_plain_data_too(tiny: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "takedown", "--photo", PHOTO, "--dry-run", "--only", "--json")
    assert code == 0
    assert [(one["key"], one["why"]) for one in json.loads(out)["would_go"]] == [(PHOTO, "named")]


def test_what_it_leaves_names_nobody(tiny: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    words = "a private story, told in words"
    code, out, err = told(
        capsys, "takedown", "--photo", PHOTO, "--reason", words, "--yes", "--json"
    )
    assert code == 0 and "not kept" in err
    facts = json.loads(out)
    assert {one["key"] for one in facts["taken_down"]} == {PHOTO, COPY}
    certificate = json.loads(Path(facts["certificate"]).read_text())
    assert certificate["reason"] == "other" and len(certificate["taken_down"]) == 2
    assert certificate["files"]["tiny/faces/00000.tar"]["before"]
    hay = worlds.haystack(Path(tiny.workspace))
    needles = {"ids": {PHOTO.encode(), COPY.encode()}, "words": {words.encode()}}
    assert worlds.seen(needles, hay) == {}
    assert '"takedown", "***"' in Path(tiny.path("log.jsonl")).read_text()
    assert verify(tiny)[1] == []


def test_a_photo_that_is_not_there_is_an_error_and_one_that_is_gone_is_none(
    tiny: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("takedown", "--reason", "person", "--yes", "--photo")
    code, _, err = told(capsys, *asked, f"{PHOTO}x")
    assert code == 1 and "nothing was taken down" in err and not tombstones(tiny.workspace)
    assert told(capsys, *asked, PHOTO)[0] == 0
    code, out, _ = told(capsys, *asked, PHOTO)
    assert code == 0 and "nothing is here" in out


def test_an_owner_of_whom_nothing_is_here_is_kept_out(
    tiny: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "takedown", "--owner", "7@N00", "--reason", "owner", "--yes")
    assert code == 0 and "1 tombstone written, so that it stays out" in out
    assert [kind for kind, _ in tombstones(tiny.workspace)] == ["owner"]


@pytest.mark.parametrize("words", [(), ("--sha256", "abc"), ("--photo", PHOTO)])
def test_half_a_command_is_refused(
    tiny: Dataset, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert told(capsys, "takedown", *words)[0] == 2


def act(place: Dataset, now: float = 1.7e9, **asked: Any) -> Any:
    request = Request(**asked)
    found = find(place.workspace, request)
    return takedown(place.workspace, request, found, reason="person", now=now)


def test_a_copy_takes_the_place_of_the_kept_one_and_is_not_added_by_itself(tiny: Dataset) -> None:
    slots = worlds.samples(tiny)
    stats = act(tiny, photos=frozenset([PHOTO]), only=True)
    kept = {row["key"] for row in chain.rows(tiny, "clusters.parquet") if row["keep"]}
    copies = {row["kept_key"] for row in chain.rows(tiny, "clusters.parquet")}
    assert not any(PHOTO in key for key in kept | copies)
    assert "1 copy in tiny is kept now and not in the shards: 'facecurate shard tiny'" in str(stats)
    left = [None if one and one[0].startswith(PHOTO) else one for one in slots]
    assert worlds.samples(tiny) == left and verify(tiny)[1] == []


def config(workspace: str, run_name: str, **told_of: Any) -> None:
    url = storage.join(workspace, "runs", run_name, "config.json")
    storage.write_atomic(url, json.dumps(told_of).encode())


def test_runs_that_held_a_sample_are_named_also_after_later_take_downs(tiny: Dataset) -> None:
    lineage = FaceShards(tiny.path("shards")).lineage()
    config(tiny.workspace, "first", data=lineage)
    config(tiny.workspace, "second", settings={"init": "run:first"}, data={"dataset": "0" * 64})
    config(tiny.workspace, "third", data={"dataset": "f" * 64})
    one = act(tiny, photos=frozenset([PHOTO]))
    runs = {"held_it": ["first", "second"], "cannot_be_told": ["third"]}
    assert one.facts["runs"] == runs and "retrain or retire" in str(one)
    config(tiny.workspace, "fourth", data=FaceShards(tiny.path("shards")).lineage())
    two = act(tiny, 1.8e9, photos=frozenset([chain.key("05.jpg")[:-4]]))
    assert two.facts["runs"]["held_it"] == ["first", "fourth", "second"]
    dropped = act(tiny, 1.9e9, photos=frozenset([chain.key("12.jpg")[:-4]]))
    assert dropped.facts["runs"]["held_it"] == [], "it has no face: no shard held it"


def test_predictions_and_lists_of_runs_lose_its_rows(tiny: Dataset) -> None:
    import numpy as np

    cell = Path(tiny.workspace) / "runs/evaluate/cells/one"
    cell.mkdir(parents=True)
    key, other = chain.key("00.jpg"), chain.key("05.jpg")
    np.savez(cell / "predictions.npz", key=np.array([key, other]), nme=np.array([1.0, 2.0]))
    (cell / "subset.txt").write_text(f"{key}\n{other}\n")
    act(tiny, photos=frozenset([PHOTO]))
    with np.load(cell / "predictions.npz") as left:
        assert left["key"].tolist() == [other] and left["nme"].tolist() == [2.0]
    assert (cell / "subset.txt").read_text() == f"{other}\n"


def test_what_was_never_finished_or_is_stale_holds_nothing_either(tiny: Dataset) -> None:
    import shutil

    key = chain.key("05.jpg")[:-4]
    needles = worlds.needles(tiny, {key})
    needles = {what: some for what, some in needles.items() if min(map(len, some), default=0) >= 8}
    shutil.copy(tiny.path("faces", "00000.tar"), tiny.path("faces", "00007.tar"))
    storage.delete(tiny.path("shards", "dataset.json"))
    vectors = storage.list(tiny.path("embeddings"))[0]
    told = json.loads(Path(tiny.path("embeddings", vectors, "00000.json")).read_text())
    told["inputs"]["faces/00000.tar"] = "0" * 64
    Path(tiny.path("embeddings", vectors, "00000.json")).write_text(json.dumps(told))
    root = Path(tiny.workspace)
    assert set(worlds.seen(needles, worlds.haystack(root))) == set(needles)
    act(tiny, photos=frozenset([key]))
    assert worlds.seen(needles, worlds.haystack(root)) == {}
    assert not tiny.has("shards") and not tiny.has("faces", "00007.tar")


def test_a_dataset_that_is_being_written_elsewhere_is_named(tiny: Dataset) -> None:
    other = Dataset(tiny.workspace, "other")
    worlds.store(other, list(worlds.shots("other", 4)), 4)
    with other.lock("import"):
        stats = act(tiny, photos=frozenset([PHOTO]))
    assert "other is being written by 'import'" in str(stats)


def test_it_works_in_memory_too(memory: str) -> None:
    mine = Dataset(memory, "mine")
    worlds.store(mine, list(worlds.shots("mine", 24)), 10)
    worlds.finish(mine, None, "100KB")
    gone = "mine-0000000000000004"
    before = worlds.samples(mine)
    act(mine, photos=frozenset([gone]))
    left = [None if one and one[0].startswith(gone) else one for one in before]
    assert worlds.samples(mine) == left and None in left
    assert verify(mine)[1] == []


def test_of_a_single_face_it_says_that_the_photo_still_shows_it(
    tiny: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    key = chain.key("10.jpg", 1)
    code, out, _ = told(capsys, "takedown", "--face", key, "--reason", "person", "--yes", "--only")
    assert code == 0 and f"still shows that face: --photo {key[:-4]} takes it too" in out
    assert key not in {row["key"] for row in chain.rows(tiny, "faces", "00000.parquet")}
    assert chain.key("10.jpg") in {row["key"] for row in chain.rows(tiny, "faces", "00000.parquet")}
    assert verify(tiny)[1] == []


def test_one_id_is_one_photo_in_every_dataset(tmp_path: Path) -> None:
    places = [Dataset(str(tmp_path / "work"), name) for name in ("mine", "again")]
    shown = list(worlds.shots("mine", 16))
    for place in places:
        worlds.store(place, shown, 10)
    gone, copy = "mine-0000000000000006", "mine-0000000000000007"
    found = find(places[0].workspace, Request(photos=frozenset([gone])))
    assert set(found.photos) == {(p.name, k) for p in places for k in (gone, copy)}
    act(places[0], photos=frozenset([gone]))
    assert not {gone, copy} & {key for place in places for key in worlds.photo_rows(place)}
