from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pytest
from PIL import Image

from facecurate import tars
from facecurate.cli import run
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.detect import detect
from facecurate.errors import SettingsError, UsageError
from facecurate.importing import import_annotated
from facecurate.records import REASONS
from facecurate.workspace import Dataset


def faces(dataset: Dataset, folder: str = "faces") -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in chain.rows(dataset, folder, "00000.parquet")}


def given(tmp_path: Path, *boxes: GivenFace, shot: int = 0) -> Dataset:
    chosen = chain.shots()[shot]
    chain.write(tmp_path / "files", [chosen])
    photo = Annotated(chosen.file, "train", faces=boxes)
    dataset = Dataset(str(tmp_path / "work"), "few")
    import_annotated(dataset, str(tmp_path / "files"), [photo], source_id="x", rendered=True)
    return dataset


# -- gates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "column", "reason"),
    [
        ("max_yaw", "yaw", "turned_too_far"),
        ("max_roll", "roll", "leans_too_far"),
        ("max_pitch", "pitch", "nods_too_far"),
        ("min_sharpness", "sharpness", "blurred"),
        ("min_contrast", "contrast", "contrast_too_low"),
        ("min_brightness", "brightness", "too_dark"),
        ("max_brightness", "brightness", "too_bright"),
        ("max_asymmetry", "asymmetry", "asymmetric"),
        ("max_other_colour", "other_colour", "other_colours"),
    ],
)
def test_a_gate_drops_what_lies_beyond_it_and_nothing_else(
    tmp_path: Path, option: str, column: str, reason: str
) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = faces(dataset)
    size = {key: abs(row[column]) for key, row in before.items()}
    limit = float(np.median(list(size.values())))
    stats = detect(dataset, detector="given", limits={option: limit}, redo=True)
    after = faces(dataset)
    least = option.startswith("min")
    worse = {key for key, v in size.items() if (v < limit if least else v > limit)}
    assert worse and {key for key, row in after.items() if row["reason"] == reason} == worse
    assert stats.counts["faces"].dropped == {reason: len(worse)}
    for key, row in after.items():
        kept = {**row, "status": "ok", "reason": None}
        for name in ("crop", "crop_size", "matrix") if key in worse else ():
            assert row[name] is None
            kept[name] = before[key][name]
        assert kept == before[key]  # every value that was measured stays
    stored = {name[:-4] for name, _ in tars.read_members(dataset.path("faces", "00000.tar"))}
    assert stored == after.keys() - worse


def test_a_face_over_the_edge_is_dropped_for_its_share_outside(tmp_path: Path) -> None:
    edge, inside = ([x, 60.0, x + 70, 130.0] for x in (-20.0, 80.0))
    dataset = given(tmp_path, GivenFace(box=edge), GivenFace(box=inside))
    detect(dataset, detector="given", limits={"max_outside": 0.2})
    rows = list(faces(dataset).values())
    assert [row["reason"] for row in rows] == ["too_much_outside", None]
    assert rows[0]["outside"] == pytest.approx(33.5 / 98, abs=1e-3) and rows[1]["outside"] == 0


