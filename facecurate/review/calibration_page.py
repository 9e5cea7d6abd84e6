"""What ``calibration.html`` shows and says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.report.page import Section, Table, figure, render_page
from facecurate.review.curve import Floats, Measured, Point, Share
from facecurate.text import counted

_RECALL, _PRECISION, _LIMIT, _FOUND = "#2f6f9f", "#b5482f", "#5b6675", "#2f8f5b"
_HARD = 8  # lines that are named
_NARROW = {"hash": 8, "cosine": 0.01}
_ROWS = {"hash": range(0, 97, 8), "cosine": np.round(np.arange(0, 0.301, 0.025), 3).tolist()}


def calibration_page(result: Mapping[str, Any], measured: Sequence[Measured]) -> bytes:
    """The page as UTF-8."""
    pairs = max(len(one.same) + len(one.different) for one in measured)
    left_out = result["left_out"]
    sections = [section for one in measured for section in _sections(one)]
    return render_page(
        f"Limits for copies in {result['dataset']}",
        lead=f"{counted(pairs, 'labelled pair')}: what each limit would accept of them.",
        banner="Rendered faces: limits for real photos need pairs of real photos."
        if result["rendered"]
        else "",
        sections=[_reading(left_out), *sections],
        footer="Made by facecurate dedupe --calibrate, which changes nothing; every number is in "
        "calibration.json beside this page.",
    )


def _reading(left_out: Sequence[str]) -> Section:
    words = [
        "Recall: the share of pairs called the same that a limit accepts. Precision: the share of "
        "accepted pairs that were called the same. In brackets Wilson's 95 % interval.",
        "Precision depends on how many pairs of each kind the file holds; in the dataset different "
        "pairs outnumber the same ones a thousandfold. What carries over is recall, and the rate "
        "of false pairs. So label different pairs that look alike, such as one person in one pose "
        "and light, smiling and not; pairs drawn by chance tell nothing.",
        "The suggestion is the limit in force if none does better, else the tightest that accepts "
        "all same pairs nearer than the nearest different one. A limit beyond a different pair is "
        "never suggested.",
    ]
    if left_out:
        words.append(f"Too few pairs for: {', '.join(left_out)}.")
    return Section("How to read this", paragraphs=words)


def _sections(one: Measured) -> Iterator[Section]:
    by_hash = one.measure == "hash"
    kind = "256-bit hash" if by_hash else "cosine of vectors"
    yield Section(
        f"{one.level.capitalize()}s: {kind}",
        paragraphs=list(_findings(one)),
        svg=_curves(one),
        caption="Blue: recall, red: precision, shaded: 95 %. Green: the suggested limit. Dashed "
        "grey: the one in force. To the right a limit accepts more.",
        table=_table(one),
    )
    yield Section(
        f"{one.level.capitalize()}s: {kind}, the hardest pairs",
        paragraphs=["Lines of the file to look at again: a label may be wrong."],
        table=Table(
            ("called the same, farthest", "at", "called different, nearest", "at "),
            _hardest(one),
        ),
    )


def _findings(one: Measured) -> Iterator[str]:
    lost = int(np.isinf(one.same).sum())
    yield (
        f"{len(one.same):,} pairs called the same, {len(one.different):,} called different."
        + (f" {one.unseen:,} more have no {one.level} to compare." if one.unseen else "")
    )
    if lost:
        yield (
            f"{lost:,} of the same pairs are never proposed, whatever this limit: the 64-bit hash "
            "differs too much (--hash-distance), or a picture has no structure."
        )
    found = one.suggested()
    if found is None:
        yield "A different pair is nearer than every same one: no limit parts them."
        return
    point = one.at(found)
    yield (
        f"Suggested: {_told(one, found)}; the nearest different pair lies at "
        f"{_told(one, one.barrier)}. It accepts {point.right:,} of {len(one.same):,} same "
        f"pairs (recall {_share(point.recall)}) and {point.wrong:,} of {len(one.different):,} "
        "different ones."
    )
    if one.barrier - found < _NARROW[one.measure]:
        yield "These two are close: label more pairs before you believe in a limit between them."
    if one.in_force == found:
        yield "That is the limit in force."
    elif one.in_force is not None:
        now = one.at(one.in_force)
        yield (
            f"In force: {_told(one, one.in_force)}, which accepts {now.right:,} same and "
            f"{now.wrong:,} different ones."
            + (
                " The suggestion is wider: take it only if pairs that are hard to tell from copies "
                "were among those called different."
                if found > one.in_force
                else ""
            )
        )
    yield (
        f"Of different pairs at most {100 * point.false_rate[2]:.2g} % are accepted (95 %); the "
        f"dataset has {one.compared:,} pairs of {one.level}s, so these labels alone could not rule "
        f"out {one.compared * point.false_rate[2]:,.0f} false ones."
    )


def _told(one: Measured, limit: float) -> str:
    if math.isinf(limit):
        return "no distance at all"
    return f"{limit:.0f} bits" if one.measure == "hash" else f"a cosine of {1 - limit:.3f}"


def _share(share: Share) -> str:
    middle, low, high = (100 * value for value in share)
    return "-" if np.isnan(middle) else f"{middle:.1f} % [{low:.1f} to {high:.1f}]"


def _table(one: Measured) -> Table:
    marks = {one.in_force: " (now)", one.suggested(): " (suggested)"}
    limits = sorted({*_ROWS[one.measure], *(limit for limit in marks if limit is not None)})
    rows = [_row(one, one.at(limit), marks.get(limit, "")) for limit in limits]
    head = "limit, bits" if one.measure == "hash" else "least cosine"
    columns = (head, "same", "recall", "different", "different by this alone", "precision")
    return Table(columns, rows)


def _row(one: Measured, point: Point, mark: str) -> Sequence[str]:
    limit = f"{point.limit:.0f}" if one.measure == "hash" else f"{1 - point.limit:.3f}"
    return (
        limit + mark,
        f"{point.right:,}",
        _share(point.recall),
        f"{point.wrong:,}",
        f"{point.wrong_alone:,}",
        _share(point.precision),
    )


def _hardest(one: Measured) -> list[Sequence[str]]:
    same = _lines(one, one.same_lines, -one.same)
    different = _lines(one, one.different_lines, one.apart)
    blank = ("", "")
    return [
        (*(same[k] if k < len(same) else blank), *(different[k] if k < len(different) else blank))
        for k in range(max(len(same), len(different)))
    ]


def _lines(one: Measured, lines: NDArray[np.int64], cost: Floats) -> list[tuple[str, str]]:
    order = np.lexsort((lines, cost))[:_HARD]
    return [(f"line {lines[at]}", _distance(one, abs(float(cost[at])))) for at in order]


def _distance(one: Measured, distance: float) -> str:
    if np.isinf(distance):
        return "not proposed"
    return f"{distance:.0f}" if one.measure == "hash" else f"{1 - distance:.3f}"


def _curves(one: Measured) -> str:
    points = [one.at(limit) for limit in one.limits]
    by_hash = one.measure == "hash"
    x = np.array([p.limit if by_hash else 1 - p.limit for p in points])
    with figure(5.8, 2.4) as (axes, svg):
        for shares, colour in (
            ([p.recall for p in points], _RECALL),
            ([p.precision for p in points], _PRECISION),
        ):
            middle, low, high = 100 * np.array(shares).T
            axes.plot(x, middle, color=colour)
            known = ~np.isnan(middle)
            axes.fill_between(x[known], low[known], high[known], color=colour, alpha=0.15, lw=0)
        for limit, colour, style in ((one.in_force, _LIMIT, "--"), (one.suggested(), _FOUND, "-")):
            if limit is not None:
                axes.axvline(limit if by_hash else 1 - limit, color=colour, linestyle=style)
        label = "limit, bits of 256" if by_hash else "least cosine"
        axes.set(xlabel=label, ylabel="%", ylim=(0, 103), xlim=(x[0], x[-1]))
    return svg[0]
