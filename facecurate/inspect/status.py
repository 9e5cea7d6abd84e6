"""``status``: the stages of a dataset, their state and their counts."""

from __future__ import annotations

from dataclasses import dataclass

from facecurate import storage
from facecurate.cards.facts import read_dataset
from facecurate.errors import FacecurateError
from facecurate.inspect.parts import relative
from facecurate.inspect.tables import PAGES, TABLES, quality
from facecurate.pool import Pool, pools, read_info
from facecurate.stats import Stats
from facecurate.text import counted
from facecurate.workspace import Dataset


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a dataset: its state and its counts."""

    name: str
    state: str
    stats: Stats


def status(dataset: Dataset) -> list[Stage]:
    """The stages of a dataset in the order of the chain."""
    if not (storage.list(dataset.path("photos")) or dataset.has("shards", "dataset.json")):
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    stages = []
    photos = set(Pool(dataset.path("photos")).stems())
    for pool in pools(dataset.url):
        behind = len(photos.difference(pool.stems()))
        state = counted(len(pool.stems()), "part") + (f", {behind} to do" if behind else "")
        stages.append(Stage(relative(dataset, pool), state, pool.stats()))
    for stem in (*quality(dataset), *(name for name in TABLES if name not in PAGES)):
        if dataset.has(f"{stem}.json"):
            stages.append(Stage(stem, "done", read_info(dataset.path(f"{stem}.json")).stats))
    if dataset.has("shards", "dataset.json"):
        summary = read_dataset(dataset.path("shards"))
        state = counted(len(summary["shards"]), "shard")
        stages.append(Stage("shards", state, Stats.from_json(summary["stats"])))
    return stages
