"""litdata in an environment of its own, which borrows this one's packages for the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
import venv
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / "facecurate-bench-litdata"

PROGRAM = """
import io, json, sys, tarfile, tempfile, time, warnings
import torch
from pathlib import Path
from PIL import Image
warnings.simplefilter("ignore")
from litdata import StreamingDataset
from litdata.streaming.writer import BinaryWriter

def write(tars, folder):
    writer, number = BinaryWriter(folder, chunk_bytes="64MB"), 0
    for path in sorted(Path(tars).glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".jpg"):
                    data = tar.extractfile(member).read()
                    writer[number] = {"image": Image.open(io.BytesIO(data))}
                    number += 1
    writer.done()
    writer.merge()

def epoch(dataset, size):
    batch, count = [], 0
    for sample in dataset:
        batch.append(sample["image"])
        if len(batch) == size:
            count += len(torch.stack(batch))
            batch = []
    return count

if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write(sys.argv[1], folder)
        dataset, costs = StreamingDataset(folder, shuffle=True), []
        for _ in range(1 + int(sys.argv[3])):
            began = time.process_time()
            count = epoch(dataset, int(sys.argv[2]))
            costs.append((time.process_time() - began) / count)
    print(json.dumps(costs[1:]))
"""


def environment() -> tuple[str | None, str]:
    """A Python that has litdata and its version; None and the reason if there is none."""
    python = FOLDER / "bin" / "python"
    if not python.exists():
        try:
            venv.create(FOLDER, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return None, f"no environment can be made: {error}"[:200]
    paths = sysconfig.get_paths(vars={"base": str(FOLDER), "platbase": str(FOLDER)})
    beside = Path(paths["purelib"]) / "beside.pth"
    beside.write_text(sysconfig.get_paths()["purelib"] + "\n")
    version = "import litdata; from importlib.metadata import version; print(version('litdata'))"
    asked = [str(python), "-c", version]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        install = [str(python), "-m", "pip", "install", "--quiet", "litdata"]
        done = subprocess.run(install, capture_output=True, text=True)
        if not done.returncode:
            done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["it cannot be had"])[-1][:200]
    return str(python), done.stdout.strip().splitlines()[-1]


def seconds(python: str, tars: str, batch: int, rounds: int) -> list[float]:
    """Processor seconds an image, one entry a round: decoded, stacked into batches, shuffled."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "peer.py"
        script.write_text(PROGRAM)
        command = [python, str(script), tars, str(batch), str(rounds)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"litdata failed: {done.stderr[-2000:]}")
    return list(json.loads(done.stdout.strip().splitlines()[-1]))
