"""The command line as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import chain
import click
import pytest

from facecurate import storage
from facecurate.cli import COMMANDS, cli, run

ROOT = Path(__file__).resolve().parents[2]


def leaves() -> dict[str, click.Command]:
    found = {command.name or "": command for command in COMMANDS}
    group = found["datasets"]
    assert isinstance(group, click.Group)
    return found | {f"datasets {name}": sub for name, sub in group.commands.items()}


@pytest.mark.parametrize("name", leaves())
def test_every_command_has_a_summary_and_an_example_and_stands_in_the_readme(name: str) -> None:
    text = leaves()[name].help or ""
    assert text.split("\n")[0].endswith((".", ":"))
    assert f"facecurate {name}" in text.split("Example:")[1]
    assert f"`{name}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", leaves())
def test_the_common_options_stand_before_and_after_the_name(name: str) -> None:
    for command in (cli, leaves()[name]):
        options = {word for parameter in command.params for word in parameter.opts}
        assert {"--workspace", "-q", "-v", "--json"} <= options


def words(*arguments: str, tmp_path: Path) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command in a fresh interpreter."""
    command = [sys.executable, "-m", "facecurate", "--workspace", str(tmp_path / "data")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=tmp_path)
    return done.returncode, done.stdout, done.stderr


def test_dedupe_alone_in_an_empty_workspace_proposes_what_to_type(tmp_path: Path) -> None:
    code, _, error = words("dedupe", tmp_path=tmp_path)
    assert code == 1
    assert "facecurate demo" in error and "facecurate import FOLDER" in error
    assert error.count("\n") == 1


def test_pretrain_alone_in_an_empty_workspace_proposes_what_to_type(tmp_path: Path) -> None:
    code, _, error = words("pretrain", "--shards", tmp_path=tmp_path)
    assert code == 1 and "facecurate demo" in error


def test_evaluate_without_a_linked_dataset_proposes_rendered_faces(tmp_path: Path) -> None:
    code, _, error = words("evaluate", tmp_path=tmp_path)
    assert code == 1 and "--rendered" in error and "facecurate synth" in error


def test_redundancy_report_of_an_unlinked_dataset_tells_terms_and_how_to_link(
    tmp_path: Path,
) -> None:
    code, _, error = words("redundancy-report", "disfa", tmp_path=tmp_path)
    assert code == 1
    assert "Academic research only" in error and "facecurate datasets link disfa DIR" in error


def test_an_unknown_name_is_a_usage_error_that_says_what_is_here(tmp_path: Path) -> None:
    code, _, error = words("detect", "nothing", tmp_path=tmp_path)
    assert code == 2 and "nothing" in error


def test_a_folder_is_not_taken_for_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    code, _, error = words("detect", "holiday", tmp_path=tmp_path)
    assert code == 1 and "facecurate import holiday" in error


def test_a_bare_fraction_is_refused_with_both_readings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["synth", "rendered-300w", "--layout", "300w", "--count", "8", "--workers", "0"]
    assert run(["--workspace", str(tmp_path), "-q", *made]) == 0
    capsys.readouterr()
    fine = ["finetune", "--dataset", "300w", "--rendered", "--fraction", "0.1"]
    assert run(["--workspace", str(tmp_path), "-q", *fine]) == 2
    error = capsys.readouterr().err
    assert "write 10%" in error and "--labels" in error


def test_several_datasets_list_the_commands_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.txt").write_text("no picture")
        assert run(["--workspace", str(tmp_path / "w"), "-q", "import", str(folder),
                    "--workers", "0"]) == 0  # fmt: skip
    assert run(["--workspace", str(tmp_path / "w"), "dedupe"]) == 2
    assert "one; " in capsys.readouterr().err


def test_json_is_one_object_on_the_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.txt").write_text("no picture")
    command = ["import", str(tmp_path / "one"), "--workspace", str(tmp_path / "w"), "--json"]
    assert run([*command, "--workers", "0"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["photos"] == {"taken": 1, "kept": 0, "dropped": {"not_an_image": 1}}


def test_a_detector_without_weights_and_network_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.txt").write_text("no picture")
    run(["--workspace", str(tmp_path / "w"), "import", str(tmp_path / "one"), "--workers", "0"])
    capsys.readouterr()
    assert run(["--workspace", str(tmp_path / "w"), "detect", "--workers", "0"]) == 1
    error = capsys.readouterr().err
    assert "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220" in error
    assert "--detector dlib" in error and error.count("\n") <= 2


def test_a_damaged_file_leads_to_the_command_that_makes_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.world(tmp_path, "detect")
    storage.write_atomic(dataset.path("redundancy.json"), b"{")
    command = ["--workspace", dataset.workspace, "redundancy-report", dataset.name]
    assert run(command) == 1
    assert "redundancy.json is damaged" in (told := capsys.readouterr().err)
    assert "'facecurate verify' names the command" in told
