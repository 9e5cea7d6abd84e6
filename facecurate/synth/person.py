"""Who is drawn: everything that depends on the identity alone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facecurate.synth.modes import IDENTITY_MODES
from facecurate.synth.template import Floats

# sRGB anchors from the lightest to the darkest skin; people lie between and beside them.
_SKIN: Floats = np.array(
    [
        [247, 218, 203],
        [236, 194, 166],
        [214, 162, 125],
        [180, 125, 88],
        [144, 95, 66],
        [112, 73, 52],
        [80, 53, 41],
    ],
    dtype=np.float64,
)
_HAIR: Floats = np.array(
    [[22, 18, 17], [45, 32, 24], [78, 52, 34], [116, 78, 46], [168, 128, 78], [140, 66, 36]],
    dtype=np.float64,
)
_IRIS: Floats = np.array(
    [[58, 36, 22], [84, 54, 30], [104, 86, 50], [86, 106, 80], [92, 118, 140], [110, 124, 134]],
    dtype=np.float64,
)
STYLES = ("bald", "short", "medium", "long")


@dataclass(frozen=True, slots=True)
class Person:
    """Shape, skin and hair of one identity; colours are sRGB 0..255."""

    shape: Floats  # (len(IDENTITY_MODES),) standard deviations
    skin: Floats  # (3,)
    lips: Floats  # (3,)
    hair: Floats  # (3,)
    brow: Floats  # (3,)
    iris: Floats  # (3,)
    style: str  # of STYLES
    hair_depth: float  # how far the hair stands off the skull
    hairline: float  # how far up the forehead it starts
    parting: float  # -1..1: side and strength of the parting
    brow_width: float
    beard: float  # 0 none .. 1 full
    age: float  # 0..1: lines and grey
    texture: int  # seed of freckles, moles and strands


def _between(anchors: Floats, at: float, rng: np.random.Generator, jitter: float) -> Floats:
    """A colour on the line through ``anchors`` at ``at`` in 0..1, a little off it."""
    knots = np.linspace(0, 1, len(anchors))
    colour = np.array([np.interp(at, knots, anchors[:, k]) for k in range(3)])
    return np.asarray(np.clip(colour * (1 + rng.normal(0, jitter, 3)), 8, 250))


@lru_cache(maxsize=64)
def person(identity: int) -> Person:
    """The person of an identity, always the same."""
    rng = np.random.default_rng([0x1D, identity])
    tone, age = float(rng.uniform()), float(rng.uniform())
    shape = np.clip(rng.normal(0, 1, len(IDENTITY_MODES)), -2.2, 2.2)
    skin = _between(_SKIN, tone, rng, 0.035)
    darkest = rng.uniform(0, 0.25) if tone > 0.55 else rng.uniform() ** 1.3
    hair = _between(_HAIR, float(darkest), rng, 0.08)
    brow = np.minimum(hair * 0.75, skin * 0.55)
    grey = max(0.0, age - 0.6) * 2.4 * float(rng.uniform())
    hair = hair * (1 - grey) + np.array([178.0, 176, 172]) * grey
    iris = _between(_IRIS, float(rng.uniform(0, 0.25) if tone > 0.45 else rng.uniform()), rng, 0.08)
    redder = np.array([0.86, 0.60, 0.60]) if rng.uniform() < 0.75 else np.array([0.85, 0.42, 0.46])
    lips = skin * redder + np.array([10.0, 2, 4])
    style = STYLES[int(rng.choice(4, p=[0.07, 0.43, 0.25, 0.25]))]
    bearded = style != "long" and rng.uniform() < 0.4
    return Person(
        shape=shape,
        skin=skin,
        lips=lips,
        hair=hair,
        brow=brow,
        iris=iris,
        style=style,
        hair_depth=float(rng.uniform(0.05, 0.2)),
        hairline=float(rng.uniform(-0.05, 0.1)),
        parting=float(rng.choice([-1, 1]) * rng.uniform(0.3, 1)),
        brow_width=float(rng.uniform(0.035, 0.07)),
        beard=float(rng.uniform(0.2, 1)) if bearded else 0.0,
        age=age,
        texture=int(rng.integers(2**31)),
    )
