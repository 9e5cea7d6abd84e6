"""Images per second of the crawler's fetcher, against img2dataset on the same server and list.

    python benchmarks/crawl.py [--quick] [--json FILE] [--img2dataset PYTHON]

Both run in a process of their own, pinned to one core, against the stand-in for Flickr, limits
lifted, pictures of 1024 pixels. Ours checks every picture (decoded strictly, end marker, announced
size and length, robots.txt and X-Robots-Tag), strips GPS, and syncs each file to the disk.
img2dataset runs in three ways: as it comes (resized to 256 pixels, encoded anew), with its resizing
off but every picture decoded, and storing what is sent without a look, which verifies nothing and
so has no bar; its reading of EXIF is off. A rate is the difference between a long and a short
list, so that the start is not counted: per second of processor time (the bar), and per second of
the clock, in which the server has its part. Medians over the rounds; the programs take turns.

img2dataset comes into an environment of its own below a temporary folder, or is used from the
Python given by --img2dataset; where it cannot be had, the table says "not run" and why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from _figures import Figure, table, write
from _machine import machine

ROOT = Path(__file__).resolve().parents[1]
THREADS = 8
IMG2DATASET = """
import json, sys
from img2dataset import download
if __name__ == "__main__":
    download(
        url_list=sys.argv[1], output_folder=sys.argv[2], input_format="parquet", url_col="url",
        output_format="files", processes_count=1, thread_count=int(sys.argv[3]), retries=0,
        extract_exif=False, enable_wandb=False, number_sample_per_shard=100000, timeout=30,
        **json.loads(sys.argv[4]),
    )
"""
# Name -> what the table says, settings, whether the bar holds against it.
WAYS = {
    "resized": ("as it comes", {}, True),
    "decoded": ("decoded", {"resize_mode": "no", "skip_reencode": True}, True),
    "sent": ("stored unseen", {"resize_mode": "no", "disable_all_reencoding": True}, False),
}


@dataclass(frozen=True)
class Spent:
    """What one run cost."""

    images: int
    cpu: float  # seconds, user and system, with its children
    wall: float


@dataclass(frozen=True)
class Lists:
    """A short and a long list: Parquet files with a column ``url``, and how many each has."""

    short: tuple[str, int]
    long: tuple[str, int]


def fetch(urls: str, folder: str) -> None:
    """Ours: fetches a list into a folder; runs in a process of its own."""
    import pyarrow.parquet as pq

    from facecurate.fetch import FetchSettings, ImageFetcher, LocalBudgets, Wanted

    rows = pq.read_table(urls).to_pylist()
    wanted = [Wanted(f"photo-{i}", r["url"], r["width"], r["height"]) for i, r in enumerate(rows)]
    settings = FetchSettings(
        folder=folder,
        local=(rows[0]["url"].split("/")[2],),
        threads=THREADS,
        connections=THREADS,
    )
    got: list[str | None] = []
    ImageFetcher(settings, LocalBudgets()).fetch_many(wanted, lambda one: got.append(one.reason))
    if got.count(None) != len(rows):
        raise SystemExit(f"only {got.count(None)} of {len(rows)} came: {set(got)}")


def spend(command: Sequence[str], folder: str, images: int) -> Spent:
    """Runs a program on one core and checks that all images are in its folder."""
    core = min(os.sched_getaffinity(0))
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
    }
    log = Path(folder).with_suffix(".log")
    with log.open("wb") as out:
        began = time.perf_counter()
        child = subprocess.Popen(
            command,
            env=env,
            stdout=out,
            stderr=out,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
    found = sum(1 for _ in Path(folder).rglob("*.jpg"))
    if child.returncode or found != images:
        raise SystemExit(f"{found} of {images} images came\n{log.read_text()[-2000:]}")
    return Spent(images, used.ru_utime + used.ru_stime, wall)


def rates(
    program: Callable[[str, str], Sequence[str]], lists: Lists, folder: str
) -> tuple[float, float]:
    """Images per second of processor time, and of the clock, without starting up."""
    costs = []
    for number, (urls, images) in enumerate((lists.short, lists.long)):
        target = os.path.join(folder, f"{time.monotonic_ns()}-{number}")
        os.makedirs(target)
        costs.append(spend(program(urls, target), target, images))
    few, many = costs
    images = many.images - few.images
    return images / (many.cpu - few.cpu or 1), images / (many.wall - few.wall or 1)


@contextlib.contextmanager
def serving(images: int) -> Iterator[list[dict[str, object]]]:
    """The stand-in and the addresses of its pictures."""
    sys.path.insert(0, str(ROOT / "tests"))
    from flickr_standin import Standin, World

    world = World(photos=images * 2, seed=1, odd=0.0)
    with Standin(world, pool=4) as standin:
        rows: list[dict[str, object]] = []
        page = 1
        while len(rows) < images:
            reply = standin.search(
                {
                    "api_key": standin.key,
                    "text": world.term,
                    "extras": "url_l",
                    "per_page": "500",
                    "page": str(page),
                    "license": "1,2,4,5,7,8,9,10,11,12,14,15",
                }
            )["photos"]
            rows += [
                {"url": p["url_l"], "width": int(p["width_l"]), "height": int(p["height_l"])}
                for p in reply["photo"]
                if "url_l" in p
            ]
            page += 1
            if page > int(reply["pages"]) + 1:
                raise SystemExit(f"the stand-in has only {len(rows)} pictures")
        yield rows[:images]


def written(rows: list[dict[str, object]], folder: str, few: int) -> Lists:
    """The lists as files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = []
    for count in (few, len(rows)):
        names.append((os.path.join(folder, f"urls-{count}.parquet"), count))
        pq.write_table(pa.Table.from_pylist(rows[:count]), names[-1][0])
    return Lists(*names)


