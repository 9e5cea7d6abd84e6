"""A chosen set as a file: the list of keys that ``shard --subset`` takes."""

from __future__ import annotations

import json

import pyarrow as pa

from facecurate import storage
from facecurate.choose.candidates import Candidates, Chosen
from facecurate.records import SUBSET_SCHEMA, from_parquet, to_parquet
from facecurate.shares import Fraction


def file_name(fraction: Fraction) -> str:
    """``subset-2pct.parquet``."""
    return f"subset-{fraction.slug}.parquet"


def listing(
    candidates: Candidates, chosen: Chosen, *, strategy: str, seed: int, fraction: Fraction
) -> bytes:
    """Parquet with the columns of ``SUBSET_SCHEMA`` and ``rank`` (from 0, in the order chosen).

    The metadata ``facecurate.subset`` is a JSON object: strategy, seed, fraction, chosen, of (how
    many candidates), and what the strategy told.
    """
    told = {
        "strategy": strategy,
        "seed": seed,
        "fraction": str(fraction),
        "chosen": len(chosen.rows),
        "of": len(candidates),
        "told": dict(chosen.told),
    }
    table = pa.table(
        [
            pa.array([candidates.keys[i] for i in chosen.rows.tolist()], pa.string()),
            pa.array(range(len(chosen.rows)), pa.int32()),
        ],
        schema=pa.schema(
            [*SUBSET_SCHEMA, pa.field("rank", pa.int32())],
            metadata={
                **SUBSET_SCHEMA.metadata,
                b"facecurate.subset": json.dumps(told, sort_keys=True).encode(),
            },
        ),
    )
    return to_parquet(table)


def read_listing(url: str) -> list[str]:
    """The keys of a list in the order chosen; text with one key a line too.

    Raises DamagedError for a file that is none.
    """
    if not url.endswith(".parquet"):
        return [line.strip() for line in storage.text_lines(url) if line.strip()]
    keys: list[str] = from_parquet(storage.read(url), SUBSET_SCHEMA, url)["key"].to_pylist()
    return keys
