"""What ``redundancy.html`` shows and says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate.report.page import Section, Table, figure, render_page


def report_page(result: Mapping[str, Any]) -> bytes:
    """``redundancy.html`` from the numbers of ``redundancy.json``."""
    with figure() as (axes, svg):
        distance = [1 - tau for tau in result["curve"]["tau"]]
        axes.plot(distance, result["curve"]["n_eff"], color="#2f6f9f")
        axes.axvline(max(1 - result["tolerance"]["tau"], 1e-4), color="#b5482f", linestyle="--")
        axes.set(xscale="log", xlabel="tolerance, 1 - cosine", ylabel="distinct frames (N_eff)")
        axes.set_ylim(bottom=0)
    groups = sorted(result["per_group"], key=lambda g: g["n_eff"] / g["frames"])
    misses = ", ".join(f"{k} {100 * v:.2f} %" for k, v in result["tolerance"]["misses"].items())
    people = result["unit"] == "subject"
    sections = [
        Section(
            "Distinct frames against the tolerance",
            svg=svg[0],
            caption="Dashed: the tolerance measured on re-compressed, shifted and brightened "
            "copies of this dataset's own faces. Left of it sensor noise counts as news.",
        ),
        Section(
            "How it was measured",
            paragraphs=[
                f"Encoder {result['encoder']}; cosine at least {result['tolerance']['tau']:.5f}. "
                f"Share of copies missed at it: {misses}.",
                f"Frames are compared within each {result['unit']} and the sums are added. Orders "
                f"0, 1, 2: {', '.join(f'{v:,.0f}' for v in result['orders'].values())}.",
                "The interval is over people (log-t), not over frames."
                if people
                else "No interval: this dataset does not say who is in a frame.",
                "Another encoder gives another number: read it beside its curve.",
            ],
        ),
        Section(
            f"By {result['unit']}",
            table=Table(
                (result["unit"], "frames", "distinct", "frames for one"),
                [
                    (
                        g["group"],
                        f"{g['frames']:,}",
                        f"{g['n_eff']:,.1f}",
                        f"{g['frames'] / g['n_eff']:.1f}",
                    )
                    for g in groups[:200]
                ],
            ),
        ),
    ]
    return render_page(
        f"Redundancy of {result['dataset']}",
        lead=result["sentence"],
        banner="Rendered faces: nothing here is evidence about real people or real datasets."
        if result["rendered"]
        else "",
        sections=sections,
        footer="Made by facecurate redundancy-report; every number is in redundancy.json.",
    )
