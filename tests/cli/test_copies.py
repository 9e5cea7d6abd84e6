"""``dedupe`` and ``decontaminate`` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import chain
import pytest

from facecurate import backbones, images
from facecurate.cli import run
from facecurate.cli.copies import COMMANDS
from facecurate.similar import verify
from facecurate.similar.judging import BUDGET


def typed(capsys: pytest.CaptureFixture[str], place: Path, *words: str) -> tuple[int, str, str]:
    code = run(["--workspace", str(place), "--json", "-q", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_similarity_without_an_encoder_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.world(tmp_path, "detect")
    code, _, error = typed(capsys, tmp_path / "work", "dedupe", "--similarity", "0.9")
    assert code == 2 and "--encoder" in error


def test_the_limits_of_the_options_are_those_of_the_library() -> None:
    for command in COMMANDS:
        told = {option.name: option.default for option in command.params}
        assert told["hash_distance"] == verify.CANDIDATE_BITS
        assert told["photo_distance"] == verify.VERIFIED_BITS
        assert told["face_distance"] == verify.FACE_VERIFIED_BITS
        assert told["registrations"] == BUDGET


def test_what_has_come_since_is_compared_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    other = chain.photo(40)
    shot = chain.Shot("new.jpg", images.encode_jpeg(other[0]), tuple(other[1]))
    chain.take(dataset, tmp_path / "files", [*chain.shots(), shot])
    chain.run(dataset, "detect")
    words = ("dedupe", "--incremental", "--workers", "0")
    code, out, error = typed(capsys, tmp_path / "work", *words)
    assert code == 0, error
    assert json.loads(out)["faces"] == {"taken": 22, "kept": 15, "dropped": {"duplicate": 7}}
    assert typed(capsys, tmp_path / "work", *words, "--redo")[0] == 2


def test_an_encoder_makes_the_vectors_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.world(tmp_path, "detect")
    words = ("dedupe", "--encoder", "dct", "--similarity", "0.5", "--workers", "0")
    code, out, _ = typed(capsys, tmp_path / "work", *words)
    assert code == 0 and json.loads(out)["faces"]["dropped"] == {"duplicate": 7}
    made = json.loads(Path(dataset.path("clusters.json")).read_text())
    assert made["settings"]["encoder"]["similarity"] == 0.5
    assert "embeddings" in made["inputs"] and dataset.has("embeddings")


def test_a_file_of_unknown_origin_is_refused_before_anything_is_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.world(tmp_path, "detect")
    path = tmp_path / "mine.safetensors"
    notes = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "input_size": 32}
    backbone = backbones.build("resnet18-half", seed=1)
    path.write_bytes(backbones.to_safetensors(backbone, notes))
    code, _, error = typed(capsys, tmp_path / "work", "dedupe", "--encoder", f"file:{path}")
    assert code == 1 and "recognises people" in error
    assert not dataset.has("embeddings")


def test_linked_evaluation_sets_are_compared_with_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.world(tmp_path, "detect")
    code, _, error = typed(capsys, tmp_path / "work", "decontaminate", chain.NAME)
    assert code == 1 and "no evaluation set is linked" in error
    made = ["synth", "rendered-300w", "--layout", "300w", "--count", "8", "--workers", "0"]
    assert typed(capsys, tmp_path / "work", *made)[0] == 0
    words = ("decontaminate", chain.NAME, "--workers", "0")
    code, out, error = typed(capsys, tmp_path / "work", *words)
    assert code == 0, error
    told = json.loads(out)
    assert list(told["against"]) == ["rendered-300w"]
    assert told["against"]["rendered-300w"]["faces"] == 8
    assert told["photos"] == {"taken": 19, "kept": 19, "dropped": {}}
