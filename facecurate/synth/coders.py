"""Action unit codes as people write them down: whole levels, late, and not quite alike.

Two coders of one panel differ by their thresholds, by how late they see a movement begin and end,
and by how they judge each event, which stays the same while it lasts. On base rates as DISFA has
them the two agree with a mean ICC(3,1) of about .85 over the action units, which is what
Mavadati et al. (IEEE Transactions on Affective Computing, 2013) report for theirs (.80 to .94).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.synth.facs import ACTION_UNITS

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]

THRESHOLDS: Final = (0.6, 1.5, 2.5, 3.5, 4.4)  # exact intensities from which A, B, C, D, E is seen
_TASTE = (0.28, 0.10)  # standard deviations: of a coder's eye for a unit, and of each threshold
_JUDGEMENT = 0.72  # standard deviation of what is added to a whole event
_EVENT = 0.2  # exact intensity that makes an event: below, nobody sees anything
_LATE = 0.18  # mean delay beyond the first frame, seconds
_CLOSED = 0.5  # seconds from which closed eyes are AU 43; shorter is a blink, AU 45, not coded


@lru_cache(maxsize=64)
def _thresholds(panel: int, coder: int) -> tuple[tuple[float, ...], ...]:
    rng = np.random.default_rng([0xC0DE, panel, coder])
    taste = rng.normal(0, _TASTE[0], (len(ACTION_UNITS), 1))
    rows = np.array(THRESHOLDS) + taste + rng.normal(0, _TASTE[1], (len(taste), len(THRESHOLDS)))
    rows = np.sort(np.maximum(rows, _EVENT), axis=1)
    return tuple(tuple(row) for row in rows.tolist())


def thresholds(panel: int, coder: int) -> Floats:
    """(18, 5) exact intensities from which this coder writes 1, 2, 3, 4 and 5, rising."""
    return np.array(_thresholds(panel, coder))


def code(
    units: ArrayLike, fps: float | None, seed: int, coder: int = 0, *, panel: int | None = None
) -> Codes:
    """(T, 18) levels 0 to 5 that ``coder`` (0 or 1) writes for T frames of exact ``units``.

    ``fps``: frames a second of a video; None: stills, each judged by the thresholds alone, for
    nothing tells what went before. ``seed``: of the video; ``panel`` names the pair of coders, who
    keep their thresholds in all videos (None: each seed has a pair of its own). In a video an
    onset is written at least a frame late, an end too, and a closure of the eyes shorter than half
    a second is a blink and not AU 43. Raises ValueError for another number of columns.
    """
    exact = np.asarray(units, np.float64)
    if exact.ndim != 2 or exact.shape[1] != len(ACTION_UNITS):
        raise ValueError(f"units are (T, {len(ACTION_UNITS)}), not {exact.shape}")
    limits = thresholds(seed if panel is None else panel, coder)
    if fps is None:
        return np.asarray((exact[:, :, None] >= limits).sum(axis=2), np.int64)
    rng = np.random.default_rng([0x1A6, seed, coder])
    columns = [
        _column(exact[:, at], limits[at], fps, number == 43, np.random.default_rng(child))
        for at, (number, child) in enumerate(
            zip(ACTION_UNITS, rng.integers(2**63, size=len(ACTION_UNITS)), strict=True)
        )
    ]
    return np.stack(columns, axis=1)


def _column(
    exact: Floats, limits: Floats, fps: float, lids: bool, rng: np.random.Generator
) -> Codes:
    """(T,) one unit's codes: every event judged a little differently, then written late."""
    judged = exact.copy()
    for first, last in _runs(exact > _EVENT):
        judged[first:last] += rng.normal(0, _JUDGEMENT)
    judged[exact <= _EVENT] = 0.0
    levels = np.searchsorted(limits, judged, side="right")
    out = np.zeros(len(levels), np.int64)
    for first, last in _runs(levels > 0):
        delays = 1 + np.rint(rng.exponential(_LATE, 2) * fps).astype(int)
        if lids and (last - first) / fps < _CLOSED:
            continue
        _write(out, levels, first, last, (int(delays[0]), int(delays[1])))
    return out


def _write(out: Codes, levels: Codes, first: int, last: int, delays: tuple[int, int]) -> None:
    """Copies an event's levels to later frames; what is cut at an end of the video stays there."""
    total = len(levels)
    start = first + delays[0] if first else 0
    stop = max(last + delays[1], start + 1) if last < total else total
    share = (np.arange(start, stop) + 0.5 - start) / max(stop - start, 1)
    source = first + (share * (last - first)).astype(int)
    end = min(stop, total)
    if start < end:
        kept = levels[source[: end - start]]
        out[start:end] = np.maximum(out[start:end], kept)


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
