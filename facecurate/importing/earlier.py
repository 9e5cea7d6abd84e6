"""What a dataset holds already, so that an import adds what is new and changes nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.importing.ids import number_of
from facecurate.pool import Pool, check_settings, stem_of
from facecurate.records import PHOTO_SCHEMA
from facecurate.text import counted, printable
from facecurate.workspace import Dataset

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
    return np.unique(np.concatenate(parts)) if parts else none()


def none() -> Numbers:
    """No ids: what is here when an import starts over."""
    return np.empty(0, np.uint64)


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


def results(pool: Pool, name: str) -> Iterator[Any]:
    """What the parts tell under a name beside their counts."""
    for stem in pool.stems():
        told = json.loads(storage.read(pool.file(stem, "json"))).get("result", {})
        if name in told:
            yield told[name]


def check_sizes(
    dataset: Dataset, pool: Pool, name: str, size_of: Callable[[str], int | None]
) -> None:
    """Raises FacecurateError if a large file that was imported has another size now.

    Sizes alone: its bytes are many, and another one of the very same size is rare. ``name``: under
    which the parts tell sizes by path.
    """
    known: dict[str, int] = {}
    for told in results(pool, name):
        known |= told
    changed = [path for path, size in known.items() if size_of(path) not in (None, size)]
    if changed:
        raise other_bytes(dataset, changed)


def other_bytes(dataset: Dataset, changed: Sequence[str]) -> FacecurateError:
    """The error about files that are others now under the same paths."""
    return FacecurateError(
        f"{len(changed)} files, {printable(changed[0])} among them, were imported into "
        f"{dataset.name} with other bytes: import this source under another --name, or --redo"
    )


def here(count: int, noun: str) -> str:
    """A remark about what an earlier run has taken."""
    return f"{counted(count, noun)} {'was' if count == 1 else 'were'} here already"


def not_retried(pool: Pool, reason: str = "unreadable") -> str:
    """A remark about what could not be had when it was imported; else nothing."""
    count = pool.stats().counts["photos"].dropped.get(reason, 0) if pool.stems() else 0
    return f"{count:,} {reason} among them, not tried again without --redo" if count else ""
