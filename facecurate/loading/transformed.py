"""Anyone's transform of one picture, made exact: its random numbers depend on the place alone."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from facecurate.loading.batch import Batch, no_images
from facecurate.loading.order import Part
from facecurate.loading.shards import FaceShards


class Transformed:
    """``batches(..., make=Transformed(transform))`` for torchvision's, timm's or lightly's.

    transform: called with each crop as a Pillow image (RGB, at its stored size); must be picklable
    where there are workers. Before each call the global generators of ``random``, NumPy and torch
    (CPU) are seeded by (seed, number of the batch, place in the global batch), so that a resumed
    stream, or one of another world, repeats what the transform drew. Afterwards they are as they
    were. ``Batch.views`` is what torch's ``default_collate`` makes of the results; () where no
    picture is left.
    """

    def __init__(self, transform: Callable[[Image.Image], Any], *, seed: int = 0) -> None:
        self.transform = transform
        self.seed = seed

    def __call__(self, shards: FaceShards, part: Part) -> Batch:
        """The transformed pictures of a part. Raises DamagedError unless damage is skipped."""
        from torch.utils.data import default_collate

        def one(i: int, place: int) -> Any:
            picture = Image.fromarray(shards.reduced(i))
            _seed(self.seed, part.number, place)
            return self.transform(picture)

        with _random_state_kept():
            kept = shards.each(part, one)
        views = default_collate(kept.made) if kept.made else ()
        return kept.batch(shards, part, no_images(), views)


def _seed(*path: int) -> None:
    states = np.random.SeedSequence(path).generate_state(3)
    random.seed(int(states[0]))
    np.random.seed(states[1])
    torch.default_generator.manual_seed(int(states[2]))


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    ours, numpys, torchs = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)
        torch.set_rng_state(torchs)
