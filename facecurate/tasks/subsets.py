"""Few-shot subsets: an explicit fraction, a seeded hash order, a list with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from facecurate.shares import Fraction, hash_order, parse_fraction

__all__ = ["Fraction", "Subset", "hash_order", "parse_fraction", "select"]


@dataclass(frozen=True, slots=True)
class Subset:
    """Chosen items in hash order; a smaller subset of the same draw is its beginning.

    total: of the training list; digest: SHA-256 of the list as it is written to disk.
    """

    keys: tuple[str, ...]
    total: int

    def listing(self) -> bytes:
        """The file: one key a line."""
        return "".join(f"{key}\n" for key in self.keys).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of ``listing``, hexadecimal."""
        return hashlib.sha256(self.listing()).hexdigest()


def select(
    keys: Sequence[str], fraction: Fraction, *, dataset: str, seed: int, unit: str = "image"
) -> Subset:
    """A seeded subset of the training list; nested: the 2 % lie inside the 10 %."""
    order = hash_order(keys, dataset=dataset, unit=unit, seed=seed)
    return Subset(tuple(order[: fraction.size(len(order))]), len(order))
