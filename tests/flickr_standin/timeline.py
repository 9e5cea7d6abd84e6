"""What happens to photos as the virtual clock goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .world import World

NEVER = np.iinfo(np.int64).max
Column = NDArray[Any]


@dataclass(eq=False)
class Timeline:
    """(N,) times at which each photo changes; ``NEVER`` if it does not.

    ``changed`` counts what was altered by hand, so that caches know.
    """

    public: Column  # seen from then on
    private: Column  # seen by its owner alone from then on
    deleted: Column
    relicensed: Column
    licence: Column  # the licence from ``relicensed`` on
    resecret: Column  # addresses with the old secret die then
    former: Column  # licence before an earlier change, -1 for none
    former_until: Column
    changed: int = field(default=0)

    def set(self, index: int, **columns: int) -> None:
        """Alters one photo's fate, for example ``private=0``."""
        for name, value in columns.items():
            getattr(self, name)[index] = value
        self.changed += 1


@dataclass(frozen=True, slots=True)
class Now:
    """The world at one time: (N,) whether search may show a photo, its licence, its secret."""

    visible: Column
    licence: Column
    version: Column


def drawn(world: World, rng: np.random.Generator) -> Timeline:
    """Fates after the last upload, and licences that were changed before it."""
    count = world.photos
    kind = rng.random(count) / max(world.changes, 1e-9)  # below 1: something happens
    at = world.end + rng.integers(86_400, max(2, world.change_days) * 86_400, count)
    later = at + rng.integers(3600, 20 * 86_400, count)
    both = (kind >= 0.25) & (kind < 0.4)  # private first, then deleted
    former = np.where(rng.random(count) < 0.05, 0, -1)
    return Timeline(
        public=np.zeros(count, np.int64),
        private=np.where((kind >= 0.25) & (kind < 0.55), at, NEVER),
        deleted=np.where(kind < 0.25, at, np.where(both, later, NEVER)),
        relicensed=np.where((kind >= 0.55) & (kind < 0.8), at, NEVER),
        licence=rng.choice([0, 0, 6, 4], count),
        resecret=np.where((kind >= 0.8) & (kind < 1), at, NEVER),
        former=former,
        former_until=world.uploaded + (world.end - world.uploaded) // 2,
    )


class States:
    """The world at any time, computed once for each stretch in which nothing changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._times: tuple[int, Column] | None = None
        self._kept: tuple[tuple[int, int], Now] | None = None

    def epoch(self, clock: float) -> tuple[int, int]:
        """Names the stretch: how much was altered by hand, how much has happened."""
        line = self._world.timeline
        if self._times is None or self._times[0] != line.changed:
            columns = (line.public, line.private, line.deleted, line.relicensed, line.resecret)
            times = np.concatenate([self._world.uploaded, self._world.owner_gone, *columns])
            self._times = line.changed, np.sort(times[times < NEVER])
        return line.changed, int(np.searchsorted(self._times[1], int(clock), "right"))

    def at(self, clock: float) -> Now:
        """The world at ``clock`` (seconds since 1970)."""
        epoch, kept = self.epoch(clock), self._kept
        if kept is None or kept[0] != epoch:
            kept = self._kept = epoch, self._computed(clock)
        return kept[1]

    def _computed(self, clock: float) -> Now:
        world, line = self._world, self._world.timeline
        there = (world.uploaded <= clock) & (line.public <= clock)
        there &= (line.private > clock) & (line.deleted > clock)
        shown = ~world.owner_hides & (world.owner_gone > clock)
        return Now(
            visible=there & shown[world.owner] & (world.safety == 0),
            licence=np.where(line.relicensed <= clock, line.licence, world.licence),
            version=(line.resecret <= clock).astype(np.int64),
        )


def alive(world: World, index: int, clock: float) -> bool:
    """Whether anybody may see a photo, in search or not."""
    line = world.timeline
    shown = line.public[index] <= clock < min(line.private[index], line.deleted[index])
    gone = world.owner_gone[world.owner[index]]
    return bool(shown and world.uploaded[index] <= clock < gone)
