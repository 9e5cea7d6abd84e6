"""All candidates of one list, or between two, judged by their hashes: edges, doubts, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import candidates, verify
from facecurate.similar.verify import Edges, HashTable, Index, Verified

if TYPE_CHECKING:
    from facecurate.similar import neighbours


BUDGET = 200_000
"""Registrations at most: about half an hour on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How pairs are found and verified, and what is kept.

    ``candidate_bits``, ``verified_bits``: of the 64-bit and of the 256-bit hash; ``doubt_bits``: of
    the latter, up to which a refused candidate is registered, ``middle_bits`` the same of middles;
    ``budget``: registrations at most.
    """

    keep: str = "largest"
    candidate_bits: int = verify.CANDIDATE_BITS
    verified_bits: int = verify.VERIFIED_BITS
    doubt_bits: int = verify.DOUBT_BITS
    middle_bits: int = verify.MIDDLE_DOUBT_BITS
    budget: int = BUDGET


class Side(NamedTuple):
    """The hashes of distinct pictures, all informative, and of their middles, if any."""

    whole: HashTable
    inner: HashTable | None

    def take(self, rows: Index) -> Side:
        """The chosen pictures."""
        return Side(self.whole.take(rows), self.inner and self.inner.take(rows))


def within(
    side: Side, rules: Rules, search: neighbours.Search | None, doubting: bool
) -> Iterator[Verified]:
    """Pairs i < j of one list; what vectors propose (``search``) is in doubt at any distance."""
    yield from _by_hash(side, None, rules, doubting)
    far = 8 * side.whole.phash256.shape[1] if doubting else 0
    for batch in candidates.alike(side.whole, search, rules.candidate_bits) if search else ():
        yield verify.judge(side.whole, side.whole, batch, rules.verified_bits, far)


def added(
    side: Side, settled: NDArray[np.bool_], rules: Rules, doubting: bool
) -> Iterator[Verified]:
    """Pairs i < j of one list but those of two settled pictures; settled: (N,) bool."""
    fresh, known = np.flatnonzero(~settled), np.flatnonzero(settled)
    one, two = side.take(fresh), side.take(known)
    for batch in _by_hash(one, None, rules, doubting):
        yield batch.renumbered(fresh, fresh)
    for batch in _by_hash(one, two, rules, doubting):
        yield batch.renumbered(fresh, known)


def between(ours: Side, theirs: Side, rules: Rules, doubting: bool) -> Iterator[Verified]:
    """Pairs of one of ours and one of theirs."""
    yield from _by_hash(ours, theirs, rules, doubting)


def _by_hash(ours: Side, theirs: Side | None, rules: Rules, doubting: bool) -> Iterator[Verified]:
    other = ours if theirs is None else theirs
    nearby = rules.doubt_bits if doubting else 0
    for batch in candidates.near(
        ours.whole, None if theirs is None else theirs.whole, rules.candidate_bits
    ):
        yield verify.judge(ours.whole, other.whole, batch, rules.verified_bits, nearby)
    if doubting and ours.inner is not None and other.inner is not None:
        middles = ours.inner, None if theirs is None else other.inner
        yield from _by_middle(*middles, ours.whole, other.whole, rules)


def _by_middle(
    ours: HashTable, theirs: HashTable | None, whole: HashTable, other: HashTable, rules: Rules
) -> Iterator[Verified]:
    """What the middles propose beside: always in doubt, for the rims may be two photos."""
    rows = np.flatnonzero(ours.informative)
    other_rows = rows if theirs is None else np.flatnonzero(theirs.informative)
    here = ours.take(rows)
    there = here if theirs is None else theirs.take(other_rows)
    bits = rules.candidate_bits
    for batch in candidates.near(here, None if theirs is None else there, bits):
        found = verify.judge(here, there, batch, -1, rules.middle_bits).doubtful
        i, j = rows[found.i], other_rows[found.j]
        small = candidates.small_distances(whole, other, i, j, batch.mirrored)
        apart = verify.distances(whole, other, i, j, batch.mirrored)
        new = (small > bits) | (apart > rules.doubt_bits)  # the others are judged already
        doubtful = found._replace(i=i, j=j).take(new)
        yield Verified(Edges.concatenate([]), doubtful, len(doubtful.i), None)
