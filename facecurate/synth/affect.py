"""Expressions as sets of action units: drawn at random, named, and given valence and arousal.

The sets follow the emotion predictions of the FACS investigator's guide (Ekman, Friesen and Hager,
2002) in outline. Valence and arousal are a function of the action units plus an offset of the
identity and one of the session, so that they cannot be read off the action units alone.
"""

from typing import Final

import numpy as np

from facecurate.synth.facs import ACTION_UNITS, REST, STRONGEST, Strengths, strengths

# AffectNet's codes 0 to 7.
EXPRESSIONS = (
    "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt",
)  # fmt: skip

# Intensities of the fully shown expression; several variants are equally likely.
PROTOTYPES: dict[str, tuple[Strengths, ...]] = {
    "happy": (strengths(au6=4, au12=5, au25=2.5), strengths(au6=2.5, au12=3.5)),
    "sad": (
        strengths(au1=4.5, au4=3, au15=4, au17=2),
        strengths(au1=3.5, au4=2, au15=3, au43=1),
    ),
    "surprise": (strengths(au1=4.5, au2=4.5, au5=4, au25=4, au26=4.5), strengths(au1=4, au2=4)),
    "fear": (
        strengths(au1=4.5, au2=3, au4=3, au5=4.5, au20=3.5, au25=3, au26=2),
        strengths(au1=3.5, au4=3, au5=4, au25=2, au20=2),
    ),
    "disgust": (
        strengths(au4=1.5, au9=5, au10=3, au17=2),
        strengths(au7=2, au9=3, au10=4.5, au25=1.5),
    ),
    "anger": (
        strengths(au4=5, au5=2.5, au7=3.5, au23=4),
        strengths(au4=4.5, au7=4, au17=2, au24=4),
    ),
    "contempt": (strengths(au14=4.5), strengths(au12=1, au14=3.5)),
}

# Share of frames in which a unit is shown without a whole expression, as rare as in DISFA.
BASE_RATES: dict[int, float] = {
    1: 0.05, 2: 0.05, 4: 0.10, 5: 0.02, 6: 0.06, 7: 0.06, 9: 0.03, 10: 0.03, 12: 0.09,
    14: 0.05, 15: 0.03, 17: 0.06, 20: 0.02, 23: 0.03, 24: 0.04, 25: 0.16, 26: 0.10, 43: 0.04,
}  # fmt: skip

_VALENCE: Final = {
    1: -0.12, 4: -0.35, 5: -0.05, 6: 0.25, 7: -0.08, 9: -0.5, 10: -0.3, 12: 0.75, 14: -0.15,
    15: -0.5, 17: -0.15, 20: -0.3, 23: -0.2, 24: -0.15,
}  # fmt: skip
_AROUSAL: Final = {
    1: 0.1, 2: 0.25, 4: 0.15, 5: 0.55, 6: 0.1, 7: 0.1, 9: 0.2, 10: 0.1, 12: 0.2, 15: -0.2,
    20: 0.25, 23: 0.15, 25: 0.15, 26: 0.4, 43: -0.5,
}  # fmt: skip
OFFSETS = (0.12, 0.10)  # standard deviations of an identity's and of a session's offset


def random_expression(rng: np.random.Generator) -> Strengths:
    """A still face's intensities: half of the faces at rest but for stray units."""
    out = np.array(REST)
    if rng.uniform() < 0.5:
        name = EXPRESSIONS[1 + int(rng.integers(len(EXPRESSIONS) - 1))]
        out += shown(name, float(rng.uniform(0.35, 1.0)), rng)
    for at, number in enumerate(ACTION_UNITS):
        if rng.uniform() < BASE_RATES[number]:
            out[at] += STRONGEST * float(rng.beta(1.2, 2.5))
    return tuple(np.clip(out, 0.0, STRONGEST).tolist())


def shown(name: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """(18,) one of an expression's variants at ``strength`` (0..1), its units a little uneven."""
    if name == "neutral":
        return np.array(REST)
    variants = PROTOTYPES[name]
    full = np.array(variants[int(rng.integers(len(variants)))])
    uneven = np.clip(rng.normal(1.0, 0.15, len(full)), 0.5, 1.4)
    return np.asarray(np.clip(full * strength * uneven, 0.0, STRONGEST))


def expression_of(units: Strengths) -> int:
    """The class (0..7, AffectNet's codes): the likest variant, neutral where little is shown.

    Likeness is the projection on the variant scaled to the unit length, minus 0.6 times what lies
    beside it; eye closure does not count. Below 1.2 the face is neutral.
    """
    seen = np.array(units) * [number != 43 for number in ACTION_UNITS]
    best, likeness = 0, 1.2
    for code, name in enumerate(EXPRESSIONS[1:], start=1):
        for variant in PROTOTYPES[name]:
            axis = np.array(variant) / np.linalg.norm(variant)
            along = float(seen @ axis)
            beside = float(np.linalg.norm(seen - along * axis))
            if along - 0.6 * beside > likeness:
                best, likeness = code, along - 0.6 * beside
    return best


def valence_arousal(units: Strengths, identity: int, seed: int) -> tuple[float, float]:
    """Valence and arousal in -1..1; ``seed`` names the session.

    Each is tanh of a weighted sum of the intensities (as shares of the strongest), plus the
    identity's and the session's offset, cut to the range.
    """
    share = np.array(units) / STRONGEST
    rows = [[w.get(number, 0.0) for number in ACTION_UNITS] for w in (_VALENCE, _AROUSAL)]
    exact = np.tanh(np.array(rows) @ share * 1.3)
    exact[1] = exact[1] - 0.05
    person, session = (
        np.random.default_rng(key).normal(0, sd, 2)
        for key, sd in zip(([0xAFFEC7, identity], [0x5E55A, identity, seed]), OFFSETS, strict=True)
    )
    both = np.clip(exact + person + session, -1.0, 1.0)
    return float(both[0]), float(both[1])
