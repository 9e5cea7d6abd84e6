"""What a face does in time: head, gaze, lids, action units and drop-outs, in continuous time.

Everything is a function of (identity, seed, time in seconds), drawn in blocks of eight seconds, so
that any instant can be looked at without those before it, and so that a longer or a denser sampling
sees the same motion. The identity gives habits (how often and how strongly somebody shows what),
the seed what happens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate.synth.affect import EXPRESSIONS, shown
from facecurate.synth.facs import ACTION_UNITS, STRONGEST

Floats = NDArray[np.float64]

BLOCK = 8.0  # seconds
_BOUTS = 0.8  # the fewer, the more do events crowd in some blocks (shape of a gamma distribution)
_LONGEST = 16.0  # no event lasts longer, seconds
_LIDS = ACTION_UNITS.index(43)
_PARTING = tuple(ACTION_UNITS.index(number) for number in (12, 14))

# Events a second of the average person. With them, and with whole expressions, the shares of coded
# frames come near those reported for DISFA (test_sequences holds them together).
EXPRESSION_RATES: Final = {
    "happy": 0.048, "sad": 0.008, "surprise": 0.006, "fear": 0.002, "disgust": 0.009,
    "anger": 0.007, "contempt": 0.006,
}  # fmt: skip
SINGLE_RATES: Final = {
    1: 0.007, 2: 0.016, 4: 0.062, 5: 0.001, 6: 0.022, 7: 0.026, 9: 0.011, 10: 0.014, 12: 0.062,
    14: 0.020, 15: 0.017, 17: 0.028, 20: 0.013, 23: 0.010, 24: 0.014, 25: 0.240, 26: 0.100,
    43: 0.008,
}  # fmt: skip


class UnitEvent(NamedTuple):
    """One unit's rise, stay and fall; times in seconds.

    ``peak``: intensity 0..5; ``side``: -1..1, stronger on the image's right (> 0) or left;
    ``sway``: how often a second the stay goes up and down a little, and where it starts (radians).
    """

    unit: int
    start: float
    onset: float
    apex: float
    offset: float
    peak: float
    side: float
    sway: tuple[float, float]

    @property
    def end(self) -> float:
        """When the unit is at rest again."""
        return self.start + self.onset + self.apex + self.offset


class DropOut(NamedTuple):
    """The face is away from ``start`` to ``end`` (seconds): behind a hand, or out of the picture.

    ``way``: (x, y) direction in which it leaves; (0, 0): a hand is held before it.
    """

    start: float
    end: float
    way: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Habits:
    """What somebody tends to do; rates a second, in the order of the tables above."""

    expressions: tuple[float, ...]
    singles: tuple[float, ...]
    strength: float  # factor of every peak
    blinks: float
    restless: float  # factor of the head's motion
    side: float  # what all faces of this person lean to, as ``FaceSpec.lopsided``


@lru_cache(maxsize=256)
def habits(identity: int) -> Habits:
    """The habits of one person, who has them in every session."""
    rng = np.random.default_rng([0x4AB1, identity])
    mood = rng.gamma(4.0, 1 / 4.0)
    moods = np.array(list(EXPRESSION_RATES.values())) * mood * rng.gamma(2.0, 0.5, 7)
    stray = np.array(list(SINGLE_RATES.values())) * rng.gamma(1.5, 1 / 1.5, len(ACTION_UNITS))
    return Habits(
        expressions=tuple(moods.tolist()),
        singles=tuple(stray.tolist()),
        strength=float(np.clip(rng.lognormal(0, 0.22), 0.6, 1.5)),
        blinks=float(np.clip(rng.lognormal(np.log(0.28), 0.4), 0.08, 0.7)),
        restless=float(np.clip(rng.lognormal(-0.1, 0.35), 0.4, 2.0)),
        side=float(rng.normal(0, 0.12)),
    )


def _blocks(times: Floats, before: float) -> range:
    """The blocks in which something may begin that is seen at ``times``."""
    return range(int((times[0] - before) // BLOCK), int(times[-1] // BLOCK) + 1)


def _rng(kind: int, identity: int, seed: int, block: int) -> np.random.Generator:
    return np.random.default_rng([kind, identity, seed, block + 16])


def _starts(rng: np.random.Generator, rate: float, block: int) -> list[float]:
    return sorted((block + rng.uniform(size=int(rng.poisson(rate * BLOCK)))) * BLOCK)


# -- action units ------------------------------------------------------------------------------


def unit_events(identity: int, seed: int, block: int) -> list[UnitEvent]:
    """The events that begin in one block of time, blinks apart."""
    rng, who = _rng(0xE7E27, identity, seed, block), habits(identity)
    busy = float(rng.gamma(_BOUTS, 1 / _BOUTS))
    out: list[UnitEvent] = []
    for name, rate in zip(EXPRESSIONS[1:], who.expressions, strict=True):
        for start in _starts(rng, rate * busy, block):
            out += _expression(rng, name, start, who)
    for unit, rate in enumerate(who.singles):
        for start in _starts(rng, rate * busy, block):
            peak = float(np.clip(STRONGEST * rng.beta(1.5, 2.4) * who.strength, 0.5, STRONGEST))
            side = float(np.clip(rng.normal(0, 0.25), -0.8, 0.8))
            out.append(_event(rng, unit, start, _stay(rng), peak, side))
    return out


def _expression(
    rng: np.random.Generator, name: str, start: float, who: Habits
) -> Iterator[UnitEvent]:
    """One event of several units that begin and end almost together."""
    strength = float(np.clip(rng.uniform(0.3, 1.0) * who.strength, 0.2, 1.0))
    peaks, stay = shown(name, strength, rng), _stay(rng) + 0.8
    whole = float(rng.choice([-1, 1]) * rng.uniform(0.4, 0.8)) if name == "contempt" else 0.0
    for unit in np.flatnonzero(peaks > 0).tolist():
        side = float(np.clip(rng.normal(0, 0.12) + whole * (unit in _PARTING), -0.9, 0.9))
        begin = start + float(rng.uniform(0, 0.25))
        apex = stay * float(rng.uniform(0.8, 1.1))
        yield _event(rng, unit, begin, apex, float(peaks[unit]), side)


def _stay(rng: np.random.Generator) -> float:
    """Seconds at the apex: mostly one or two, now and then ten."""
    return float(np.clip(rng.lognormal(np.log(1.6), 0.75), 0.3, 11.0))


def _event(
    rng: np.random.Generator, unit: int, start: float, apex: float, peak: float, side: float
) -> UnitEvent:
    onset = float(np.clip(rng.lognormal(np.log(0.4), 0.45), 0.12, 1.2))
    offset = float(np.clip(rng.lognormal(np.log(0.7), 0.5), 0.2, 2.4))
    sway = float(rng.uniform(0.15, 0.9)), float(rng.uniform(0, 2 * np.pi))
    apex = min(apex, _LONGEST - onset - offset - 0.5)
    return UnitEvent(unit, start, onset, apex, offset, peak, side, sway)


def _smooth(x: Floats) -> Floats:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))


def level(event: UnitEvent, times: Floats) -> Floats:
    """(T,) intensity of one event at ``times``: a smooth rise, an uneven stay, a smooth fall."""
    since = times - event.start
    left = event.end - times
    rate, phase = event.sway
    uneven = 1 + 0.07 * np.sin(2 * np.pi * rate * since + phase)
    shape = _smooth(since / event.onset) * _smooth(left / event.offset)
    return np.clip(event.peak * uneven * shape, 0.0, STRONGEST)


def units_at(identity: int, seed: int, times: Floats) -> tuple[Floats, Floats]:
    """(T, 18) exact intensities and (T,) how lopsided they are, -0.9..0.9, at rising ``times``."""
    units = np.zeros((len(times), len(ACTION_UNITS)))
    pull, total = np.zeros(len(times)), np.full(len(times), 0.5)
    for block in _blocks(times, _LONGEST):
        for event in unit_events(identity, seed, block):
            first, last = np.searchsorted(times, [event.start, event.end])
            here = level(event, times[first:last])
            units[first:last, event.unit] = np.maximum(units[first:last, event.unit], here)
            pull[first:last] += here * event.side
            total[first:last] += here
    units[:, _LIDS] = np.maximum(units[:, _LIDS], blinks_at(identity, seed, times))
    return units, np.clip(habits(identity).side + pull / total, -0.9, 0.9)


def blinks_at(identity: int, seed: int, times: Floats) -> Floats:
    """(T,) how far blinks close the lids (0..5): shut in 80 ms, open again in 160."""
    out = np.zeros(len(times))
    for block in _blocks(times, 1.0):
        rng = _rng(0xB114, identity, seed, block)
        for start in _starts(rng, habits(identity).blinks, block):
            shut = float(rng.uniform(0.03, 0.08))
            depth = STRONGEST * (1.0 if rng.uniform() < 0.8 else float(rng.uniform(0.5, 0.9)))
            since = times - start
            here = _smooth(since / 0.08) * _smooth((0.24 + shut - since) / 0.16)
            out = np.maximum(out, depth * here)
    return out


# -- head and eyes -----------------------------------------------------------------------------

_WAVES = 14
_SLOWEST, _FASTEST = 0.02, 1.2  # Hz


def wander(key: list[int], times: Floats, channels: int) -> Floats:
    """(T, channels) smooth stationary processes of mean 0 and standard deviation 1.

    Each is a sum of sines whose phases are drawn at random: the spectral form of a stationary
    process, with most of the power at low frequencies.
    """
    rng = np.random.default_rng(key)
    steps = np.geomspace(_SLOWEST, _FASTEST, _WAVES)
    hertz = steps * rng.uniform(0.85, 1.18, (channels, _WAVES))
    phase = rng.uniform(0, 2 * np.pi, (channels, _WAVES))
    size = steps**-0.6
    size = size * np.sqrt(2 / (size**2).sum())
    return np.asarray((size * np.sin(2 * np.pi * hertz * times[:, None, None] + phase)).sum(axis=2))


def head_at(identity: int, seed: int, times: Floats) -> Floats:
    """(T, 6) yaw, pitch, roll (degrees), and x, y, size as shares of the face's size.

    The head wanders, and now and then it turns or nods within a third of a second.
    """
    spread = np.array([6.0, 4.0, 3.5, 0.07, 0.04, 0.03]) * habits(identity).restless
    out = wander([0x4EAD, identity, seed], times, 6) * spread
    for block in _blocks(times, 6.0):
        rng = _rng(0x70D5, identity, seed, block)
        for start in _starts(rng, 0.08, block):
            turn, stay = rng.normal(0, [9.0, 4.0]), float(rng.uniform(0.4, 4.0))
            since = times - start
            shape = _smooth(since / 0.35) * _smooth((stay + 0.9 - since) / 0.45)
            out[:, :2] += shape[:, None] * np.clip(turn, -18, 18)
    return np.asarray(out)


def gaze_at(identity: int, seed: int, times: Floats) -> Floats:
    """(T, 2) where the eyes look in the room (degrees to the image's right, up).

    They rest on one spot after another, three in two seconds, and jump there within 50 ms.
    """
    starts, spots = [], []
    for block in _blocks(times, BLOCK):
        rng = _rng(0x6A2E, identity, seed, block)
        begun = [block * BLOCK, *_starts(rng, 1.5, block)]
        starts += begun
        spots += (rng.standard_normal((len(begun), 2)) * [7.0, 4.0]).tolist()
    at = np.searchsorted(starts, times, side="right") - 1
    where, begin = np.array(spots), np.array(starts)
    share = _smooth((times - begin[at]) / 0.05)[:, None]
    return np.asarray(where[np.maximum(at - 1, 0)] * (1 - share) + where[at] * share)


# -- drop-outs ---------------------------------------------------------------------------------

_DROP_RATE = 1 / 80  # a second
LEAVING = 0.6  # seconds that the way out takes


def drop_outs(identity: int, seed: int, times: Floats) -> list[DropOut]:
    """The drop-outs that touch ``times``: half of them a hand, half of them a face that leaves."""
    out = []
    for block in _blocks(times, BLOCK):
        rng = _rng(0xD209, identity, seed, block)
        for start in _starts(rng, _DROP_RATE, block):
            length = float(rng.uniform(0.8, 3.5))
            away = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0))[int(rng.integers(3))]
            way = (0.0, 0.0) if rng.uniform() < 0.5 else away
            out.append(DropOut(start, start + length + 2 * LEAVING * any(way), way))
    return out


def away_at(drops: list[DropOut], times: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(T, 2) how far the face has left (1 = wholly) and (T,) whether a hand is held before it."""
    gone, hand = np.zeros((len(times), 2)), np.zeros(len(times), bool)
    for drop in drops:
        if any(drop.way):
            share = _smooth((times - drop.start) / LEAVING) * _smooth((drop.end - times) / LEAVING)
            gone = np.where(share[:, None] > 0, share[:, None] * np.array(drop.way), gone)
        else:
            hand |= (times >= drop.start) & (times < drop.end)
    return gone, hand
