"""What a smaller set would do: the learning curve, lists of frames, strategies, a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facecurate.redundancy.curves import learning_curve
from facecurate.redundancy.sentence import reads_nothing
from facecurate.report.page import Section, Strip, Table


def smaller(result: Mapping[str, Any], kept: Sequence[Strip]) -> Iterator[Section]:
    """The sections that were asked for."""
    if result["learning_curve"]:
        yield _curve(result["learning_curve"])
    if result["subsets"]:
        yield _lists(result["subsets"], kept)
    if result["strategies"]:
        yield _strategies(result["strategies"], reads_nothing(result["learning_curve"]))
    if result["plan"]:
        yield _plan(result)


def _curve(curve: Mapping[str, Any]) -> Section:
    score, share = curve["score"].upper(), curve["smallest_share"]
    enough = (
        f"From {share:g} % of everybody's frames on, the loss stays within {curve['margin']:g} "
        f"{score} (the worse end of a {100 * curve['level']:.0f} % interval)."
        if share is not None
        else f"No smaller share of the frames stays within {curve['margin']:g} {score} of all."
    )
    if reads_nothing(curve):
        enough = (
            f"The probe reads too little off these vectors ({score} {curve['full']:.2f} on all "
            "frames), so what fewer frames keep of it says nothing."
        )
    reason = curve["reason"]
    return Section(
        "Learning curve",
        paragraphs=[
            f"{enough} Redundant in frames: {reason}." if reason else enough,
            f"A ridge probe on {curve['start']} vectors less each person's mean, tested on people "
            f"left out: {curve['repeats']} splits into {curve['folds']} folds, {curve['draws']} "
            "draws of frames and people, the same for every cell. A probe reads less than "
            "fine-tuning; a flat curve of a probe alone shows nothing.",
        ],
        svg=learning_curve(curve),
        caption=f"{score} on people left out; band: 95 % over these people. Lines that lie apart "
        "at equal numbers of frames: people matter, not frames.",
        table=_cells(curve),
    )


def _cells(curve: Mapping[str, Any]) -> Table:
    rows = [
        (
            f"{cell['people']:g} %",
            f"{cell['frames']:g} %",
            f"{cell['trained']:,.0f}",
            _between(cell, "value", "low", "high"),
            _between(cell, "retention", "retention_low", "retention_high"),
        )
        for cell in curve["cells"]
    ]
    head = ("people", "frames of each", "trained on", curve["score"].upper(), "kept of all")
    return Table(head, rows)


def _between(cell: Mapping[str, Any], middle: str, low: str, high: str) -> str:
    if any(cell[name] is None for name in (middle, low, high)):
        return "-"
    return f"{cell[middle]:.2f} [{cell[low]:.2f}, {cell[high]:.2f}]"


def _lists(lists: Sequence[Mapping[str, Any]], kept: Sequence[Strip]) -> Section:
    rows = []
    for one in lists:
        events = one["events"]
        shares = [_kept(events, level) for level in (1, 3)] if events else ["-", "-"]
        rows.append((one["file"], one["strategy"], f"{one['frames']:,} of {one['of']:,}", *shares))
    remarks = sorted({one["remark"] for one in lists if one["remark"]})
    return Section(
        "Smaller sets",
        paragraphs=[
            "Lists of keys that shard and finetune take as --subset FILE; a smaller one is the "
            "beginning of a larger. They are chosen among the frames to train on alone.",
            *remarks,
        ],
        strips=kept,
        table=Table(("file", "strategy", "frames", "events kept", "events of 3+ kept"), rows),
    )


def _kept(events: Mapping[str, Sequence[Any]], level: int) -> str:
    mine = [k for k, at in enumerate(events["at_least"]) if at == level]
    total, kept = (sum(events[name][k] for k in mine) for name in ("events", "kept"))
    return f"{kept:,} of {total:,}" if total else "-"


def _strategies(lines: Sequence[Mapping[str, Any]], nothing: bool) -> Section:
    rows = [
        (
            f"{line['strategy']} {line['size']}",
            _plain(line["icc"]),
            _plain(line["recall"]),
            _plain(line["kept"]),
            *(_difference(line.get(f"against_{one}"), nothing) for one in ("stride", "stratified")),
        )
        for line in lines
    ]
    head = ("strategy", "ICC", "recall of 3+", "events kept", "ICC less stride's",
            "ICC less stratified's")  # fmt: skip
    aware = [line for line in lines if line["remark"]]
    words = "*: every interval, over draws and over people, leaves 0 out."
    if nothing:
        words = "The probe reads too little here for any of them to mean something."
    return Section(
        "Strategies on the same draws",
        paragraphs=[
            "Each draw deals the people out anew; a strategy chooses among the people trained on, "
            "a ridge probe learns what it chose, all frames of the others are the test. Stride and "
            "stratified random cost nothing and are what must be beaten. Differences are paired. "
            f"{words}",
            *(f"{line['strategy']}: {line['remark']}." for line in aware[:1]),
        ],
        table=Table(head, rows),
    )


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _difference(found: Mapping[str, Any] | None, nothing: bool) -> str:
    if not found or found["icc"]["mean"] is None or found["icc"]["low"] is None:
        return "-"
    one = found["icc"]
    star = " *" if one["clear"] and not nothing else ""
    return f"{one['mean']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]{star}"


def _part(folds: int) -> str:
    """Such as ``two thirds``: the people whom a probe was trained on."""
    return "two thirds" if folds == 3 else f"{folds - 1} of {folds} parts"


def _plan(result: Mapping[str, Any]) -> Section:
    curve = result["learning_curve"]
    score = curve["score"].upper() if curve else "score"
    rows = []
    for line in result["plan"]:
        hours = "-" if line["hours"] is None else f"{line['hours']:,.1f}"
        file = line["file"] or ""
        rows.append(
            (
                line["size"],
                f"{line['frames']:,}",
                hours,
                _between(line, "value", "low", "high"),
                file,
            )
        )
    words = [
        "How many frames to label. What to expect of them is not known without --learning-curve."
    ]
    if curve:
        words = [
            "How many frames to label, and what a probe reached on people left out with this share "
            f"of the frames, chosen at random within each person, of {_part(curve['folds'])} of "
            "the people."
        ]
    minutes = result["asked"]["minutes_per_frame"]
    if minutes is not None:
        words.append(f"At {minutes:g} minutes a frame.")
    head = ("share", "frames", "hours", f"expected {score}", "list")
    return Section("Plan for labelling", paragraphs=words, table=Table(head, rows))
