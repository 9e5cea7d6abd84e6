from __future__ import annotations

import io
from pathlib import Path

import chain
import pytest
from PIL import Image

from facecurate import storage
from facecurate.errors import FacecurateError, SettingsError, UsageError
from facecurate.importing import import_folder
from facecurate.records import AU_NUMBERS
from facecurate.synth.corpora import COPIES, photos_corpus
from facecurate.synth.facs import select
from facecurate.synthesise import layout_of, rendered_annotations, synthesise, truth
from facecurate.workspace import CONFIG, Dataset, Workspace, links

COUNT = 24


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = Dataset(str(tmp_path_factory.mktemp("synth")), "practice")
    synthesise(dataset, count=COUNT, seed=4)
    return dataset


def test_the_files_are_those_of_the_plan(rendered: Dataset) -> None:
    plan = list(photos_corpus(COUNT, 4))
    told = truth(rendered)
    assert [row["file"] for row in told] == [photo.file for photo in plan]
    assert [row["kind"] for row in told] == [photo.kind for photo in plan]
    for photo in plan[:6]:
        data = storage.read(rendered.path("files", *photo.file.split("/")))
        assert data == photo.make()[0]


def test_the_truth_lies_inside_the_pictures(rendered: Dataset) -> None:
    for row in truth(rendered):
        picture = storage.read(rendered.path("files", *row["file"].split("/")))
        width, height = Image.open(io.BytesIO(picture)).size
        assert len(row["boxes"]) == len(row["landmarks"]) == len(row["points"])
        assert (row["kind"] == "no_face") == (not row["boxes"])
        for x0, y0, x1, y1 in row["boxes"]:
            assert -0.5 <= x0 < x1 <= width - 0.5 + 40 and y0 < y1 <= height - 0.5 + 40
        copy = row["kind"] in COPIES
        assert (row["copy_of"] is not None) == copy


def test_annotations_bring_every_label(rendered: Dataset) -> None:
    for row, photo in zip(truth(rendered), rendered_annotations(rendered), strict=True):
        assert photo.source == row["file"] and photo.split == "train"
        assert [list(face.box or []) for face in photo.faces] == row["boxes"]
        for face in photo.faces:
            assert face.points is not None and len(face.points) == 136
            assert face.points_visible is not None and len(face.points_visible) == 68
            assert face.landmarks is not None and len(face.landmarks) == 10
        for face, coded in zip(photo.faces, row["coded"], strict=True):
            assert list(face.label_au or []) == select(coded, AU_NUMBERS)
            assert all(value in range(6) for value in face.label_au or [9])


def test_the_same_seed_is_the_same_bytes_and_another_seed_is_not(
    rendered: Dataset, tmp_path: Path
) -> None:
    again, other = (Dataset(str(tmp_path / name), "practice") for name in "ab")
    synthesise(again, count=COUNT, seed=4, workers=1)
    synthesise(other, count=4, seed=5)
    assert chain.files(again) == chain.files(rendered)
    name = "files/000/000001.jpg"
    assert chain.files(other)[name] != chain.files(rendered)[name]


def test_the_same_call_again_renders_nothing(rendered: Dataset) -> None:
    first = Path(rendered.path("files", "000", "000000.jpg"))
    before = first.stat().st_ino
    stats = synthesise(rendered, count=COUNT, seed=4)
    assert stats.counts["pictures"].kept == COUNT and first.stat().st_ino == before


def test_more_pictures_are_added_and_fewer_take_none_away(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "practice")
    synthesise(dataset, count=4, seed=1)
    four = chain.files(dataset)
    synthesise(dataset, count=8, seed=1)
    eight = chain.files(dataset)
    pictures = {name for name in four if name.startswith("files/")}
    assert all(eight[name] == four[name] for name in pictures) and len(truth(dataset)) == 8
    synthesise(dataset, count=4, seed=1)
    assert chain.files(dataset) == eight and len(truth(dataset)) == 8


