from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import chain
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facecurate import faces, tars
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.detect import detect
from facecurate.detect.ahead import grouped
from facecurate.detect.found import MATCH_IOU, match, with_labels
from facecurate.detect.run import spread
from facecurate.errors import FacecurateError, SettingsError, UsageError
from facecurate.faces.align import ARCFACE, map_points
from facecurate.faces.base import Detection
from facecurate.importing import import_annotated, photo_id
from facecurate.pool import Pool
from facecurate.records import LABEL_COLUMNS, PHOTO_SCHEMA
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec
from facecurate.workspace import Dataset

BY_ID = {photo_id(chain.NAME, shot.file): shot for shot in chain.shots()}


def crops(dataset: Dataset, folder: str = "faces") -> dict[str, np.ndarray]:
    members = tars.read_members(dataset.path(folder, "00000.tar"))
    return {name[:-4]: np.asarray(Image.open(io.BytesIO(data))) for name, data in members}


# -- given boxes ---------------------------------------------------------------------------------


def test_every_given_row_is_a_face_with_its_labels(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    found = chain.rows(dataset, "faces", "00000.parquet")
    assert len(found) == sum(len(shot.faces) for shot in BY_ID.values()) == 21
    for row in found:
        known = BY_ID[row["photo_id"]].faces[row["face_index"]]
        assert row["key"] == f"{row['photo_id']}_{row['face_index']:03d}"
        assert (row["status"], row["reason"], row["score"]) == ("ok", None, None)
        assert row["box"] == pytest.approx(known.box, abs=1e-3)
        assert row["landmarks"] == pytest.approx(known.landmarks.tolist(), abs=1e-3)
        assert row["points"] == pytest.approx(known.points68.ravel().tolist(), abs=1e-3)
        assert row["label_identity"] == str(known.identity)
        x0, y0, x1, y1 = row["box"]
        assert row["size"] == pytest.approx(max(x1 - x0, y1 - y0), abs=1e-3)


def test_what_is_told_balances(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    stats = detect(dataset, detector="given")
    assert stats.to_json() == {
        "photos": {"taken": 19, "kept": 18, "dropped": {"no_face": 1}},
        "faces": {"taken": 21, "kept": 21, "dropped": {}},
    }


def test_a_small_face_is_a_dropped_row_without_a_crop(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    whole = detect(dataset, detector="given")
    sizes = [row["size"] for row in chain.rows(dataset, "faces", "00000.parquet")]
    least = 90  # the originals have 100 pixels, the rescaled copies 75
    stats = detect(dataset, detector="given", min_face=least, redo=True)
    small = sum(size < least for size in sizes)
    assert 0 < small < len(sizes) == whole.counts["faces"].kept
    assert stats.counts["faces"].dropped == {"face_too_small": small}
    rows = chain.rows(dataset, "faces", "00000.parquet")
    dropped = [row for row in rows if row["status"] == "dropped"]
    assert len(dropped) == small and all(row["size"] < least for row in dropped)
    assert {row["reason"] for row in dropped} == {"face_too_small"}
    assert all(row["matrix"] is None and row["crop_size"] is None for row in dropped)
    assert sorted(crops(dataset)) == sorted(row["key"] for row in rows if row["status"] == "ok")
    assert "discarded by --redo" in str(stats)


BAD = {
    "inverted": [60.0, 60.0, 20.0, 20.0],
    "a line": [20.0, 20.0, 20.0, 20.0],
    "not a number": [math.nan, 0.0, 50.0, 50.0],
    "endless": [-math.inf, 0.0, 50.0, 50.0],
    "far too large": [-1e30, -1e30, 1e30, 1e30],
}


@pytest.mark.parametrize("least", [0, 40])
def test_a_box_without_an_area_is_a_dropped_row_that_says_so(tmp_path: Path, least: int) -> None:
    shot = chain.shots()[0]
    chain.write(tmp_path / "files", [shot])
    boxes = (*BAD.values(), list(shot.faces[0].box))
    photo = Annotated(shot.file, "train", faces=tuple(GivenFace(box=box) for box in boxes))
    dataset = Dataset(str(tmp_path / "work"), "bad")
    import_annotated(dataset, str(tmp_path / "files"), [photo], source_id="x", rendered=True)
    detect(dataset, detector="given", min_face=least)
    found = chain.rows(dataset, "faces", "00000.parquet")
    assert [row["reason"] for row in found] == ["bad_box"] * len(BAD) + [None]


def test_a_face_without_a_box_is_not_detected_and_keeps_its_labels(tmp_path: Path) -> None:
    shot = chain.shots()[0]
    chain.write(tmp_path / "files", [shot])
    face = GivenFace(label_expression=3)
    photo = Annotated(shot.file, "train", faces=(face,))
    dataset = Dataset(str(tmp_path / "work"), "bad")
    import_annotated(dataset, str(tmp_path / "files"), [photo], source_id="x", rendered=True)
    stats = detect(dataset, detector="given")
    (row,) = chain.rows(dataset, "faces", "00000.parquet")
    assert (row["reason"], row["label_expression"], row["box"]) == ("not_detected", 3, None)
    assert stats.counts["photos"].dropped == {"no_face": 1}


# -- a detector's faces and the labels of the given ones -----------------------------------------


def boxes(draw: np.random.Generator, count: int) -> np.ndarray:
    corners = draw.uniform(0, 30, (count, 2))
    return np.hstack([corners, corners + draw.uniform(5, 30, (count, 2))])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / both


def by_hand(found: np.ndarray, given: np.ndarray) -> dict[int, int]:
    """Take the greatest overlap that is left, strike out its row and column, and again."""
    left = {(i, j): iou(a, b) for i, a in enumerate(found) for j, b in enumerate(given)}
    pairs = {}
    while left and max(left.values()) >= MATCH_IOU:
        i, j = max(left, key=lambda pair: left[pair])
        pairs[i] = j
        left = {(a, b): v for (a, b), v in left.items() if a != i and b != j}
    return pairs


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(0, 6))
def test_match_takes_the_greatest_overlap_one_to_one(seed: int, n: int, m: int) -> None:
    draw = np.random.default_rng(seed)
    found, labelled = boxes(draw, n), boxes(draw, m)
    assert match(found, labelled) == by_hand(found, labelled)


def test_half_is_enough_and_less_is_not() -> None:
    whole = np.array([[0.0, 0.0, 10.0, 10.0]])
    assert match(whole, np.array([[0.0, 0.0, 10.0, 5.0]])) == {0: 0}
    assert match(whole, np.array([[0.0, 0.0, 10.0, 4.99]])) == {}
    assert match(whole, np.array([[math.nan] * 4])) == {}


def test_unmatched_given_rows_become_dropped_faces() -> None:
    def labelled(box: list[float] | None, name: str) -> dict[str, object]:
        empty = dict.fromkeys(LABEL_COLUMNS)
        return {**empty, "box": box, "landmarks": None, "label_identity": name}

    def detection(box: list[float], score: float) -> Detection:
        return Detection(np.array(box, np.float32), np.full(10, np.nan, np.float32), score)

    detections = [detection([0, 0, 10, 10], 0.9), detection([50, 50, 60, 60], 0.8)]
    given = [
        labelled([100, 100, 120, 120], "far"),
        labelled([1, 0, 11, 10], "near"),
        labelled(None, "nowhere"),
    ]
    found = with_labels(detections, given)
    told = [(f.labels.get("label_identity"), f.reason, f.score) for f in found]
    assert told == [
        ("near", None, 0.9),
        (None, None, 0.8),
        ("far", "not_detected", None),
        ("nowhere", "not_detected", None),
    ]


# -- dlib as a real detector ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_dlib(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    pytest.importorskip("dlib", reason="not installed: run 'make test'")
    dataset = chain.world(tmp_path_factory.mktemp("dlib"), "import")
    detect(dataset, detector="dlib")
    return dataset


def test_a_detector_s_faces_take_the_labels_of_the_given_ones(by_dlib: Dataset) -> None:
    found = chain.rows(by_dlib, "faces", "00000.parquet")
    for id_, shot in BY_ID.items():
        here = [row for row in found if row["photo_id"] == id_]
        assert [row["face_index"] for row in here] == list(range(len(here)))
        scores = [row["score"] for row in here if row["score"] is not None]
        assert scores == sorted(scores, reverse=True)
        for row in here:
            if row["label_identity"] is None:
                continue
            known = {str(label.identity): label for label in shot.faces}[row["label_identity"]]
            assert row["points"] == pytest.approx(known.points68.ravel().tolist(), abs=1e-3)
            if row["reason"] is None:
                assert iou(np.array(row["box"]), np.array(known.box)) >= MATCH_IOU
        told = sorted(row["label_identity"] for row in here if row["label_identity"])
        assert told == sorted(str(label.identity) for label in shot.faces)  # each once
    labelled = [row for row in found if row["label_identity"] and row["reason"] is None]
    assert len(labelled) >= 15  # of 21: it does find rendered faces


# -- crops ---------------------------------------------------------------------------------------


def test_points_land_in_the_crop_where_the_matrix_says(tmp_path: Path) -> None:
    """Coloured discs are painted on the eyes and mouth corners and looked for in the crop."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255)]
    pixels, labels = render_photo(
        PhotoSpec(400, 360, 3, (random_spec(3, size_px=150, centre=(190.3, 170.8)),))
    )
    y, x = np.mgrid[:360, :400]
    marked = pixels.copy()
    for colour, (px, py) in zip(colours, labels[0].landmarks.reshape(5, 2), strict=True):
        marked[np.hypot(x - px, y - py) < 5] = colour
    shot = chain.Shot("marked.png", png(marked), tuple(labels))
    dataset = Dataset(str(tmp_path / "work"), "marked")
    chain.take(dataset, tmp_path / "files", [shot])
    detect(dataset, detector="given", crop_size=160)
    (row,) = chain.rows(dataset, "faces", "00000.parquet")
    (crop,) = crops(dataset).values()
    assert crop.shape == (160, 160, 3) and row["crop_size"] == 160
    expected = map_points(row["matrix"], row["landmarks"]).reshape(5, 2)
    for colour, point in zip(colours, expected, strict=True):
        near = np.abs(crop.astype(int) - colour).sum(axis=2) < 150
        rows, columns = np.nonzero(near)
        assert len(rows) > 15
        assert (columns.mean(), rows.mean()) == pytest.approx(tuple(point), abs=0.5)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_crop_is_a_plain_jpeg_of_its_stated_size(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    found = {row["key"]: row for row in chain.rows(dataset, "faces", "00000.parquet")}
    for name, data in tars.read_members(dataset.path("faces", "00000.tar")):
        image = Image.open(io.BytesIO(data))
        side = found[name[:-4]]["crop_size"]
        assert image.format == "JPEG" and image.size == (side, side)
        assert side == min(256, round(1.4 * found[name[:-4]]["size"]))
        assert not image.getexif() and "comment" not in image.info
        assert image.layer[0][1:3] == (2, 2) and image.layer[1][1:3] == (1, 1)  # type: ignore[attr-defined]


def test_a_second_crop_is_made_from_the_faces_without_detecting_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = chain.files(dataset)

    def refuse(*words: object, **options: object) -> None:
        raise AssertionError("a detector was loaded")

    monkeypatch.setattr("facecurate.detect.run.load_detector", refuse)
    monkeypatch.setattr("facecurate.detect.part.load_detector", refuse)
    stats = detect(dataset, crop="arcface112")  # the default detector would need weights
    assert stats.counts["faces"].kept == 21
    after = chain.files(dataset)
    assert {name: after[name] for name in before} == before
    first = chain.rows(dataset, "faces", "00000.parquet")
    second = chain.rows(dataset, "faces-arcface112", "00000.parquet")
    same = ["key", "photo_id", "box", "landmarks", "points", "label_identity"]
    assert [[r[c] for c in same] for r in first] == [[r[c] for c in same] for r in second]
    for row in second:
        assert (row["crop"], row["crop_size"]) == ("arcface112", 112)
        laid = map_points(row["matrix"], row["landmarks"]).reshape(5, 2)
        assert np.abs(laid - ARCFACE).mean() < 6  # a similarity, so not exact
    assert set(crops(dataset, "faces-arcface112")) == {row["key"] for row in second}


def test_a_second_crop_drops_faces_whose_points_are_not_known(tmp_path: Path) -> None:
    shot = chain.shots()[0]
    chain.write(tmp_path / "files", [shot])
    face = GivenFace(box=list(shot.faces[0].box))
    photo = Annotated(shot.file, "train", faces=(face,))
    dataset = Dataset(str(tmp_path / "work"), "pointless")
    import_annotated(dataset, str(tmp_path / "files"), [photo], source_id="x", rendered=True)
    detect(dataset, detector="given")
    stats = detect(dataset, detector="given", crop="arcface112")
    assert stats.counts["faces"].dropped == {"no_points": 1}


# -- settings, order, storage --------------------------------------------------------------------


def test_other_settings_are_an_error_that_names_the_setting_and_both_values(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = chain.files(dataset)
    with pytest.raises(SettingsError, match=r"crop_size = 256, now it is 128.*--redo"):
        detect(dataset, detector="given", crop_size=128)
    with pytest.raises(SettingsError, match="min_face = 40, now it is 50"):
        detect(dataset, detector="given", min_face=50)
    assert chain.files(dataset) == before


def test_the_weights_digest_is_a_setting_and_their_place_is_not(
    tmp_path: Path, test_data: Path
) -> None:
    weights = test_data / "weights" / "retinaface_mobilenet0.25.pth"
    (tmp_path / "elsewhere.pth").write_bytes(weights.read_bytes())
    shot = chain.shots()[0]
    dataset = Dataset(str(tmp_path / "work"), "one")
    chain.take(dataset, tmp_path / "files", [shot])
    detect(dataset, detector="retinaface-mobile", weights=str(weights))
    info = (tmp_path / "work" / "one" / "faces" / "00000.json").read_text()
    finder = json.loads(info)["settings"]["finder"]
    assert finder["detector"] == "retinaface-mobile"
    assert any(len(str(value)) == 64 for value in finder.values())
    assert "retinaface_mobilenet" not in info and "cpu" not in info and str(tmp_path) not in info
    again = detect(dataset, detector="retinaface-mobile", weights=str(tmp_path / "elsewhere.pth"))
    assert "up to date already: 1 part" in str(again)
    with pytest.raises(SettingsError, match="finder"):
        detect(
            dataset,
            detector="retinaface-mobile",
            weights=str(weights),
            threshold=0.5,
        )


def test_the_same_call_again_does_nothing_and_redo_gives_the_same_bytes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = chain.files(dataset)
    assert "up to date already: 1 part" in str(detect(dataset, detector="given"))
    detect(dataset, detector="given", redo=True)
    assert chain.files(dataset) == before


def test_workers_do_not_change_the_bytes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = chain.files(dataset)
    detect(dataset, detector="given", redo=True, workers=1)
    assert chain.files(dataset) == before


def test_changed_photos_make_the_part_again_and_say_so(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    shots = [replace(shot, faces=shot.faces[:1]) for shot in chain.shots()]
    chain.write(tmp_path / "files", shots)
    import_annotated(
        dataset,
        str(tmp_path / "files"),
        map(chain.annotated, shots),
        source_id=chain.NAME,
        rendered=True,
        redo=True,
    )
    stats = detect(dataset, detector="given")
    assert "1 part made again because the input had changed" in str(stats)
    assert stats.counts["faces"].taken == 18


def test_memory_storage_gives_the_bytes_of_a_folder(tmp_path: Path, memory: str) -> None:
    dataset = Dataset(memory, chain.NAME)
    chain.take(dataset, tmp_path / "files", chain.shots())
    detect(dataset, detector="given", workers=2)
    on_disk = chain.files(chain.world(tmp_path, "detect"))
    pool = Pool(dataset.path("faces"))
    for suffix in ("tar", "parquet", "json"):
        from facecurate import storage

        assert storage.read(pool.file("00000", suffix)) == on_disk[f"faces/00000.{suffix}"]


def test_what_cannot_be_done_is_said_before_anything_is_written(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    before = chain.files(dataset)
    with pytest.raises(UsageError, match="no crop 'oval': choose one of box, arcface112"):
        detect(dataset, detector="given", crop="oval")
    with pytest.raises(UsageError, match="--crop-size 3"):
        detect(dataset, detector="given", crop_size=3)
    with pytest.raises(UsageError, match="no use for --threshold"):
        detect(dataset, detector="given", threshold=0.5)
    with pytest.raises(FacecurateError, match="facecurate import FOLDER"):
        detect(Dataset(dataset.workspace, "nothing"), detector="given")
    assert chain.files(dataset) == before


def test_a_photo_pool_whose_bytes_are_in_another_order_is_named(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    table = pa.Table.from_pylist(
        chain.rows(dataset, "photos", "00000.parquet")[::-1],
        schema=Pool(dataset.path("photos")).table("00000", PHOTO_SCHEMA).schema,
    )
    chain.rewrite(dataset, table, "photos", "00000.parquet")
    with pytest.raises(FacecurateError, match="where .* belongs: 'facecurate verify'"):
        detect(dataset, detector="given")


def test_every_crop_that_the_command_offers_is_known() -> None:
    assert set(faces.CROPS) >= {"box", "arcface112"}


# -- beside a GPU ----------------------------------------------------------------------------------


def test_a_cpu_has_processes_and_a_gpu_has_two_with_threads() -> None:
    assert spread(6, "cpu") == (6, 0)
    assert spread(16, "cuda") == (2, 8)
    assert spread(1, "cuda") == (1, 1)
    assert spread(0, "cuda") == (0, 0)


@pytest.mark.parametrize("window", [2, 64])
def test_threads_and_windows_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    before = chain.files(chain.world(tmp_path / "plain", "detect"))
    monkeypatch.setattr("facecurate.detect.run.spread", lambda workers, device: (0, 3))
    monkeypatch.setattr(
        "facecurate.detect.part.grouped",
        lambda shots, size, weigh, most: grouped(shots, window, weigh, most),
    )
    dataset = chain.world(tmp_path / "threads", "import")
    detect(dataset, detector="given")
    after = chain.files(dataset)
    made = [name for name in after if name.startswith("faces/")]
    assert made
    assert [after[name] for name in made] == [before[name] for name in made]
