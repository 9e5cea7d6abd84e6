"""What ``quality.html`` shows and says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facecurate.detect.census import BINS, Census, Pick
from facecurate.detect.columns import COLUMNS, Column
from facecurate.faces.gates import GATES
from facecurate.records import REASONS
from facecurate.report.page import Section, Strip, Table, figure, render_page
from facecurate.stats import Count, Stats
from facecurate.text import counted

if TYPE_CHECKING:
    from facecurate.detect.report import Finding

BARS = 50
_TICKS = [first * 10**power for power in range(6) for first in (1, 2, 5)]
_KEPT, _DROPPED, _GATE = "#2f6f9f", "#c9ced6", "#b5482f"


def quality_page(
    result: Mapping[str, Any],
    stats: Stats,
    findings: Sequence[Finding],
    settings: Mapping[str, Any],
    thumbnails: Mapping[str, str],
) -> bytes:
    """The page as UTF-8. ``thumbnails``: data URLs by key."""
    count = stats.counts["faces"]
    sections = [_reasons(count, settings)]
    if findings:
        sections.append(_overview(result, findings))
    sections += [_column(one, thumbnails) for one in findings]
    return render_page(
        f"Quality of the faces of {result['dataset']}",
        lead=f"{counted(count.taken, 'face')}: {count.kept:,} kept, "
        f"{count.taken - count.kept:,} dropped.",
        banner="Rendered faces: nothing here is evidence about real people or real datasets."
        if result["rendered"]
        else "The faces on this page come from your own photos. It is a file on your disk; pass it "
        "on only as you may pass on the photos.",
        sections=sections,
        footer="Made by facecurate detect; every number, and the key of every face shown, is in "
        "the JSON file beside this page. 'facecurate why KEY' tells a face's history.",
    )


def _reasons(count: Count, settings: Mapping[str, Any]) -> Section:
    by_size = sorted(count.dropped.items(), key=lambda item: (-item[1], item[0]))
    rows = [("kept", "", f"{count.kept:,}", _share(count.kept, count.taken))]
    rows += [
        (reason, REASONS.get(reason, ""), f"{n:,}", _share(n, count.taken)) for reason, n in by_size
    ]
    words = [f"--min-face {settings['min_face']:g}"]
    for gate in GATES:
        limit = settings.get(gate.option)
        if limit is not None:
            words.append(
                f"{gate.flag} {limit * 100:g}%" if gate.share else f"{gate.flag} {limit:g}"
            )
    return Section(
        "Kept and dropped",
        paragraphs=[
            f"Limits that were set: {', '.join(words)}. A face is dropped for the first that it "
            "fails; its row stays in faces/ with its reason and its numbers. Other limits need "
            "'facecurate detect' with --redo.",
        ],
        table=Table(("reason", "meaning", "faces", "share"), rows),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _overview(result: Mapping[str, Any], findings: Sequence[Finding]) -> Section:
    head = ("of the kept faces", "1 %", "5 %", "half", "95 %", "99 %", "limit", "not known")
    rows = []
    for one in findings:
        column, known = one.column, result["columns"][one.column.name]
        shares = [column.told(known["percentiles"].get(p)) for p in ("1", "5", "50", "95", "99")]
        limits = ", ".join(column.told(limit) for limit in one.limits) or "-"
        rows.append((column.title, *shares, limits, f"{known['unknown']:,}"))
    missing = [c.title for c in COLUMNS if c.name not in result["columns"]]
    notes = [
        "So many of the kept faces lie below each number. Not known: faces without the points that "
        "a pose needs, boxes beyond the photo's edge, scores of boxes that were given."
    ]
    if missing:
        notes.append(f"Known of no face: {', '.join(missing)}.")
    return Section("At a glance", paragraphs=notes, table=Table(head, rows))


def _column(one: Finding, thumbnails: Mapping[str, str]) -> Section:
    strips = [
        Strip(_row_title(one, name), [_shown(one.column, pick, thumbnails) for pick in row])
        for name, row in _in_order(one)
        if row
    ]
    return Section(
        one.column.title,
        paragraphs=[one.column.reading],
        svg=_histogram(one),
        caption=_caption(one),
        strips=strips,
    )


def _in_order(one: Finding) -> list[tuple[str, Sequence[Pick]]]:
    """Worst faces first, best last."""
    rows = list(one.rows.items())
    return rows[::-1] if one.column.worse == ("high",) else rows


def _row_title(one: Finding, name: str) -> str:
    column = one.column
    if name == "middle":
        return "In the middle"
    if name == "borderline":
        about = " or ".join(column.told(value) for value in one.border)
        return f"Borderline: a limit at {about} would drop one kept face in twenty"
    end, words = ("low", column.lowest) if name == "lowest" else ("high", column.highest)
    limited = bool(one.limits) and end in column.worse
    return words.capitalize() + (" of those that passed the limit" if limited else "")


def _shown(column: Column, pick: Pick, thumbnails: Mapping[str, str]) -> dict[str, str]:
    return {"src": thumbnails[pick.key], "text": column.told(pick.value), "title": pick.key}


def _caption(one: Finding) -> str:
    words = ["Blue: kept faces."]
    if one.census.dropped.any():
        words.append("Grey on top: dropped ones, for whatever reason.")
    if one.limits:
        words.append("Dashed: the limits that were set.")
    return " ".join(words)


def _histogram(one: Finding) -> str:
    census, column = one.census, one.column
    bins = _bars(census)
    edges = census.edges(bins)
    kept, dropped = (_sums(counts, bins) for counts in (census.kept, census.dropped))
    scale = 100 if column.share else 1
    with figure(5.8, 1.9) as (axes, svg):
        axes.stairs(kept + dropped, edges * scale, fill=True, color=_DROPPED)
        axes.stairs(kept, edges * scale, fill=True, color=_KEPT)
        for limit in one.limits:
            for place in {limit, -limit} if column.magnitude else {limit}:
                axes.axvline(place * scale, color=_GATE, linestyle="--")
        unit = ", %" if column.share else ""
        axes.set(xlabel=column.axis + unit, ylabel="faces")
        if column.log:
            axes.set_xscale("log")
            ticks = [t for t in _TICKS if edges[0] <= t <= edges[-1]]
            ticks = ticks if len(ticks) > 1 else [round(edges[0]), round(edges[-1])]
            axes.set_xticks(ticks, [f"{t:,}" for t in ticks])
            axes.set_xticks([], minor=True)
    return svg[0]


def _bars(census: Census) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most ``BARS`` bars' first bins, and the end of the last, over the values that occur."""
    first, last = census.bins(np.array([census.least, census.most]))
    if first == last:
        first, last = max(0, first - BARS), min(BINS - 1, last + BARS)
    return np.unique(np.linspace(first, last + 1, BARS + 1).round().astype(np.int64))


def _sums(
    counts: np.ndarray[Any, np.dtype[np.int64]], bins: np.ndarray[Any, np.dtype[np.int64]]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    total = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray(total[bins[1:]] - total[bins[:-1]])
