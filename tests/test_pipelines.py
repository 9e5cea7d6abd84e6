"""The scripts in ``pipelines/`` run as their first lines say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import chain
import pytest

from facecurate.inspect import verify
from facecurate.workspace import Dataset

ROOT = Path(__file__).resolve().parents[1]


def script(name: str, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "pipelines" / name), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_local_folder_becomes_shards(tmp_path: Path) -> None:
    pytest.importorskip("dlib", reason="needs the extra [dlib]: its weights come with it")
    chain.write(tmp_path / "photos", chain.shots())
    words = [str(tmp_path / "photos"), "--name", "mine", "--workspace", str(tmp_path / "data"),
             "--license", "CC0-1.0", "--limit", "12", "--workers", "0"]  # fmt: skip
    told = script("local_folder.py", *words).splitlines()
    assert [line.split(":")[0] for line in told] == [
        "import",
        "detect",
        "dedupe",
        "shard",
        "verify",
    ]
    assert told[0].startswith("import: 12 photos: 12 kept") and told[-1].endswith("0 things wrong")
    dataset = Dataset(str(tmp_path / "data"), "mine")
    assert verify(dataset)[1] == []
    rows = chain.rows(dataset, "shards", "decisions.parquet")
    assert sum(row["kept"] for row in rows) >= 8
    before = chain.files(dataset)
    script("local_folder.py", *words)
    assert chain.files(dataset) == before
