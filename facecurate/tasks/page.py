"""``report.html`` of an evaluation: the tables of ``tables.md`` with error against steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facecurate.report.page import Section, Table, figure, render_page
from facecurate.tasks import tables
from facecurate.tasks.tables import Finished

BANNER = "Rendered faces: the numbers show that the code works, not what it does on people."


def report_page(cells: Sequence[Finished]) -> bytes:
    """One section a dataset; a banner if any of them is rendered."""
    groups = tables.by_dataset(cells)
    rendered = any(cell.config.dataset.rendered for cell in cells)
    return render_page(
        "Landmarks with few labels",
        lead=f"{len(cells)} cells on {', '.join(g[0].config.dataset.label for g in groups)}. "
        "Error (NME) in percent, lower is better; 'trivial' is the mean training shape.",
        banner=BANNER if rendered else "",
        sections=[_section(group) for group in groups],
        footer="Made by facecurate evaluate; every number is in results.parquet.",
    )


def _section(cells: list[Finished]) -> Section:
    info = cells[0].config.dataset
    head, rows = tables.grid(cells)
    return Section(
        f"{info.label}, normaliser {info.normaliser}",
        paragraphs=tables.sentences(cells),
        svg=curve(cells),
        caption="Error against optimiser steps, mean over the draws: a start that is ahead early "
        "may only be faster.",
        table=Table(head, rows),
    )


def curve(cells: Sequence[Finished]) -> str:
    """SVG of NME on the scored set against steps: a line for each start and fraction."""
    lines: dict[str, list[Finished]] = {}
    for cell in cells:
        name = f"{cell.config.arm.name}, {cell.config.fraction}, {cell.config.adapt}"
        lines.setdefault(name, []).append(cell)
    with figure(height=2.8) as (axes, svg):
        for name, group in lines.items():
            looks = [cell.result["curve"] for cell in group]
            scored = tables.scored(group[0])
            means = np.mean([[one["nme"][scored] for one in draw] for draw in looks], axis=0)
            axes.plot([one["step"] for one in looks[0]], means, marker="o", label=name)
        axes.set(xlabel="steps", ylabel="NME, percent")
        axes.set_ylim(0, 1.08 * axes.get_ylim()[1])
        axes.legend(frameon=False, fontsize=8)
    return svg[0]
