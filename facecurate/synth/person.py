"""Who is drawn: everything that depends on the identity alone.

Traits are drawn from distributions that were chosen by eye, not measured on people.
``presentation`` and ``age`` are words about the looks of a rendered head; no label carries them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facecurate.synth import modes
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
_UNDERTONE: Floats = np.array(
    [-0.05, 0.012, -0.19]
)  # from none to olive and golden; its opposite is pink
_HAIR: Floats = np.array(
    [[22, 18, 17], [45, 32, 24], [78, 52, 34], [116, 78, 46], [168, 128, 78], [140, 66, 36]],
    dtype=np.float64,
)
_IRIS: Floats = np.array(
    [[58, 36, 22], [84, 54, 30], [104, 86, 50], [86, 106, 80], [92, 118, 140], [110, 124, 134]],
    dtype=np.float64,
)
_GREY: Floats = np.array([178.0, 176.0, 172.0])
_RIMS: Floats = np.array(
    [[24, 22, 22], [60, 38, 24], [104, 66, 36], [150, 148, 146], [168, 138, 70], [32, 40, 70],
     [92, 24, 30], [196, 186, 172]],
    dtype=np.float64,
)  # fmt: skip

STYLES = ("bald", "receding", "short", "parted", "medium", "long", "tied", "curly")
_MASCULINE_STYLES = (0.12, 0.15, 0.37, 0.17, 0.05, 0.03, 0.03, 0.08)
_FEMININE_STYLES = (0.01, 0.0, 0.09, 0.08, 0.25, 0.31, 0.17, 0.09)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
RIMS = ("round", "oval", "square", "rectangle", "aviator", "cat")

# Standard deviations by which a mode's mean lies off the template's, by which it moves from no
# presentation to a masculine one (the feminine one is its mirror image), and with age.
_PRESENTATION: dict[str, float] = {
    "jaw width": 0.55, "chin width": 0.5, "jaw angle": 0.6, "lower face length": 0.4,
    "chin height": 0.35, "chin forward": 0.3, "brow ridge": 0.9, "brow height": 0.5,
    "brow arch": -0.6, "lip fullness": -0.55, "eye size": -0.45, "upper lid": -0.3,
    "nose height": 0.3, "nose width": 0.35, "nose hump": 0.3, "forehead slope": -0.4,
    "forehead bulge": -0.4, "full cheeks": -0.3,
}  # fmt: skip
_MEAN: dict[str, float] = {"upper lid": 1.0, "lower lid": 0.4, "lip fullness": 0.3}
_AGE: dict[str, float] = {
    "lip fullness": -1.2, "jowls": 1.6, "hollow cheeks": 0.9, "nose length": 0.6, "nose tip": -0.6,
    "upper lid": -0.8, "mouth corners": -0.6, "full cheeks": -0.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Eyewear:
    """Glasses; lengths in half face widths (about 7 cm), the colour is sRGB 0..255."""

    shape: str  # of RIMS
    colour: Floats  # (3,)
    dark: bool  # sunglasses
    width: float  # half a lens
    height: float  # half a lens
    thickness: float  # of the rims


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Shape, skin and hair of one identity; colours are sRGB 0..255. Compared as an object."""

    shape: Floats  # (len(IDENTITY_MODES),) standard deviations
    presentation: float  # -1 feminine .. 1 masculine looks of the rendered head
    age: float  # 0..1: lines, grey, bags under the eyes, thinner lips
    folding: float  # 0.4..1.6: how strongly the skin creases when the face moves
    skin: Floats  # (3,)
    lips: Floats  # (3,)
    hair: Floats  # (3,)
    brow: Floats  # (3,)
    iris: Floats  # (3,)
    style: str  # of STYLES
    hair_depth: float  # how far the hair stands off the skull
    length: float  # y down to which hair hangs beside the face; 0: it leaves the ears bare
    hairline: float  # how far up the forehead it starts
    parting: float  # -1..1: side and strength of the parting
    fringe: float  # 0..1: how far the hair falls into the forehead
    brow_width: float
    brow_density: float  # 0.45..0.95
    brow_taper: float  # 0 evenly thick .. 1 thin towards the temple
    lashes: float  # 0..1: how dark the lids' edges are
    beard_style: str  # of BEARDS
    beard: float  # 0 none .. 1 dense
    freckles: float  # 0..1
    lines: Floats  # (4,) 0..1: beside the mouth, under the eyes, beside them, on the forehead
    glasses: Eyewear | None
    texture: int  # seed of freckles, moles and strands


