"""The package retinaface-pytorch as its own ``Model`` runs it, one picture a call."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import torch

# What its predict_single imports beside torch, numpy, scipy and OpenCV, which are here: installed
# without dependencies into a folder at the end of the path, so that nothing of ours is replaced.
NEEDS = (
    "retinaface-pytorch",
    "iglovikov-helper-functions",
    "albumentations==2.0.8",
    "albucore==0.0.24",
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "stringzilla",
    "simsimd",
    "pyyaml",
    "addict",
    "jpeg4py",
    "cffi",
    "pycparser",
)


def installed(folder: str) -> str | None:
    """Puts the package's requirements into ``folder``; None, or why that failed."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    ran = subprocess.run([*pip, *NEEDS], capture_output=True, text=True)
    if ran.returncode:
        return ran.stderr.strip().splitlines()[-1]
    sys.path.append(folder)
    return None


def model(size: int, state: dict[str, torch.Tensor], device: str) -> Any:
    """The package's model for pictures of at most ``size`` pixels with the weights ``state``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from retinaface.predict_single import Model

        made = Model(size, device)
    made.load_state_dict(state)
    made.eval()
    return made
