"""The boxes that a dataset brings along: no detector runs, each given row is a face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate.errors import UsageError
from facecurate.faces import base
from facecurate.faces.base import Detection, Image, Options


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Recognised by its name: the command reads the rows of ``photos/NNNNN.given.parquet``."""

    settings: Mapping[str, Any]
    name: str = "given"
    longest_side: int | None = None
    window: int = 1

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Always TypeError: given boxes belong to photos' rows, not to pixels."""
        raise TypeError("given boxes come from the photos' rows, not from their pixels")


def given(options: Options) -> Given:
    """Stands for the dataset's own boxes; it has neither weights nor a threshold."""
    base.only_cpu("given", options)
    for option, value in (("--weights", options.weights), ("--threshold", options.threshold)):
        if value is not None:
            raise UsageError(f"the given boxes have no use for {option}: leave it out")
    return Given({"detector": "given"})
