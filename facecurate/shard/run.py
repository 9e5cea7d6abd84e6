"""The steps of ``shard``: decide, order, cut, write what is missing, describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import FacecurateError, UsageError
from facecurate.pool import Pool, Room, check_settings
from facecurate.shard import finish
from facecurate.shard.ledger import Ledger
from facecurate.shard.mixture import Mixture, read_mixture
from facecurate.shard.plan import cut, keys_digest, seeded_order, weights_of
from facecurate.shard.sources import Source
from facecurate.shard.splits import assign, parse_split
from facecurate.shard.subset import keep_subset, subset_digest
from facecurate.shard.writer import Rows, ShardTask, write_shard
from facecurate.stats import Stats
from facecurate.workers import Progress, map_tasks, silent
from facecurate.workspace import Dataset

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
WHOLE = "train=1.0"


def shard(
    dataset: Dataset,
    *,
    shard_size: str = "512MB",
    split: str = WHOLE,
    mix: str | None = None,
    subset: str | None = None,
    seed: int = 0,
    keep_embeddings: bool = False,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Writes ``shards/`` from the kept faces and says of each face why it is in or out.

    ``split``: shares of the faces by the names of their tars. ``mix``: a mixture's name or manifest
    file; its parts are datasets of the same workspace, and ``dataset`` holds the shards alone.
    ``subset``: a list of keys to keep. Vectors of collected photos are deleted when the shards are
    finished, unless ``keep_embeddings``. Raises FacecurateError when an earlier step is stale or
    missing or no face is left, SettingsError when the shards were written with other settings.
    """
    size, shares = _bytes(shard_size), parse_split(split)
    mixture = read_mixture(dataset.workspace, mix) if mix else None
    if mixture and storage.list(dataset.path("photos")):
        raise UsageError(f"{dataset.name} has photos of its own: give the mixture another name")
    sources = mixture.sources() if mixture else [Source(dataset)]
    with _locked(dataset, sources) as taken_over:
        settings: dict[str, Any] = {
            "shard_size": size,
            "seed": seed,
            "subset": subset_digest(subset) if subset else None,
            "compression": "none",
        }
        if list(shares) != ["train"]:
            settings["split"] = {name: float(share) for name, share in shares.items()}
        if mixture:
            settings["mix"] = mixture.settings()
        job = _Job.decide(sources, mixture, subset, seed)
        folder = dataset.path("shards")
        if redo:  # only now: what cannot be made again stays
            storage.delete(folder)
        storage.sweep(folder)
        _check(folder, settings)
        made = finish.Made(dataset, sources, job.ledgers, job.remarks, settings, mixture)
        if not made.is_current():
            samples = job.samples()
            split_of = assign(job.ledgers, shares, seed)
            tasks = list(
                _tasks(folder, sources, samples, split_of, list(shares), settings, mixture)
            )
            _write(made, tasks, workers, progress)
        stats = made.describe()
        notes = [] if keep_embeddings else list(finish.drop_vectors(sources))
        return stats.noted(taken_over or "", *job.remarks, *notes)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", text.strip().upper())
    if not match or match[2] not in _UNITS:
        raise UsageError(f"--shard-size {text} is no size: write 512MB, 1GB or a number of bytes")
    size = int(float(match[1]) * _UNITS[match[2]])
    if size < 4096:
        raise UsageError(f"--shard-size {text} holds no face: give at least 4KB")
    return size


@contextmanager
def _locked(dataset: Dataset, sources: Sequence[Source]) -> Iterator[str | None]:
    """Holds the dataset, and those that are read if they are others."""
    with ExitStack() as stack:
        left = stack.enter_context(dataset.lock("shard"))
        for source in sources:
            if source.dataset != dataset:
                stack.enter_context(source.dataset.lock("shard"))
        yield left


def _check(folder: str, settings: Mapping[str, Any]) -> None:
    url = storage.join(folder, "dataset.json")
    if storage.exists(url):
        check_settings(finish.read_settings(folder), settings, "shards")


@dataclass(frozen=True, slots=True)
class _Job:
    """What was decided about every face of every source."""

    sources: Sequence[Source]
    ledgers: Sequence[Ledger]
    remarks: tuple[str, ...]

    @staticmethod
    def decide(
        sources: Sequence[Source], mixture: Mixture | None, subset: str | None, seed: int
    ) -> _Job:
        """Reads what the earlier steps decided. Raises FacecurateError if no face is left."""
        for source in sources:
            source.check()
        ledgers = [Ledger.read(source) for source in sources]
        remarks = list(finish.steps_of(sources, ledgers)[1])
        if mixture:
            mixture.keep_training(ledgers)
            left = mixture.draw(ledgers, seed)
            if mixture.drawn is not None and left < mixture.drawn:
                remarks.append(f"only {left:,} photos, not {mixture.drawn:,}")
            remarks += [f"without {part}" for part in mixture.missing]
        if subset:
            remarks += keep_subset(ledgers, subset, " or ".join(s.dataset.name for s in sources))
        if not any(ledger.kept.any() for ledger in ledgers):
            told = sum((ledger.stats() for ledger in ledgers), Stats())
            names = ", ".join(source.dataset.name for source in sources)
            raise FacecurateError(f"no face of {names} is left for shards ({told})")
        return _Job(sources, ledgers, tuple(remarks))

    def samples(self) -> pa.Table:
        """The kept faces of all sources."""
        tables = [
            source.samples(ledger.kept)
            for source, ledger in zip(self.sources, self.ledgers, strict=True)
        ]
        return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _tasks(
    folder: str,
    sources: Sequence[Source],
    samples: pa.Table,
    split_of: NDArray[np.int8],
    names: Sequence[str],
    settings: Mapping[str, Any],
    mixture: Mixture | None,
) -> Iterator[ShardTask]:
    """Cuts the seeded order of each split into tars of at most ``shard_size`` bytes."""
    order = seeded_order(samples["key"].combine_chunks(), settings["seed"])
    weights = weights_of(samples)
    part, source = (samples[c].to_numpy() for c in ("at_part", "at_source"))
    lineage = {s.number: s.inputs() for s in sources}
    pools = tuple(s.faces.url for s in sources)
    for number, name in enumerate(names):
        mine = order[split_of[order] == number]
        for i, places in enumerate(cut(mine, weights, settings["shard_size"])):
            inputs: dict[str, str] = {}
            for one in np.unique(source[places]).tolist():
                for stem in np.unique(part[places][source[places] == one]).tolist():
                    inputs |= lineage[one][stem]
            rows = Rows(samples, places)
            inputs["keys"] = keys_digest(rows.keys())
            without = mixture.without if mixture else ()
            yield ShardTask(f"{name}-{i:06d}", folder, pools, rows, settings, inputs, without)


def _write(made: finish.Made, tasks: Sequence[ShardTask], workers: int, progress: Progress) -> None:
    """Writes the tars that are not there, and then the tables about all of them."""
    folder = made.folder
    finish.remove_others(folder, {task.name for task in tasks})
    missing = [task for task in tasks if not task.is_current()]
    # Until the tars are written, both would speak of others.
    for file in ("dataset.json", "index.parquet"):
        storage.delete(storage.join(folder, file))
    room = Room(folder, len(missing))
    map_tasks(
        write_shard,
        missing,
        workers=workers,
        in_process=not storage.is_shared(folder),
        total=sum(len(task.rows) for task in missing),
        progress=progress,
        finished=lambda task: room.check(Pool(folder), task.name),
    )
    made.write_tables([task.name for task in tasks])
