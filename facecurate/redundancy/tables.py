"""The tables of the report as sections of its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facecurate.report.page import Section, Table
from facecurate.text import counted

_GROUPS = 200  # rows


def tables(result: Mapping[str, Any]) -> Iterator[Section]:
    """Sections in the order of the page; what the source does not give is left out."""
    if result["runs"]:
        yield _runs(result)
    if result["levels"]:
        yield _levels(result)
    if result["events"] and any(result["events"]["events"]):
        yield _events(result)
    yield _timing(result)
    if result["design"]:
        yield _design(result["design"])
    yield _spectral(result)
    yield _groups(result)


def _runs(result: Mapping[str, Any]) -> Section:
    runs = result["runs"]
    if not runs["runs"]:
        words = (
            f"{counted(runs['labelled'], 'labelled frame')} with "
            f"{counted(runs['distinct'], 'different label vector')}, none of them in a sequence."
        )
        return Section("Labels", paragraphs=[words])
    words = (
        f"{counted(runs['labelled'], 'labelled frame')}: {counted(runs['runs'], 'run')} of "
        f"unchanged labels, {counted(runs['distinct'], 'different label vector')}. The longest run "
        f"has {counted(runs['longest_frames'], 'frame')}. This floor needs no encoder and depends "
        "on the coders alone."
    )
    lost = f"{runs['untimed']:,} of the frames lie in no sequence." if runs["untimed"] else ""
    return Section("Label runs", paragraphs=[line for line in (words, lost) if line])


def _levels(result: Mapping[str, Any]) -> Section:
    levels = result["levels"]
    rows = []
    for unit in dict.fromkeys(levels["unit"]):
        mine = [k for k, name in enumerate(levels["unit"]) if name == unit]
        cells = [f"{levels['frames'][k]:,} / {levels['effective'][k]:,.1f}" for k in mine]
        strong = [k for k in mine if levels["level"][k] >= 3]
        frames, effective = (sum(levels[c][k] for k in strong) for c in ("frames", "effective"))
        rows.append((unit, *cells, f"{frames:,} / {effective:,.1f}"))
    head = ("unit", *(f"level {k}" for k in range(6)), "3 and more")
    return Section(
        "Levels in effective frames",
        paragraphs=[
            "Frames / effective frames at tau_copy: each frame counts 1 / c, so that the effective "
            "frames of all levels of a unit add up to N_copy. Rare levels are what a subset must "
            "not lose."
        ],
        table=Table(head, rows),
    )


def _events(result: Mapping[str, Any]) -> Section:
    table = result["events"]
    rows = [
        (
            table["unit"][k],
            f"{table['at_least'][k]}",
            f"{table['events'][k]:,}",
            _number(table["median_frames"][k]),
            _number(table["median_seconds"][k]),
            f"{table['strong_frames'][k]:,}",
            f"{table['cut'][k]:,}",
        )
        for k in range(len(table["unit"]))
        if table["events"][k] and table["at_least"][k] != 1
    ]
    head = ("unit", "from level", "events", "median frames", "median s", "frames at 3+", "cut off")
    return Section(
        "Events from onset to offset",
        paragraphs=[
            "A unit that rises to a level and falls again is one event, however long it lasts. "
            "Cut off: events at the end of a sequence or at a gap, which may have lasted longer."
        ],
        table=Table(head, rows),
    )


def _timing(result: Mapping[str, Any]) -> Section:
    table = result["timing"]
    rows = [
        (
            name,
            f"{table['frames'][k]:,}",
            _number(table["effective"][k]),
            _number(table["tau_frames"][k]),
            _number(table["tau_seconds"][k]),
            _number(table["interval_frames"][k], 0),
            "yes" if table["reliable"][k] else "no",
        )
        for k, name in enumerate(table["variable"])
        if table["frames"][k]
    ]
    head = (
        "variable",
        "frames",
        "effective",
        "time, frames",
        "time, s",
        "sample every",
        "reliable",
    )
    if not rows:
        return Section(
            "Time constants",
            paragraphs=["No frame has a number in a sequence, so nothing is known of time."],
        )
    return Section(
        "Time constants",
        paragraphs=[
            "Effective: the sample size n / tau for a mean over frames, tau the integrated "
            "correlation time (each sequence's own mean taken away). Components: the encoder's "
            "first principal ones. Not reliable: the time is more than a fiftieth of a sequence, "
            "or its standard error more than 7.5 %.",
        ],
        table=Table(head, rows),
    )


def _design(table: Mapping[str, Sequence[Any]]) -> Section:
    rows = [
        (
            name,
            f"{table['frames'][k]:,}",
            f"{table['groups'][k]:,}",
            _number(table["icc"][k], 2),
            _number(table["design_effect"][k]),
            _number(table["effective"][k]),
        )
        for k, name in enumerate(table["variable"])
    ]
    return Section(
        "For statements about people",
        paragraphs=[
            "Kish's design effect, 1 + (m - 1) rho: a mean over these frames is worth as much as "
            "one over so few independent ones, where people differ from each other."
        ],
        table=Table(("label", "frames", "people", "rho", "design effect", "effective"), rows),
    )


def _spectral(result: Mapping[str, Any]) -> Section:
    table = result["spectral"]
    rows = [
        (
            "infinite" if order is None else f"{order:g}",
            _number(table["plain"][k]),
            _number(table["centred"][k]),
            f"{table['at_most'][k]:,.0f}",
        )
        for k, order in enumerate(table["order"])
    ]
    words = [
        "Vendi scores, the spectral diversity of this encoder. They are at most its dimension and "
        "no number of distinct frames."
    ]
    dimension = result["dimension"]
    if dimension:
        told = "; ".join(
            f"{value:.1f} at {distance:.3g}"
            for value, distance in zip(dimension["dimension"], dimension["distance"], strict=True)
            if value is not None
        )
        words.append(
            f"Intrinsic dimension by the distance to neighbours, on {dimension['points']:,} frames "
            f"one correlation time ({counted(round(dimension['interval_frames']), 'frame')}) "
            f"apart: {told}."
        )
    return Section(
        "Spectrum and dimension",
        paragraphs=words,
        table=Table(("order", "plain", "mean taken away", "at most"), rows),
    )


def _groups(result: Mapping[str, Any]) -> Section:
    groups = sorted(result["per_group"], key=lambda g: g["n_eff"] / g["frames"])
    rows = [
        (g["group"], f"{g['frames']:,}", f"{g['n_eff']:,.1f}", f"{g['frames'] / g['n_eff']:.1f}")
        for g in groups[:_GROUPS]
    ]
    words = "At tau_copy, the most repetitive first."
    if len(groups) > _GROUPS:
        words += f" {_GROUPS} of {len(groups):,}; all are in redundancy.json."
    return Section(
        f"By {result['unit']}",
        paragraphs=[words],
        table=Table((result["unit"], "frames", "distinct", "frames for one"), rows),
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
