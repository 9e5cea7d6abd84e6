"""The headline of the report: one sentence of counts, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate.text import counted


def sentence(result: Mapping[str, Any]) -> str:
    """What the report comes to."""
    frames, effective = result["frames"], result["n_eff"]
    between = _between(result["interval"])
    whole = f"{result['dataset']}: {frames:,} frames{of(result)}"
    return (
        f"{whole} are {effective:,.0f}{between} distinct frames where a re-compressed copy cannot "
        f"be told apart ({frames / effective:.1f} frames for one)"
    )


def of(result: Mapping[str, Any]) -> str:
    """Whose frames they are; nobody's where the source does not say who is in them."""
    if result["unit"] == "subject":
        return f" of {counted(result['groups'], 'person', 'people')}"
    if result["unit"] == "sequence":
        return f" in {counted(result['groups'], 'sequence')}"
    return ""


def _between(interval: Mapping[str, Any] | None) -> str:
    return f" [{interval['low']:,.0f}, {interval['high']:,.0f}]" if interval else ""
