"""Random streams that depend on (seed, step) alone, so that nothing random has to be saved."""

from __future__ import annotations

import numpy as np
import torch


def generator(seed: int, *path: int) -> torch.Generator:
    """A CPU generator for one place of a run, for example ``generator(seed, step, view)``.

    Draws are made on the CPU and moved, so that every device sees the same ones.
    """
    state = np.random.SeedSequence([seed, *path]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
