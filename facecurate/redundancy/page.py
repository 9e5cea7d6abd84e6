"""What ``redundancy.html`` shows, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate.redundancy.curves import near_curve, tolerance_curve
from facecurate.redundancy.first import encoder_table, warnings
from facecurate.redundancy.limits import limits
from facecurate.redundancy.smaller import smaller
from facecurate.redundancy.strips import Row
from facecurate.redundancy.tables import tables
from facecurate.report.page import Section, Strip, Table, render_page
from facecurate.review.thumbnails import Thumbnail
from facecurate.text import counted


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page draws beside its numbers.

    timeline: SVG, or nothing; sequences: of how many it shows a choice; rows: faces by the name
    of their section; thumbnails: of all of these by key.
    """

    timeline: str
    sequences: int
    lines: int
    rows: Mapping[str, Sequence[Row]]
    thumbnails: Mapping[str, Thumbnail]


def report_page(result: Mapping[str, Any], shown: Shown) -> bytes:
    """The page as UTF-8, from the numbers of ``redundancy.json``."""
    return render_page(
        f"Redundancy of {result['dataset']}",
        lead=result["sentence"],
        banner="Rendered faces: nothing here is evidence about real people or real datasets."
        if result["rendered"]
        else "The faces on this page come from your own copy of the data. It is a file on your "
        "disk; pass it on only as you may pass on the pictures.",
        sections=list(_sections(result, shown)),
        footer="Made by facecurate redundancy-report; every number, and the key of every face "
        "shown, is in redundancy.json beside this page. 'facecurate why KEY' tells the history of "
        "one.",
    )


def _sections(result: Mapping[str, Any], shown: Shown) -> Iterator[Section]:
    told = warnings(result)
    if told:
        yield Section("Read this first", paragraphs=told)
    yield _curve(result)
    yield encoder_table(result)
    yield measured(result)
    yield from smaller(result, [strip(row, shown) for row in shown.rows["kept"]])
    if shown.timeline:
        yield _timeline(result, shown)
    if shown.rows["runs"]:
        yield _strips("Runs of near duplicates", _RUNS, "runs", shown)
    if shown.rows["edges"]:
        yield _strips("Where runs end", _EDGES, "edges", shown)
    yield from _near(result, shown)
    yield from tables(result)
    yield Section("What this does not say", paragraphs=limits(result))


_RUNS = (
    "Frames that follow one another, all within tau_copy of the first. If you see something happen "
    "in a row that matters to you, the encoder or the tolerance is too coarse for your question."
)
_EDGES = (
    "The first frame of a run, and the first after it that is no longer within tau_copy: the "
    "closest of these. If you cannot tell the two apart, the tolerance is strict."
)


def _curve(result: Mapping[str, Any]) -> Section:
    within = (
        "Nothing says who is in a frame or which belong together: each was compared with all."
        if result["unit"] == "dataset"
        else f"Frames are compared within each {result['unit']}, and the sums are added."
    )
    bars = "; bars: intervals over people" if result["copy"]["interval"] else ""
    return Section(
        "Distinct frames against the tolerance",
        svg=tolerance_curve(result),
        caption="Order 0 counts states, order 2 weighs them by how often they come. Dashed: the "
        f"tolerances measured on this data{bars}. {within}",
    )


