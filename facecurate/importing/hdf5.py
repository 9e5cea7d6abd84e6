"""``import`` of the FRL authors' HDF5: one dataset of encoded pictures, each a run of bytes.

``1adrianb/unsupervised-face-representation``, ``flr/datasets/base_unsupervised.py``: ``images`` is
one-dimensional, and element i holds the bytes of one JPEG or PNG as variable-length uint8. Their
code names ``foldernames`` and ``unique_foldernames`` in comments alone: taken as people's folders
where they fit, else left with a remark. Nothing else in the file is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate import images, storage
from facecurate import pool as pools
from facecurate.errors import DamagedError, FacecurateError, MissingExtraError
from facecurate.importing import earlier
from facecurate.importing.ids import license_id, number_of, photo_id
from facecurate.importing.lists import cell
from facecurate.importing.rows import Content, PartTask, limits, make_parts, write_rows
from facecurate.pool import Pool
from facecurate.records import Given, Photo
from facecurate.stats import Stats
from facecurate.text import printable, storable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones

SUFFIXES = (".h5", ".hdf5")
SOURCE = "hdf5"
_SLICE = 16  # pictures read at once
_LABELS = ("foldernames", "unique_foldernames")


@dataclass(frozen=True, slots=True)
class Hdf5Task(PartTask):
    """A stretch of the file's pictures, from 0."""

    url: str
    first: int
    last: int  # not included
    labelled: bool


