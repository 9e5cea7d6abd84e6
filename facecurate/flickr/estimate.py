"""How much of what a search could give the crawl has found, from its second pass.

Capture and recapture: of the photos that the second pass caught, the share that the first pass had
caught too is the share of all photos that it caught. The estimate of their number is Chapman's
(D. G. Chapman, 1951), for each kind of window by itself.

It assumes that the two passes miss photos independently of each other, which is why the second one
asks in another order, later, with windows that end elsewhere. Photos that no search ever shows
(hidden by their owners, or by Flickr) are not part of the number; if some photos are shown less
often than others, too few are thought missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.flickr.schema import Window
from facecurate.flickr.state import State
from facecurate.flickr.walk import split_licences
from facecurate.flickr.windows import stratum_of

_DRAWS = 2000
_LEAN = 20.0
KINDS = ("walk", "cell", "halved", "capped")  # a photo that several cover is of the last


@dataclass(frozen=True, slots=True)
class Stratum:
    """One kind of windows. ``caught``: by the second pass; ``again``: of those, by the first."""

    name: str
    windows: int  # asked again
    found: int  # photos that such windows cover, seen by the first pass
    caught: int
    again: int
    total: float  # photos that there are, estimated


@dataclass(frozen=True, slots=True)
class Estimate:
    """How complete a crawl is; ``low`` and ``high`` are the ends of a 95 % interval."""

    found: int  # photos seen by either pass
    total: float  # photos that there are, estimated
    low: float
    high: float
    strata: tuple[Stratum, ...]

    @property
    def share(self) -> float:
        """The estimated completeness, 0 to 1."""
        return self.found / self.total if self.total else 1.0


def estimate(state: State, seed: int = 0) -> Estimate | None:
    """The completeness of a crawl whose second pass is finished, else None.

    The interval comes from drawing windows anew (a bootstrap, as they are clusters of photos) and
    then the share itself from a beta distribution, so that it has a width even where nothing was
    missed. ``seed`` draws both.
    """
    if not state.get("sampled") or state.next_window([1, 2]) is not None:
        return None
    first = state.windows("turn = 1")
    second = state.windows("turn = 2")
    found = sum(w.new for w in (*first, *second))
    parents = {w.id: stratum_of(w) for w in first}
    asked = {name: [w for w in second if parents[w.parent or 0] == name] for name in KINDS}
    kinds = [(name, seen, asked[name]) for name, seen in _members(state, first).items() if seen]
    strata = tuple(_stratum(name, seen, again, second) for name, seen, again in kinds)
    total = max(float(found), sum(s.total for s in strata))
    rng = np.random.default_rng(seed)
    usual = _usual(second)
    draws = sum((_draws(seen, again, usual, rng) for _, seen, again in kinds), np.zeros(_DRAWS))
    shares = np.minimum(1.0, found / np.maximum(draws, 1.0))
    low, high = np.quantile(shares, [0.025, 0.975])
    share = found / total if total else 1.0
    return Estimate(found, total, min(share, float(low)), max(share, float(high)), strata)


def _members(state: State, first: Sequence[Window]) -> dict[str, int]:
    """Photos of the first pass by the kind of the window that covers their upload.

    Not by the window that brought them first: a walk brings part of a cell before it is cut there.
    """
    rows = state.db.execute("SELECT uploaded, license FROM photos WHERE passes & 1")
    table = np.fromiter(rows, np.dtype("i8, i4"))
    table.sort(order="f0")
    uploaded, licence = table["f0"], table["f1"]
    kind = np.full(len(table), KINDS.index("walk"), np.int8)
    for window in sorted(first, key=lambda w: KINDS.index(stratum_of(w))):
        if stratum_of(window) != "walk" and window.state != "split":
            span = slice(*np.searchsorted(uploaded, [window.since, window.reached]).tolist())
            covered = np.isin(licence[span], split_licences(window.licences))
            kind[span][covered] = KINDS.index(stratum_of(window))
    counts = np.bincount(kind, minlength=len(KINDS)).tolist()
    return dict(zip(KINDS, counts, strict=True))


def _stratum(name: str, found: int, windows: Sequence[Window], others: Sequence[Window]) -> Stratum:
    """Where the second pass caught nothing of a kind, all that it caught stands for it."""
    asked = windows if any(w.caught for w in windows) else others
    caught, again = sum(w.caught for w in asked), sum(w.again for w in asked)
    total = (found + 1) * (caught + 1) / (again + 1) - 1
    return Stratum(name, len(windows), found, caught, again, total)


def _usual(windows: Sequence[Window]) -> float:
    """The share that was caught again, of all kinds together."""
    caught, again = sum(w.caught for w in windows), sum(w.again for w in windows)
    return (again + 0.5) / (caught + 1)


def _draws(
    found: int, windows: Sequence[Window], usual: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(2000,) totals of a stratum that would be as likely.

    Small strata lean on what is usual, which weighs as much as ``_LEAN`` photos.
    """
    counts = np.array([(w.caught, w.again) for w in windows], np.int64).reshape(-1, 2)
    picks = rng.integers(0, max(1, len(counts)), (_DRAWS, len(counts)))
    caught, again = counts[picks].sum(axis=1).T
    seen, missed = again + _LEAN * usual, caught - again + _LEAN * (1 - usual)
    return np.asarray(found / rng.beta(seen + 0.5, missed + 0.5), np.float64)
