"""How far copies lie from what they are copies of, and what other limits would change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facecurate.report.page import Section, Table, figure
from facecurate.review.thresholds import Outlook
from facecurate.text import counted

if TYPE_CHECKING:
    from facecurate.review.report import Finding

_COPIES, _REFUSED, _LIMIT = "#2f6f9f", "#c9ced6", "#b5482f"
_WELL_APART = 8  # bits between the farthest copy and the nearest other pair
_TABLE_STEP = 8  # bits between the rows of the table of limits


def limits(one: Finding) -> Iterator[Section]:
    """The sections about one level."""
    seen = one.outlook
    if not one.pictures:
        return
    if seen is None:
        yield Section(
            f"{one.level.capitalize()}s: other limits",
            paragraphs=["Too many pictures to look for all pairs once more; 'facecurate dedupe "
                        "--calibrate PAIRS.tsv' measures limits on pairs that you label."],
        )  # fmt: skip
        return
    accepted = _accepted(one, len(seen.refused))
    if accepted.any() or seen.refused.any():
        yield Section(
            f"{one.level.capitalize()}s: distances",
            paragraphs=[_gap(one, seen, accepted)],
            svg=_distances(one, seen, accepted),
            caption="Blue: copies and the kept picture. Grey: pairs that the 64-bit hash proposed "
            f"(within {one.candidate_bits} bits) and that were refused. Dashed: the limit of the "
            f"256-bit hash, {one.limit} bits; a copy beyond it was registered. Good: two hills "
            "with a valley at the dashed line.",
        )
    yield Section(
        f"{one.level.capitalize()}s: what other limits would change",
        paragraphs=[_change(one, seen)],
        svg=_curve(one, seen),
        caption="Copies against the limit. Flat about the dashed line: the choice hardly matters. "
        "Rising beyond it: pairs that only look alike come in.",
        table=_table(one, seen),
    )


def _accepted(one: Finding, bins: int) -> NDArray[np.int64]:
    """(bins,) copies found by the hash, by their distance in bits."""
    apart = one.ledger.distance[one.ledger.of("phash")].astype(np.int64)
    return np.bincount(apart[apart < bins], minlength=bins)


def _gap(one: Finding, seen: Outlook, accepted: NDArray[np.int64]) -> str:
    within = accepted[: one.limit + 1]
    farthest = int(np.flatnonzero(within)[-1]) if within.any() else None
    nearest = int(np.flatnonzero(seen.refused)[0]) if seen.refused.any() else None
    refused = (
        f"no pair was refused up to {len(seen.refused) - 1} bits"
        if nearest is None
        else f"the nearest refused pair lies at {counted(nearest, 'bit')}"
    )
    if farthest is None:
        return f"No copy was found by the hash alone; {refused}."
    told = f"The farthest copy lies at {counted(farthest, 'bit')}; {refused}."
    if nearest is None:
        return told
    if nearest - farthest >= _WELL_APART:
        return f"{told} Copies and other pairs are well apart."
    return (
        f"{told} They meet at the limit, so some of both will be on the wrong side: compare "
        "'Doubtful copies' with 'Just refused' below."
    )


def _change(one: Finding, seen: Outlook) -> str:
    now = seen.dropped.get(one.limit)
    if now is None:
        return "There are too many pairs below the limit to count all of them again."
    lower = max((bits for bits in seen.dropped if bits <= one.limit / 2), default=0)
    upper = max(seen.dropped)
    return (
        f"Now {counted(now, 'copy', 'copies')}. At {lower} bits {now - seen.dropped[lower]:,} "
        f"fewer, at {upper} bits {seen.dropped[upper] - now:,} more. Copies that something else "
        "decided (the same bytes, their photos, registered pixels) stay copies at any limit."
    )


def _distances(one: Finding, seen: Outlook, accepted: NDArray[np.int64]) -> str:
    bits = np.arange(len(seen.refused) + 1) - 0.5
    with figure(5.8, 1.9) as (axes, svg):
        axes.stairs(accepted + seen.refused, bits, fill=True, color=_REFUSED)
        axes.stairs(accepted, bits, fill=True, color=_COPIES)
        axes.axvline(one.limit + 0.5, color=_LIMIT, linestyle="--")
        axes.set(xlabel="distance, bits of 256", ylabel="pairs", xlim=(bits[0], bits[-1]))
        if max(accepted.max(), seen.refused.max()) > 100:
            axes.set_yscale("symlog", linthresh=10)
        else:
            axes.yaxis.get_major_locator().set_params(integer=True)
    return svg[0]


def _curve(one: Finding, seen: Outlook) -> str:
    bits = np.array(sorted(seen.dropped))
    with figure(5.8, 1.9) as (axes, svg):
        axes.plot(bits, [seen.dropped[b] for b in bits.tolist()], color=_COPIES)
        axes.axvline(one.limit, color=_LIMIT, linestyle="--")
        axes.set(xlabel="limit, bits of 256", ylabel="copies", xlim=(0, bits[-1]))
        axes.set_ylim(0, max(1, 1.08 * max(seen.dropped.values())))
    return svg[0]


def _table(one: Finding, seen: Outlook) -> Table:
    now = seen.dropped.get(one.limit, 0)
    rows = [
        (
            f"{bits}{' (now)' if bits == one.limit else ''}",
            f"{n:,}",
            f"{n - now:+,}" if n != now else "0",
        )
        for bits, n in seen.dropped.items()
        if bits % _TABLE_STEP == 0 or bits == one.limit
    ]
    return Table(("limit, bits", "copies", "against now"), rows)
