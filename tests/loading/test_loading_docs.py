"""The examples of docs/loading.md run as they stand, but for how much they ask for."""

import re
from pathlib import Path

import pytest
import tiny
import torch

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "loading.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCS, re.S)
SMALLER = [
    ("batch_size=256", "batch_size=8"),
    ("workers=8", "workers=0"),
    ("range(100)", "range(2)"),
]


def title(code):
    """The packages an example shows."""
    found = re.findall(r"^(?:import|from) (\w+)", code, re.M)
    return "-".join(sorted(set(found) - {"facecurate"})) or "facecurate"


@pytest.mark.parametrize("code", EXAMPLES, ids=title)
def test_the_example_runs(code, tmp_path, monkeypatch):
    for package in ("lightly", "timm"):
        if package in code:
            pytest.importorskip(package, reason=f"the example needs: pip install {package}")
    tiny.write_shards(tmp_path / "data" / "mine", tiny.faces(20))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for large, small in [*SMALLER, ("s3://faces", f"file://{tmp_path}/data")]:
        code = code.replace(large, small)
    names = {}
    exec(compile(code, "docs/loading.md", "exec"), names)
    if "batch" in names:
        ours = 4 if "RANK" in code else 8
        assert len(names["batch"]) in (ours, 20 % 8)
    if "loss" in names:
        assert torch.isfinite(names["loss"])
    if "features" in names:
        assert names["features"].shape == (4, 512)
    if "large" in names:
        assert [tuple(v.shape) for v in (names["large"], names["small"])] == [
            (16, 3, 224, 224), (48, 3, 96, 96)
        ]  # fmt: skip


def test_every_way_out_has_an_example():
    assert len(EXAMPLES) == 7
    for word in ("lightly", "timm", "MultiCrop", "Transformed", "s3://", "RANK", "DataLoader"):
        assert any(word in code for code in EXAMPLES)
