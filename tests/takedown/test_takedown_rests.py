"""What a take-down once left behind: in unfinished mixtures, stale vectors, spools, and sums."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import worlds
from test_takedown_killed import Killed, killed_at
from test_takedown_mixture import MIXED

from facecurate import images, storage, sums
from facecurate.erase import Gone
from facecurate.errors import DamagedError
from facecurate.flickr.state import State
from facecurate.inspect import verify
from facecurate.pool import sealed
from facecurate.records import to_parquet
from facecurate.shard import shard
from facecurate.stats import Stats
from facecurate.stones import stone
from facecurate.takedown import Request, complete, find, takedown
from facecurate.workspace import Dataset, tombstones

KEY = "mine-0000000000000009"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    worlds.world(folder, 20, part=10, shard_size="60KB")
    return folder / "work"


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Dataset:
    shutil.copytree(made, tmp_path / "work")
    return Dataset(str(tmp_path / "work"), "mine")


def take(mine: Dataset, *, only: bool = True) -> Stats:
    request = Request(photos=frozenset([KEY]), only=only)
    return takedown(
        mine.workspace, request, find(mine.workspace, request), reason="person", now=1.7e9
    )


def test_a_mixture_that_was_never_finished_holds_nothing_of_it(
    mine: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "mixed.toml").write_text(MIXED)
    mixed = Dataset(mine.workspace, "mixed")
    shard(mixed, mix=str(tmp_path / "mixed.toml"), shard_size="60KB", keep_embeddings=True)
    for name in storage.list(mixed.path("shards")):
        if not name.startswith("train-"):  # they are written when all tars are there
            storage.delete(mixed.path("shards", name))
    needles = worlds.needles(mine, {KEY})
    take(mine)
    assert worlds.seen(needles, worlds.haystack(tmp_path / "work")) == {}


def test_vectors_of_faces_that_were_found_before_go_too(mine: Dataset, tmp_path: Path) -> None:
    """As after another detector, which saw no face in the photo, and no ``embed`` since."""
    needles = {"vectors": worlds.needles(mine, {KEY})["vectors"]}
    url = mine.path("faces", "00000.parquet")
    table = pq.read_table(url)
    rows = [i for i, key in enumerate(table["key"].to_pylist()) if not key.startswith(KEY)]
    storage.write_atomic(url, to_parquet(table.take(rows)))
    told = json.loads(storage.read(mine.path("faces", "00000.json")))
    told["outputs"]["00000.parquet"] = storage.digest(url)
    storage.write_atomic(mine.path("faces", "00000.json"), sealed(told))
    assert worlds.seen(needles, worlds.haystack(tmp_path / "work"))
    take(mine)
    assert worlds.seen(needles, worlds.haystack(tmp_path / "work")) == {}


def test_a_copy_that_waits_for_a_part_gets_its_tombstones(mine: Dataset) -> None:
    data = images.encode_jpeg(worlds.pixels(9), 70)
    other, url = "theirs-00000000000000aa", "https://pictures.example/a.jpg"
    line = {"id": other, "url": url, "sha256": hashlib.sha256(data).hexdigest()}
    storage.write_atomic(mine.path("photos", ".urls", f"{other}.jpg"), data)
    storage.write_atomic(mine.path("photos", ".urls", "00000.jsonl"), json.dumps(line).encode())
    take(mine, only=False)
    assert {stone("photo", other), stone("url", url)} <= tombstones(mine.workspace)


@pytest.mark.parametrize("where", ["mine", "cell"])
def test_sums_are_right_after_a_kill_beside_them(
    mine: Dataset, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    rows = worlds.photo_rows(mine)
    names = {"photo_id": list(rows), "page_url": [r["page_url"] for r in rows.values()]}
    storage.write_atomic(mine.path("attribution.parquet"), to_parquet(pa.table(names)))
    credits = "".join(f"- [a photo]({url})\n" for url in names["page_url"])
    storage.write_atomic(mine.path("ATTRIBUTION.md"), credits.encode())
    sums.tell(mine.url, "attribution.parquet", "ATTRIBUTION.md")
    cell = storage.join(mine.workspace, "runs", "cell")
    listed = "".join(f"{key}_000\n" for key in rows)
    storage.write_atomic(storage.join(cell, "subset.csv"), listed.encode())
    sums.tell(cell, "subset.csv")
    with killed_at(f"{where}/{sums.SUMS}", monkeypatch), pytest.raises(Killed):
        take(mine)
    complete(mine.workspace)
    assert verify(mine)[1] == []
    assert KEY.encode() not in storage.read(storage.join(cell, "subset.csv"))
    assert f"/{9:08d}/".encode() not in storage.read(mine.path("ATTRIBUTION.md"))


def test_a_number_that_flickr_cannot_have_given_names_nothing(mine: Dataset) -> None:
    with State(mine.path("crawl.sqlite")):
        pass
    number = "9" * 30
    url = f"https://www.flickr.com/photos/somebody/{number}"
    request = Request(photos=frozenset([f"flickr-{number}"]), urls=frozenset([url]))
    assert len(find(mine.workspace, request)) == 0


def test_the_same_bytes_that_wait_for_a_part_go_whatever_they_look_like(mine: Dataset) -> None:
    """A plain surface has no hash that tells it from others."""
    flat = images.encode_jpeg(np.full((96, 96, 3), 90, np.uint8))
    asked = Path(mine.workspace).parent / "asked.jpg"
    asked.write_bytes(flat)
    line = {"id": "mine-00000000000000aa", "url": "", "sha256": hashlib.sha256(flat).hexdigest()}
    waiting = mine.path("photos", ".urls", f"{line['id']}.jpg")
    storage.write_atomic(waiting, flat)
    storage.write_atomic(mine.path("photos", ".urls", "00000.jsonl"), json.dumps(line).encode())
    found = find(mine.workspace, Request(files=(str(asked),), only=True))
    assert [(one.key, one.why) for one in found] == [(line["id"], "exact")]


def test_of_runs_on_shards_that_are_gone_nobody_can_tell(mine: Dataset, tmp_path: Path) -> None:
    """The shards that are here now hold it no more; those that the run read may have."""
    card = {"data": {"dataset": storage.digest(mine.path("shards", "dataset.json"))}}
    url = storage.join(mine.workspace, "runs", "first", "config.json")
    storage.write_atomic(url, json.dumps(card).encode())
    kept = [one[0] for one in worlds.samples(mine) if one and not one[0].startswith(KEY)]
    (tmp_path / "kept.txt").write_text("\n".join(kept))
    shard(mine, subset=str(tmp_path / "kept.txt"), shard_size="60KB", redo=True)
    stats = take(mine)
    assert stats.facts["slots"] == 0
    assert stats.facts["runs"] == {"held_it": [], "cannot_be_told": ["first"]}


@pytest.mark.parametrize("text", ["worst:\n{}", "\t{}_000", "%2F{}", '"{}"'])
def test_a_name_right_behind_an_escape_is_found_and_masked(text: str) -> None:
    gone = Gone(frozenset([KEY]))
    data = json.dumps(text.format(KEY)).encode()
    assert next(gone.named_in(data)).startswith(KEY)
    assert KEY.encode() not in gone.masked(data)
    assert next(gone.named_in(data.replace(b"9", b"8")), None) is None


def test_predictions_that_cannot_be_read_are_named_and_it_is_finished_without_them(
    mine: Dataset,
) -> None:
    url = storage.join(mine.workspace, "runs", "cell", "predictions.npz")
    storage.write_atomic(url, b"no array")
    with pytest.raises(DamagedError, match="predictions.npz cannot be read"):
        take(mine)
    storage.delete(url)
    assert [done.photos for done in complete(mine.workspace)] == [1]
    assert verify(mine)[1] == []
