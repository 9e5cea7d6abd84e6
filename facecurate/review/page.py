"""What ``dedupe.html`` shows and says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facecurate.report.page import Section, Table
from facecurate.report.rows import render_rows_page
from facecurate.review.limits_page import limits
from facecurate.review.pictures_page import Thumbnails, picture_rows
from facecurate.similar.verify import FALSE_EDGE_RATE
from facecurate.text import counted

if TYPE_CHECKING:
    from facecurate.review.report import Finding

_MEANING = {
    "exact": "the same bytes",
    "phash": "near by a 64-bit perceptual hash, and a closer look agreed",
    "photo": "faces at one place of two copies of a photo; the bits are those of the photos",
    "embedding": "near by their vectors, and a closer look agreed",
}


def dedupe_page(
    result: Mapping[str, Any],
    findings: Sequence[Finding],
    settings: Mapping[str, Any],
    thumbnails: Thumbnails,
) -> bytes:
    """The page as UTF-8. ``thumbnails``: of every picture that is shown."""
    levels = result["levels"].values()
    copies, pictures = (sum(one[name] for one in levels) for name in ("copies", "pictures"))
    sections = [_overview(result), _methods(result)]
    for one in findings:
        sections += limits(one)
    sections += picture_rows(findings, thumbnails)
    return render_rows_page(
        f"Duplicates in {result['dataset']}",
        lead=f"{counted(copies, 'copy', 'copies')} among {counted(pictures, 'picture')}. Nothing "
        "is deleted: shard leaves copies of faces out, and the table says for which one each.",
        banner="Rendered faces: nothing here is evidence about real people or real datasets."
        if result["rendered"]
        else "The pictures on this page are your own. It is a file on your disk; pass it on only "
        "as you may pass on the photos.",
        sections=sections,
        footer=f"Made by facecurate dedupe (--keep {settings.get('keep')}, --hash-distance "
        f"{settings.get('hash_distance')}); every number, and the key of every picture shown, is "
        "in dedupe.json beside this page; the whole list is clusters.parquet. 'facecurate why "
        "KEY' tells the history of one.",
    )


# -- numbers -------------------------------------------------------------------------------------


def _overview(result: Mapping[str, Any]) -> Section:
    head = ("level", "pictures", "clusters", "copies", "share", "largest cluster", "compared",
            "false at most")  # fmt: skip
    rows = []
    for level, one in result["levels"].items():
        share = f"{100 * one['copies'] / one['pictures']:.1f} %" if one["pictures"] else "-"
        rows.append((
            f"{level}s", f"{one['pictures']:,}", f"{one['clusters']:,}", f"{one['copies']:,}",
            share, f"{one['largest']:,}", _pairs(one["compared"]), _few(one["false_edges_at_most"]),
        ))  # fmt: skip
    largest = [_largest(level, one) for level, one in result["levels"].items() if one["clusters"]]
    return Section(
        "At a glance",
        paragraphs=[
            *largest,
            "False at most: how many pairs of different pictures could have been taken for "
            "copies, if their rate is as high as the measurement allows: one in "
            f"{1 / FALSE_EDGE_RATE:,.0f} compared (95 % bound; none of 294,174 pairs of different "
            "portraits was accepted). It is a bound and no estimate: the doubtful copies below "
            "show what there really is.",
        ],
        table=Table(head, rows),
    )


def _largest(level: str, one: Mapping[str, Any]) -> str:
    share = 100 * one["largest"] / one["pictures"] if one["pictures"] else 0.0
    told = f"The largest cluster holds {one['largest']:,} of {counted(one['pictures'], level)}"
    if one["largest"] > 10 and share > 1:
        return (
            f"{told} ({share:.1f} %): look at it first. One motif repeated so often is possible; "
            "unlike pictures in it mean that the limit is too wide."
        )
    return f"{told}: no cluster has swallowed its neighbours."


def _pairs(count: int | None) -> str:
    return "-" if count is None else f"{count:,}" if count < 10**7 else f"{count:.1e}"


def _few(count: float | None) -> str:
    if count is None:
        return "-"
    return f"{count:,.0f}" if count >= 10 else f"{count:.2g}"


def _methods(result: Mapping[str, Any]) -> Section:
    rows = [
        (f"{level}s", method, _MEANING.get(method, ""), f"{found['copies']:,}",
         f"{found['mirrored']:,}")
        for level, one in result["levels"].items()
        for method, found in one["methods"].items()
    ]  # fmt: skip
    return Section(
        "How they were found",
        paragraphs=[
            "A copy that was found in several ways counts with the surest. Whatever the method, "
            "a copy has a link of its own to the picture that is kept for it: no chains."
        ],
        table=Table(("level", "method", "meaning", "copies", "of these mirrored"), rows),
    )
