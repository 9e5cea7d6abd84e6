from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import chain
import pytest

from facecurate import images, storage
from facecurate.copies.coinciding import _moved
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.errors import FacecurateError, SettingsError
from facecurate.importing import import_folder, photo_id
from facecurate.pool import Pool
from facecurate.records import CLUSTER_SCHEMA
from facecurate.workspace import Dataset

FILE = {photo_id(chain.NAME, shot.file): shot.file for shot in chain.shots()}
SHOT = {shot.file: shot for shot in chain.shots()}


def clusters(dataset: Dataset, level: str) -> list[dict[str, object]]:
    return [row for row in chain.rows(dataset, "clusters.parquet") if row["level"] == level]


def together(rows: list[dict[str, object]]) -> set[frozenset[str]]:
    found: dict[object, set[str]] = {}
    for row in rows:
        found.setdefault(row["cluster"], set()).add(str(row["key"]))
    return {frozenset(keys) for keys in found.values()}


def test_the_planted_copies_are_found_and_nothing_else(tmp_path: Path) -> None:
    rows = clusters(chain.world(tmp_path, "dedupe"), "photo")
    planted = {
        frozenset({photo_id(chain.NAME, s.file), photo_id(chain.NAME, s.copy_of)})
        for s in chain.shots()
        if s.copy_of
    }
    assert together(rows) == planted
    method = {FILE[str(r["key"])]: (r["method"], r["mirrored"]) for r in rows if not r["keep"]}
    ways = {frozenset(FILE[k] for k in keys): keys for keys in together(rows)}
    assert len(ways) == len(method) == 6
    dropped = {SHOT[f].copy_of or f: how for f, how in method.items()}
    assert dropped["00.jpg"] == ("exact", False)
    assert dropped["01.jpg"] == dropped["10.jpg"] == ("phash", True)
    assert dropped["02.jpg"] == dropped["03.jpg"] == dropped["11.jpg"] == ("phash", False)


