"""``import``: pictures that lie in a folder, or a dataset that the user holds, into ``photos/``.

A dataset may name frames of videos (``videos.frame_name``): they are stored as JPEGs, and a part's
JSON has the size of each video, so that another one under the same path is noticed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate import images, storage, videos
from facecurate.datasets.annotated import Annotated
from facecurate.errors import FacecurateError
from facecurate.pool import Pool, Room, check_settings, chunks, stem_of, write_part
from facecurate.records import GIVEN_SCHEMA, PHOTO_SCHEMA, Given, Photo, to_table
from facecurate.stats import Stats
from facecurate.tars import TarWriter
from facecurate.text import counted, storable
from facecurate.workers import Progress, Task, map_tasks, silent
from facecurate.workspace import Dataset, tombstones

SPDX = frozenset(
    f"CC-BY{terms}-{version}"
    for terms in ("", "-SA", "-NC", "-NC-SA", "-ND", "-NC-ND")
    for version in ("2.0", "2.5", "3.0", "4.0")
) | {"CC0-1.0", "CC-PDDC", "PDDL-1.0", "Apache-2.0", "MIT"}


RECHECKED = 500  # known files whose bytes are compared again, at most about twice as many


def license_id(text: str | None) -> str | None:
    """An SPDX id as it is, anything else as ``LicenseRef-...``."""
    if text is None or text in SPDX or text.startswith("LicenseRef-"):
        return text
    return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-") or "unnamed")


def photo_id(name: str, source: str) -> str:
    """The id of a local picture: dataset name and a hash of its path relative to the source."""
    return f"{name}-{hashlib.sha256(os.fsencode(source)).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class ImportTask(Task):
    """The pictures of one part, as a worker gets them."""

    dataset: str
    folder: str  # photos/
    root: str
    paths: tuple[str, ...]
    annotated: tuple[Annotated, ...]  # empty, or one for each path
    settings: Mapping[str, Any]
    tombstones: frozenset[tuple[str, bytes]]


def import_folder(
    dataset: Dataset,
    source: str,
    *,
    license: str | None = None,
    limit: int | None = None,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes every file below ``source``: pictures are stored as they are, the rest has a reason.

    ``limit``: only the first files, in the order of their paths. A workspace that lies below
    ``source`` is left out.

    Raises FacecurateError if the folder is missing or empty, or if a picture that was imported
    under the same path now has another size or, where they are compared, other bytes.
    """
    if not storage.is_folder(source):
        raise FacecurateError(f"{source} is no folder: give the folder that holds the pictures")
    settings = {"origin": "collected", "license": license_id(license), **_limits()}
    ours = os.path.relpath(storage.absolute(dataset.workspace), storage.absolute(source)) + "/"
    if ours == "./":
        raise FacecurateError(f"{source} is the workspace itself: give another --workspace")
    paths = (path for path in storage.walk(source) if not path.startswith(ours))
    found = [(path, None) for path in itertools.islice(paths, limit)]
    if not found:
        raise FacecurateError(f"{source} holds no files: give the folder that holds the pictures")
    return _import(dataset, source, found, settings, workers=workers, redo=redo, progress=progress)


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
    settings = {"origin": origin, "license": license_id(license), "source": source_id, **_limits()}
    found = [(photo.source, photo) for photo in annotated]
    if any(videos.split_name(source) for source, _ in found):
        settings["frames"] = videos.STORED_AS
    return _import(dataset, root, found, settings, workers=workers, redo=redo, progress=progress)


def _limits() -> dict[str, int]:
    return dataclasses.asdict(images.DEFAULT_LIMITS)


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
        storage.sweep(pool.url)
        notes = [taken_over or ""]
        if redo and pool.stems():
            notes.append(f"{counted(len(pool.stems()), 'part')} discarded by --redo")
            storage.delete(pool.url)
        known = _known(pool)
        new = [(p, a) for p, a in found if photo_id(dataset.name, p) not in known]
        _check_source(pool, settings, new=bool(new))
        _check_unchanged(dataset, root, known, found)
        _check_videos(dataset, root, pool)
        tasks = _tasks(dataset, pool, root, new, settings)
        shared = storage.is_shared(pool.url) and storage.is_shared(root)
        room = Room(pool.url, len(tasks))
        map_tasks(
            import_part,
            tasks,
            workers=workers,
            in_process=not shared,
            total=len(new),
            progress=progress,
            finished=lambda task: room.check(pool, task.name),
        )
        if len(new) < len(found):
            notes.append(f"{len(found) - len(new):,} were here already")
            notes.append(_not_retried(pool))
        return pool.stats().noted(*notes)


def _not_retried(pool: Pool) -> str:
    """A remark about files that could not be read when they were imported; else nothing."""
    count = pool.stats().counts["photos"].dropped.get("unreadable", 0)
    return f"{count:,} unreadable among them, not tried again without --redo" if count else ""


def _known(pool: Pool) -> dict[str, tuple[int, bytes] | None]:
    """The photos that are here, with size and SHA-256 where their bytes were read."""
    table = pool.tables(PHOTO_SCHEMA)
    rows = zip(*(table[c].to_pylist() for c in ("photo_id", "bytes", "sha256")), strict=True)
    return {key: None if sha256 is None else (size, sha256) for key, size, sha256 in rows}


