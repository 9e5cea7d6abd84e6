"""What the landmark task must know of a dataset: normaliser, mirrored pairs, splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from facecurate.datasets.facts import Manifest
from facecurate.datasets.points import POINT_SETS
from facecurate.errors import FacecurateError


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A landmark dataset.

    left, right: points whose distance (of their means) normalises; mirror: pairs of points that a
    mirrored face exchanges, () = never flip; train: values of ``split`` that are trained on; tests:
    scored set -> values of ``split``; scored: the set that tables print first.
    """

    id: str
    left: tuple[int, ...]
    right: tuple[int, ...]
    normaliser: str = "inter-ocular"
    mirror: tuple[tuple[int, int], ...] = ()
    train: tuple[str, ...] = ("train",)
    tests: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"test": ("test",)})
    scored: str = "test"
    rendered: bool = False

    @property
    def label(self) -> str:
        """The id that results carry: rendered faces are never called by the real name alone."""
        return f"render:{self.id}" if self.rendered else self.id

    def permutation(self, points: int) -> list[int]:
        """For each point of a mirrored face, the point of the face whose place it takes."""
        order = list(range(points))
        for a, b in self.mirror:
            order[a], order[b] = b, a
        return order


def dataset_info(manifest: Manifest, *, rendered: bool) -> DatasetInfo:
    """From a dataset's manifest. Raises FacecurateError if it is not scored by two eye corners."""
    normaliser = next((n for n in manifest.normalisers if n.default and n.left), None)
    if normaliser is None or "landmarks" not in manifest.tasks:
        raise FacecurateError(f"{manifest.id} cannot be scored as landmarks by this version")
    mirror = manifest.points.mirror if manifest.points else None
    train = tuple(s.name for s in manifest.splits if s.role == "train")
    tests = {s.name: s.made_of or (s.name,) for s in manifest.splits if s.role == "test"}
    return DatasetInfo(
        id=manifest.id,
        left=normaliser.left,
        right=normaliser.right,
        normaliser=normaliser.id,
        mirror=POINT_SETS[mirror].pairs if mirror in POINT_SETS else (),
        train=train,
        tests=tests,
        scored=manifest.scored_split or next(iter(tests)),
        rendered=rendered,
    )
