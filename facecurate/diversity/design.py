"""What frames of the same people are worth for a statement about people: Kish's design effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity.structure import UNKNOWN


@dataclass(frozen=True, slots=True)
class DesignEffect:
    """N values of one variable in G groups of unequal size.

    icc: the intraclass correlation, the share of the variance that lies between groups, estimated
    by one-way analysis of variance (it can come out a little below 0); NaN below two groups, or
    where there is no group of two, or nothing varies. size: the mean group size m of a random
    frame, sum n_g^2 / N.
    """

    variable: str
    frames: int
    groups: int
    icc: float
    size: float

    @property
    def effect(self) -> float:
        """1 + (m - 1) icc, how many times the variance of a mean of independent frames."""
        return 1 + (self.size - 1) * max(self.icc, 0.0) if self.icc == self.icc else np.nan

    @property
    def effective(self) -> float:
        """For statements about the groups, the frames weigh as many independent ones."""
        return self.frames / self.effect


def design_effects(
    groups: ArrayLike, names: Sequence[str], values: ArrayLike
) -> tuple[DesignEffect, ...]:
    """One for each column of ``values``, (N, V), NaN = missing.

    groups: (N,) codes of the people; frames whose person is ``UNKNOWN`` are left out. Analysis of
    variance with unequal groups as in Donner (International Statistical Review, 1986); m as in Kish
    (Survey Sampling, 1965) for unequal clusters: a large group costs more than the mean size says.
    """
    codes, table = np.asarray(groups), np.asarray(values, np.float64)
    if table.shape != (len(codes), len(names)):
        raise ValueError(f"{len(codes)} groups and {len(names)} names, but values {table.shape}")
    return tuple(_effect(name, codes, table[:, at]) for at, name in enumerate(names))


def to_arrow(effects: Sequence[DesignEffect]) -> pa.Table:
    """One row a variable; null where there is no estimate."""
    rows = [
        {
            "variable": one.variable,
            "frames": one.frames,
            "groups": one.groups,
            "icc": _known(one.icc),
            "group_size": _known(one.size),
            "design_effect": _known(one.effect),
            "effective": _known(one.effective),
        }
        for one in effects
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


_SCHEMA = pa.schema(
    [
        ("variable", pa.string()),
        ("frames", pa.int64()),
        ("groups", pa.int64()),
        ("icc", pa.float64()),
        ("group_size", pa.float64()),  # of a random frame
        ("design_effect", pa.float64()),
        ("effective", pa.float64()),  # frames / design effect
    ]
)


def _effect(variable: str, codes: NDArray[np.int32], values: NDArray[np.float64]) -> DesignEffect:
    known = (codes != UNKNOWN) & ~np.isnan(values)
    x = values[known]
    which, sizes = np.unique(codes[known], return_inverse=True, return_counts=True)[1:]
    total, groups = len(x), len(sizes)
    size = float((sizes**2).sum() / total) if total else np.nan
    nothing = DesignEffect(variable, total, groups, np.nan, size)
    if groups < 2 or total == groups:
        return nothing
    x = x - x.mean()
    means = np.bincount(which, x) / sizes
    between = float((sizes * means**2).sum()) / (groups - 1)
    within = float(((x - means[which]) ** 2).sum()) / (total - groups)
    usual = (total - (sizes**2).sum() / total) / (groups - 1)  # n_0, the size that unbiases between
    spread = between + (usual - 1) * within
    if spread <= 0:
        return nothing
    return DesignEffect(variable, total, groups, float((between - within) / spread), size)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
