"""Frames whose truth is known: planted states seen again and again, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facecurate.diversity.structure import UNKNOWN, Labels, Structure
from facecurate.diversity.tolerance import copy_tolerance

NOISE = 0.03
"""Two observations of one state are at cosine ~ .998."""


def states(count: int, d: int, mean_cosine: float, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors whose pairwise cosine is ``mean_cosine`` on average."""
    own = rng.normal(size=(count, d))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    common = rng.normal(size=d)
    common /= np.linalg.norm(common)
    mixed = np.sqrt(mean_cosine) * common + np.sqrt(1 - mean_cosine) * own
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def seen(planted: np.ndarray, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One noisy observation of each state in ``which``, float32."""
    x = planted.astype(np.float32)[which]
    for start in range(0, len(x), 8192):  # so that half a million frames fit
        rows = x[start : start + 8192]
        rows += rng.standard_normal(rows.shape, np.float32) * np.float32(NOISE / x.shape[1] ** 0.5)
    return x


def calibrated(planted: np.ndarray, rng: np.random.Generator) -> float:
    """tau_copy of the planted noise."""
    which = rng.integers(0, len(planted), 2000)
    return copy_tolerance(seen(planted, which, rng), {"again": seen(planted, which, rng)}).tau


def structure(
    subject: Sequence[int] | np.ndarray,
    sequence: Sequence[int] | np.ndarray | None = None,
    split: Sequence[int] | np.ndarray | None = None,
    frame: Sequence[int] | np.ndarray | None = None,
) -> Structure:
    """A source that says as much as is given, -1 where it is silent; one split is 'train'."""
    count = len(subject)
    silent = np.full(count, UNKNOWN, np.int32)

    def codes(values: Sequence[int] | np.ndarray | None) -> np.ndarray:
        return silent if values is None else np.asarray(values, np.int32)

    def names(letter: str, values: np.ndarray) -> tuple[str, ...]:
        return tuple(f"{letter}{n:04}" for n in range(int(values.max(initial=-1)) + 1))

    people, films, parts = codes(subject), codes(sequence), codes(split)
    return Structure(
        subject=people,
        session=silent,
        sequence=films,
        split=parts,
        frame=np.full(count, -1, np.int64) if frame is None else np.asarray(frame, np.int64),
        rate=np.full(count, 20.0, np.float32),
        subject_names=names("s", people),
        session_names=(),
        sequence_names=names("q", films),
        split_names=("train", "test", "val")[: int(parts.max(initial=-1)) + 1],
    )


def shuffled(of: Structure, order: np.ndarray, rng: np.random.Generator) -> Structure:
    """The same frames in another order of rows, their people and films under other codes."""

    def turned(codes: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
        new = rng.permutation(len(names)).astype(np.int32)
        told = tuple(names[old] for old in np.argsort(new))
        return np.append(new, UNKNOWN).astype(np.int32)[codes[order]], told

    subject, subject_names = turned(of.subject, of.subject_names)
    sequence, sequence_names = turned(of.sequence, of.sequence_names)
    return Structure(
        subject,
        of.session[order],
        sequence,
        of.split[order],
        of.frame[order],
        of.rate[order],
        subject_names,
        of.session_names,
        sequence_names,
        of.split_names,
    )


def units(values: np.ndarray) -> Labels:
    """Action units of levels, one a column."""
    names = tuple(f"AU{n + 1}" for n in range(values.shape[1]))
    return Labels(names, values.astype(np.float32), levels=True)
