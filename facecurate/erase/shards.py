"""Samples out of finished shards: first their bytes and names, later what the shards tell."""

from __future__ import annotations

from collections.abc import Mapping

from facecurate import storage
from facecurate.cards import empty_slots, facts_of, write_cards
from facecurate.erase.parts import read_table
from facecurate.erase.targets import Gone
from facecurate.workspace import Dataset

_TABLES = ("index.parquet", "decisions.parquet", "subset.parquet")


def empty(dataset: Dataset, gone: Gone) -> None:
    """Takes the samples out; the index keeps the numbers of their slots.

    Shards that were never finished have no index: they are deleted, ``shard`` writes them again.
    """
    folder = dataset.path("shards")
    if dataset.has("shards", "dataset.json"):
        empty_slots(folder, _keys(folder, gone), {})
    else:
        storage.delete(folder)


def tell(dataset: Dataset, gone: Gone, moved: Mapping[str, str]) -> None:
    """Cards, counts and lineage as they are now. ``moved``: digests before -> now."""
    folder = dataset.path("shards")
    if dataset.has("shards", "dataset.json"):
        empty_slots(folder, _keys(folder, gone), moved)
        write_cards(folder, facts_of(folder))


def slots(dataset: Dataset, gone: Gone) -> int:
    """How many samples of what is gone have a slot in the shards."""
    url = dataset.path("shards", "index.parquet")
    return sum(map(gone.has, read_table(url)["key"].to_pylist())) if storage.exists(url) else 0


def concerned(workspace: str, gone: Gone) -> set[str]:
    """The datasets whose shards hold or name what is gone: mixtures hold samples of others.

    A mixture whose shards were never finished is one of them: no table says what is in its tars.
    """
    names = {name for name in storage.list(workspace) if name[0] != "."}
    return {
        n
        for n in names
        if _keys(storage.join(workspace, n, "shards"), gone) or _is_begun(Dataset(workspace, n))
    }


def _is_begun(dataset: Dataset) -> bool:
    """Whether a dataset without photos of its own has shards that are not finished."""
    begun = dataset.has("shards") and not dataset.has("shards", "dataset.json")
    return begun and not storage.list(dataset.path("photos"))


def _keys(folder: str, gone: Gone) -> set[str]:
    """The keys that the tables name, and, as a ledger refers to them, those of other sets."""
    found: set[str] = set()
    for name in _TABLES:
        url = storage.join(folder, name)
        if storage.exists(url):
            table = read_table(url)
            found |= {key for key in table["key"].to_pylist() if gone.has(key)}
            if "ref" in table.column_names:
                refs = (ref for ref in table["ref"].to_pylist() if ref)
                found |= {ref for ref in refs if gone.has(ref.rpartition(":")[2])}
    return found
