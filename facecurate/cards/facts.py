"""What ``dataset.json`` says: counted from the files in the folder, the rest as it was told."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from facecurate import FORMAT, __version__, storage, tars
from facecurate.cards.tally import Tally, add, tally_of
from facecurate.errors import DamagedError
from facecurate.pool import read_info
from facecurate.records import DECISION_SCHEMA, INDEX_SCHEMA, check_format, from_parquet
from facecurate.stats import Count, Stats
from facecurate.text import printable

DATASET = "dataset.json"
TOLD = (  # what no file of the folder can say: the maker says it once
    "name",
    "settings",
    "steps",
    "lineage",
    "known_overlaps",
    "decontaminated",
    "parts",
    "missing_parts",
)
_SHARD = re.compile(r"([a-z0-9][a-z0-9-]*)-\d{6}\.json")


def facts_of(folder: str, told: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of ``dataset.json`` for the shards in ``folder``.

    ``told``: what the maker says, by the names in ``TOLD``; without it what stands there already.
    Everything else is counted from the shards' JSON files, the index and the decisions. Raises
    DamagedError.
    """
    told = read_dataset(folder) if told is None else told
    stems = shard_stems(folder)
    tallies = {stem: shard_tally(folder, stem) for stem in stems}
    keys = _column(folder, "index.parquet", INDEX_SCHEMA, "key")
    total = add(tallies.values())
    return {
        "format": FORMAT,
        "tool": f"facecurate {__version__} shard",
        **{name: told[name] for name in TOLD if name in told},
        "samples": total.pop("samples"),
        "slots": len(keys),
        "emptied": keys.null_count,  # slots whose sample was taken down
        "splits": _splits(tallies),
        "shards": {f"{s}.tar": shard_info_digest(folder, s) for s in stems},
        "stats": _stats(folder).to_json(),
        **total,
    }


def read_dataset(folder: str) -> dict[str, Any]:
    """``dataset.json``. Raises DamagedError."""
    url = storage.join(folder, DATASET)
    try:
        found: dict[str, Any] = json.loads(storage.read(url))
        check_format(found.get("format"), url)
    except (ValueError, AttributeError) as error:
        raise DamagedError(f"{url} is damaged: {printable(error)}") from error
    return found


def shard_stems(folder: str) -> list[str]:
    """The names of the finished shards without their ending, split by split, in order."""
    return [name[:-5] for name in storage.list(folder) if _SHARD.fullmatch(name)]


def split_of(stem: str) -> str:
    """``val`` for ``val-000003``."""
    return stem.rpartition("-")[0]


def shard_info_digest(folder: str, stem: str) -> str:
    """The digest of a shard's tar as its JSON has it."""
    return read_info(storage.join(folder, f"{stem}.json")).outputs[f"{stem}.tar"]


def shard_tally(folder: str, stem: str) -> Tally:
    """The counts in a shard's JSON; counted from its samples where an older version wrote it."""
    stored = json.loads(storage.read(storage.join(folder, f"{stem}.json"))).get("result")
    return stored if stored else tally_of(sample_rows(folder, stem))


def sample_rows(folder: str, stem: str) -> Iterable[dict[str, Any]]:
    """The rows of a shard's samples, in their order. Raises DamagedError."""
    url = storage.join(folder, f"{stem}.tar")
    for name, data in tars.read_members(url):
        if name.endswith(".json"):
            yield sample_row(data, f"{url}: {name}")


def sample_row(data: bytes, what: str) -> dict[str, Any]:
    """A sample's row from its bytes. Raises DamagedError, naming ``what``."""
    try:
        row = json.loads(data)
    except ValueError as error:
        raise DamagedError(f"{what} is no JSON: {printable(error)}") from error
    if not isinstance(row, dict):
        raise DamagedError(f"{what} is no row")
    return row


def _splits(tallies: Mapping[str, Tally]) -> dict[str, int]:
    """How many samples each split has."""
    found: Counter[str] = Counter()
    for stem, tally in tallies.items():
        found[split_of(stem)] += tally["samples"]
    return dict(found)


def _stats(folder: str) -> Stats:
    """Counts by reason; what detect dropped is one of them."""
    url = storage.join(folder, "decisions.parquet")
    table = from_parquet(storage.read(url), DECISION_SCHEMA, url)
    groups = table.group_by(["kept", "step", "reason"]).aggregate([([], "count_all")]).to_pylist()
    kept, dropped = 0, Counter[str]()
    for group in groups:
        if group["kept"]:
            kept += group["count_all"]
        else:
            reason = "dropped_earlier" if group["step"] == "detect" else group["reason"]
            dropped[reason] += group["count_all"]
    return Stats({"faces": Count(kept + dropped.total(), kept, dict(sorted(dropped.items())))})


def _column(folder: str, file: str, schema: pa.Schema, column: str) -> pa.ChunkedArray:
    url = storage.join(folder, file)
    return from_parquet(storage.read(url), schema, url)[column]
