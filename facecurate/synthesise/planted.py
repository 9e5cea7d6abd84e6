"""Copies between videos: frames of one person's film that stand in another's, as leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facecurate import images
from facecurate.errors import FacecurateError
from facecurate.images import Pixels
from facecurate.synth.labels import FaceLabels
from facecurate.synth.sequences import SequencePlan


@dataclass(frozen=True, slots=True)
class Leak:
    """``count`` frames of ``plan``, the film ``name``, that stand in another film.

    They are spread evenly over its first ``frames`` frames, each at its own place in time.
    """

    plan: SequencePlan
    name: str
    count: int
    frames: int

    def holds(self, k: int) -> bool:
        """Whether frame ``k`` (from 0) of the film is a copy of frame ``k`` of ``plan``."""
        step = self.frames // self.count
        return k % step == step // 2 and k < step * self.count

    def draw(self, k: int) -> tuple[Pixels, Sequence[FaceLabels]]:
        """Frame ``k``, written and read as a JPEG, as a copy has been."""
        image, labels = self.plan.draw(k)
        copied = images.decode(images.encode_jpeg(image, self.plan.quality(k))).pixels
        return copied, labels


def leak(plan: SequencePlan, name: str, count: int, frames: int) -> Leak | None:
    """``count`` copies from ``plan`` for a film of ``frames`` frames; None for no copies.

    Raises FacecurateError if more than half of either film would be copies.
    """
    most = min(plan.frames, frames) // 2
    if count > most:
        raise FacecurateError(
            f"{count} leaked frames are too many for films of {frames}: take at most {most}, or "
            "more frames"
        )
    return Leak(plan, name, count, min(plan.frames, frames)) if count else None
