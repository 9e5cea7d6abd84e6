"""The ledger: why each face is in or out, by what the earlier steps decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.pool import Pool, digests_of, read_info
from facecurate.records import (
    CLUSTER_SCHEMA,
    DECISION_SCHEMA,
    OVERLAP_SCHEMA,
    from_parquet,
)
from facecurate.shard.gone import tombstoned
from facecurate.shard.sources import Source, column_of
from facecurate.stats import Stats

NOT_DEDUPLICATED = "not deduplicated ('facecurate dedupe')"
NOT_COMPARED = "not compared with evaluation sets"


@dataclass(slots=True)
class Ledger:
    """Every face of a source with its decision, in the order of the parts.

    rows: what ``Source.decided`` gives. kept: (N,) whether each is in. step, reason, ref: (N,)
    words, None for kept faces. The first decision stands.
    """

    rows: pa.Table
    kept: NDArray[np.bool_]
    step: NDArray[np.object_]
    reason: NDArray[np.object_]
    ref: NDArray[np.object_]
    clusters: pa.Table  # of CLUSTER_SCHEMA; empty where there is none
    remarks: list[str]
    steps: dict[str, str]

    @staticmethod
    def read(source: Source) -> Ledger:
        """Reads what the earlier steps decided. Raises FacecurateError if one of them is stale."""
        rows, clusters = source.decided(), _clusters(source)
        step, reason, ref = np.full((3, len(rows)), None, np.object_)
        ledger = Ledger(rows, np.ones(len(rows), np.bool_), step, reason, ref, clusters, [], {})
        dropped = np.array(pc.not_equal(rows["status"], "ok"))
        ledger.drop(dropped, "detect", np.array(rows["reason"].to_pylist(), np.object_))
        copies = clusters.filter(
            pc.and_(pc.equal(clusters["level"], "face"), pc.invert(clusters["keep"]))
        )
        gone = tombstoned(source)
        gone += _followers(copies, gone)
        ledger.drop(ledger.named(gone), "takedown", "tombstoned")
        ledger.note("dedupe", "" if source.dataset.has("clusters.json") else NOT_DEDUPLICATED)
        ledger.drop_named(column_of(copies, "key"), "dedupe", "duplicate", copies["kept_key"])
        overlaps = _overlaps(source)
        ledger.note("decontaminate", "" if overlaps is not None else NOT_COMPARED)
        if overlaps is not None:
            keys, refs = _with_kept(copies, overlaps)
            ledger.drop_named(keys, "decontaminate", "overlap", refs)
        return ledger

    @property
    def keys(self) -> pa.Array:
        """The keys of all faces."""
        return column_of(self.rows, "key")

    def named(self, keys: Sequence[str]) -> NDArray[np.bool_]:
        """(N,) whether a face is one of these."""
        found = pc.is_in(self.keys, value_set=pa.array(keys, pa.string()))
        return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)

    def drop(
        self,
        hit: NDArray[np.bool_],
        step: str,
        reason: str | NDArray[np.object_],
        ref: NDArray[np.object_] | None = None,
    ) -> None:
        """Drops faces that are still kept. hit: (N,); reason, ref: of all, or (N,)."""
        hit = hit & self.kept
        self.step[hit] = step
        self.reason[hit] = reason if isinstance(reason, str) else reason[hit]
        if ref is not None:
            self.ref[hit] = ref[hit]
        self.kept &= ~hit

    def drop_named(self, keys: pa.Array, step: str, reason: str, refs: pa.ChunkedArray) -> None:
        """Drops the faces with these keys, each for what stands beside its key."""
        places = pc.index_in(self.keys, value_set=keys)
        hit = np.asarray(places.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        self.drop(hit, step, reason, np.array(refs.take(places).to_pylist(), np.object_))

    def note(self, step: str, remark: str) -> None:
        """Whether a step was done; what to say where it was not."""
        self.steps[step] = remark or "done"
        self.remarks += [remark] if remark else []

    def decisions(self) -> pa.Table:
        """``decisions.parquet``."""
        columns = [self.keys, pa.array(self.kept)]
        columns += [pa.array(c, pa.string()) for c in (self.step, self.reason, self.ref)]
        return pa.Table.from_arrays(columns, schema=DECISION_SCHEMA)

    def stats(self) -> Stats:
        """Counts by reason; what detect dropped is one of them."""
        pairs = zip(self.step.tolist(), self.reason.tolist(), strict=True)
        return Stats.of("faces", ["dropped_earlier" if s == "detect" else r for s, r in pairs])


def _clusters(source: Source) -> pa.Table:
    if not source.dataset.has("clusters.json"):
        return CLUSTER_SCHEMA.empty_table()
    _check_age(source, "clusters", "dedupe")
    url = source.dataset.path("clusters.parquet")
    return from_parquet(storage.read(url), CLUSTER_SCHEMA, url)


def _overlaps(source: Source) -> pa.Table | None:
    if not source.dataset.has("overlaps.parquet"):
        return None
    if source.dataset.has("overlaps.json"):
        _check_age(source, "overlaps", "decontaminate")
    url = source.dataset.path("overlaps.parquet")
    table = from_parquet(storage.read(url), OVERLAP_SCHEMA, url)
    return table.filter(table["drop"])


def _check_age(source: Source, table: str, command: str) -> None:
    """Raises FacecurateError for a table that was made of other photos, faces or hashes."""
    dataset = source.dataset
    made = read_info(dataset.path(f"{table}.json")).inputs
    now = digests_of(source.photos, source.faces, Pool(dataset.path("hashes")))
    if any(made.get(name) != digest for name, digest in now.items()):
        raise FacecurateError(
            f"{table}.parquet is older than the faces: 'facecurate {command} {dataset.name}'"
        )


def _followers(copies: pa.Table, gone: Sequence[str]) -> list[str]:
    """Copies of what was taken down: nothing is dropped for a face that is not there."""
    of_gone = pc.is_in(copies["kept_key"], value_set=pa.array(gone, pa.string()))
    return list(copies.filter(of_gone)["key"].to_pylist())


def _with_kept(copies: pa.Table, overlaps: pa.Table) -> tuple[pa.Array, pa.ChunkedArray]:
    """Faces that equal a picture of an evaluation set, and kept ones whose copy does."""
    refs = pc.binary_join_element_wise(overlaps["dataset"], overlaps["other_key"], ":")
    keys = column_of(overlaps, "key")
    places = pc.index_in(column_of(copies, "key"), value_set=keys)
    through = copies.filter(places.is_valid())["kept_key"]
    their = refs.take(places.drop_null())
    return (
        pa.concat_arrays([keys, through.combine_chunks()]),
        pa.chunked_array([*refs.chunks, *their.chunks], pa.string()),
    )
