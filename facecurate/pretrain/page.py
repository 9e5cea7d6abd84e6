"""``curves.html``: loss, entropy and learning rate of a run against its steps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from facecurate.report.page import Section, figure, render_page


def curves_page(name: str, method: str, prototypes: int, rows: Sequence[str]) -> bytes:
    """The page from the lines of ``metrics.jsonl``."""
    measured = [json.loads(row) for row in rows]
    last = measured[-1]
    sections = [
        _curve(
            measured, "loss", "Loss", f"A collapsed run stays at ln K = {math.log(prototypes):.2f}."
        ),
        _curve(
            measured,
            "entropy",
            "Entropy of the assignments over ln K",
            "Near 1 every prototype is as good as any other: the run is collapsing.",
        ),
        _curve(measured, "lr", "Learning rate", ""),
    ]
    return render_page(
        f"Pre-training {name}",
        lead=f"{method}, {last['step']:,} steps, {last['images']:,} images: loss "
        f"{last['loss']:.3f}, entropy {last['entropy']:.2f}.",
        sections=sections,
        footer="Made by facecurate pretrain from metrics.jsonl.",
    )


def _curve(rows: Sequence[Mapping[str, Any]], key: str, title: str, caption: str) -> Section:
    with figure(height=2.2) as (axes, svg):
        axes.plot([row["step"] for row in rows], [row[key] for row in rows], linewidth=1)
        axes.set(xlabel="step", ylabel=key)
    return Section(title, svg=svg[0], caption=caption)