def measured(result: Mapping[str, Any]) -> Section:
    """Both tolerances and how they were found, and what was left out."""
    copy, label = result["copy"], result["label"]
    misses = ", ".join(f"{k} {100 * v:.2f} %" for k, v in copy["misses"].items())
    told = [
        f"tau_copy, 1 - cosine {1 - copy['tau']:.5f}: {copy['copies']:,} copies of this dataset's "
        "own faces, compressed again, shifted by a pixel, made brighter or darker; share missed: "
        f"{misses}. Orders 0, 1 and 2: {_orders(copy)}.",
    ]
    if label:
        told.append(
            f"tau_label, 1 - cosine {1 - label['tau']:.5f}: the loosest at which at most "
            f"{100 * label['allowed']:g} % of the pairs of one person that lie further apart than "
            f"{label['apart_frames']:,.0f} frames differ by a level in any unit "
            f"({label['different']:,} of {label['pairs']:,}; if pairs were independent, up to "
            f"{100 * label['upper']:.1f} %). The {100 * label['allowed']:g} % are "
            f"our convention. Orders 0, 1 and 2: {_orders(label)}."
        )
    if result["compared"] < result["frames"]:
        told.append(
            f"{result['compared']:,} frames, drawn by chance, were compared with all "
            f"{result['frames']:,}; standard error of N_copy {copy['standard_error']:,.1f}."
        )
    return Section("What was measured, and how", paragraphs=[*told, *_left_out(result)])


def _left_out(result: Mapping[str, Any]) -> Iterator[str]:
    for name, dropped in result["left_out"].items():
        if dropped:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
            yield f"Left out: {sum(dropped.values()):,} {name} ({reasons})."


def _orders(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{value:,.0f}" for value in found["orders"].values())


def _timeline(result: Mapping[str, Any], shown: Shown) -> Section:
    some = f"{shown.lines} of {shown.sequences:,}" if shown.lines < shown.sequences else "All"
    words = (
        f"{some} sequences, from the most repetitive to the least. Blue: runs of near duplicates "
        "at tau_copy, dark and light by turns; pale: frames that stand alone; at the end the share "
        "of frames that repeat the first of their run."
    )
    if result["events"]:
        words += " Yellow, below: frames with a unit coded 3 or more."
    if result["subsets"]:
        smallest = min(result["subsets"], key=lambda one: int(one["frames"]))
        words += f" Red: the frames of {smallest['file']}."
    return Section("Sequences in time", svg=shown.timeline, caption=words)


def _strips(heading: str, words: str, name: str, shown: Shown) -> Section:
    return Section(
        heading, paragraphs=[words], strips=[strip(row, shown) for row in shown.rows[name]]
    )


def strip(row: Row, shown: Shown) -> Strip:
    """A row of faces as the page takes it."""
    pictures = []
    for key, caption in zip(row.keys, row.captions, strict=True):
        found = shown.thumbnails[key]
        title = f"{key} · {found.source}" if found.source else key
        pictures.append({"src": found.src, "text": caption, "title": title})
    return Strip(row.text, pictures)


def _near(result: Mapping[str, Any], shown: Shown) -> Iterator[Section]:
    yield Section(
        "Near duplicates",
        svg=near_curve(result),
        caption="Share of the frames that have an earlier frame within the tolerance. It grows "
        "with the frame rate: read it beside N_eff, which does not.",
    )
    leaks = result["leakage"]
    if leaks is None:
        return
    rows = [
        (name, f"{frames:,}", f"{100 * near:.1f} %")
        for name, frames, near in zip(leaks["splits"], leaks["frames"], leaks["near"], strict=True)
    ]
    yield Section(
        "Leakage between splits",
        paragraphs=list(_leaks(leaks)),
        strips=[strip(row, shown) for row in shown.rows["leaks"]],
        table=Table(("split", "frames", "near a frame of another split"), rows),
    )


def _leaks(leaks: Mapping[str, Any]) -> Iterator[str]:
    shared = leaks["people_shared"]
    if shared is None:
        yield "Nothing says who is in a frame, so it is unknown whether splits share people."
    elif shared:
        names = ", ".join(one["subject"] for one in leaks["people"][:12])
        more = ", ..." if shared > 12 else ""
        yield (
            f"{counted(shared, 'person is', 'people are')} in more than one split: {names}{more}. "
            "What is tested on them is not tested on unseen people, however different the frames."
        )
    else:
        yield "Nobody is in more than one split."
    if leaks["pairs"]:
        yield (
            f"Pairs of frames of different splits within tau_copy: {leaks['pairs']['total']:,.0f}. "
            "The nearest are shown."
        )
