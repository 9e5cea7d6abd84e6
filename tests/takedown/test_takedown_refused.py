"""What was taken down does not come back, by whatever door and in whatever disguise."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import worlds
from PIL import Image

from facecurate import images
from facecurate.detect import detect
from facecurate.importing import import_folder
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.takedown import Request, find, takedown
from facecurate.workspace import Dataset

NOW = 1.7e9


def take_down(place: Dataset, **asked: Any) -> Any:
    request = Request(**asked)
    return takedown(place.workspace, request, find(place.workspace, request), now=NOW)


def folder(tmp_path: Path, **shown: bytes) -> str:
    where = tmp_path / "in"
    where.mkdir(exist_ok=True)
    for name, data in shown.items():
        (where / f"{name}.jpg").write_bytes(data)
    return str(where)


def reasons(place: Dataset) -> dict[str, str | None]:
    rows = Pool(place.path("photos")).tables(PHOTO_SCHEMA).to_pylist()
    return {row["source"]: row["reason"] for row in rows}


def smaller(seed: int) -> bytes:
    """The picture as somebody would upload it again."""
    return images.encode_jpeg(images.resize(worlds.pixels(seed), 80, 80), 70)


def mirrored(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(worlds.pixels(seed)[:, ::-1]).save(file, "PNG")
    return file.getvalue()


def test_the_same_bytes_do_not_come_back_under_another_name(tmp_path: Path) -> None:
    mine = Dataset(str(tmp_path / "work"), "mine")
    first = images.encode_jpeg(worlds.pixels(1))
    import_folder(mine, folder(tmp_path, a=first, b=images.encode_jpeg(worlds.pixels(2))))
    (key,) = (
        r["photo_id"]
        for r in Pool(mine.path("photos")).tables(PHOTO_SCHEMA).to_pylist()
        if r["source"] == "a.jpg"
    )
    take_down(mine, photos=frozenset([key]))
    other = Dataset(mine.workspace, "other")
    import_folder(other, folder(tmp_path, z=first))
    assert reasons(other) == {"": "tombstoned", "b.jpg": None}
    import_folder(mine, folder(tmp_path))
    assert reasons(mine) == {"": "tombstoned", "b.jpg": None}


@pytest.mark.parametrize("remember", [True, False])
def test_a_picture_that_is_remembered_does_not_come_back_smaller_or_mirrored(
    tmp_path: Path, remember: bool
) -> None:
    mine = Dataset(str(tmp_path / "work"), "mine")
    import_folder(mine, folder(tmp_path, b=images.encode_jpeg(worlds.pixels(2))))
    theirs = tmp_path / "theirs.png"
    theirs.write_bytes(images.encode_jpeg(worlds.pixels(1)))
    take_down(mine, files=(str(theirs),), remember=remember)
    other = Dataset(mine.workspace, "other")
    import_folder(other, folder(tmp_path, c=smaller(1), d=mirrored(1)))
    kept = None if not remember else "tombstoned"
    told = [r["reason"] for r in Pool(other.path("photos")).tables(PHOTO_SCHEMA).to_pylist()]
    assert told == [None, kept, kept]


def test_a_picture_file_finds_its_copies_in_photos_that_nobody_hashed(tmp_path: Path) -> None:
    mine = Dataset(str(tmp_path / "work"), "mine")
    shown = {"b": images.encode_jpeg(worlds.pixels(2)), "c": smaller(1), "d": mirrored(1)}
    import_folder(mine, folder(tmp_path, **shown))
    theirs = tmp_path / "theirs.jpg"
    theirs.write_bytes(images.encode_jpeg(worlds.pixels(1)))
    found = find(mine.workspace, Request(files=(str(theirs),)))
    told = {one.row["source"]: (one.why, one.mirrored) for one in found if one.row}
    assert told == {"c.jpg": ("alike", False), "d.jpg": ("alike", True)}
    take_down(mine, files=(str(theirs),))
    assert reasons(mine) == {"b.jpg": None}


def test_a_face_alone_goes_and_is_not_found_again(tmp_path: Path) -> None:
    mine = Dataset(str(tmp_path / "work"), "mine")
    worlds.store(mine, list(worlds.shots("mine", 12)), 6)
    worlds.finish(mine, None, "100KB")
    key = "mine-0000000000000003_000"
    needles = worlds.needles(mine, {key[:-4]})
    seen = ("hashes", "vectors")  # of pictures and thumbnails the photo's own stay
    take_down(mine, faces=frozenset([key]), only=True)
    hay = worlds.haystack(tmp_path / "work")
    assert "vectors" not in worlds.seen({n: needles[n] for n in seen}, hay)
    assert not [n for n, data in hay.items() if key.encode() in data]
    assert key[:-4] in worlds.photo_rows(mine), "the photo stays"
    for redo in (False, True):
        detect(mine, detector="given", min_face=10, redo=redo)
        found = {
            r["key"]: r["reason"] for r in Pool(mine.path("faces")).tables(FACE_SCHEMA).to_pylist()
        }
        assert len(found) == 11 and key not in found


def test_another_detector_does_not_bring_a_face_back_under_another_key() -> None:
    from facecurate.detect.buried import without_buried
    from facecurate.detect.found import Found
    from facecurate.stones import stone

    faces = [Found([0, 0, 9, 9], None, 0.9, {}), Found([50, 50, 90, 90], None, 0.8, {})]
    mark = stone("face", "mine-01_000")[1]
    by_place = without_buried("mine-01", faces, {mark: [51, 50, 91, 90]})
    assert [one.reason for one in by_place] == [None, "tombstoned"] and by_place[1].box is None
    by_key = without_buried("mine-01", faces, {mark: None})
    assert [one.reason for one in by_key] == ["tombstoned", None]
    assert without_buried("mine-02", faces, {mark: [0, 0, 9, 9]}) == faces
