"""``import``: pictures that lie in a folder, or a dataset that the user holds, into ``photos/``.

A dataset may name frames of videos (``videos.frame_name``): they are stored as JPEGs, and a part's
JSON has the size of each video, so that another one under the same path is noticed.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate import images, storage, videos
from facecurate.datasets.annotated import Annotated
from facecurate.errors import FacecurateError
from facecurate.importing import earlier
from facecurate.importing.ids import license_id, photo_id
from facecurate.importing.rows import Content, PartTask, limits, make_parts, text, write_rows
from facecurate.pool import Pool, chunks
from facecurate.records import PHOTO_SCHEMA, Given, Photo
from facecurate.stats import Stats
from facecurate.text import storable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones

RECHECKED = 500  # known files whose bytes are compared again, at most about twice as many


@dataclass(frozen=True, slots=True)
class ImportTask(PartTask):
    """The pictures of one part, as a worker gets them."""

    root: str
    paths: tuple[str, ...]
    annotated: tuple[Annotated, ...]  # empty, or one for each path


def import_folder(
    dataset: Dataset,
    source: str,
    *,
    license: str | None = None,
    limit: int | None = None,
    leave: Collection[str] = (),
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes every file below ``source``: pictures are stored as they are, the rest has a reason.

    ``limit``: only the first files, in the order of their paths. ``leave``: paths of files that
    are taken in another way. A workspace that lies below ``source`` is left out.

    Raises FacecurateError if the folder is missing or empty, or if a picture that was imported
    under the same path now has another size or, where they are compared, other bytes.
    """
    if not storage.is_folder(source):
        raise FacecurateError(f"{source} is no folder: give the folder that holds the pictures")
    settings = {"origin": "collected", "license": license_id(license), **limits()}
    paths = (path for path in files_below(dataset, source) if path not in leave)
    found = [(path, None) for path in itertools.islice(paths, limit)]
    if not found:
        raise FacecurateError(f"{source} holds no files: give the folder that holds the pictures")
    return _import(dataset, source, found, settings, workers=workers, redo=redo, progress=progress)


def files_below(dataset: Dataset, source: str) -> Iterator[str]:
    """The files of a folder, without those of a workspace in it. Raises FacecurateError."""
    ours = os.path.relpath(storage.absolute(dataset.workspace), storage.absolute(source)) + "/"
    if ours == "./":
        raise FacecurateError(f"{source} is the workspace itself: give another --workspace")
    return (path for path in storage.walk(source) if not path.startswith(ours))


