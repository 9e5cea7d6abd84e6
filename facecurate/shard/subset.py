"""``--subset``: only the faces whose keys a list names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.records import SUBSET_SCHEMA, from_parquet
from facecurate.shard.ledger import Ledger


def subset_digest(url: str) -> str:
    """The digest of a list, by which another one is told from it. Raises FacecurateError."""
    if not storage.is_file(url):
        raise FacecurateError(f"--subset {url} is no file")
    return storage.digest(url)


def keep_subset(ledgers: Sequence[Ledger], url: str, names: str) -> list[str]:
    """Drops all other faces; what to say about keys that are not here.

    Raises FacecurateError if none of them is a face of ``names``.
    """
    listed = pa.array(sorted(_keys(url)), pa.string())
    found = 0
    for ledger in ledgers:
        hit = ledger.named(listed)
        found += int(np.count_nonzero(hit))
        ledger.drop(~hit, "shard", "not_in_subset")
    if not found:
        raise FacecurateError(f"no key of {url} is a face of {names}")
    unknown = len(listed) - found
    return [f"{unknown:,} keys of {storage.name(url)} are not here"] if unknown else []


def _keys(url: str) -> frozenset[str]:
    """The keys of a list: Parquet with a column ``key``, or text with one key a line."""
    if url.endswith(".parquet"):
        return frozenset(from_parquet(storage.read(url), SUBSET_SCHEMA, url)["key"].to_pylist())
    return frozenset(line.strip() for line in storage.text_lines(url) if line.strip())
