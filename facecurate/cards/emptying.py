"""Samples taken out of finished shards: their bytes and their names go, their slots stay.

The order makes it safe to be killed in: each shard concerned anew (its tar, then its JSON), then
the index, which until then still names what is left to do, then the other tables. The same call
again finishes it; ``write_cards`` comes after it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from facecurate import slots, storage, tars
from facecurate.cards.facts import DATASET, read_dataset, sample_row, shard_stems
from facecurate.cards.tally import tally_of
from facecurate.cards.writing import SUBSET
from facecurate.errors import DamagedError
from facecurate.pool import PartWriter, read_info, sealed
from facecurate.records import (
    DECISION_SCHEMA,
    INDEX_SCHEMA,
    SUBSET_SCHEMA,
    from_parquet,
    to_parquet,
    to_table,
)
from facecurate.stats import Stats
from facecurate.text import printable


@dataclass(frozen=True, slots=True)
class Emptied:
    """How many slots were emptied, and the shards that were written anew."""

    slots: int
    shards: tuple[str, ...]


def empty_slots(folder: str, keys: Collection[str], moved: Mapping[str, str]) -> Emptied:
    """Takes the samples with these keys out of the shards in ``folder``.

    Their bytes leave the tars, their rows the decisions, and of their rows in the index nothing
    but the slot is left, so that the order of all others stays. Only shards that hold one of them
    are written anew. ``keys`` may name faces that are not in the shards: their decisions go.
    ``moved``: digest before -> digest now, of each file and each whole pool that the caller has
    changed: where the shards name the one as what they were made from, they name the other now.
    """
    gone = pa.array(sorted(keys), pa.string())
    url = storage.join(folder, "index.parquet")
    data = storage.read(url)
    index = from_parquet(data, INDEX_SCHEMA, url).select(INDEX_SCHEMA.names)
    named = index.filter(pc.is_in(index["key"], value_set=gone))
    shards = sorted(set(map(str, named["shard"].to_pylist())))
    if others := set(shards).difference(f"{stem}.tar" for stem in shard_stems(folder)):
        raise DamagedError(f"{url} names {printable(min(others), 80)}, which is no shard of it")
    for shard in shards:
        _rewrite(folder, shard.removesuffix(".tar"), frozenset(keys))
    _move_inputs(folder, moved)
    if shards:
        left = slots.with_slots(
            _reindexed(index, folder, shards, gone), slots.shard_of(data, index)
        )
        storage.write_atomic(url, to_parquet(left))
    _thin_decisions(folder, gone)
    _thin(folder, SUBSET, SUBSET_SCHEMA, gone)
    _move_lineage(folder, moved)
    return Emptied(len(named), tuple(shards))


def _rewrite(folder: str, stem: str, gone: Collection[str]) -> None:
    about = json.loads(storage.read(storage.join(folder, f"{stem}.json")))
    part, rows = PartWriter(folder, stem), []
    with part.file("tar") as file:
        tar = tars.TarWriter(file)
        url = storage.join(folder, f"{stem}.tar")
        for name, data in tars.read_members(url):
            if name.partition(".")[0] not in gone:
                tar.add(name, data)
                if name.endswith(".json"):
                    rows.append(sample_row(data, f"{url}: {name}"))
        tar.close()
    told = {
        "outputs": part.outputs,
        "stats": Stats.of("faces", [None] * len(rows)).to_json(),
        "result": tally_of(rows),
    }
    storage.write_atomic(storage.join(folder, f"{stem}.json"), sealed(about | told))


def _move_inputs(folder: str, moved: Mapping[str, str]) -> None:
    """Every shard names the parts that it was made from, also those that lost nothing."""
    for stem in shard_stems(folder):
        url = storage.join(folder, f"{stem}.json")
        inputs = dict(read_info(url).inputs)
        now = {name: moved.get(digest, digest) for name, digest in inputs.items()}
        if now != inputs:
            about = json.loads(storage.read(url))
            storage.write_atomic(url, sealed(about | {"inputs": now}))


def _reindexed(index: pa.Table, folder: str, shards: list[str], gone: pa.Array) -> pa.Table:
    """The same slots: those of the shards written anew say where their bytes lie now."""
    concerned = pc.fill_null(pc.is_in(index["shard"], value_set=pa.array(shards)), False)
    places = np.flatnonzero(concerned.to_numpy(zero_copy_only=False))
    found = {shard: tars.index(storage.join(folder, shard)) for shard in shards}
    lost = set(gone.to_pylist())
    rows = [
        {} if row["key"] in lost else _slot(row, found[row["shard"]])
        for row in index.take(places).to_pylist()
    ]
    order = np.arange(len(index))
    order[places] = len(index) + np.arange(len(rows))
    return pa.concat_tables([index, to_table(rows, INDEX_SCHEMA)]).take(order)


def _slot(row: Mapping[str, Any], members: Mapping[str, tars.Member]) -> dict[str, Any]:
    picture, told = members[f"{row['key']}.jpg"], members[f"{row['key']}.json"]
    places = {"offset": picture.offset, "size": picture.size}
    return {**row, **places, "json_offset": told.offset, "json_size": told.size}


def _thin_decisions(folder: str, gone: pa.Array) -> None:
    """Without the rows of what is gone; who was a copy of it is a copy of nobody named."""
    url = storage.join(folder, "decisions.parquet")
    table = from_parquet(storage.read(url), DECISION_SCHEMA, url).select(DECISION_SCHEMA.names)
    left = table.filter(pc.invert(pc.is_in(table["key"], value_set=gone)))
    pointed = pc.is_in(left["ref"], value_set=gone)
    if len(left) == len(table) and not pc.any(pointed).as_py():
        return
    refs = pc.if_else(pointed, pa.scalar(None, pa.string()), left["ref"])
    left = left.set_column(left.schema.get_field_index("ref"), DECISION_SCHEMA.field("ref"), refs)
    storage.write_atomic(url, to_parquet(left.cast(DECISION_SCHEMA)))


def _thin(folder: str, file: str, schema: pa.Schema, gone: pa.Array) -> None:
    url = storage.join(folder, file)
    if not storage.exists(url):
        return
    table = from_parquet(storage.read(url), schema, url)
    left = table.filter(pc.invert(pc.is_in(table["key"], value_set=gone)))
    if len(left) < len(table):
        storage.write_atomic(url, to_parquet(left))


def _move_lineage(folder: str, moved: Mapping[str, str]) -> None:
    """``dataset.json`` is right again only when the cards are written; its lineage moves before."""
    about = read_dataset(folder)
    before = about.get("lineage", {})
    lineage = {name: moved.get(digest, digest) for name, digest in before.items()}
    if lineage != before:
        storage.write_atomic(storage.join(folder, DATASET), sealed(about | {"lineage": lineage}))