def import_annotated(
    dataset: Dataset,
    root: str,
    annotated: Iterable[Annotated],
    *,
    source_id: str,
    rendered: bool,
    license: str | None = None,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes the pictures and labels that an adapter lists, in its order.

    Frames of a video are listed in rising order, so that a part decodes the video once.
    """
    origin = "rendered" if rendered else "dataset"
    settings = {"origin": origin, "license": license_id(license), "source": source_id, **limits()}
    found = [(photo.source, photo) for photo in annotated]
    if any(videos.split_name(source) for source, _ in found):
        settings["frames"] = videos.STORED_AS
    return _import(dataset, root, found, settings, workers=workers, redo=redo, progress=progress)


def _import(
    dataset: Dataset,
    root: str,
    found: Sequence[tuple[str, Annotated | None]],
    settings: Mapping[str, Any],
    *,
    workers: int,
    redo: bool,
    progress: Progress,
) -> Stats:
    assert len({path for path, _ in found}) == len(found), "an adapter lists a photo twice"
    with dataset.lock("import") as taken_over:
        pool = Pool(dataset.path("photos"))
        notes = [taken_over or "", earlier.begin(pool, redo)]
        known = _known(pool)
        new = [(p, a) for p, a in found if photo_id(dataset.name, p) not in known]
        earlier.check_source(pool, settings, new=bool(new))
        _check_unchanged(dataset, root, known, found)
        earlier.check_sizes(dataset, pool, "videos", lambda v: size_of(storage.join(root, v)))
        tasks = _tasks(dataset, pool, root, new, settings)
        make_parts(
            pool, import_part, tasks, [root], total=len(new), workers=workers, progress=progress
        )
        if len(new) < len(found):
            notes.append(f"{len(found) - len(new):,} were here already")
            notes.append(earlier.not_retried(pool))
        return pool.stats().noted(*notes)


def _known(pool: Pool) -> dict[str, tuple[int, bytes] | None]:
    """The photos that are here, with size and SHA-256 where their bytes were read."""
    table = pool.tables(PHOTO_SCHEMA)
    rows = zip(*(table[c].to_pylist() for c in ("photo_id", "bytes", "sha256")), strict=True)
    return {key: None if sha256 is None else (size, sha256) for key, size, sha256 in rows}


def _check_unchanged(
    dataset: Dataset,
    root: str,
    known: Mapping[str, tuple[int, bytes] | None],
    found: Sequence[tuple[str, Annotated | None]],
) -> None:
    """An id is a path: another picture under a known path would be lost without a word.

    Sizes of all files are compared, and the bytes of ``RECHECKED`` of them, spread evenly.
    """
    files = (path for path, given in found if given is None or not videos.split_name(path))
    here = [(path, known.get(photo_id(dataset.name, path))) for path in files]
    pairs = [(path, told) for path, told in here if told is not None]
    step = max(1, len(pairs) // RECHECKED)
    changed = [
        path
        for i, (path, told) in enumerate(pairs)
        if _differs(storage.join(root, path), *told, look=i % step == 0)
    ]
    if changed:
        raise earlier.other_bytes(dataset, changed)


def size_of(url: str) -> int | None:
    """A file's size; None if there is none."""
    return storage.size(url) if storage.is_file(url) else None


def _differs(url: str, size: int, sha256: bytes, *, look: bool) -> bool:
    if not storage.is_file(url):
        return False
    return storage.size(url) != size or (look and storage.digest(url) != sha256.hex())


def _tasks(
    dataset: Dataset,
    pool: Pool,
    root: str,
    new: Sequence[tuple[str, Annotated | None]],
    settings: Mapping[str, Any],
) -> list[ImportTask]:
    """Cuts what is new into parts; an interrupted import cuts the rest in the same places."""
    gone = tombstones(dataset.workspace)
    return [
        ImportTask(
            stem,
            dataset.name,
            pool.url,
            settings,
            gone,
            root,
            tuple(path for path, _ in chunk),
            tuple(a for _, a in chunk if a is not None),
        )
        for stem, chunk in zip(earlier.free_stems(pool), chunks(new), strict=False)
    ]


# -- one part --------------------------------------------------------------------------------


def import_part(task: ImportTask, tick: Callable[[int], None]) -> None:
    """Reads, checks and stores the pictures of one part."""
    labels = task.annotated or (None,) * len(task.paths)
    items = (
        (row := _row(task, path, annotated), got, _given(row, annotated))
        for path, annotated, got in zip(task.paths, labels, _contents(task), strict=True)
    )
    sizes = _video_sizes(task)
    result = {"videos": sizes} if sizes else {}
    write_rows(task, items, tick, given=bool(task.annotated), result=result)


def _frame(task: ImportTask, path: str) -> tuple[str, int] | None:
    """A frame and its video; in a plain folder every name is a file's."""
    return videos.split_name(path) if task.annotated else None


def _contents(task: ImportTask) -> Iterator[Content]:
    """The content of each path, in their order; a video is decoded while its frames last."""

    def video_of(path: str) -> str | None:
        found = _frame(task, path)
        return found[0] if found else None

    for video, group in itertools.groupby(task.paths, video_of):
        paths = tuple(group)
        if video is None:
            yield from (_read(task.root, path) for path in paths)
        elif (outside := _outside(video)) is not None:
            yield from itertools.repeat(outside, len(paths))
        else:
            numbers = [found[1] for path in paths if (found := _frame(task, path))]
            yield from videos.stored(storage.join(task.root, video), numbers)


def _video_sizes(task: ImportTask) -> dict[str, int]:
    named = {found[0] for path in task.paths if (found := _frame(task, path))}
    urls = {v: storage.join(task.root, v) for v in sorted(named) if _outside(v) is None}
    return {storable(v): storage.size(url) for v, url in urls.items() if storage.is_file(url)}


def _row(task: ImportTask, path: str, annotated: Annotated | None) -> Photo:
    row = Photo(
        photo_id=photo_id(task.dataset, path),
        source=storable(path),
        origin=task.settings["origin"],
        license=task.settings["license"],
    )
    if annotated is None:
        return row
    return dataclasses.replace(
        row,
        sequence=text(annotated.sequence),
        frame=annotated.frame,
        subject=text(annotated.subject),
        session=text(annotated.session),
        split=annotated.split,
    )


def _outside(path: str) -> images.ImageRejectedError | None:
    if path.startswith("/") or ".." in path.split("/"):  # a list may say so, a folder never
        return images.ImageRejectedError("unreadable", "outside the source")
    return None


def _read(root: str, path: str) -> Content:
    if (outside := _outside(path)) is not None:
        return outside
    url = storage.join(root, path)
    try:
        if not storage.is_file(url):
            return images.ImageRejectedError("unreadable", "no regular file")
        if storage.size(url) > images.DEFAULT_LIMITS.max_bytes:
            return images.ImageRejectedError("too_many_bytes")
        return storage.read(url)
    except OSError as error:
        return images.ImageRejectedError("unreadable", str(error))


def _given(row: Photo, annotated: Annotated | None) -> list[Given]:
    if annotated is None:
        return []
    made = {"photo_id", "face_index", "label_identity"}
    names = {f.name for f in dataclasses.fields(Given)} - made
    return [
        Given(
            row.photo_id,
            i,
            label_identity=text(face.label_identity),
            **{name: getattr(face, name, None) for name in names},
        )
        for i, face in enumerate(annotated.faces)
    ]
