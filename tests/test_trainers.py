"""The scripts in ``trainers/`` train, and their weights are plain torchvision ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import chain
import pytest
import torch
from click.testing import CliRunner

from facecurate import backbones
from facecurate.pretrain import PRESETS

ROOT = Path(__file__).resolve().parents[1]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "trainers" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    return chain.world(tmp_path_factory.mktemp("trainers")).path("shards")


def test_swav_writes_weights_that_torchvision_loads(shards: str, tmp_path: Path) -> None:
    module, run = load("swav_r50"), tmp_path / "run"
    words = ["--shards", shards, "--run", str(run), "--preset", "small", "--epochs", "1",
             "--batch-size", "7"]  # fmt: skip
    done = CliRunner().invoke(module.main, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert [line.split(":")[0] for line in done.output.splitlines()] == [
        "step 1 of 2",
        "step 2 of 2",
    ]
    from safetensors.torch import load_file

    state = load_file(run / "weights.safetensors")
    plain = backbones.build(PRESETS["small"].arch, seed=0)
    assert set(state) == set(plain.state_dict())
    plain.load_state_dict(state)
    assert all(torch.isfinite(value.float()).all() for value in state.values())
    untrained = backbones.build(PRESETS["small"].arch, seed=0).state_dict()
    assert any((state[name] != untrained[name]).any() for name in state)


def test_a_resnet50_is_torchvision_s_own(tmp_path: Path) -> None:
    import torchvision
    from safetensors.torch import load_file

    file = tmp_path / "weights.safetensors"
    notes = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "input_size": 224}
    file.write_bytes(backbones.to_safetensors(backbones.build("resnet50", seed=3), notes))
    model = torchvision.models.resnet50(weights=None)
    found = model.load_state_dict(load_file(file), strict=False)
    assert found.missing_keys == ["fc.weight", "fc.bias"] and not found.unexpected_keys


def test_swav_computes_what_the_command_computes(shards: str, tmp_path: Path) -> None:
    """Same configuration, same shards: the same weights as ``facecurate pretrain``."""
    from safetensors.torch import load as parse

    from facecurate import storage
    from facecurate.pretrain import pretrain

    config = PRESETS["small"].but(epochs=1, batch_size=7, seed=5)
    trained = load("swav_r50").train(config, shards, device="cpu", workers=0)
    plain = dict(trained.state_dict())
    result = pretrain(shards, str(tmp_path / "run"), config)
    official = parse(storage.read(result.weights))
    assert set(plain) == set(official)
    for name, value in official.items():
        assert torch.equal(plain[name], value), name
