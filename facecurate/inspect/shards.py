"""``verify`` of shards: tars, index, ledger, cards, and what they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from facecurate import storage, tars
from facecurate.cards import facts_of, tally_of
from facecurate.cards.facts import DATASET, read_dataset, sample_rows, shard_tally
from facecurate.errors import DamagedError
from facecurate.inspect import checks
from facecurate.pool import read_info
from facecurate.records import INDEX_SCHEMA, from_parquet
from facecurate.text import printable
from facecurate.workspace import Dataset

_BESIDE = ("outputs", "sha256", "tool", "format")


def verify_shards(dataset: Dataset) -> tuple[int, list[str]]:
    """How many files the shards have, and what is wrong with them, each with the command."""
    folder = dataset.path("shards")
    if not storage.exists(storage.join(folder, DATASET)):
        left = [n for n in storage.list(folder) if n.endswith(".tar")]
        return 0, [f"shards/{DATASET} is missing: facecurate shard {dataset.name}"] if left else []
    command = f"facecurate shard {dataset.name} --redo"
    try:
        summary = read_dataset(folder)
        mix = summary.get("settings", {}).get("mix")
        if mix:
            command += f" --mix {printable(mix['name'], 80)}"
        files = {**summary["shards"], **summary["outputs"]}
        found = list(checks.sealed_json(storage.join(folder, DATASET)))
        found += checks.outputs(folder, files)
        for file in summary["shards"]:
            found += _shard_info(dataset, file, summary)
        if not found:
            found = [*_index(folder, summary), *_counts(folder, summary)]
        found += _lineage(dataset, summary)
        count = len(files) + len(summary["shards"]) + 1
    except (KeyError, TypeError, ValueError, AttributeError, DamagedError) as error:
        count, found = 1, [f"{DATASET} is damaged: {printable(error)}"]
    return count, [f"shards/{line}: {command}" for line in found]


def _shard_info(dataset: Dataset, file: str, summary: Mapping[str, Any]) -> Iterator[str]:
    url = dataset.path("shards", f"{file.removesuffix('.tar')}.json")
    if not storage.exists(url):
        yield f"{storage.name(url)} is missing"
        return
    info = read_info(url)
    yield from checks.sealed_json(url)
    parts = {name: digest for name, digest in info.inputs.items() if "/" in name}
    yield from checks.inputs(dataset, storage.name(url), parts)
    if info.outputs != {file: summary["shards"][file]} or info.settings != summary["settings"]:
        yield f"{storage.name(url)} and {DATASET} differ"


def _lineage(dataset: Dataset, summary: Mapping[str, Any]) -> Iterator[str]:
    if summary["name"] != dataset.name:
        yield f"{DATASET} is another dataset's"
    for name, digest in summary["lineage"].items():
        with suppress(DamagedError):  # named already
            if digest != checks.digest_now(dataset, name):
                yield f"{DATASET} was made from other {printable(name)}"


def _counts(folder: str, summary: Mapping[str, Any]) -> Iterator[str]:
    """What the cards say is counted again, from the samples themselves."""
    stems = [file.removesuffix(".tar") for file in summary["shards"]]
    for stem in stems:
        if tally_of(sample_rows(folder, stem)) != shard_tally(folder, stem):
            yield f"the counts of {stem}.json are not those of its samples"
    for name, value in facts_of(folder).items():
        if name not in _BESIDE and summary.get(name) != value:
            yield f"{DATASET} says something else of {name} than the files do"


def _index(folder: str, summary: Mapping[str, Any]) -> Iterator[str]:
    url = storage.join(folder, "index.parquet")
    rows = from_parquet(storage.read(url), INDEX_SCHEMA, url).to_pylist()
    named = {row["key"]: tuple(row.values())[1:6] for row in rows if row["key"] is not None}
    for file in summary["shards"]:
        found = tars.index(storage.join(folder, file))
        for name, picture in found.items():
            key, _, kind = name.partition(".")
            if kind == "jpg":
                told = found[f"{key}.json"]
                place = (file, picture.offset, picture.size, told.offset, told.size)
                if named.pop(key, None) != place:
                    yield f"index.parquet does not find {printable(key)} in {file}"
    if named:
        yield f"index.parquet names {len(named)} samples that no shard holds"