def _check_source(pool: Pool, settings: Mapping[str, Any], new: bool) -> None:
    """One dataset, one kind of source; and what is here already keeps its licence."""
    for stem in pool.stems():
        before = pool.info(stem).settings
        names = ("origin", "source") if new else ("origin", "source", "license")
        before, now = ({name: s.get(name) for name in names} for s in (before, settings))
        check_settings(before, now, f"{pool.name}/{stem}")


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
        raise _other_bytes(dataset, changed)


def _other_bytes(dataset: Dataset, changed: Sequence[str]) -> FacecurateError:
    return FacecurateError(
        f"{len(changed)} files, {changed[0]} among them, were imported into {dataset.name} "
        "with other bytes: import this folder under another --name, or --redo"
    )


def _check_videos(dataset: Dataset, root: str, pool: Pool) -> None:
    """Sizes alone: a video's bytes are many, and another one of the very same size is rare."""
    known: dict[str, int] = {}
    for stem in pool.stems():
        known |= (
            json.loads(storage.read(pool.file(stem, "json"))).get("result", {}).get("videos", {})
        )
    urls = {video: storage.join(root, video) for video in known}
    changed = [v for v in known if storage.is_file(urls[v]) and storage.size(urls[v]) != known[v]]
    if changed:
        raise _other_bytes(dataset, changed)


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
    used = set(pool.stems())
    free = (stem for stem in map(stem_of, range(len(used) + len(new) + 1)) if stem not in used)
    gone = tombstones(dataset.workspace)
    return [
        ImportTask(
            stem,
            dataset.name,
            pool.url,
            root,
            tuple(path for path, _ in chunk),
            tuple(a for _, a in chunk if a is not None),
            settings,
            gone,
        )
        for stem, chunk in zip(free, chunks(new), strict=False)
    ]


# -- one part --------------------------------------------------------------------------------


def import_part(task: ImportTask, tick: Callable[[int], None]) -> None:
    """Reads, checks and stores the pictures of one part."""
    labels = task.annotated or (None,) * len(task.paths)
    writer = write_part(task.folder, task.name, tool="import", settings=task.settings, inputs={})
    with writer as part:
        rows = []
        with part.file("tar") as file:
            tar = TarWriter(file)
            for path, annotated, got in zip(task.paths, labels, _contents(task), strict=True):
                rows.append(_import_photo(task, path, annotated, got, tar))
                tick(1)
            tar.close()
        part.write_table(to_table(rows, PHOTO_SCHEMA))
        if task.annotated:
            given = [g for row, a in zip(rows, task.annotated, strict=True) for g in _given(row, a)]
            part.write_table(to_table(given, GIVEN_SCHEMA), "given.parquet")
        part.stats = Stats.of("photos", (row.reason for row in rows))
        if sizes := _video_sizes(task):
            part.result = {"videos": sizes}


Content = bytes | images.ImageRejectedError  # what is stored of a path, or why nothing is


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


def _import_photo(
    task: ImportTask, path: str, annotated: Annotated | None, data: Content, tar: TarWriter
) -> Photo:
    row = Photo(
        photo_id=photo_id(task.dataset, path),
        source=storable(path),
        origin=task.settings["origin"],
        license=task.settings["license"],
        sequence=_text(annotated.sequence) if annotated else None,
        frame=annotated.frame if annotated else None,
        subject=_text(annotated.subject) if annotated else None,
        session=_text(annotated.session) if annotated else None,
        split=annotated.split if annotated else None,
    )
    if isinstance(data, images.ImageRejectedError):
        return dataclasses.replace(row, status="dropped", reason=data.reason)
    digest = hashlib.sha256(data).digest()
    row = dataclasses.replace(row, sha256=digest, bytes=len(data))
    try:
        if _is_gone(row, digest, task.tombstones):
            raise images.ImageRejectedError("tombstoned")
        header = images.decode(data).header
    except images.ImageRejectedError as error:
        return dataclasses.replace(row, status="dropped", reason=error.reason)
    tar.add(f"{row.photo_id}.{images.extension(header)}", data)
    return dataclasses.replace(
        row, width=header.width, height=header.height, exif_orientation=header.orientation
    )


def _text(value: str | None) -> str | None:
    """A name that may come from a folder's, whose bytes may be no UTF-8."""
    return None if value is None else storable(value)


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


def _is_gone(row: Photo, digest: bytes, gone: frozenset[tuple[str, bytes]]) -> bool:
    by_id = hashlib.sha256(row.photo_id.encode()).digest()
    by_bytes = hashlib.sha256(digest.hex().encode()).digest()
    return ("photo", by_id) in gone or ("sha256", by_bytes) in gone


def _given(row: Photo, annotated: Annotated) -> list[Given]:
    made = {"photo_id", "face_index", "label_identity"}
    names = {f.name for f in dataclasses.fields(Given)} - made
    return [
        Given(
            row.photo_id,
            i,
            label_identity=_text(face.label_identity),
            **{name: getattr(face, name, None) for name in names},
        )
        for i, face in enumerate(annotated.faces)
    ]
