"""The action units that rendered faces have, and what each of them moves.

Numbers and names are those of the Facial Action Coding System (Ekman and Friesen, 1978; Ekman,
Friesen and Hager, 2002). Intensities run from 0 (absent) over 1 (A, a trace) to 5 (E, the most);
inside the renderer they are continuous.
"""

from collections.abc import Sequence

ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
STRONGEST = 5.0

NAMES = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    14: "dimpler",
    15: "lip corner depressor",
    17: "chin raiser",
    20: "lip stretcher",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    43: "eyes closed",
}

Strengths = tuple[float, ...]
REST: Strengths = (0.0,) * len(ACTION_UNITS)


def strengths(**units: float) -> Strengths:
    """The intensities of all :data:`ACTION_UNITS` from those named: ``strengths(au12=3)``.

    Raises ValueError for a unit that is not drawn or an intensity outside 0..5.
    """
    known = {f"au{number}": at for at, number in enumerate(ACTION_UNITS)}
    out = list(REST)
    for name, value in units.items():
        if name not in known:
            raise ValueError(f"no action unit {name}: there are {', '.join(known)}")
        out[known[name]] = float(value)
    return checked(out)


def checked(values: Sequence[float]) -> Strengths:
    """``values`` as a tuple. Raises ValueError if their number or one of them is wrong."""
    if len(values) != len(ACTION_UNITS):
        raise ValueError(f"{len(values)} intensities instead of {len(ACTION_UNITS)}")
    if not all(0.0 <= value <= STRONGEST for value in values):
        raise ValueError(f"intensities lie between 0 and {STRONGEST:g}: {list(values)}")
    return tuple(float(value) for value in values)


def select(values: Sequence[float], numbers: Sequence[int]) -> list[float]:
    """The intensities of ``numbers``, in their order."""
    return [float(values[ACTION_UNITS.index(number)]) for number in numbers]
