"""Limits of quality that a face must keep to, all of them off unless they are given.

The order of ``GATES`` is that in which they are looked at: a face is dropped for the first one that
it fails. A face whose value is not known (NaN or null: a pose without points, say) fails every gate
that is set on that value, with the reason ``not_measured``: nothing passes because it could not be
looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit of one column.

    ``low``, ``high``: the limits that make sense; ``share``: 0-1, given on the command line with a
    percent sign; ``magnitude``: the value's sign does not count.
    """

    column: str
    least: bool  # the face must have at least so much; else at most
    reason: str  # of records.REASONS
    low: float
    high: float
    help: str
    share: bool = False
    magnitude: bool = False

    @property
    def option(self) -> str:
        """``min_score`` and so on: the setting's name."""
        return f"{'min' if self.least else 'max'}_{self.column}"

    @property
    def flag(self) -> str:
        """``--min-score`` and so on."""
        return "--" + self.option.replace("_", "-")

    def keeps(self, value: float, limit: float) -> bool:
        """Whether a face with this value passes."""
        value = abs(value) if self.magnitude else value
        return value >= limit if self.least else value <= limit


_ANY = 1e6

GATES: tuple[Gate, ...] = (
    Gate("score", True, "score_too_low", -_ANY, _ANY, "The detector's score."),
    Gate("outside", False, "too_much_outside", 0, 1, "Of the crop, beyond the photo.", share=True),
    Gate("yaw", False, "turned_too_far", 0, 180, "Degrees to either side.", magnitude=True),
    Gate("pitch", False, "nods_too_far", 0, 180, "Degrees up or down.", magnitude=True),
    Gate("roll", False, "leans_too_far", 0, 180, "Degrees to either side.", magnitude=True),
    Gate("brightness", True, "too_dark", 0, 255, "Mean luma, 0-255."),
    Gate("brightness", False, "too_bright", 0, 255, "Mean luma, 0-255."),
    Gate("contrast", True, "contrast_too_low", 0, 128, "Standard deviation of luma."),
    Gate("sharpness", True, "blurred", 0, 1000, "Percent of fine structure; see quality.html."),
    Gate("other_colour", False, "other_colours", 0, 1, "Of the lower face.", share=True),
    Gate("asymmetry", False, "asymmetric", 0, 1, "Of the mouth's surroundings.", share=True),
)
UNKNOWN = "not_measured"
REASONS = frozenset({gate.reason for gate in GATES} | {UNKNOWN})


def checked(gates: Mapping[str, float | None]) -> dict[str, float]:
    """The limits that are set, in the order of ``GATES``. Raises UsageError for impossible ones."""
    known = {gate.option: gate for gate in GATES}
    for option, limit in gates.items():
        if option not in known:
            raise UsageError(f"no gate '{option}': choose among {', '.join(known)}")
        if limit is not None and not known[option].low <= limit <= known[option].high:
            raise UsageError(_range(known[option], limit))
    chosen = {gate.option: gates.get(gate.option) for gate in GATES}
    limits = {option: float(limit) for option, limit in chosen.items() if limit is not None}
    _check_brightness(limits)
    return limits


def _range(gate: Gate, limit: float) -> str:
    part = 100 if gate.share else 1
    unit = "%" if gate.share else ""
    return (
        f"{gate.flag} {limit * part:g}{unit} lets nothing or everything through: "
        f"give {gate.low * part:g}{unit} to {gate.high * part:g}{unit}"
    )


def _check_brightness(limits: Mapping[str, float]) -> None:
    low, high = limits.get("min_brightness", 0.0), limits.get("max_brightness", 255.0)
    if low > high:
        raise UsageError(
            f"--min-brightness {low:g} is above --max-brightness {high:g}: no face would be kept"
        )


def failing(values: Mapping[str, Any], limits: Mapping[str, Any]) -> str | None:
    """The reason of the first gate that a face fails, or None.

    ``values``: by column; ``limits``: by option, others than those of ``GATES`` are not looked at.
    """
    for gate in GATES:
        limit = limits.get(gate.option)
        if limit is None:
            continue
        value = values.get(gate.column)
        if value is None or math.isnan(value):
            return UNKNOWN
        if not gate.keeps(value, limit):
            return gate.reason
    return None


def photo_reason(found: Sequence[str | None]) -> str | None:
    """Why a photo gave no face, from the reasons of its faces (None: kept); None if it gave one.

    Its best face's reason where faces were found and not wanted, else ``no_face``.
    """
    if None in found:
        return None
    unwanted = [r for r in found if r == "face_too_small" or r in REASONS]
    return unwanted[0] if unwanted else "no_face"
