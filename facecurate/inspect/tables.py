"""``verify`` of tables and pages that are made of everything, and of files that a sum names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from facecurate import storage, sums
from facecurate.errors import DamagedError
from facecurate.inspect import checks
from facecurate.pool import PartInfo, read_info
from facecurate.text import printable
from facecurate.workspace import Dataset

TABLES = {  # and what makes them again; a page is remade by the next run of its command
    "clusters": "dedupe {} --redo",
    "dedupe": "dedupe {}",
    "calibration": "dedupe {} --calibrate PAIRS.tsv",
    "overlaps": "decontaminate {} --redo",
    "redundancy": "redundancy-report {} --redo",
}
PAGES = ("quality", "dedupe", "calibration")  # with a JSON of their own beside them
_NO_TABLE = ("crawl",)


def verify_tables(dataset: Dataset) -> tuple[int, list[str]]:
    """How many files there are beside the pools, and what is wrong, each with what to do."""
    files, found = 0, []
    for stem in _stems(dataset):
        count, lines = _table(dataset, stem)
        words = _command(dataset, stem)
        files += count
        found += [f"{line}: facecurate {words}" for line in lines]
    if dataset.has("crawl.json"):
        files += 1
        again = f"crawl into {dataset.name} again"
        try:
            lines = list(checks.sealed_json(dataset.path("crawl.json")))
        except DamagedError as error:
            lines = [str(error)]
        found += [f"{line}: {again}" for line in lines]
    for folder, again in (
        (dataset.url, f"facecurate recheck {dataset.name} writes it again"),
        (
            dataset.path("synth"),
            f"facecurate synth {dataset.name} --redo, with the options of before",
        ),
    ):
        listed = len(sums.told(folder))
        files += listed + bool(listed)
        found += [f"{storage.name(folder)}/{line}: {again}" for line in sums.damaged(folder)]
    return files, found


def quality(dataset: Dataset) -> list[str]:
    """The reports on faces: ``quality``, and one for each further crop."""
    names = (name.partition(".")[0] for name in storage.list(dataset.url))
    return sorted({name for name in names if name.startswith("quality")})


def _stems(dataset: Dataset) -> list[str]:
    """Everything that has a JSON or a page, the known ones first."""
    known = [*TABLES, *quality(dataset)]
    present = [n.removesuffix(".json") for n in storage.list(dataset.url) if n.endswith(".json")]
    others = [n for n in present if n not in known and n not in _NO_TABLE and n[0] != "."]
    return [*known, *others]


def _command(dataset: Dataset, stem: str) -> str:
    if stem in TABLES:
        return TABLES[stem].format(_words(dataset, stem))
    if stem.startswith("quality"):  # remade by the next run, without detecting again
        crop = stem.partition("-")[2]
        return f"detect {dataset.name}" + (f" --crop {crop}" if crop else "")
    with suppress(DamagedError):
        return f"{read_info(dataset.path(f'{stem}.json')).tool.split()[-1]} {dataset.name} --redo"
    return f"status {dataset.name}: delete {stem}.json and run its command again"


def _words(dataset: Dataset, stem: str) -> str:
    """The dataset's name and, for overlaps, the sets that it was compared with."""
    if stem != "overlaps" or not dataset.has("overlaps.json"):
        return dataset.name
    with suppress(DamagedError):  # named already
        named = read_info(dataset.path("overlaps.json")).settings.get("against")
        if named and isinstance(named, list):
            return f"{dataset.name} --against {printable(','.join(map(str, named)), 200)}"
    return dataset.name


def _table(dataset: Dataset, stem: str) -> tuple[int, list[str]]:
    if not dataset.has(f"{stem}.json"):
        left = dataset.has(f"{stem}.html") and stem.startswith(PAGES)
        return 0, [f"{stem}.json is missing"] if left else []
    url = dataset.path(f"{stem}.json")
    try:
        if stem not in TABLES and not _names_outputs(url):
            return 1, list(checks.sealed_json(url))
        info = read_info(url)
        found = [*checks.sealed_json(url), *_made_from(dataset, stem, info)]
    except DamagedError as error:
        return 1, [str(error)]
    return len(info.outputs) + 1, [*found, *checks.outputs(dataset.url, info.outputs)]


def _names_outputs(url: str) -> bool:
    """Whether a JSON is that of a table or a page, and not merely a result. Raises DamagedError."""
    try:
        told = json.loads(storage.read(url))
    except ValueError as error:
        raise DamagedError(f"{url} is damaged: {printable(error)}") from error
    return isinstance(told, dict) and "outputs" in told


def _made_from(dataset: Dataset, stem: str, info: PartInfo) -> Iterator[str]:
    for name in sorted(n for n in info.inputs if n == "hashes" or n.startswith("faces")):
        with suppress(DamagedError):  # named already
            if info.inputs[name] != checks.digest_now(dataset, name):
                yield f"{stem}.json was made from other {name}"
    clusters = info.inputs.get("clusters.parquet")
    if clusters and clusters != checks.digest_now(dataset, "clusters.parquet"):
        yield f"{stem}.json was made from other clusters"
