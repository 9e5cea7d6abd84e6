"""The headline of the report: one sentence of counts, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate.text import counted

SEES = 0.70
"""AUROC from which an encoder is taken to see the labels."""

APART = 1.5
"""By so much encoders may differ after calibration before the first screen says so."""


def sentence(result: Mapping[str, Any]) -> str:
    """What the report comes to."""
    begin = f"{result['dataset']}: {counted(result['frames'], 'frame')}{of(result)}."
    parts = [
        "At the tolerance where a re-compressed copy cannot be told apart they are "
        f"{count(result['copy'])} distinct frames"
    ]
    if result.get("label"):
        parts.append(
            f"at the tolerance where {result['label']['what']} agree they are "
            f"{count(result['label'])}"
        )
    return f"{begin} {'; '.join(parts)}."


def of(result: Mapping[str, Any]) -> str:
    """Whose frames they are; nobody's where the source does not say who is in them."""
    if result["unit"] == "subject":
        return f" of {counted(result['groups'], 'person', 'people')}"
    if result["unit"] == "sequence":
        return f" in {counted(result['groups'], 'sequence')}"
    return ""


def count(found: Mapping[str, Any]) -> str:
    """Such as ``1,210 [980, 1,493]``."""
    between = found["interval"]
    told = f" [{between['low']:,.0f}, {between['high']:,.0f}]" if between else ""
    return f"{found['n_eff']:,.0f}{told}"
