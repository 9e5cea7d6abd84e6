"""Pairs of face crops laid on each other, by worker processes; each pair is told by itself alone.

So the agreements are the same whatever the number of workers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.copies.crops import Crops
from facecurate.similar import register
from facecurate.workers import Progress, Task, map_tasks, silent

TASK = 1000
"""Pairs of a task, about ten seconds: more than a process takes to start."""

Pair = tuple[int, int, bool]


class Registration:
    """Says of pairs of faces how well they agree; the faces by their rows in two datasets."""

    def __init__(
        self, ours: Crops, theirs: Crops, *, workers: int = 0, progress: Progress = silent
    ) -> None:
        self._ours, self._theirs = ours, theirs
        self._workers, self._progress = workers, progress

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """(N,) agreements; below ``register.SAME`` only known to be below it."""
        several = self._workers > 1 and len(pairs) > TASK
        with tempfile.TemporaryDirectory() as folder:
            tasks = list(self._tasks(folder, pairs))
            map_tasks(
                _register,
                tasks,
                workers=self._workers,
                in_process=not (several and self._ours.is_shared and self._theirs.is_shared),
                total=len(pairs),
                progress=self._progress,
            )
            found = [_read(task) for task in tasks]
        return np.concatenate(found) if found else np.empty(0)

    def _tasks(self, folder: str, pairs: Sequence[Pair]) -> Iterator[_Part]:
        for start in range(0, len(pairs), TASK):
            chosen = pairs[start : start + TASK]
            ours, i = self._ours.part([i for i, _, _ in chosen])
            theirs, j = self._theirs.part([j for _, j, _ in chosen])
            flipped = tuple(mirrored for _, _, mirrored in chosen)
            ends = tuple(zip(i, j, flipped, strict=True))
            yield _Part(f"{start // TASK:05d}", folder, ours, theirs, ends)


@dataclass(frozen=True, slots=True)
class _Part(Task):
    """Some pairs, and the faces that they name."""

    folder: str
    ours: Crops
    theirs: Crops
    pairs: tuple[Pair, ...]

    @property
    def file(self) -> str:
        return storage.join(self.folder, self.name)


def _register(part: _Part, tick: Callable[[int], None]) -> None:
    agreed = np.empty(len(part.pairs))
    for n, (i, j, flipped) in enumerate(part.pairs):
        one, two = part.ours.view(i), part.theirs.view(j)
        two = register.mirrored(two) if flipped else two
        agreed[n] = register.agreement(one, two, register.SAME)
        tick(1)
    storage.write_atomic(part.file, agreed.tobytes())


def _read(part: _Part) -> NDArray[np.float64]:
    return np.frombuffer(storage.read(part.file), np.float64)