def _between(anchors: Floats, at: float, rng: np.random.Generator, jitter: float) -> Floats:
    """A colour on the line through ``anchors`` at ``at`` in 0..1, a little off it."""
    knots = np.linspace(0, 1, len(anchors))
    colour = np.array([np.interp(at, knots, anchors[:, k]) for k in range(3)])
    return np.asarray(np.clip(colour * (1 + rng.normal(0, jitter, 3)), 8, 250))


def _shape(rng: np.random.Generator, presentation: float, age: float) -> Floats:
    """Standard deviations of every mode about means that looks and age shift."""
    names = list(modes.IDENTITY_MODES)
    mean = np.zeros(len(names))
    for shifts, by in ((_MEAN, 1.0), (_PRESENTATION, presentation), (_AGE, age - 0.5)):
        for name, shift in shifts.items():
            mean[names.index(name)] += shift * by
    return np.clip(np.clip(rng.normal(0, 1, len(names)), -2.2, 2.2) + mean, -2.6, 2.6)


def _skin(rng: np.random.Generator, tone: float) -> Floats:
    colour = _between(_SKIN, tone, rng, 0.02)
    undertone = float(np.clip(rng.normal(0.05, 0.5), -0.6, 1))
    return np.asarray(np.clip(colour * (1 + undertone * _UNDERTONE), 8, 250))


def _lips(rng: np.random.Generator, skin: Floats, presentation: float) -> tuple[Floats, float]:
    """Colours of the lips and darkness of the lashes: painted ones are more intense."""
    redder = np.array([0.86, 0.57, 0.58]) * (1 + rng.normal(0, 0.05, 3))
    bare = skin * redder + np.array([10.0, 2.0, 4.0])
    if rng.uniform() > 0.5 * max(0.0, -presentation):
        return bare, float(rng.uniform(0.0, 0.4))
    stick = np.array([150.0, 32, 48]) + rng.uniform(-1, 1) * np.array([40.0, 26, 26])
    part = float(rng.uniform(0.3, 0.75))
    return bare * (1 - part) + stick * part, float(rng.uniform(0.4, 1.0))


def _hair(rng: np.random.Generator, tone: float, age: float, skin: Floats) -> tuple[Floats, Floats]:
    """Colours of hair and brows."""
    darkest = rng.uniform(0, 0.25) if tone > 0.55 else rng.uniform() ** 1.3
    hair = (
        _between(_HAIR, float(darkest), rng, 0.03)
        * float(rng.uniform(0.85, 1.15))
        * (1 - 0.35 * max(0.0, 2 * tone - 1))
    )
    brow = np.minimum(hair * float(rng.uniform(0.55, 0.9)), skin * (0.48 - 0.22 * tone))
    grey = min(1.0, max(0.0, age - 0.55) * (2.6 - 1.2 * tone) * float(rng.uniform()))
    silver = _GREY * (1 - 0.35 * tone)  # the eye sees hair beside skin, not alone
    faded = brow * (1 - 0.4 * grey) + silver * 0.4 * grey
    return hair * (1 - grey) + silver * grey, np.minimum(faded, skin * (0.6 - 0.28 * tone))


def _style(rng: np.random.Generator, masculine: float, age: float) -> str:
    odds = np.array(_FEMININE_STYLES) * (1 - masculine) + np.array(_MASCULINE_STYLES) * masculine
    odds[:2] *= 0.4 + 1.2 * age
    return STYLES[int(rng.choice(len(STYLES), p=odds / odds.sum()))]


