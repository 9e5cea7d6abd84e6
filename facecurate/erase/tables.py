"""Tables of a dataset without rows of what is gone: clusters, overlaps, attribution, any list."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from facecurate import storage, sums
from facecurate.erase.parts import read_table
from facecurate.erase.targets import Gone
from facecurate.pool import Pool, sealed
from facecurate.records import to_parquet
from facecurate.stats import Count, Stats
from facecurate.workspace import Dataset

APART = ("clusters", "clusters.edges")  # tables in which more changes than that rows are left out
_CREDITS, _CREDITS_TEXT = "attribution.parquet", "ATTRIBUTION.md"


def thin_tables(dataset: Dataset, gone: Gone) -> list[str]:
    """Every table beside the pools without rows that name what is gone; the tables' names."""
    changed = []
    for name in storage.list(dataset.url):
        stem, _, suffix = name.rpartition(".")
        if suffix != "parquet" or stem in APART:
            continue
        thinned = _credits(dataset, gone) if name == _CREDITS else thin(dataset.path(name), gone)
        if thinned:
            changed.append(stem)
        if dataset.has(f"{stem}.json"):
            retell(dataset, stem)
    return changed


def thin(url: str, gone: Gone) -> bool:
    """Leaves out the rows of a table in which any column of ids or keys names what is gone."""
    table = read_table(url)
    keep = _kept(table, gone)
    if all(keep):
        return False
    sums.replace(url, to_parquet(table.filter(pa.array(keep, pa.bool_()))))
    return True


def _kept(table: pa.Table, gone: Gone) -> list[bool]:
    names = [f.name for f in table.schema if pa.types.is_string(f.type) and _names_pictures(f.name)]
    keep = [True] * len(table)
    for name in names:
        keep = [k and not gone.has(v) for k, v in zip(keep, table[name].to_pylist(), strict=True)]
    return keep


def _names_pictures(column: str) -> bool:
    return column in ("photo_id", "other", "first", "second") or column.endswith("key")


def retell(dataset: Dataset, stem: str) -> None:
    """The JSON of a table tells its digests and, of overlaps, its counts as they are now."""
    url = dataset.path(f"{stem}.json")
    told: dict[str, Any] = json.loads(storage.read(url))
    if not isinstance(told.get("outputs"), dict):
        return
    files = [file for file in told["outputs"] if dataset.has(file)]
    now = {**told, "outputs": {file: storage.digest(dataset.path(file)) for file in files}}
    if stem == "overlaps":
        rows = read_table(dataset.path("overlaps.parquet")).select(["key", "level"]).to_pylist()
        now["stats"] = _overlapping(dataset, rows).to_json()
    if now != told:
        storage.write_atomic(url, sealed(now))


def _overlapping(dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> Stats:
    gone = Counter(level for level, _ in {(row["level"], row["key"]) for row in rows})
    return Stats({
        f"{level}s": counted_without(dataset, f"{level}s", gone[level], "overlap")
        for level in ("photo", "face")
    })  # fmt: skip


def counted_without(dataset: Dataset, unit: str, dropped: int, reason: str) -> Count:
    """The count of a table over everything that is kept of ``photos`` or ``faces``."""
    told = Pool(dataset.path(unit)).stats().counts.get(unit, Count())
    return Count(told.kept, told.kept - dropped, {reason: dropped} if dropped else {})


def _credits(dataset: Dataset, gone: Gone) -> bool:
    """Attribution: a table, and before it the same as text, whose lines name the photo's page."""
    url, text = dataset.path(_CREDITS), dataset.path(_CREDITS_TEXT)
    table = read_table(url)
    keep = _kept(table, gone)
    if all(keep):
        return False
    pages = {p for p, kept in zip(table["page_url"].to_pylist(), keep, strict=True) if not kept}
    if storage.exists(text):
        lines = storage.read(text).decode().splitlines(keepends=True)
        left = [line for line in lines if pages.isdisjoint(_linked(line))]
        sums.replace(text, "".join(left).encode())
    return thin(url, gone)


def _linked(line: str) -> list[str]:
    return [urllib.parse.unquote(url) for url in re.findall(r"\]\(([^)]*)\)", line)]
