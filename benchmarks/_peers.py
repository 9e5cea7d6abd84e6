"""Peers in environments of their own, which borrow this one's packages for the rest."""

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


def environment(
    name: str, module: str, packages: Sequence[str], *, needs: bool = False
) -> tuple[str | None, str]:
    """A Python that has the package ``name`` and its version; None and the reason without one.

    module: what of it is imported to try it; packages: what is installed; needs: with
    what these need and this environment lacks.
    """
    folder = Path(tempfile.gettempdir()) / f"facecurate-bench-{name}"
    python = folder / "bin" / "python"
    if not python.exists():
        try:
            venv.create(folder, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return None, f"no environment can be made: {error}"[:200]
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    beside = Path(paths["purelib"]) / "beside.pth"
    beside.write_text(sysconfig.get_paths()["purelib"] + "\n")
    version = f"import {module}; from importlib.metadata import version; print(version('{name}'))"
    asked = [str(python), "-c", version]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        install = [str(python), "-m", "pip", "install", "--quiet", *packages]
        install += [] if needs else ["--no-deps"]
        done = subprocess.run(install, capture_output=True, text=True)
        if not done.returncode:
            done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["it cannot be had"])[-1][:200]
    return str(python), done.stdout.strip().splitlines()[-1]


def run(python: str, program: str, arguments: Sequence[object], threads: int) -> Any:
    """What a program prints as JSON on its last line."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "peer.py"
        script.write_text(program)
        command = [python, str(script), *map(str, arguments)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the peer failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
