"""imagededup in an environment of its own, which borrows this one's packages for the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# imagededup asks for these beside what facecurate has; its own torch is not needed to hash.
PACKAGES = ("imagededup", "PyWavelets", "scikit-learn", "joblib", "threadpoolctl", "narwhals",
            "cloudpickle", "tqdm")  # fmt: skip
FOLDER = Path(tempfile.gettempdir()) / "facecurate-bench-imagededup"

JOIN = """
import json, random, sys, time
from imagededup.methods import PHash
if __name__ == "__main__":
    rng = random.Random(0)
    hashes = {str(n): f"{rng.getrandbits(64):016x}" for n in range(int(sys.argv[1]))}
    began = time.perf_counter()
    PHash(verbose=False).find_duplicates(
        encoding_map=hashes, max_distance_threshold=8, num_dist_workers=int(sys.argv[2])
    )
    print(json.dumps(time.perf_counter() - began))
"""
HASH = """
import json, sys, time
from pathlib import Path
from imagededup.methods import PHash
if __name__ == "__main__":
    files, hasher, costs = sorted(Path(sys.argv[1]).glob("*.jpg")), PHash(verbose=False), []
    for _ in range(int(sys.argv[2])):
        began = time.process_time()
        for file in files:
            hasher.encode_image(image_file=str(file))
        costs.append((time.process_time() - began) / len(files))
    print(json.dumps(costs))
"""


def environment() -> tuple[str | None, str]:
    """A Python that has imagededup and its version; None and the reason if there is none."""
    python = FOLDER / "bin" / "python"
    if not python.exists():
        try:
            venv.create(FOLDER, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return None, f"no environment can be made: {error}"[:200]
    paths = sysconfig.get_paths(vars={"base": str(FOLDER), "platbase": str(FOLDER)})
    beside = Path(paths["purelib"]) / "beside.pth"
    beside.write_text(sysconfig.get_paths()["purelib"] + "\n")
    version = "import imagededup.methods; from importlib.metadata import version; "
    asked = [str(python), "-c", version + "print(version('imagededup'))"]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *PACKAGES]
        done = subprocess.run(install, capture_output=True, text=True)
        if not done.returncode:
            done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["it cannot be had"])[-1][:200]
    return str(python), done.stdout.strip()


def run(python: str, program: str, arguments: Sequence[object], threads: int) -> Any:
    """What a program prints as JSON on its last line."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "peer.py"
        script.write_text(program)
        command = [python, str(script), *map(str, arguments)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"imagededup failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
