"""``--split``: faces that belong together stay together, the rest is drawn by seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.errors import FacecurateError, UsageError
from facecurate.shard.ledger import Ledger
from facecurate.shard.plan import place
from facecurate.shard.sources import column_of
from facecurate.similar.clusters import components
from facecurate.text import printable

Shares = Mapping[str, Fraction]
Codes = NDArray[np.int64]

_SHARE = re.compile(r"([a-z0-9][a-z0-9-]{0,31})=(\d+(?:\.\d+)?)(%?)")


def parse_split(text: str) -> dict[str, Fraction]:
    """``train=90%,val=10%`` or ``train=0.9,val=0.1``: names and shares of one.

    Raises UsageError for anything else, also where the shares do not make up the whole.
    """
    shares: dict[str, Fraction] = {}
    for word in text.split(","):
        match = _SHARE.fullmatch(word.strip())
        if not match:
            raise UsageError(f"--split {printable(word, 60)}: write it as train=90%,val=10%")
        name, number, percent = match.groups()
        if not percent and "." not in number:
            raise UsageError(f"--split {name}={number}: write {name}={number}% or a share like 0.9")
        if name in shares:
            raise UsageError(f"--split names {name} twice")
        shares[name] = Fraction(number) / (100 if percent else 1)
    if sum(shares.values()) != 1 or 0 in shares.values():
        total = float(100 * sum(shares.values()))
        raise UsageError(f"--split {printable(text, 60)} gives {total:g}% of the faces, not 100%")
    return shares


def assign(ledgers: Sequence[Ledger], shares: Shares, seed: int) -> NDArray[np.int8]:
    """(N,) number of the split of every kept face of all ledgers, in their order.

    Together stay the faces of one photo, of one cluster of copies (of photos or of faces), of one
    subject or labelled identity within a source, and where no subject is told those of one owner.
    What belongs together goes, in an order that depends on the seed and the keys alone, where most
    is lacking. Raises FacecurateError for a split that would have no face.
    """
    if len(shares) == 1:
        return np.zeros(sum(int(ledger.kept.sum()) for ledger in ledgers), np.int8)
    rows = pa.concat_tables([_kept(number, ledger) for number, ledger in enumerate(ledgers)])
    keys, group = column_of(rows, "key"), _components(rows)
    ranks = np.frombuffer(b"".join(place(seed, k)[:8] for k in keys.to_pylist()), ">u8")
    found = _fill(group, ranks.astype(np.uint64), shares)
    missing = [name for i, name in enumerate(shares) if not (found == i).any()]
    if missing:
        raise FacecurateError(
            f"split {missing[0]} would be empty: {len(keys):,} faces make "
            f"{len(np.unique(group)):,} groups of copies, persons or owners that stay together"
        )
    return found


def _fill(group: Codes, ranks: NDArray[np.uint64], shares: Shares) -> NDArray[np.int8]:
    """Groups in the order of their smallest rank, each to the split that lacks most."""
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    first = np.full(len(sizes), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(first, group, ranks)
    lacking = np.array([float(share) for share in shares.values()]) * len(group)
    split = np.zeros(len(sizes), np.int8)
    for one in np.argsort(first, kind="stable").tolist():
        split[one] = chosen = int(np.argmax(lacking))
        lacking[chosen] -= sizes[one]
    return split[group]


def _kept(number: int, ledger: Ledger) -> pa.Table:
    """The kept rows' keys and the words by which they belong together; null belongs to nobody."""
    rows = ledger.rows.filter(pa.array(ledger.kept))
    mine = f"{number}/"  # within its source alone a subject's name or a cluster's number means one
    subject = _prefixed(mine, rows["subject"])
    person = pc.if_else(pc.is_valid(subject), subject, _prefixed("by ", rows["owner"]))
    return pa.table(
        {
            "key": rows["key"],
            "photo": rows["photo_id"],
            "person": person,
            "identity": _prefixed(mine, rows["label_identity"]),
            "copies of photos": _prefixed(mine, _cluster(ledger, "photo", rows["photo_id"])),
            "copies of faces": _prefixed(mine, _cluster(ledger, "face", rows["key"])),
        }
    )


def _prefixed(prefix: str, words: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(prefix, pc.cast(words, pa.string()), "")


def _cluster(ledger: Ledger, level: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """The cluster of every row at one level, null for what has none."""
    mine = ledger.clusters.filter(pc.equal(ledger.clusters["level"], level))
    return mine["cluster"].take(pc.index_in(ids, value_set=column_of(mine, "key")))


def _components(rows: pa.Table) -> Codes:
    """(N,) the smallest row that each row belongs together with."""
    edges = [_links(column_of(rows, name)) for name in rows.column_names if name != "key"]
    i, j = (np.concatenate(side) for side in zip(*edges, strict=True))
    return components(len(rows), i, j)


def _links(words: pa.Array) -> tuple[Codes, Codes]:
    """Every row with a word, beside the first row that has the same."""
    codes = words.dictionary_encode().indices
    known = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
    numbers = codes.drop_null().to_numpy(zero_copy_only=False)
    _, firsts, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return known[firsts][inverse], known