def test_another_seed_or_layout_in_the_same_place_needs_redo(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "practice")
    synthesise(dataset, count=3, seed=1)
    with pytest.raises(SettingsError, match="seed = 1, now it is 2"):
        synthesise(dataset, count=3, seed=2)
    with pytest.raises(SettingsError, match="--redo"):
        synthesise(dataset, layout="300w", count=8, seed=1)
    synthesise(dataset, count=3, seed=2, redo=True)
    assert len(truth(dataset)) == 3


def test_a_dataset_s_layout_is_linked_as_that_dataset_and_marked(tmp_path: Path) -> None:
    dataset = Workspace(str(tmp_path)).dataset("rendered-300w")
    stats = synthesise(dataset, layout="300w", count=8, seed=1)
    assert "linked as a rendered 300w" in str(stats)
    (link,) = links(str(tmp_path))["300w"]
    assert link.rendered and link.name == "rendered-300w"
    assert link.root == dataset.path("files")
    assert str(tmp_path) not in (tmp_path / CONFIG).read_text()  # the workspace can be moved
    with pytest.raises(SettingsError, match="count = 8, now it is 9"):
        synthesise(dataset, layout="300w", count=9, seed=1)


def test_an_unknown_layout_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="no layout 'cat': choose one of 300w, 300w-lp, .*, photos"
    ):
        synthesise(Dataset(str(tmp_path), "x"), layout="cat")


def test_memory_storage_gives_the_bytes_of_a_folder(rendered: Dataset, memory: str) -> None:
    dataset = Dataset(memory, "practice")
    synthesise(dataset, count=COUNT, seed=4, workers=2)
    on_disk = chain.files(rendered)
    for name in ("synth/00000.parquet", "synth/00000.json", "files/000/000003.jpg"):
        assert storage.read(dataset.path(*name.split("/"))) == on_disk[name]


# -- one plan a dataset ------------------------------------------------------------------------


def test_a_run_killed_before_its_first_part_leaves_no_other_plan_s_pictures(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "practice")
    whole = layout_of("lfw").items(50, 0)
    for item in whole[:5]:  # as far as a killed run came: pictures, no part
        list(layout_of("lfw").render(dataset.path("files"), item))
    storage.write_atomic(
        dataset.path("synth", "settings.json"), b'{"layout": "lfw", "seed": 0, "count": 50}'
    )
    with pytest.raises(SettingsError, match="seed = 0, now it is 1"):
        synthesise(dataset, layout="lfw", count=50, seed=1)
    storage.delete(dataset.path("synth"))
    synthesise(dataset, layout="lfw", count=50, seed=1)
    pictures = [f for f in storage.walk(dataset.path("files")) if f.endswith(".jpg")]
    assert sorted(pictures) == sorted(row["file"] for row in truth(dataset))


def test_nothing_is_rendered_over_somebody_s_photos(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    Image.new("RGB", (64, 64)).save(source / "a.jpg")
    dataset = Dataset(str(tmp_path / "data"), "mine")
    import_folder(dataset, str(source))
    with pytest.raises(UsageError, match="photos that are not rendered"):
        synthesise(dataset, count=3, redo=True)
    assert not dataset.has("files") and dataset.has("photos", "00000.tar")


def test_what_cannot_be_drawn_is_refused_before_anything_is_deleted(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "practice")
    synthesise(dataset, layout="300w", count=8)
    with pytest.raises(FacecurateError, match="8 folders"):
        synthesise(dataset, layout="300w", count=3, redo=True)
    assert len(truth(dataset)) == 8 and dataset.has("files", "ibug")


def test_a_video_has_the_people_and_the_repeats_that_were_asked_for(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "film")
    synthesise(dataset, layout="video", count=60, subjects=2, sessions=1, repeats=3, fps=10.0)
    told = truth(dataset)
    assert {row["subject"] for row in told} == {"S001", "S002"}
    states = [row["state"] for row in told if row["subject"] == "S001"]
    assert states == [k // 3 for k in range(30)]
    with pytest.raises(SettingsError, match="repeats = 3"):
        synthesise(dataset, layout="video", count=60, subjects=2, sessions=1, repeats=1, fps=10.0)