def environment(folder: str, python: str | None) -> tuple[str | None, str]:
    """A Python that has img2dataset and its version; None and the reason if there is none."""
    if python is None:
        try:
            venv.create(os.path.join(folder, "img2dataset"), with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return None, f"no environment can be made: {error}"[:200]
        python = os.path.join(folder, "img2dataset", "bin", "python")
        install = [python, "-m", "pip", "install", "--quiet", "img2dataset"]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            return None, (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]
    version = "from importlib.metadata import version; print(version('img2dataset'))"
    done = subprocess.run([python, "-c", version], capture_output=True, text=True)
    return (None, "it cannot be imported") if done.returncode else (python, done.stdout.strip())


def measure(
    lists: Lists, folder: str, rounds: int, python: str | None
) -> dict[str, list[tuple[float, float]]]:
    """Name -> the rates of each round."""
    script = os.path.join(folder, "peer.py")
    Path(script).write_text(IMG2DATASET)
    programs: dict[str, Callable[[str, str], Sequence[str]]] = {
        "ours": lambda urls, out: [sys.executable, __file__, "--fetch", urls, out]
    }
    for how, (_, settings, _) in WAYS.items() if python else ():
        programs[how] = partial(_peer, str(python), script, json.dumps(settings))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for program in programs.values():  # files of code come into memory
        rates(program, Lists(lists.short, lists.short), folder)
    for _ in range(rounds):
        for name, program in programs.items():
            found[name].append(rates(program, lists, folder))
    return found


def _peer(python: str, script: str, settings: str, urls: str, out: str) -> list[str]:
    return [python, script, urls, out, str(THREADS), settings]


def figures(found: dict[str, list[tuple[float, float]]], version: str) -> list[Figure]:
    """The medians, ours against each way of the peer."""
    here, lines = machine("client on 1"), []
    for place, unit in enumerate(("images per CPU-second", "images/s")):
        median = {name: statistics.median(r[place] for r in runs) for name, runs in found.items()}
        lines.append(Figure("fetch, verified", median["ours"], unit, None, None, here))
        for how, (told, _, counts) in WAYS.items():
            if how in median:
                bar = 1.0 if place == 0 and counts else None
                name = f"fetch against img2dataset {version}, {told}"
                lines.append(Figure(name, median["ours"], unit, bar, median[how], here))
    return lines


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Images per second of the crawler's fetcher.")
    parser.add_argument(
        "--quick", action="store_true", help="1 round of 1,000 images, not 5 of 3,000"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--img2dataset", metavar="PYTHON", help="a Python that has img2dataset")
    parser.add_argument("--fetch", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.fetch:
        fetch(*chosen.fetch)
        return
    images, rounds = (1000, 1) if chosen.quick else (3000, 5)
    with tempfile.TemporaryDirectory() as folder:
        python, version = environment(folder, chosen.img2dataset)
        with serving(images) as rows:
            lists = written(rows, folder, images // 10)
            found = measure(lists, folder, rounds, python)
    lines = figures(found, version)
    print(table(lines))
    if python is None:
        print(f"img2dataset: not run: {version}")
    print(lines[0].machine)
    write(chosen.json, lines)


if __name__ == "__main__":
    main()
