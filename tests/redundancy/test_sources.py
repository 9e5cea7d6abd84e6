"""What the command takes: folders, tables of labels, names that are taken; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import chain
import numpy as np
import pytest

from facecurate import storage
from facecurate.cli import run
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import Pool, write_part
from facecurate.prepare import find_faces
from facecurate.records import PHOTO_SCHEMA
from facecurate.redundancy.frames import read_frames
from facecurate.redundancy.told import read_told
from facecurate.stats import Stats


def table(tmp_path: Path, text: str, name: str = "labels.csv") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def words(tmp_path: Path, *arguments: str) -> int:
    return run(["--workspace", str(tmp_path / "work"), *arguments])


def test_a_folder_is_imported_under_its_name_and_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.write(tmp_path / "My Pictures", chain.shots()[:6])
    labels = table(tmp_path, "source,subject,AU12\n00.jpg,007,2\n01.jpg,007,0\n02.jpg,8,1\n")
    command = [
        "redundancy-report", str(tmp_path / "My Pictures"), "--detector", "dlib",
        "--labels", labels, "--fps", "25", "--workers", "0",
    ]  # fmt: skip
    assert words(tmp_path, *command) == 0
    out, error = capsys.readouterr()
    assert out.startswith("my-pictures: ") and "s in all" in out
    for step in ("import ", "detect --detector dlib", "embed --encoder dct", "frames read"):
        assert step in error
    place = tmp_path / "work" / "my-pictures" / "redundancy.json"
    result = json.loads(place.read_text())["result"]
    assert result["frames"] == 6 and not result["rendered"]
    assert result["unit"] == "dataset"  # three pictures are nobody's
    assert result["people"] == 2 and result["runs"]["labelled"] == 3
    assert "pass it on only as you may" in place.with_suffix(".html").read_text()


def test_a_folder_with_a_known_dataset_s_name_is_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x" / "wflw").mkdir(parents=True)
    assert words(tmp_path, "redundancy-report", str(tmp_path / "x" / "wflw")) == 2
    error = capsys.readouterr().err
    assert "redundancy-report wflw --root" in error
    assert not (tmp_path / "work").exists()


def test_an_unlinked_dataset_names_terms_link_and_a_rendered_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words(tmp_path, "redundancy-report", "disfa") == 1
    (line,) = capsys.readouterr().err.splitlines()
    for part in ("Academic research only", "mohammadmahoor", "datasets link disfa DIR"):
        assert part in line
    assert "facecurate synth rendered-disfa --layout disfa" in line


def test_a_dataset_that_nothing_reads_yet_says_so_before_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words(tmp_path, "redundancy-report", "bp4d") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "signed licence" in line and "cannot be read yet" in line


def test_a_root_that_is_no_folder_is_told_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert words(tmp_path, "redundancy-report", "disfa", "--root", nowhere) == 2
    assert "nowhere is no folder" in capsys.readouterr().err


def test_a_folder_without_a_picture_is_told_before_weights_are_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("hello")
    assert words(tmp_path, "redundancy-report", str(tmp_path / "letters"), "--workers", "0") == 1
    error = capsys.readouterr().err
    assert "letters has no picture that can be read (1 not_an_image)" in error


def test_photos_that_came_after_the_faces_are_not_left_out_without_a_word(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    photos = Pool(dataset.path("photos"))
    empty = photos.table("00000", PHOTO_SCHEMA)[:0]
    with write_part(photos.url, "00001", tool="import", settings={}, inputs={}) as part:
        part.write_table(empty)
        part.stats = Stats.of("photos", [])
    with pytest.raises(FacecurateError, match="1 part of tiny's photos came after"):
        find_faces(dataset)


def test_faces_that_are_there_are_not_looked_for_again(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before, said = chain.files(dataset), list[str]()
    find_faces(dataset, say=said.append)
    assert chain.files(dataset) == before and said == []


# -- the table -----------------------------------------------------------------------------------


def test_a_table_gives_people_order_and_labels_and_nothing_it_does_not_name(
    tmp_path: Path,
) -> None:
    dataset = chain.world(tmp_path, "detect")
    rows = "00.jpg,anna,clip,2,3\n01.jpg,anna,clip,1,\n02.jpg,,,,5\n"
    told = read_told(table(tmp_path, f"source,subject,sequence,frame,AU4\n{rows}"))
    frames = read_frames(dataset, told=told)
    structure, labels = frames.structure, frames.labels
    keys = frames.keys.to_pylist()
    at = [keys.index(chain.key(f"0{k}.jpg")) for k in range(4)]
    assert structure.subject_names == ("anna",) and structure.sequence_names == ("clip",)
    assert structure.subject[at].tolist() == [0, 0, -1, -1]
    assert structure.frame[at].tolist() == [2, 1, -1, -1]
    assert labels is not None and labels.names == ("AU4",)
    assert np.array_equal(labels.values[at, 0], [3, np.nan, 5, np.nan], equal_nan=True)


def test_a_task_that_is_called_the_same_for_everybody_is_a_sequence_of_each(
    tmp_path: Path,
) -> None:
    dataset = chain.world(tmp_path, "detect")
    rows = "00.jpg,anna,T1,1\n01.jpg,bob,T1,1\n02.jpg,anna,T2,1\n03.jpg,,T1,1\n"
    told = read_told(table(tmp_path, f"source,subject,sequence,frame\n{rows}"))
    frames = read_frames(dataset, told=told)
    keys = frames.keys.to_pylist()
    codes = [int(frames.structure.sequence[keys.index(chain.key(f"0{k}.jpg"))]) for k in range(4)]
    names = frames.structure.sequence_names
    assert [names[code] for code in codes] == ["anna/T1", "bob/T1", "T2", "T1"]
    assert set(names) == {"anna/T1", "bob/T1", "T2", "T1"}


def test_a_table_of_other_pictures_says_how_both_are_written(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    told = read_told(table(tmp_path, "source,subject\nframes/1.png,a\n"))
    with pytest.raises(FacecurateError, match=r"'frames/1.png', theirs '00.jpg'"):
        read_frames(dataset, told=told)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,AU1\na.jpg,1\n", "has no column source; it has file, AU1"),
        ("source,AU1\na.jpg,1\na.jpg,2\n", "comes twice"),
        ("source,AU1\na.jpg,9\n", "AU1 goes from 9 to 9: levels are 0 to 5"),
        ("source,AU1\na.jpg,strong\n", "AU1"),
        ("source,frame\na.jpg,1.5\n", "frame"),
        ("source,AU1\na.jpg,1,2\n", "is no table"),
    ],
)
def test_a_wrong_table_is_told_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((DamagedError, FacecurateError), match=message):
        read_told(table(tmp_path, text))


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    told = read_told(table(tmp_path, "source\tsubject\n1\t007\n2\t7\n", "labels.tsv"))
    assert told.table["subject"].to_pylist() == ["007", "7"]
    assert told.table["source"].to_pylist() == ["1", "2"]


def test_another_table_needs_redo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = chain.world(tmp_path, "redundancy")
    labels = table(tmp_path, "source,subject\n00.jpg,a\n")
    assert words(tmp_path, "redundancy-report", dataset.name, "--labels", labels) == 1
    assert "labels = unset" in capsys.readouterr().err
    assert storage.exists(dataset.path("redundancy.html"))


def test_without_people_labels_do_not_take_the_headline_away(tmp_path: Path) -> None:
    """Pairs of different people differ by who they are: that says nothing about expression."""
    dataset = chain.world(tmp_path, "embed")
    lines = "".join(f"{k:02}.jpg,{k % 4}\n" for k in range(10))
    labels = table(tmp_path, f"source,AU12\n{lines}")
    assert words(tmp_path, "-q", "redundancy-report", dataset.name, "--labels", labels) == 0
    result = json.loads(storage.read(dataset.path("redundancy.json")))["result"]
    assert result["check"] is None and "one person" in result["label_reason"]
    assert "distinct frames" in result["sentence"] and "does not see" not in result["sentence"]