def test_the_first_failing_gate_is_the_reason_and_size_comes_before_them(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    strict = {"min_sharpness": 900, "max_yaw": 0, "min_contrast": 128}
    detect(dataset, detector="given", limits=strict, min_face=90)
    reasons = {row["size"] < 90: row["reason"] for row in faces(dataset).values()}
    assert reasons == {True: "face_too_small", False: "turned_too_far"}


def test_a_photo_is_dropped_for_what_its_best_face_is(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    stats = detect(dataset, detector="given", limits={"min_sharpness": 900})
    assert stats.counts["photos"].dropped == {"blurred": 18, "no_face": 1}


def test_a_face_whose_value_is_not_known_does_not_pass(tmp_path: Path) -> None:
    known = chain.shots()[0].faces[0]
    whole = GivenFace(box=list(known.box), landmarks=known.landmarks.tolist())
    dataset = given(tmp_path, GivenFace(box=list(known.box)), whole)
    detect(dataset, detector="given", limits={"max_yaw": 180})
    rows = list(faces(dataset).values())
    assert [row["reason"] for row in rows] == ["not_measured", None]
    assert np.isnan(rows[0]["yaw"]) and np.isfinite(rows[0]["sharpness"])


def test_given_boxes_have_no_score_to_limit(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    with pytest.raises(UsageError, match="no score: leave out --min-score"):
        detect(dataset, detector="given", limits={"min_score": 0.5})


def test_limits_are_settings_and_another_one_is_named(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", limits={"max_yaw": 25.0, "min_score": None})
    settings = json.loads(Path(dataset.path("faces", "00000.json")).read_text())["settings"]
    assert settings["max_yaw"] == 25 and "min_score" not in settings
    with pytest.raises(SettingsError, match=r"max_yaw = 25\.0, now it is 30\.0.*--redo"):
        detect(dataset, detector="given", limits={"max_yaw": 30.0})
    with pytest.raises(SettingsError, match=r"max_yaw = 25\.0, now it is unset"):
        detect(dataset, detector="given")
    again = detect(dataset, detector="given", limits={"max_yaw": 25.0})
    assert "up to date already: 1 part" in str(again)


def test_a_second_crop_leaves_out_what_failed_a_gate_before(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", limits={"max_yaw": 20})
    detect(dataset, crop="arcface112")
    first, second = (
        {key: row["reason"] for key, row in faces(dataset, folder).items()}
        for folder in ("faces", "faces-arcface112")
    )
    assert first == second and set(first.values()) == {None, "turned_too_far"}


def test_a_second_crop_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    stats = detect(dataset, crop="arcface112", limits={"max_yaw": 20})
    assert set(stats.counts["faces"].dropped) == {"turned_too_far"}
    assert stats.counts["faces"].taken == 21


# -- what is measured ----------------------------------------------------------------------------


def test_the_numbers_belong_to_the_face_and_not_to_the_crop(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = faces(dataset)
    detect(dataset, crop="arcface112")
    aligned = faces(dataset, "faces-arcface112")
    detect(dataset, detector="given", crop_size=48, redo=True)
    small = faces(dataset)
    names = ["sharpness", "brightness", "contrast", "yaw", "pitch", "roll", "other_colour"]
    for key, row in before.items():
        assert row["crop_size"] > small[key]["crop_size"]
        for other in (aligned[key], small[key]):
            assert [other[name] for name in names] == [row[name] for name in names]


def test_small_and_missed_faces_are_measured_too(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", min_face=1000)
    for row in faces(dataset).values():
        assert row["reason"] == "face_too_small" and row["matrix"] is None
        assert all(np.isfinite(row[n]) for n in ("sharpness", "contrast", "outside", "asymmetry"))


def test_a_box_that_is_none_has_no_looks_and_stops_nothing(tmp_path: Path) -> None:
    flat = GivenFace(box=[20.0, 20.0, 20.0, 20.0])
    far = GivenFace(box=[9000.0, 9000.0, 9100.0, 9100.0], landmarks=[9050.0 + k for k in range(10)])
    dataset = given(tmp_path, flat, far)
    detect(dataset, detector="given", limits={"min_contrast": 1})
    rows = list(faces(dataset).values())
    assert [row["reason"] for row in rows] == ["bad_box"] * 2
    assert rows[0]["sharpness"] is None and np.isnan(rows[1]["sharpness"])


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_turned_by_its_exif_gives_the_crop_of_the_upright_one(
    tmp_path: Path, orientation: int
) -> None:
    """Geometry is that of the turned photo: the same box, matrix and pixels."""
    pixels, (known,) = chain.photo(4)
    turns = {3: 2, 6: 1, 8: 3}[orientation]  # quarter turns against the clock that are stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "files").mkdir()
    Image.fromarray(pixels).save(tmp_path / "files" / "a.png")
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(pixels, turns)))
    stored.save(tmp_path / "files" / "b.jpg", quality=100, subsampling=0, exif=exif)
    face = GivenFace(box=list(known.box), landmarks=known.landmarks.tolist())
    photos = [Annotated(name, "train", faces=(face,)) for name in ("a.png", "b.jpg")]
    dataset = Dataset(str(tmp_path / "work"), "turned")
    import_annotated(dataset, str(tmp_path / "files"), photos, source_id="x", rendered=True)
    detect(dataset, detector="given")
    one, two = faces(dataset).values()
    assert one["matrix"] == two["matrix"] and one["outside"] == two["outside"]
    assert one["sharpness"] == pytest.approx(two["sharpness"], rel=0.05)
    first, second = tars.read_members(dataset.path("faces", "00000.tar"))
    shown = [np.asarray(Image.open(_file(data)), float) for _, data in (first, second)]
    assert np.abs(shown[0] - shown[1]).mean() < 2


def _file(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


# -- the command line ----------------------------------------------------------------------------


def command(tmp_path: Path, *words: str) -> int:
    return run(["--workspace", str(tmp_path / "work"), "detect", "tiny", "--detector", "given",
                "--workers", "0", *words])  # fmt: skip


def test_the_command_takes_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain.world(tmp_path, "import")
    assert command(tmp_path, "--max-asymmetry", "0%", "--max-yaw", "20", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["faces"]["dropped"]) == {"asymmetric", "turned_too_far"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--max-outside", "0.2"), "write the percent sign: 0.2% or 20%"),
        (("--max-outside", "20"), "write the percent sign: 20%"),
        (("--max-asymmetry", "half"), "'half' is no share: write for example 20%"),
        (("--max-outside", "120%"), "--max-outside 120% lets nothing or everything through"),
        (("--max-yaw", "-3"), "give 0 to 180"),
    ],
)
def test_a_limit_that_makes_no_sense_is_a_usage_error(
    tmp_path: Path, words: tuple[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.world(tmp_path, "import")
    assert command(tmp_path, *words) == 2
    assert told in capsys.readouterr().err


def test_every_reason_of_a_gate_names_its_option() -> None:
    assert "--max-yaw" in REASONS["turned_too_far"] and "--min-sharpness" in REASONS["blurred"]