def import_hdf5(
    dataset: Dataset,
    source: str,
    *,
    license: str | None = None,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes the pictures of an HDF5 file as the FRL authors write it, in its order.

    Folder names become ``subject`` and the given ``label_identity``. Raises FacecurateError for
    another layout, DamagedError for a file that cannot be opened, MissingExtraError without h5py.
    """
    settings = {
        "origin": "collected", "source": SOURCE, "license": license_id(license), **limits(),
    }  # fmt: skip
    with opened(source) as file:
        count = len(pictures(file, source))
        labelled, remark = _label_state(file, count)
    name = storable(storage.name(source))
    with dataset.lock("import") as taken_over:
        pool = Pool(dataset.path("photos"))
        notes = [taken_over or "", earlier.begin(pool, redo), remark]
        sizes = {name: storage.size(source)}
        earlier.check_sizes(dataset, pool, SOURCE, sizes.get)
        known = earlier.numbers(pool)
        stretches = [
            (first, min(first + pools.PART_SIZE, count))
            for first in range(0, count, pools.PART_SIZE)
            if not _is_here(known, name, range(first, min(first + pools.PART_SIZE, count)))
        ]
        earlier.check_source(pool, settings, new=bool(stretches))
        gone = tombstones(dataset.workspace)
        tasks = [
            Hdf5Task(stem, dataset.name, pool.url, settings, gone, source, *ends, labelled)
            for stem, ends in zip(earlier.free_stems(pool), stretches, strict=False)
        ]
        new = sum(last - first for first, last in stretches)
        make_parts(
            pool, import_pictures, tasks, [source], total=new, workers=workers, progress=progress
        )
        if new < count:
            notes.append(f"{count - new:,} were here already")
        return pool.stats().noted(*notes)


def _is_here(known: earlier.Numbers, name: str, numbers: range) -> bool:
    """Whether a stretch was imported: some of its pictures may have been taken down since."""
    ids = (number_of(photo_id("", _source(name, number))) for number in numbers)
    return any(earlier.holds(known, one) for one in ids)


@contextlib.contextmanager
def opened(url: str) -> Iterator[Any]:
    """An open HDF5 file. Raises DamagedError, MissingExtraError."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("an HDF5 file", "datasets") from error
    with storage.reading(url) as stream:
        try:
            file = h5py.File(stream, "r")
        except (OSError, RuntimeError) as error:
            raise DamagedError(f"{printable(url)} is no whole HDF5 file") from error
        with file:
            yield file


def pictures(file: Any, url: str) -> Any:
    """The dataset of encoded pictures. Raises FacecurateError for another layout."""
    import h5py

    found = _own(file, "images")
    fits = found is not None and found.ndim == 1 and h5py.check_vlen_dtype(found.dtype) == "uint8"
    if not fits or not len(found):
        names = ", ".join(printable(name, 40) for name in list(file)[:20]) or "nothing"
        raise FacecurateError(
            f"{printable(url)} has no list 'images' of encoded pictures (one dimension, "
            f"variable-length uint8), only {names}: it is not laid out as the FRL authors' files"
        )
    return found


def _own(file: Any, name: str) -> Any:
    """A dataset whose values lie in this file: a link may point at any other file's bytes."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return None
    found = file[name]
    own = isinstance(found, h5py.Dataset) and not found.external and not found.is_virtual
    return found if own else None


def _label_state(file: Any, count: int) -> tuple[bool, str]:
    """Whether pictures have folder names, and a remark if they have some that do not fit."""
    others = sorted(set(file) - {"images", *_LABELS})
    remark = f"{', '.join(printable(n, 40) for n in others[:5])} is not read" if others else ""
    if "foldernames" not in file:
        return False, remark
    found = _own(file, "foldernames")
    fits = (
        found is not None and found.shape == (count,) and _is_text(found) | _is_index(file, found)
    )
    if not fits:
        remark = "; ".join(filter(None, ["foldernames fits the pictures in no known way", remark]))
    return fits, remark


def _is_text(found: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(found.dtype) is not None


def _is_index(file: Any, found: Any) -> bool:
    names = _own(file, "unique_foldernames")
    return found.dtype.kind in "iu" and names is not None and names.ndim == 1 and _is_text(names)


# -- one part --------------------------------------------------------------------------------------


def import_pictures(task: Hdf5Task, tick: Callable[[int], None]) -> None:
    """Reads, checks and stores the pictures of one part."""
    name = storable(storage.name(task.url))
    with opened(task.url) as file:
        result = {SOURCE: {name: storage.size(task.url)}}
        write_rows(task, _items(task, file, name), tick, given=task.labelled, result=result)


def _items(
    task: Hdf5Task, file: Any, name: str
) -> Iterator[tuple[Photo, Content, Sequence[Given]]]:
    found = pictures(file, task.url)
    labels = _labels(task, file)
    for first in range(task.first, task.last, _SLICE):
        last = min(first + _SLICE, task.last)
        for number, data in enumerate(_read(found, first, last), first):
            label = labels[number - task.first] if labels else None
            row = Photo(
                photo_id=photo_id(task.dataset, _source(name, number)),
                source=_source(name, number),
                license=task.settings["license"],
                origin=task.settings["origin"],
                subject=label,
            )
            yield row, data, [Given(row.photo_id, 0, label_identity=label)] if label else []


def _read(found: Any, first: int, last: int) -> Iterator[Content]:
    """The pictures of a slice; one by one where the slice as a whole cannot be read."""
    try:
        whole = found[first:last]
    except (OSError, RuntimeError) as error:
        if last - first > 1:
            for number in range(first, last):
                yield from _read(found, number, number + 1)
        else:
            yield images.ImageRejectedError("unreadable", printable(error))
        return
    yield from (element.tobytes() for element in whole)


def _labels(task: Hdf5Task, file: Any) -> list[str | None]:
    """The folder of each picture of the part; nothing for a file without."""
    if not task.labelled:
        return []
    found = _own(file, "foldernames")
    values = found[task.first : task.last]
    if _is_text(found):
        return [cell(value) for value in values]
    names = _own(file, "unique_foldernames")
    return [cell(names[int(i)]) if 0 <= int(i) < len(names) else None for i in values]


def _source(name: str, number: int) -> str:
    return f"{name}#{number:07d}"
