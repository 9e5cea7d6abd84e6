"""One tar of a dataset: crops copied byte for byte, each followed by its row as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from facecurate import storage, tars
from facecurate.cards.tally import add, tally_of
from facecurate.pool import Pool, read_info, write_part
from facecurate.records import LABEL_COLUMNS
from facecurate.shard.plan import Places
from facecurate.shard.sources import FACE_COLUMNS, PHOTO_COLUMNS
from facecurate.stats import Stats
from facecurate.workers import Task

_LABELS = frozenset(LABEL_COLUMNS)
_WHERE = ("at_source", "at_part", "at_offset", "at_size")
_CHUNK = 512  # rows that are Python objects at the same time
_ENCODE = json.JSONEncoder(
    ensure_ascii=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


class Rows:
    """Some rows of a table; only they travel to a worker."""

    def __init__(self, table: pa.Table, places: Places) -> None:
        self._table = table
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def table(self) -> pa.Table:
        """The rows alone."""
        return self._table.take(self._places)

    def keys(self) -> list[str]:
        """Their keys."""
        found: list[str] = self._table["key"].take(self._places).to_pylist()
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        sink = pa.BufferOutputStream()
        table = self.table().combine_chunks()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return _unpacked, (sink.getvalue().to_pybytes(),)


def _unpacked(data: bytes) -> Rows:
    table = pa.ipc.open_stream(data).read_all()
    return Rows(table, np.arange(len(table)))


@dataclass(frozen=True, slots=True)
class ShardTask(Task):
    """One tar to be written. ``pools``: urls of the crops of each source."""

    folder: str
    pools: tuple[str, ...]
    rows: Rows
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    without: tuple[str, ...] = ()  # columns that are not told

    def is_current(self) -> bool:
        """Whether the tar is there and was made from the same."""
        url = storage.join(self.folder, f"{self.name}.json")
        if not storage.exists(url):
            return False
        info = read_info(url)
        present = storage.exists(storage.join(self.folder, f"{self.name}.tar"))
        same = info.inputs == self.inputs and dict(info.settings) == dict(self.settings)
        return present and same


def write_shard(task: ShardTask, tick: Callable[[int], None]) -> None:
    """Writes one tar, and its JSON with the counts of its samples."""
    pools = [Pool(url) for url in task.pools]
    tars_of = [[pool.file(stem, "tar") for stem in pool.stems()] for pool in pools]
    writer = write_part(
        task.folder, task.name, tool="shard", settings=task.settings, inputs=task.inputs
    )
    table, tallies = task.rows.table(), []
    names = told_columns(table, task.without)
    with writer as part:
        with part.file("tar") as file, storage.Files(256) as reads:
            tar = tars.TarWriter(file)
            for rows in _chunks(table.select([*names, *_WHERE])):
                for row in rows:
                    url = tars_of[row["at_source"]][row["at_part"]]
                    crop = reads.read(url, row["at_offset"], row["at_size"])
                    tar.add(f"{row['key']}.jpg", crop)
                    tar.add(f"{row['key']}.json", metadata(row, names))
                tallies.append(tally_of(rows))
                tick(len(rows))
            tar.close()
        part.stats = Stats.of("faces", [None] * len(task.rows))
        part.result = add(tallies)


def _chunks(table: pa.Table) -> Iterator[Sequence[dict[str, Any]]]:
    names = table.column_names
    for start in range(0, len(table), _CHUNK):
        columns = [_values(c) for c in table.slice(start, _CHUNK).combine_chunks().columns]
        yield [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    """What ``to_pylist`` gives; columns of numbers without a null several times faster."""
    kind = column.type
    if column.null_count == 0 and len(column):
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return list(column.to_numpy().tolist())
        if pa.types.is_fixed_size_list(kind):
            flat = column.combine_chunks().flatten()
            if flat.null_count == 0:
                return list(flat.to_numpy().reshape(-1, kind.list_size).tolist())
    return list(column.to_pylist())


def metadata(row: Mapping[str, Any], names: Sequence[str]) -> bytes:
    """``KEY.json``: of the face row, its labels and what must be said of the photo these columns.

    Labels that a face has not are left out.
    """
    told = {name: row[name] for name in names}
    for name in _LABELS.intersection(names):
        if told[name] is None:
            del told[name]
    try:
        return _ENCODE(told).encode()
    except ValueError:
        return _ENCODE(_plain(told)).encode()


def told_columns(table: pa.Table, without: Sequence[str]) -> list[str]:
    """The columns of samples that are told: not those left out, no label that no face has."""
    empty = {name for name in LABEL_COLUMNS if table[name].null_count == len(table)}
    left_out = empty.union(without)
    return [name for name in (*FACE_COLUMNS, *PHOTO_COLUMNS) if name not in left_out]


def _plain(value: Any) -> Any:
    """NaN is no JSON: unknown numbers become null."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and value - value != 0 else value
