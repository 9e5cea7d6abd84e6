"""What a dataset holds already, so that an import adds what is new and changes nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.importing.ids import number_of
from facecurate.pool import Pool, check_settings, stem_of
from facecurate.records import PHOTO_SCHEMA
from facecurate.text import counted

Numbers = NDArray[np.uint64]  # ids without their dataset's name, rising


def begin(pool: Pool, redo: bool) -> str:
    """Tidies up after a killed run, discards all parts if ``redo``; a remark about those."""
    storage.sweep(pool.url)
    parts = len(pool.stems())
    if not redo or not parts:
        return ""
    storage.delete(pool.url)
    return f"{counted(parts, 'part')} discarded by --redo"


def free_stems(pool: Pool) -> Iterator[str]:
    """Names for new parts, so that an interrupted import gives the rest the same names."""
    used, number = set(pool.stems()), 0
    while True:
        if (stem := stem_of(number)) not in used:
            yield stem
        number += 1


def numbers(pool: Pool) -> Numbers:
    """The ids that are here, 8 bytes each."""
    parts = [
        np.array([number_of(key) for key in _ids(pool, stem)], np.uint64) for stem in pool.stems()
    ]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def _ids(pool: Pool, stem: str) -> list[str]:
    return list(pool.table(stem, PHOTO_SCHEMA)["photo_id"].to_pylist())


def holds(known: Numbers, number: int) -> bool:
    """Whether an id is among those."""
    at = int(np.searchsorted(known, np.uint64(number)))
    return at < len(known) and int(known[at]) == number


def check_source(pool: Pool, settings: Mapping[str, Any], *, new: bool) -> None:
    """One dataset, one kind of source; and what is here already keeps its licence.

    A setting that only some parts have (``fps`` of videos) is compared with those.
    """
    for stem in pool.stems():
        before = pool.info(stem).settings
        names = ["origin", "source"] if new else ["origin", "source", "license"]
        names += [name for name in ("fps",) if name in before and name in settings]
        found, now = ({name: s.get(name) for name in names} for s in (before, settings))
        check_settings(found, now, f"{pool.name}/{stem}")


def not_retried(pool: Pool, reason: str = "unreadable") -> str:
    """A remark about what could not be had when it was imported; else nothing."""
    count = pool.stats().counts["photos"].dropped.get(reason, 0) if pool.stems() else 0
    return f"{count:,} {reason} among them, not tried again without --redo" if count else ""
