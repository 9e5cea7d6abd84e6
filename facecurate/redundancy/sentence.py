"""The headline of the report: one sentence of counts, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate.text import counted

SEES = 0.70
"""AUROC from which an encoder is taken to see the labels."""

APART = 1.5
"""By so much encoders may differ after calibration before the first screen says so."""


def blind(result: Mapping[str, Any]) -> bool:
    """Whether the encoder was checked against labels and does not see them."""
    check = result["check"]
    return bool(check and check["auroc"] is not None and check["auroc"] < SEES)


def sentence(result: Mapping[str, Any]) -> str:
    """What the report comes to; no count where the encoder does not see the labels."""
    begin = f"{result['dataset']}: {counted(result['frames'], 'frame')}{of(result)}."
    if blind(result):
        return (
            f"{begin} This encoder does not see the labels ({result['encoder']}: AUROC "
            f"{result['check']['auroc']:.2f}, {SEES:.2f} is needed), so no headline is given."
        )
    parts = [
        "At the tolerance where a re-compressed copy cannot be told apart they are "
        f"{count(result['copy'])} distinct frames{_over(result, 'copy')}"
    ]
    if result["label"]:
        parts.append(f"at the tolerance where coded levels agree they are {count(result['label'])}")
    return " ".join([begin, f"{'; '.join(parts)}.", *_learned(result)])


def _over(result: Mapping[str, Any], name: str) -> str:
    """The range over encoders, a bracket of its own."""
    values = [one[name]["n_eff"] for one in (result, *result["others"]) if one[name]]
    if len(values) < 2:
        return ""
    return f" ({min(values):,.0f} to {max(values):,.0f} over {len(values)} encoders)"


def _learned(result: Mapping[str, Any]) -> list[str]:
    """What a probe keeps of its score with fewer frames, and with fewer people."""
    curve = result.get("learning_curve")
    if not curve:
        return []
    score, at = curve["score"].upper(), curve["at_share"]
    if reads_nothing(curve):
        return [f"A probe reads too little off these vectors ({score} {curve['full']:.2f}) to say "
                "what fewer frames keep of it."]  # fmt: skip
    told = (
        f"Trained on {at['frames']:g} % of the frames, chosen at random within each person, a "
        f"probe keeps {_percent(at)} of the {score} on unseen people"
    )
    half = curve["half_the_people"]
    if half and half["retention"] is not None:
        told += f"; all frames of half of the people keep {_percent(half)}"
        if (half["retention_high"] or 1) < 1 and half["retention"] < at["retention"]:
            told += f": what limits it is the {counted(curve['people'], 'person', 'people')}"
    return [f"{told}."]


def reads_nothing(curve: Mapping[str, Any]) -> bool:
    """Whether the probe of all frames reads too little for a share of it to mean anything."""
    return not curve["telling"] or curve["at_share"]["retention"] is None


def _percent(cell: Mapping[str, Any]) -> str:
    told = f"{100 * cell['retention']:.0f} %"
    low, high = (cell[name] for name in ("retention_low", "retention_high"))
    if low is None or high is None:  # among some of the people nothing is read at all
        return f"{told} (too few people for an interval)"
    return f"{told} [{100 * low:.0f}, {100 * high:.0f}]"


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
