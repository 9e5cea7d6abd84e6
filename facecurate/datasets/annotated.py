"""What an adapter gives: photos with their annotated faces, in the owner's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GivenFace:
    """One annotated face; geometry in photo pixels, a pixel's centre at its integers."""

    box: Sequence[float] | None = None
    landmarks: Sequence[float] | None = None
    points: Sequence[float] | None = None
    points_visible: Sequence[bool] | None = None
    label_identity: str | None = None
    label_au: Sequence[float] | None = None
    label_valence: float | None = None
    label_arousal: float | None = None
    label_expression: int | None = None
    label_pose: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Annotated:
    """One photo of a dataset: its path relative to the root, its place in it, its faces."""

    source: str
    split: str
    subject: str | None = None
    session: str | None = None
    sequence: str | None = None
    frame: int | None = None
    faces: tuple[GivenFace, ...] = ()


class Adapter(Protocol):
    """Reads one dataset's own files."""

    name: str

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every photo, in a fixed order. Raises DamagedError naming file and line."""
        ...

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, each with file and line."""
        ...
