"""The strategies by the names that reports and lists call them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facecurate.choose.aware import label_aware
from facecurate.choose.candidates import Candidates, Chosen
from facecurate.choose.centres import k_centre
from facecurate.choose.drawn import random, stratified
from facecurate.choose.facility import facility_location
from facecurate.choose.stride import stride

NEEDS_LABELS = "needs labels: for pruning, not for saving annotation"


@dataclass(frozen=True, slots=True)
class Strategy:
    """``choose(candidates, size, seed)``: nested, so that a smaller size is a prefix.

    reads: frames alone, vectors, or labels of frames that are not chosen; about: one line.
    """

    choose: Callable[[Candidates, int, int], Chosen]
    reads: str
    about: str

    @property
    def remark(self) -> str:
        """What is to be said beside its numbers; empty for most."""
        return NEEDS_LABELS if self.reads == "labels" else ""


STRATEGIES: dict[str, Strategy] = {
    "stride": Strategy(stride, "frames", "equal intervals in every sequence; the baseline"),
    "stratified": Strategy(stratified, "frames", "random within each person; the baseline"),
    "random": Strategy(random, "frames", "random over all frames"),
    "k-centre": Strategy(k_centre, "vectors", "farthest first, after thinning and a quality gate"),
    "facility": Strategy(
        facility_location, "vectors", "facility location on a nearest-neighbour graph"
    ),
    "label-aware": Strategy(label_aware, "labels", "rare levels of everybody first"),
}

BASELINES = ("stride", "stratified")
