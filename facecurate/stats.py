"""Counts per unit and reason: what a step took, what it kept, and why it dropped the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Count:
    """``taken = kept + dropped``, by reason, in one unit (photos, faces, ...)."""

    taken: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.taken == self.kept + sum(self.dropped.values()), f"does not balance: {self}"

    def __add__(self, other: Count) -> Count:
        dropped = Counter(self.dropped) + Counter(other.dropped)
        total = dict(sorted(dropped.items()))
        return Count(self.taken + other.taken, self.kept + other.kept, total)

    def sentence(self, unit: str) -> str:
        """For example ``283 photos: 241 kept, 42 dropped (39 not_an_image, 3 truncated)``."""
        line = f"{self.taken:,} {unit}: {self.kept:,} kept"
        if self.dropped:
            by_size = sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in by_size)
            line += f", {sum(self.dropped.values()):,} dropped ({reasons})"
        return line


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts by unit, in the order in which they are told, and remarks for the last line."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # further numbers, for --json

    @staticmethod
    def of(unit: str, reasons: Iterable[str | None]) -> Stats:
        """Counts one unit from the reason of every item (None: kept)."""
        reasons = list(reasons)
        dropped = Counter(reason for reason in reasons if reason is not None)
        kept = len(reasons) - dropped.total()
        return Stats({unit: Count(len(reasons), kept, dict(sorted(dropped.items())))})

    def __add__(self, other: Stats) -> Stats:
        counts = dict(self.counts)
        for unit, count in other.counts.items():
            counts[unit] = counts.get(unit, Count()) + count
        notes = self.notes + tuple(n for n in other.notes if n not in self.notes)
        return Stats(counts, notes, {**self.facts, **other.facts})

    def noted(self, *notes: str) -> Stats:
        """The same counts with further remarks; empty ones are left out."""
        return Stats(self.counts, self.notes + tuple(n for n in notes if n), self.facts)

    def with_facts(self, **facts: Any) -> Stats:
        """The same counts with further numbers for ``--json``."""
        return Stats(self.counts, self.notes, {**self.facts, **facts})

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``from_json`` takes it back."""
        return {
            unit: {"taken": c.taken, "kept": c.kept, "dropped": dict(c.dropped)}
            for unit, c in self.counts.items()
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Stats:
        """Reads what ``to_json`` wrote."""
        return Stats({u: Count(c["taken"], c["kept"], c["dropped"]) for u, c in data.items()})

    def __str__(self) -> str:
        sentences = [count.sentence(unit) for unit, count in self.counts.items()]
        return "; ".join([*sentences, *self.notes])
