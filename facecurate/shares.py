"""A part of a list: how it is written down, and a seeded order that depends on the names alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from facecurate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Fraction:
    """A share of the training list, or a number of labels; exactly one of the two."""

    percent: float | None = None
    labels: int | None = None

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.labels is None):
            raise UsageError("a fraction is a percentage or a number of labels: give one of them")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise UsageError(f"{self.percent:g}% of the labels: use more than 0% and at most 100%")
        if self.labels is not None and self.labels < 1:
            raise UsageError(f"{self.labels} labels: use 1 or more")

    def size(self, total: int) -> int:
        """How many of ``total`` items; at least one. Raises UsageError if there are too few."""
        if self.percent is not None:
            return max(1, round(self.percent * total / 100))
        assert self.labels is not None
        if self.labels > total:
            raise UsageError(f"{self.labels} labels are asked for, the training list has {total}")
        return self.labels

    def __str__(self) -> str:
        return f"{self.percent:g}%" if self.percent is not None else f"{self.labels} labels"

    @property
    def slug(self) -> str:
        """For file names: ``2pct``, ``50labels``."""
        return str(self).replace("%", "pct").replace(" ", "")


def parse_fraction(text: str) -> Fraction:
    """``100%``, ``2%`` or ``50 labels``. Raises UsageError; a bare number has two readings."""
    text = text.strip()
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text):
        return Fraction(percent=float(match[1]))
    if match := re.fullmatch(r"(\d+)\s*labels", text):
        return Fraction(labels=int(match[1]))
    if re.fullmatch(r"\d*\.?\d+", text):
        raise UsageError(_readings(text))
    raise UsageError(f"{text!r} is no fraction: write for example 10%, or --labels 50")


def _readings(text: str) -> str:
    number = float(text)
    percent = number * 100 if number < 1 else number
    share = f"{percent:g}% for a share of the training list"
    labels = f"--labels {number:g}" if number >= 1 else "--labels 50"
    return f"a bare number can mean two things: write {share}, or {labels} for a number of images"


def hash_place(value: str, *, dataset: str, unit: str, seed: int) -> bytes:
    """Where a name stands in the hash order of its list: places compare like the names' order."""
    return hashlib.sha256("\0".join((dataset, unit, str(seed), value)).encode()).digest()


def hash_order(values: Iterable[str], *, dataset: str, unit: str, seed: int) -> list[str]:
    """Distinct values in an order that depends on nothing but their text and the arguments."""

    def place(value: str) -> bytes:
        return hash_place(value, dataset=dataset, unit=unit, seed=seed)

    return sorted(set(values), key=place)