def test_each_cluster_keeps_one_and_every_dropped_row_names_it(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    ok = {r["key"] for r in chain.rows(dataset, "faces", "00000.parquet") if r["status"] == "ok"}
    for level in ("photo", "face"):
        rows = clusters(dataset, level)
        kept = {row["cluster"]: row["key"] for row in rows if row["keep"]}
        assert len(kept) == len(together(rows)) == sum(bool(row["keep"]) for row in rows)
        for row in rows:
            assert row["kept_key"] == kept[row["cluster"]]
            assert (row["method"] is None) == row["keep"]
        if level == "face":
            assert {row["key"] for row in rows} <= ok


def test_faces_of_copies_are_copies_and_a_face_without_a_partner_stays(tmp_path: Path) -> None:
    rows = clusters(chain.world(tmp_path, "dedupe"), "face")
    pairs = {
        (chain.key(s.copy_of, i), chain.key(s.file, j))
        for s in chain.shots()
        if s.copy_of
        for i, j in faces_of(s)
    }
    assert together(rows) == {frozenset(pair) for pair in pairs}
    alone = chain.key("copies/rescaled-pair.jpg", 1)  # the original does not tell this face
    assert alone not in {row["key"] for row in rows}
    methods = {str(row["method"]) for row in rows if not row["keep"]}
    assert methods <= {"photo", "phash"} and "photo" in methods
    mirrored = {FILE[str(r["key"])[:-4]] for r in rows if r["mirrored"]}
    assert {SHOT[f].copy_of or f for f in mirrored} == {"01.jpg", "10.jpg"}


def faces_of(shot: chain.Shot) -> list[tuple[int, int]]:
    """Faces of the original and of its copy that are one; mirroring swaps no rows."""
    original = SHOT[str(shot.copy_of)]
    return [(i, i) for i in range(min(len(original.faces), len(shot.faces)))]


def test_the_sharpest_or_the_first_can_be_kept_instead(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    dedupe(dataset, keep="first")
    rows = clusters(dataset, "face")
    for row in rows:
        assert str(row["kept_key"]) <= str(row["key"])
    dedupe(dataset, keep="sharpest", redo=True)
    sharp = {r["key"]: r["sharpness"] for r in chain.rows(dataset, "faces", "00000.parquet")}
    rows = clusters(dataset, "face")
    assert all(sharp[row["kept_key"]] >= sharp[row["key"]] for row in rows)


def test_by_default_the_largest_is_kept(tmp_path: Path) -> None:
    rows = clusters(chain.world(tmp_path, "dedupe"), "photo")
    kept = {FILE[str(row["key"])] for row in rows if row["keep"]}
    assert {"02.jpg", "11.jpg"} <= kept  # the others' sizes are equal


@pytest.mark.parametrize("mirror", [False, True])
def test_boxes_are_moved_to_the_copy_s_frame(mirror: bool) -> None:
    shot = SHOT["02.jpg"]
    copy = chain.shrunk(chain.flipped(shot, "m") if mirror else shot, "s", 0.6)
    here = images.inspect(shot.data)
    there = images.inspect(copy.data)
    sizes = [{"width": h.width, "height": h.height} for h in (here, there)]
    moved = _moved(shot.faces[0].box, *sizes, mirror)
    assert moved == pytest.approx(copy.faces[0].box, abs=1e-6)


# -- before detect, stale, settings --------------------------------------------------------------


def test_photos_alone_can_be_deduplicated_before_detect(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    stats = dedupe(dataset)
    assert "no faces yet: photos only" in str(stats)
    assert len(clusters(dataset, "photo")) == 12 and not clusters(dataset, "face")
    chain.run(dataset, "detect")
    again = dedupe(dataset)
    assert "1 part made again because the input had changed" in str(again) or (
        again.counts["faces"].taken == 21
    )
    finished = chain.world(tmp_path / "other", "dedupe")
    assert clusters(dataset, "face") == clusters(finished, "face")


def test_what_is_told_balances(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    told = dedupe(dataset)
    assert told.to_json() == {
        "photos": {"taken": 19, "kept": 13, "dropped": {"duplicate": 6}},
        "faces": {"taken": 21, "kept": 14, "dropped": {"duplicate": 7}},
    }
    again = dedupe(dataset)
    assert again.to_json() == told.to_json() and "clusters were up to date" in str(again)


def test_other_settings_need_redo(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    with pytest.raises(SettingsError, match='keep = "largest", now it is "first"'):
        dedupe(dataset, keep="first")
    with pytest.raises(SettingsError, match="hash_distance = 10, now it is 3"):
        dedupe(dataset, hash_distance=3)


def test_without_photos_it_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(FacecurateError, match="facecurate import FOLDER"):
        dedupe(Dataset(str(tmp_path), "none"))


def test_dropped_photos_and_faces_are_in_no_cluster(tmp_path: Path) -> None:
    folder = chain.write(tmp_path / "files", chain.shots()[:3])
    (folder / "broken.jpg").write_bytes(chain.shots()[0].data[:400])
    (folder / "copy-of-broken.jpg").write_bytes(chain.shots()[0].data[:400])
    dataset = Dataset(str(tmp_path / "work"), "mine")
    import_folder(dataset, str(folder))
    stats = dedupe(dataset)
    assert stats.counts["photos"].taken == 3
    assert chain.rows(dataset, "clusters.parquet") == []


def test_pictures_without_structure_are_copies_by_their_bytes_alone(tmp_path: Path) -> None:
    import numpy as np

    folder = tmp_path / "files"
    folder.mkdir()
    for name, grey in (("a", 100), ("b", 100), ("c", 101)):
        flat = images.encode_jpeg(np.full((64, 64, 3), grey, np.uint8))
        (folder / f"{name}.jpg").write_bytes(flat)
    dataset = Dataset(str(tmp_path / "work"), "flat")
    import_folder(dataset, str(folder))
    dedupe(dataset)
    rows = clusters(dataset, "photo")
    assert {row["method"] for row in rows if not row["keep"]} == {"exact"} and len(rows) == 2


def test_a_copied_photo_whose_kept_twin_has_a_dropped_face_keeps_its_own(tmp_path: Path) -> None:
    """Only a face that is kept and ok can stand for another."""
    original = chain.shots()[4]
    copy = chain.shrunk(original, "small.jpg", 0.9)
    told = replace(original, faces=())
    dataset = Dataset(str(tmp_path / "work"), chain.NAME)
    chain.take(dataset, tmp_path / "files", [told, copy])
    detect(dataset, detector="given")
    dedupe(dataset)
    assert len(clusters(dataset, "photo")) == 2
    assert clusters(dataset, "face") == []


def test_workers_and_memory_storage_give_the_same_bytes(tmp_path: Path, memory: str) -> None:
    on_disk = chain.files(chain.world(tmp_path, "dedupe"))
    for url, workers in ((str(tmp_path / "other"), 1), (memory, 0)):
        dataset = Dataset(url, chain.NAME)
        chain.take(dataset, tmp_path / "files", chain.shots())
        chain.run(dataset, "detect")
        dedupe(dataset, workers=workers)
        for file in ("hashes/00000.parquet", "clusters.parquet", "clusters.json"):
            assert storage.read(dataset.path(*file.split("/"))) == on_disk[file]


def test_the_table_has_the_columns_of_the_contract(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    table = Pool(dataset.url).table("clusters", CLUSTER_SCHEMA)
    assert table.schema.names == CLUSTER_SCHEMA.names
    assert table.schema.metadata[b"facecurate.format"] == b"1"
