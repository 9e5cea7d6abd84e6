"""Where every sample of a set of shards lies: from ``index.parquet``, or from the tars' headers."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate import records, slots, storage, tars
from facecurate.errors import DamagedError, FacecurateError
from facecurate.text import printable

PICTURES = ("jpg", "jpeg")
_LARGEST = 2**31 - 1  # bytes of a member that can be a crop or its row


@dataclass(frozen=True, slots=True)
class Index:
    """One slot a sample, in the order of the shards.

    shards: urls; shard: (N,) number of the slot's shard; offset, size: (N,) bytes of the picture;
    json_offset, json_size: (N,) of its row, offset -1 where there is none. An emptied slot (a
    take-down) has offset -1 and no key. broken: what is wrong with tars that were read up to where
    they break.
    """

    shards: tuple[str, ...]
    keys: pa.Array
    shard: NDArray[np.int32]
    offset: NDArray[np.int64]
    size: NDArray[np.int32]
    json_offset: NDArray[np.int64]
    json_size: NDArray[np.int32]
    broken: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.offset)


def read_index(url: str, split: str | None = None, *, skip: bool = False) -> Index:
    """The slots of a folder of shards, or of a pattern of tars (``a/*.tar``, ``a/{000..003}.tar``).

    A folder is a dataset's ``shards`` or the dataset itself; with ``index.parquet`` no tar is
    opened, and ``split`` takes the shards named ``<split>-...`` only (foreign tars: all). Raises
    FacecurateError where there is nothing to read, and DamagedError for a tar without an index that
    breaks off, unless with ``skip`` what comes before is enough.
    """
    if re.search(r"[*?{\[]", storage.name(url)):
        return _scan(_expand(url), skip)
    for folder in (url, storage.join(url, "shards")):
        names = storage.list(folder)
        if "index.parquet" in names:
            return _stored(folder, split)
        if shards := [n for n in names if n.endswith(".tar")]:
            return _scan([storage.join(folder, n) for n in shards], skip)
    raise FacecurateError(f"there are no shards in {url}: make them with `facecurate shard`")


def _in_split(shard: str, split: str | None) -> bool:
    return split is None or shard.startswith(f"{split}-")


def _stored(folder: str, split: str | None) -> Index:
    url = storage.join(folder, "index.parquet")
    data = storage.read(url)
    table = records.from_parquet(data, records.INDEX_SCHEMA, url)
    whose = slots.shard_of(data, table)
    table = table.set_column(table.column_names.index("shard"), "shard", whose)
    names = whose.dictionary_encode()
    if split is not None:
        kept = [_in_split(n, split) for n in names.dictionary.to_pylist()]
        mask = np.asarray(kept, bool)[names.indices.to_numpy(zero_copy_only=False)]
        table = table.filter(pa.array(mask))
        names = table["shard"].combine_chunks().dictionary_encode()
    if not len(table):
        which = f" named {split}-..." if split else ""
        raise FacecurateError(f"{folder} holds no samples{which}: run `facecurate shard` again")
    shards = names.dictionary.to_pylist()
    offset, size = _numbers(table, "offset", np.int64), _numbers(table, "size", np.int32)
    outside = [n for n in shards if n != storage.name(n) or n in (".", "..")]
    if outside or ((offset >= 0) & (size < 0)).any() or (offset < -1).any():
        what = f"shard {printable(outside[0], 80)!r}" if outside else "offsets or sizes below 0"
        raise DamagedError(f"{url} names {what}: run `facecurate shard` again")
    return Index(
        shards=tuple(storage.join(folder, n) for n in shards),
        keys=table["key"].combine_chunks(),
        shard=names.indices.to_numpy(zero_copy_only=False).astype(np.int32),
        offset=offset,
        size=size,
        json_offset=_numbers(table, "json_offset", np.int64),
        json_size=_numbers(table, "json_size", np.int32),
    )


def _numbers(table: pa.Table, column: str, kind: type) -> NDArray[np.signedinteger]:
    values = table[column].combine_chunks()
    return np.asarray(values.fill_null(-1).to_numpy(zero_copy_only=False), kind)


def _expand(pattern: str) -> list[str]:
    """The tars that a pattern names, in the order of their names."""
    folder, last = _split_last(pattern)
    names = [n for part in _braces(last) for n in _matching(folder, part)]
    if not names:
        raise FacecurateError(
            f"no tar matches {pattern}: is the pattern quoted and the path right?"
        )
    return [storage.join(folder, n) for n in names]


def _split_last(pattern: str) -> tuple[str, str]:
    folder, _, last = pattern.rpartition("/")
    return folder or ("/" if pattern.startswith("/") else "."), last


def _braces(name: str) -> Iterator[str]:
    found = re.search(r"\{(\d+)\.\.(\d+)\}", name)
    if not found:
        yield name
        return
    first, last = found.groups()
    for number in range(int(first), int(last) + 1):
        text = str(number).zfill(len(first))
        yield from _braces(name[: found.start()] + text + name[found.end() :])


def _matching(folder: str, name: str) -> list[str]:
    if not re.search(r"[*?\[]", name):
        return [name]
    return [n for n in storage.list(folder) if fnmatch.fnmatchcase(n, name)]


def _scan(shards: Iterable[str], skip: bool) -> Index:
    """One pass over the headers of each tar; a key ends at the first dot of the member's name."""
    shards = tuple(shards)
    broken: list[str] = []
    keys: list[str] = []
    rows: list[tuple[int, int, int, int, int]] = []
    for number, shard in enumerate(shards):
        found, damage = _samples(shard)
        if damage and not skip:
            raise DamagedError(damage)
        broken += [damage] if damage else []
        for key, parts in found.items():
            picture = next((parts[e] for e in PICTURES if e in parts), None)
            if picture is not None:
                keys.append(key)
                rows.append((number, *picture, *parts.get("json", (-1, 0))))
    if not rows:
        raise FacecurateError(
            f"no .jpg members in {', '.join(shards[:3])}: give tars of JPEG crops"
        )
    table = np.asarray(rows, np.int64)
    return Index(
        shards=shards,
        keys=pa.array(keys, pa.string()),
        shard=table[:, 0].astype(np.int32),
        offset=table[:, 1],
        size=table[:, 2].astype(np.int32),
        json_offset=table[:, 3],
        json_size=table[:, 4].astype(np.int32),
        broken=tuple(broken),
    )


def _samples(shard: str) -> tuple[dict[str, dict[str, tuple[int, int]]], str | None]:
    """Members by key and extension, up to where the tar breaks off, and what is wrong there."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    key = None
    try:
        for member in tars.members(shard):
            if member.size > _LARGEST:
                continue
            folder, slash, last = member.name.rpartition("/")
            stem, _, extension = last.partition(".")
            key = f"{folder}{slash}{stem}"
            parts = found.setdefault(key, {})
            parts[extension.lower()] = (member.offset, member.size)
    except DamagedError as error:
        after = f"after key {printable(key, 80)}" if key is not None else "before any key"
        return found, f"{error}, {after}"
    return found, None