def _length(rng: np.random.Generator, style: str, masculine: float) -> float:
    """How far down hair hangs; curly hair of masculine looks does not."""
    low, high = {"medium": (0.75, 1.35), "long": (1.6, 2.3), "curly": (0.8, 1.7)}.get(style, (0, 0))
    drawn, hanging = float(rng.uniform(low, high)), rng.uniform() > masculine
    return drawn if style != "curly" or hanging else 0.0


def _beard(rng: np.random.Generator, masculine: float) -> tuple[str, float]:
    grown = rng.uniform() < 0.6 * max(0.0, 2 * masculine - 1)
    which = BEARDS[1 + int(rng.choice(4, p=[0.35, 0.13, 0.17, 0.35]))]
    density = float(rng.uniform(0.45, 1.0))
    return (which, density) if grown else ("none", 0.0)


def _eyewear(rng: np.random.Generator) -> Eyewear | None:
    """Clear glasses for 20 of 100, dark ones for 2."""
    drawn = float(rng.uniform())
    shape = RIMS[int(rng.integers(len(RIMS)))]
    ratio = {"round": 0.95, "oval": 0.74, "square": 0.82, "rectangle": 0.6}.get(shape, 0.8)
    width = float(rng.uniform(0.29, 0.345))
    worn = Eyewear(
        shape=shape,
        colour=np.clip(_RIMS[int(rng.integers(len(_RIMS)))] * rng.uniform(0.8, 1.2), 8, 240),
        dark=drawn >= 0.20,
        width=width,
        height=width * ratio * float(rng.uniform(0.92, 1.08)),
        thickness=float(rng.choice([0.018, 0.03, 0.045]) * rng.uniform(0.85, 1.2)),
    )
    return worn if drawn < 0.22 else None


@lru_cache(maxsize=64)
def person(identity: int) -> Person:
    """The person of an identity, always the same."""
    rng = np.random.default_rng([0x1D, identity])
    tone, age = float(rng.uniform()), float(rng.uniform())
    presentation = float(np.clip(rng.choice([-0.6, 0.6]) + rng.normal(0, 0.3), -1, 1))
    masculine = float(1 / (1 + np.exp(-5 * presentation)))
    skin = _skin(rng, tone)
    lips, lashes = _lips(rng, skin, presentation)
    hair, brow = _hair(rng, tone, age, skin)
    light_eyes = 0.25 if tone > 0.45 else 1.0
    beard_style, beard = _beard(rng, masculine)
    style = _style(rng, masculine, age)
    return Person(
        shape=_shape(rng, presentation, age),
        presentation=presentation,
        age=age,
        folding=float(np.exp(np.clip(rng.normal(0, 0.32), np.log(0.4), np.log(1.6)))),
        skin=skin,
        lips=lips,
        hair=hair,
        brow=brow,
        iris=_between(_IRIS, float(rng.uniform(0, light_eyes)), rng, 0.08),
        style=style,
        hair_depth=float(rng.uniform(0.05, 0.2)),
        length=_length(rng, style, masculine),
        hairline=float(rng.uniform(-0.06, 0.1)),
        parting=float(rng.choice([-1, 1]) * rng.uniform(0.3, 1)),
        fringe=float(rng.uniform(0.3, 1)) if rng.uniform() < 0.45 else 0.0,
        brow_width=float(rng.uniform(0.04, 0.065) * (1 + 0.35 * presentation)),
        brow_density=float(rng.uniform(0.55, 0.95) * (0.9 + 0.15 * tone)),
        brow_taper=float(rng.uniform(0.2, 1)),
        lashes=lashes,
        beard_style=beard_style,
        beard=beard,
        freckles=float(rng.uniform(0.2, 1)) if rng.uniform() < 0.28 * (1.2 - tone) else 0.0,
        lines=np.clip(rng.uniform(0.1, 0.6, 4) + 0.8 * (age - 0.4), 0, 1),
        glasses=_eyewear(rng),
        texture=int(rng.integers(2**31)),
    )
