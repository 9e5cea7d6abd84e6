"""Which shard each slot of ``index.parquet`` belongs to, also where a take-down emptied the slot.

An emptied slot names no shard. Between two splits nobody could tell whose it is, and a split whose
slots are counted otherwise is read in another order; so the index's metadata say how many slots
each shard has from when the first of them is emptied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SLOTS = b"facecurate.slots"


def shard_of(data: bytes, index: pa.Table) -> pa.Array:
    """(N,) the shard of every slot. ``data``: the bytes that ``index`` was read from.

    Where they do not tell, an emptied slot counts to the shard before it.
    """
    names = index["shard"].combine_chunks()
    if names.null_count == 0:
        return names
    told = _repeated(_told(data), len(names))
    if told is not None and pc.all(pc.equal(told, names)).as_py() is not False:
        return told
    return pc.fill_null(pc.fill_null_backward(pc.fill_null_forward(names)), "")


def with_slots(index: pa.Table, shards: pa.Array) -> pa.Table:
    """The index with the number of slots of each shard. shards: (N,) as ``shard_of`` gives."""
    coded = shards.dictionary_encode()
    counts = np.bincount(coded.indices.to_numpy(zero_copy_only=False)).tolist()
    told = json.dumps(dict(zip(coded.dictionary.to_pylist(), counts, strict=True)))
    return index.replace_schema_metadata({**(index.schema.metadata or {}), SLOTS: told.encode()})


def _told(data: bytes) -> Mapping[str, int]:
    """Slots by shard, in the order of the shards; nothing where nothing usable is told."""
    metadata = pq.read_schema(pa.BufferReader(data)).metadata or {}
    try:
        found = json.loads(metadata.get(SLOTS, b"{}"))
    except ValueError:
        return {}
    usable = isinstance(found, dict) and all(type(n) is int and n >= 0 for n in found.values())
    return found if usable else {}


def _repeated(counts: Mapping[str, int], total: int) -> pa.Array | None:
    if sum(counts.values()) != total:
        return None
    places = np.repeat(np.arange(len(counts)), list(counts.values()))
    return pa.array(list(counts), pa.string()).take(pa.array(places))
