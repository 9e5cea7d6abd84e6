"""The one grammar of weights: what every option that takes them understands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from facecurate.errors import UsageError
from facecurate.text import printable

Kind = Literal["scratch", "run", "file", "torchvision", "timm", "published", "dct", "shape+hog"]
PLAIN: tuple[Kind, ...] = ("scratch", "dct", "shape+hog")  # stand alone, need no file
_PREFIXED: tuple[Kind, ...] = ("run", "file", "torchvision", "timm", "published")
BENCHMARK = "evaluate"  # the folder among the runs that holds the cells of ``evaluate``
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Reference:
    """What the user wrote, taken apart: ``kind`` and what follows the colon."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


def parse(text: str) -> Reference:
    """Takes apart what the user wrote for weights.

    ``scratch``, ``run:NAME`` or a bare NAME, ``file:PATH``, ``torchvision:NAME``, ``timm:NAME``,
    ``published:NAME``, ``dct``, ``shape+hog``. Raises UsageError, listing what is possible.
    """
    for plain in PLAIN:
        if text == plain:
            return Reference(plain)
    prefix, colon, rest = text.partition(":")
    for kind in _PREFIXED:
        if colon and prefix == kind and rest:
            return Reference(kind, run_name(rest) if kind == "run" else rest)
    if not colon and _RUN.fullmatch(text):
        return Reference("run", run_name(text))
    raise UsageError(
        f"no weights '{printable(text, 80)}': give scratch, run:NAME, file:PATH, torchvision:NAME, "
        "timm:NAME or published:NAME"
    )


def run_name(name: str) -> str:
    """``name`` if a run may bear it; else UsageError."""
    if name == BENCHMARK:
        raise UsageError(
            f"the name '{name}' is reserved for the benchmark: choose another run name"
        )
    if not _RUN.fullmatch(name):
        raise UsageError(f"no run '{printable(name, 80)}': a run's name has letters, digits, . _ -")
    return name
