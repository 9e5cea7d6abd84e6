"""``--mix``: several datasets of a workspace in one folder of shards, or a drawn part of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from facecurate import storage
from facecurate.datasets import manifest
from facecurate.datasets.manifest import Manifest
from facecurate.errors import FacecurateError, UsageError
from facecurate.records import LABEL_COLUMNS
from facecurate.shard.ledger import Ledger
from facecurate.shard.plan import place
from facecurate.shard.sources import Source, column_of
from facecurate.workspace import Dataset, Workspace, links

_COLUMNS: Mapping[str, tuple[str, ...]] = {  # a manifest's word for a label -> columns that tell it
    "landmarks": ("points",),
    "visibility": ("points_visible",),
    "identity": ("label_identity", "subject"),
    "subject": ("subject",),
    "au-intensity": ("label_au",),
    "valence": ("label_valence",),
    "arousal": ("label_arousal",),
    "expression": ("label_expression",),
    "pose": ("label_pose",),
    "mesh": ("label_mesh",),
}


@dataclass(frozen=True, slots=True)
class Mixture:
    """What is mixed. parts: known names and the datasets that stand for them here."""

    id: str
    parts: Mapping[str, Dataset]
    missing: tuple[str, ...]
    drawn: int | None  # photos, by seed
    without: tuple[str, ...]  # columns that its samples do not tell

    def settings(self) -> dict[str, object]:
        """What decides the content: two mixtures of other parts are not comparable."""
        return {"name": self.id, "parts": list(self.parts), "drawn": self.drawn}

    def sources(self) -> list[Source]:
        """The parts in the order of the manifest."""
        datasets = self.parts.values()
        return [Source(one, number, f"{one.name}/") for number, one in enumerate(datasets)]

    def keep_training(self, ledgers: Sequence[Ledger]) -> None:
        """Drops faces of photos that are in no training part of a known dataset."""
        for part, ledger in zip(self.parts, ledgers, strict=True):
            names = _training_splits(part)
            split = ledger.rows["split"]
            if names:
                inside = pc.is_in(split, value_set=pa.array(names, pa.string()))
                outside = pc.and_(pc.is_valid(split), pc.invert(inside))
                ledger.drop(np.array(outside), "shard", "not_training")

    def draw(self, ledgers: Sequence[Ledger], seed: int) -> int:
        """Drops the faces of all photos but those drawn; how many photos are left."""
        photos = sorted(
            {id for ledger in ledgers for id in _kept_photos(ledger)},
            key=lambda id: place(f"draw/{seed}", id),
        )
        if self.drawn is not None:
            photos = photos[: self.drawn]
            chosen = pa.array(photos, pa.string())
            for ledger in ledgers:
                outside = pc.invert(pc.is_in(ledger.rows["photo_id"], value_set=chosen))
                ledger.drop(np.array(outside), "shard", "not_in_subset")
        return len(photos)


def read_mixture(workspace: str, word: str) -> Mixture:
    """The mixture of a known name, or of a manifest's file (``*.toml``).

    A part is the workspace's dataset of that name, else the one that a rendered stand-in is linked
    from. Raises FacecurateError for parts that are missing where the manifest does not allow it,
    UsageError for a manifest that has no parts.
    """
    told = _manifest(word)
    if not told.parts:
        raise UsageError(f"{told.id} is no mixture: its manifest names no parts")
    here = {part: _dataset(workspace, part) for part in told.parts}
    parts = {part: dataset for part, dataset in here.items() if dataset is not None}
    missing = tuple(part for part, dataset in here.items() if dataset is None)
    if missing and (not parts or not told.parts_may_be_missing):
        raise FacecurateError(
            f"{told.id} lacks {', '.join(missing)}: 'facecurate datasets show {missing[0]}' says "
            f"how to get it; then 'facecurate import {missing[0]}' and detect"
        )
    shown = {column for label in told.labels for column in _COLUMNS.get(label, ())}
    without = tuple(c for c in (*LABEL_COLUMNS, "subject") if c not in shown)
    return Mixture(told.id, parts, missing, told.drawn, without)


def _manifest(word: str) -> Manifest:
    if not word.endswith(".toml"):
        return manifest.load(word)
    id = storage.name(word).removesuffix(".toml")
    return manifest.parse(storage.read(word).decode("utf-8", "replace"), id)


def _dataset(workspace: str, part: str) -> Dataset | None:
    """The dataset that stands for a part: by its name, or by the link of that name."""
    names = set(Workspace(workspace).names())
    linked = [link.name for link in links(workspace).get(part, []) if link.name]
    found = next((name for name in (part, *linked) if name in names), None)
    return Dataset(workspace, found) if found else None


def _training_splits(part: str) -> list[str]:
    if part not in manifest.names():
        return []
    return [split.name for split in manifest.load(part).splits if split.role == "train"]


def _kept_photos(ledger: Ledger) -> list[str]:
    photos: list[str] = column_of(ledger.rows, "photo_id").filter(pa.array(ledger.kept)).to_pylist()
    return photos
