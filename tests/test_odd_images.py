"""Broken, huge and strange images through the command: no crash, no hang, memory within bounds."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chain
import pytest

from facecurate.inspect import verify
from facecurate.records import REASONS
from facecurate.workspace import Dataset

MEMORY, SECONDS = 1 << 30, 120
# Runs a command and tells its peak memory in bytes, or its largest worker's. Linux lets a program's
# ru_maxrss begin with that of whoever started it, here a test run of any size; VmHWM is its own.
MEASURED = """
import resource, sys
from facecurate.cli import run
code = run(sys.argv[1:])
own = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(max(*own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024)
sys.exit(code)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")


@dataclass(frozen=True)
class Done:
    """How a command ended: its last line, its seconds, its peak memory in bytes."""

    told: dict[str, Any]
    seconds: float
    peak: int


def command(workspace: Path, *words: str) -> Done:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "--workspace", str(workspace), "-q", "--json", *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
    )
    assert done.returncode == 0, done.stderr
    last, peak = done.stdout.splitlines()
    return Done(json.loads(last), time.monotonic() - began, int(peak))


@pytest.fixture(scope="module")
def odd(test_data: Path) -> Path:
    return test_data / "odd"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module")
def imported(odd: Path, workspace: Path) -> Done:
    return command(workspace, "import", str(odd), "--name", "odd", "--workers", "0")


@pytest.fixture(scope="module")
def detected(imported: Done, workspace: Path) -> Done:
    pytest.importorskip("dlib", reason="not installed: run 'make test'")
    return command(workspace, "detect", "odd", "--detector", "dlib", "--workers", "1")


@pytest.fixture(scope="module")
def rows(imported: Done, workspace: Path) -> dict[str, dict[str, Any]]:
    dataset = Dataset(str(workspace), "odd")
    return {row["source"]: row for row in chain.rows(dataset, "photos", "00000.parquet")}


def test_import_stays_within_memory_and_time(imported: Done) -> None:
    assert imported.peak < MEMORY, f"{imported.peak / 2**20:.0f} MiB"
    assert imported.seconds < SECONDS


def test_every_file_is_a_picture_or_has_a_reason(
    odd: Path, rows: dict[str, dict[str, Any]], imported: Done
) -> None:
    files = {str(path.relative_to(odd)) for path in odd.rglob("*") if path.is_file()}
    assert set(rows) == files and len(files) > 220
    for row in rows.values():
        if row["status"] == "ok":
            assert row["reason"] is None and min(row["width"], row["height"]) > 0
        else:
            assert row["reason"] in REASONS and row["width"] is None
    count = imported.told["photos"]
    assert count["taken"] == len(files) == count["kept"] + sum(count["dropped"].values())


def test_what_pillow_reads_whole_is_a_picture_of_that_size(
    odd: Path, rows: dict[str, dict[str, Any]]
) -> None:
    """Formats that this program reads, and pictures below its limits; sizes after the EXIF turn."""
    read, differing = 0, []
    for listing in odd.glob("*/pillow13_outcomes.tsv"):
        with open(listing, newline="") as file:
            for one in csv.DictReader(file, delimiter="\t"):
                row = rows.get(f"{listing.parent.name}/{one['file']}")
                if row is None or one["load"] != "ok" or row["status"] == "dropped":
                    continue
                size = int(one["width"]), int(one["height"])
                turned = (one["exif_orientation"] or "1") in "5678" and one["format"] != "TIFF"
                if (row["width"], row["height"]) != (size[::-1] if turned else size):
                    differing.append(one["file"])
                read += 1
    assert read > 100 and differing == []


def test_what_pillow_cannot_read_is_no_picture(odd: Path, rows: dict[str, dict[str, Any]]) -> None:
    for listing in odd.glob("*/pillow13_outcomes.tsv"):
        with open(listing, newline="") as file:
            for one in csv.DictReader(file, delimiter="\t"):
                row = rows.get(f"{listing.parent.name}/{one['file']}")
                if row is not None and "UnidentifiedImageError" in one["load"]:
                    assert row["status"] == "dropped", one["file"]


def test_detect_stays_within_memory_and_time(detected: Done, imported: Done) -> None:
    assert detected.peak < MEMORY, f"{detected.peak / 2**20:.0f} MiB"
    assert detected.told["photos"]["taken"] == imported.told["photos"]["kept"]


def test_what_is_stored_is_whole(detected: Done, workspace: Path) -> None:
    assert verify(Dataset(str(workspace), "odd"))[1] == []


def test_given_boxes_of_pictures_without_any_are_no_faces(
    detected: Done, workspace: Path, tmp_path: Path
) -> None:
    done = command(workspace, "detect", "odd", "--detector", "given", "--redo", "--workers", "0")
    assert done.told["faces"]["taken"] == 0 and done.peak < MEMORY


def test_hashing_odd_pictures_stays_within_memory(detected: Done, workspace: Path) -> None:
    done = command(workspace, "dedupe", "odd", "--workers", "0")
    assert done.peak < MEMORY, f"{done.peak / 2**20:.0f} MiB"
    assert done.told["photos"]["taken"] == detected.told["photos"]["taken"]
