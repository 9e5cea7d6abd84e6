"""Writes the cards of a folder of shards; ``dataset.json``, the last, says that it is finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate import storage
from facecurate.cards.croissant import croissant
from facecurate.cards.facts import DATASET
from facecurate.cards.readme import dataset_card
from facecurate.pool import json_bytes, sealed

CROISSANT, README, SUBSET = "croissant.json", "README.md", "subset.parquet"
TABLES = ("index.parquet", "decisions.parquet", SUBSET)


def write_cards(folder: str, facts: Mapping[str, Any]) -> None:
    """Writes ``README.md``, ``croissant.json`` and ``dataset.json`` from ``facts_of``.

    The tables that are named there lie in the folder already. Killed between two files, the same
    call again leaves the same bytes.
    """
    present = set(storage.list(folder))
    digests = {f: storage.digest(storage.join(folder, f)) for f in TABLES if f in present}
    storage.write_atomic(storage.join(folder, README), dataset_card(facts).encode())
    described = json_bytes(croissant(facts, digests))
    storage.write_atomic(storage.join(folder, CROISSANT), described)
    for file in (README, CROISSANT):
        digests[file] = storage.digest(storage.join(folder, file))
    told = {**facts, "outputs": dict(sorted(digests.items()))}
    storage.write_atomic(storage.join(folder, DATASET), sealed(told))
