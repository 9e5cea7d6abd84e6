"""What a fresh reader tripped over, so that nobody does again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facecurate import storage
from facecurate.cli import run
from facecurate.errors import DamagedError, SettingsError
from facecurate.pool import Pool
from facecurate.workspace import Workspace


def command(workspace: Path, *words: str) -> int:
    return run(["--workspace", str(workspace), "-q", *words])


@pytest.fixture
def practice(tmp_path: Path) -> Path:
    made = ["synth", "practice", "--count", "6", "--workers", "0"]
    assert command(tmp_path, *made) == 0
    assert command(tmp_path, "detect", "--detector", "given", "--workers", "0") == 0
    return tmp_path


def test_a_part_cannot_name_files_outside_its_pool(practice: Path) -> None:
    victim = practice / "victim"
    victim.mkdir()
    url = practice / "practice" / "faces" / "00000.json"
    told = json.loads(url.read_text())
    told["outputs"]["../../victim"] = "00"
    url.write_text(json.dumps(told))
    with pytest.raises(DamagedError, match="no file of 00000"):
        Pool(str(url.parent)).info("00000")
    assert command(practice, "detect", "--detector", "given", "--workers", "0") == 1
    assert victim.is_dir()


def test_shards_follow_a_changed_licence(tmp_path: Path) -> None:
    from facecurate.synth.corpora import photos_corpus

    folder, workspace = tmp_path / "mine", tmp_path / "w"
    folder.mkdir()
    for photo in photos_corpus(4, 1):
        (folder / Path(photo.file).name).write_bytes(photo.make()[0])
    for license in ("CC0-1.0", "CC-BY-4.0"):
        given = ["import", str(folder), "--license", license, "--redo", "--workers", "0"]
        assert command(workspace, *given) == 0
        assert command(workspace, "detect", "--detector", "dlib", "--workers", "0") == 0
        assert command(workspace, "shard", "--workers", "0") == 0
    from facecurate.loading import FaceShards

    shards = FaceShards(str(workspace / "mine" / "shards"))
    assert len(shards) and {
        shards.metadata(i)["license"] for i in range(len(shards))
    } == {"CC-BY-4.0"}  # fmt: skip


def test_a_licence_for_photos_that_are_here_is_no_silent_no_op(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.txt").write_text("no picture")
    assert command(tmp_path / "w", "import", str(folder), "--workers", "0") == 0
    again = ["import", str(folder), "--license", "CC0-1.0", "--workers", "0"]
    assert command(tmp_path / "w", *again) == 1
    assert "license" in capsys.readouterr().err


def test_another_picture_of_the_same_path_and_size_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    for name, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), colour).save(tmp_path / name / "1.bmp")
    for name, code in (("a", 0), ("b", 1)):
        words = ["import", str(tmp_path / name), "--name", "ab", "--workers", "0"]
        assert command(tmp_path / "w", *words) == code
    assert "other bytes" in capsys.readouterr().err


def test_a_collected_dataset_takes_no_rendered_faces(practice: Path) -> None:
    (practice / "x").mkdir()
    (practice / "x" / "a.txt").write_text("no picture")
    words = ["import", str(practice / "x"), "--name", "practice", "--workers", "0"]
    assert command(practice, *words) == 1


def test_a_real_datasets_name_is_not_given_to_rendered_faces(tmp_path: Path) -> None:
    made = ["synth", "rendered-300w", "--layout", "300w", "--count", "8", "--workers", "0"]
    assert command(tmp_path, *made) == 0
    assert command(tmp_path, "import", "300w", "--name", "300w", "--workers", "0") == 2
    assert command(tmp_path, "import", "300w", "--workers", "0") == 0
    assert Workspace(str(tmp_path)).names() == ["rendered-300w"]


def test_facecurate_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    error = capsys.readouterr().err
    assert "Commands:\n" in error and "\ufffd" not in error


def test_a_linked_dataset_without_an_adapter_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["datasets", "link", "wflw", str(tmp_path)]) == 0
    made = ["synth", "rendered-300w", "--layout", "300w", "--count", "8", "--workers", "0"]
    assert command(tmp_path, *made) == 0
    capsys.readouterr()
    assert run(["--workspace", str(tmp_path), "evaluate", "--rendered", "--dry-run"]) == 0
    told = capsys.readouterr().err
    assert "wflw is linked but no adapter" in told and "would be imported" in told
    assert not storage.exists(str(tmp_path / "rendered-300w" / "photos"))


def test_a_linked_dataset_sharded_otherwise_names_the_command(tmp_path: Path) -> None:
    from facecurate.prepare import prepare
    from facecurate.shard import shard
    from facecurate.workspace import links

    made = ["synth", "rendered-300w", "--layout", "300w", "--count", "8", "--workers", "0"]
    assert command(tmp_path, *made) == 0
    dataset = Workspace(str(tmp_path)).dataset("rendered-300w")
    link = links(str(tmp_path))["300w"][0]
    prepare(dataset, link)
    shard(dataset, seed=3, redo=True)
    with pytest.raises(SettingsError, match="facecurate shard rendered-300w --redo"):
        prepare(dataset, link)


def test_a_folder_of_shards_is_taken_without_a_slash(
    practice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(practice, "shard", "--workers", "0") == 0
    monkeypatch.chdir(practice / "practice")
    words = ["--steps", "2", "--batch-size", "2", "--name", "r"]
    assert command(practice, "pretrain", "--shards", "shards", *words) == 0


def test_a_subset_that_names_no_face_is_an_error(practice: Path) -> None:
    listed = practice / "keys.txt"
    listed.write_text("nobody_000\n")
    assert command(practice, "shard", "--subset", str(listed), "--workers", "0") == 1


def test_a_path_that_is_not_there_is_called_a_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, "import", str(tmp_path / "gone")) == 1
    assert "is no folder: check the path" in capsys.readouterr().err


def test_quiet_is_the_last_line_alone(practice: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert command(practice, "status") == 0
    assert capsys.readouterr().out.count("\n") == 1
