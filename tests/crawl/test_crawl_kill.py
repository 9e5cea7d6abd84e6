"""Kill -9 at any moment and run the same command again: the same photos, and none of them half."""

from __future__ import annotations

import io
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crawled import CONTACT, QUALITY, check_stored, rows
from crawled import Flickr as Found
from flickr_standin import Rate, Standin, World, pictures
from PIL import Image

from facecurate.flickr.clock import FakeClock
from facecurate.inspect import verify
from facecurate.pool import Pool

# Small parts, so that a killed run has finished some of them and not others.
START = "import facecurate.pool as p; p.PART_SIZE = 16; from facecurate.cli import main; main()"
IN_FLIGHT = 16  # photos on their way, or arrived and not yet written down, when a run is killed


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    for shape in range(6):
        pictures.jpeg(shape, 0, 500, quality=QUALITY)
    world = World(photos=420, seed=4, since="2022-01-10", until="2024-06-30", odd=0.5)
    with Standin(world, rate=Rate(None), quality=QUALITY) as running:
        yield running


def start(standin: Standin, folder: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {
        "FACECURATE_FLICKR_URL": standin.rest_url,
        "FACECURATE_FLICKR_IMAGE_HOST": standin.image_host,
        "FLICKR_API_KEY": standin.key,
        "FLICKR_API_SECRET": standin.secret,
        "FACECURATE_STATE": str(folder / "state"),
    }
    command = [
        sys.executable, "-c", START, "--workspace", str(folder / "data"), "-q", "crawl",
        "--since", "2022", "--until", "2024-06-30", "--size", "m", "--max-image-rate", "120",
        "--contact", CONTACT,
    ]  # fmt: skip
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(standin: Standin, folder: Path) -> None:
    process = start(standin, folder)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output.decode()


def kill(standin: Standin, folder: Path, after: float) -> bool:
    """Kills a run so long after its first request; True if it was still alive."""
    before = len(standin.requests)
    process = start(standin, folder)
    while len(standin.requests) == before and process.poll() is None:
        time.sleep(0.005)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    alive = process.wait() == -signal.SIGKILL
    process.communicate()
    return alive


def check_whole(found: Found) -> None:
    """At any moment: what bears its final name is whole."""
    pool = Pool(found.dataset.path("photos"))
    for file in Path(pool.url, ".spool").glob("flickr-*"):
        with Image.open(io.BytesIO(file.read_bytes())) as image:
            image.load()
    for stem in pool.stems():
        assert pool.info(stem).stats.counts["photos"].kept <= 16
    assert not pool.stems() or not [f for f in verify(found.dataset)[1] if "bytes" in f]


def contents(found: Found) -> dict[str, Any]:
    columns = ("sha256", "license", "title", "owner", "url", "width", "uploaded_at", "status")
    return {row["photo_id"]: [row[name] for name in columns] for row in rows(found.dataset)}


def check(standin: Standin, folder: Path, kills: int, draw: random.Random) -> None:
    whole = Found(standin, FakeClock(), folder / "whole")
    began = len(standin.requests)
    finish(standin, whole.folder)
    seconds = standin.requests[-1].at - standin.requests[began].at
    broken, began = Found(standin, FakeClock(), folder / "broken"), len(standin.requests)
    killed = 0
    for _ in range(kills):
        killed += kill(standin, broken.folder, draw.uniform(0.0, 1.2 * seconds / kills + 0.1))
        check_whole(broken)
    finish(standin, broken.folder)
    assert contents(broken) == contents(whole)
    assert verify(broken.dataset)[1] == []
    check_stored(broken)
    asked = Counter(
        number[1]
        for r in standin.requests[began:]
        if r.host == "images" and (number := re.search(r"/(\d+)_", r.path))
    )
    again = sum(count - 1 for count in asked.values())
    assert again <= IN_FLIGHT * killed, f"{again} photos were fetched again after {killed} kills"
    assert killed > kills // 2


def seeded() -> random.Random:
    seed = int(os.environ.get("FACECURATE_TEST_SEED", random.randrange(10**6)))
    print(f"seed {seed} (FACECURATE_TEST_SEED)")
    return random.Random(seed)


def test_five_kills_leave_the_same_photos(standin: Standin, tmp_path: Path) -> None:
    check(standin, tmp_path, 5, seeded())


@pytest.mark.soak
def test_fifty_kills_leave_the_same_photos(standin: Standin, tmp_path: Path) -> None:
    draw = seeded()
    for chain in range(10):
        check(standin, tmp_path / str(chain), 5, draw)


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    standin: Standin, tmp_path: Path
) -> None:
    found = Found(standin, FakeClock(), tmp_path)
    before = len(standin.requests)
    process = start(standin, tmp_path)
    while sum(r.host == "images" for r in standin.requests[before:]) < 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output.decode()
    assert b"the same command goes on from here" in output
    check_whole(found)
    finish(standin, tmp_path)
    check_stored(found)
