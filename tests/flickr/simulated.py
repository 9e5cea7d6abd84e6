"""A crawl of a stand-in world inside this process, and what it found against the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flickr_standin import Behaviour, Standin, World

from facecurate.flickr.clock import FakeClock
from facecurate.flickr.query import Page, Query, TooDeep, page_of
from facecurate.flickr.schema import Window
from facecurate.flickr.state import State
from facecurate.flickr.windows import Enumerator, Settings

OPEN = (4, 5, 7, 8, 9, 10, 11, 12)
MIX = {4: 0.45, 5: 0.2, 7: 0.03, 8: 0.02, 9: 0.1, 10: 0.05, 11: 0.1, 12: 0.05}


@dataclass
class Crawl:
    """One world and one state; ``scale`` 10 makes pages, caps and bursts ten times smaller."""

    folder: Path
    photos: int = 6000
    seed: int = 0
    scale: int = 10
    burst: int = 4500
    bursts: int = 4
    mix: Mapping[int, float] = field(default_factory=lambda: dict(MIX))
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    odd: float = 0.0

    def __post_init__(self) -> None:
        self.world = World(
            self.photos, self.seed, bursts=self.bursts, burst_size=self.burst // self.scale,
            odd=self.odd, changes=0, mix=dict(self.mix),
        )  # fmt: skip
        behaviour = Behaviour(**{"cap": 4000 // self.scale, **self.behaviour})
        self.service = Standin(self.world, behaviour=behaviour)
        self.clock = FakeClock(float(self.world.end + 90 * 86400))
        self.asked: list[Query] = []
        self.state = self.opened("crawl.sqlite")

    def opened(self, name: str) -> State:
        """A state of that name in the crawl's folder."""
        return State(str(self.folder / name))

    def search(self, query: Query) -> Page:
        """One page of the world."""
        self.asked.append(query)
        reply = self.service.search(query.params())
        if reply["stat"] != "ok":
            raise TooDeep
        return page_of(reply)

    def enumerator(self, state: State | None = None, search: Callable[[Query], Page] | None = None):
        """The enumeration of a state, the crawl's own by default."""
        settings = {
            "queries": ("faces",), "licences": OPEN, "seed": self.seed,
            "per_page": 500 // self.scale, "cut": 3000 // self.scale, "cap": 4000 // self.scale,
            **self.settings,
        }  # fmt: skip
        return Enumerator(
            state or self.state, search or self.search, Settings(**settings), self.clock
        )

    def run(self) -> Crawl:
        """Both passes."""
        self.enumerator().run()
        return self

    @property
    def found(self) -> set[int]:
        """The ids that the crawl knows."""
        return ids(self.state)

    @property
    def share(self) -> float:
        """The true completeness: of all photos that match, those that were found."""
        truth = set(self.world.ids[np.isin(self.world.licence, OPEN)].tolist())
        return len(self.found & truth) / len(truth)

    @property
    def pages_needed(self) -> float:
        """Calls for all photos if every page were full of new ones."""
        return self.photos / (500 // self.scale)


def ids(state: State) -> set[int]:
    """The ids that a state knows."""
    return {row[0] for row in state.db.execute("SELECT photo_id FROM photos")}


def window(**columns: Any) -> Window:
    """A window of one day in which a walk begins."""
    usual = {
        "term": '{"text": "faces"}', "licences": "4,5", "sort": "date-posted-asc",
        "since": 86400, "until": 2 * 86400,
    }  # fmt: skip
    return Window(**{**usual, **columns})
