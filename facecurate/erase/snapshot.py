"""What lies in a dataset by digest, before and after: what was touched, and what must be told so.

Every part and table names the digests of what it was made from. After a take-down the names of what
was current are put right by value: where a JSON names a digest that was replaced, it names the new
one. What was stale before names neither, and stays stale.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from facecurate import storage
from facecurate.errors import DamagedError
from facecurate.pool import pools, sealed
from facecurate.workspace import Dataset

Digests = dict[str, str]  # by path below the dataset; of a pool by its folder
_UNSUNG = (".", "log.jsonl", "crawl.sqlite")  # names that begin so: locks, the log, and the state
_ADDRESSES = ("inputs", "lineage")  # what a JSON calls the digests of what it was made from


def snapshot(dataset: Dataset) -> Digests:
    """Digests of every file of the chain; of parts and shards as their JSON tells them."""
    found: Digests = {}
    for pool in pools(dataset.url):
        folder = pool.url[len(dataset.url) :].strip("/")
        found[folder] = pool.digest()
        for stem in pool.stems():
            found[f"{folder}/{stem}.json"] = storage.digest(pool.file(stem, "json"))
            outputs = pool.info(stem).outputs
            found |= {f"{folder}/{file}": digest for file, digest in outputs.items()}
    for name in storage.list(dataset.url):
        if not name.startswith(_UNSUNG) and storage.is_file(dataset.path(name)):
            found[name] = storage.digest(dataset.path(name))
    told = _told_by_shards(dataset)
    for name in storage.list(dataset.path("shards")):
        url = dataset.path("shards", name)
        if storage.is_file(url):
            found[f"shards/{name}"] = told.get(name) or storage.digest(url)
    return found


def _told_by_shards(dataset: Dataset) -> Digests:
    """The tars' digests, which their JSON tells: they are not read again."""
    found: Digests = {}
    for name in storage.list(dataset.path("shards")):
        if name.endswith(".json"):
            outputs = _json(dataset.path("shards", name)).get("outputs", {})
            found |= {f: d for f, d in outputs.items() if f.endswith(".tar")}
    return found


def _json(url: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(storage.read(url))
    except ValueError as error:
        raise DamagedError(f"{url} is damaged: {error}") from error
    return found if isinstance(found, dict) else {}


def replaced(before: Digests, after: Digests) -> Digests:
    """Old digest -> new digest of every file and pool that was rewritten."""
    return {old: after[p] for p, old in before.items() if p in after and after[p] != old}


def put_right(dataset: Dataset, new: Mapping[str, Digests]) -> int:
    """Names the new digests in every JSON that names the old ones; how many JSONs.

    ``new``: by dataset, as ``replaced`` tells them. Pools of another dataset are named with its
    name before theirs.
    """
    urls = [pool.file(s, "json") for pool in pools(dataset.url) for s in pool.stems()]
    for folder in (dataset.url, dataset.path("shards")):
        names = (n for n in storage.list(folder) if n.endswith(".json") and n[0] != ".")
        urls += [storage.join(folder, name) for name in names]
    return sum(_put_right(url, dataset.name, new) for url in urls)


def _put_right(url: str, dataset: str, new: Mapping[str, Digests]) -> bool:
    told = _json(url)
    before = json.dumps(told)
    for address in _ADDRESSES:
        if isinstance(told.get(address), dict):
            told[address] = {n: _new(n, d, dataset, new) for n, d in told[address].items()}
    if json.dumps(told) == before:
        return False
    storage.write_atomic(url, sealed(told))
    return True


def _new(name: str, digest: Any, dataset: str, new: Mapping[str, Digests]) -> Any:
    for owner in (dataset, name.partition("/")[0]):
        if isinstance(digest, str) and digest in new.get(owner, {}):
            return new[owner][digest]
    return digest
