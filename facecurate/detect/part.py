"""One part: its photos decoded, their faces found, cropped and measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from facecurate import images, tars
from facecurate.detect.ahead import Ahead, grouped
from facecurate.detect.buried import Buried, without_buried
from facecurate.detect.found import Found, earlier_faces, labelled, with_labels
from facecurate.detect.rows import cropped
from facecurate.errors import DamagedError
from facecurate.faces import load_detector
from facecurate.faces.base import Detector
from facecurate.faces.gates import photo_reason
from facecurate.pool import PartTask, Pool
from facecurate.records import FACE_SCHEMA, GIVEN_SCHEMA, PHOTO_SCHEMA, Face, to_table
from facecurate.stats import Stats
from facecurate.workers import limit_threads

EARLIER = "faces"  # instead of a detector's name: the faces of the pool that is read
MOST_PIXELS = 256 << 20  # of the photos in one window, unless one alone has more

Shot = tuple[str, images.Picture]  # photo_id and its picture
Faces = tuple[list[Face], list[tuple[str, bytes]]]  # the rows of one photo and its crops by name


@lru_cache(maxsize=1)
def _detector(options: str) -> Detector:
    words = json.loads(options)
    name = words.pop("name")
    detector = load_detector(name, **words)
    limit_threads()  # libraries that the detector has just loaded
    return detector


def detect_part(
    task: PartTask,
    options: Mapping[str, Any],
    photos: Pool,
    tick: Callable[[int], None],
    threads: int = 0,
    buried: Buried | None = None,
) -> None:
    """Finds, crops and measures the faces of one part of photos.

    ``buried``: single faces that were taken down. ``threads`` decode and crop beside a detector
    that works on a GPU; what is written does not depend on them.
    """
    find = _finder(task, options, photos)
    reasons: list[str | None] = []
    rows: list[Face] = []
    with task.writer() as part, Ahead(threads) as ahead:
        with part.file("tar") as file:
            tar = tars.TarWriter(file)
            shots = ahead.map(_decoded, _photos(photos, task.name))
            for window in grouped(shots, find.window, _pixels, MOST_PIXELS):
                seen = zip(window, find(window), strict=True)
                found = ((s, without_buried(s[0], f, buried or {})) for s, f in seen)
                made = ahead.map(partial(_made, settings=task.settings), found)
                for faces, crops in made:
                    for name, data in crops:
                        tar.add(name, data)
                    reasons.append(photo_reason([face.reason for face in faces]))
                    rows += faces
                tick(len(window))
            tar.close()
        part.write_table(to_table(rows, FACE_SCHEMA))
        part.stats = Stats.of("photos", reasons) + Stats.of("faces", (f.reason for f in rows))


def _decoded(photo: tuple[str, bytes]) -> Shot:
    return photo[0], images.decode(photo[1])


def _pixels(shot: Shot) -> int:
    return shot[1].header.width * shot[1].header.height


def _made(found: tuple[Shot, list[Found]], settings: Mapping[str, Any]) -> Faces:
    (photo_id, picture), faces = found
    crops: list[tuple[str, bytes]] = []
    rows = [cropped(f, photo_id, i, picture, settings, crops) for i, f in enumerate(faces)]
    return rows, crops


@dataclass(frozen=True, slots=True)
class _Finder:
    """What the faces of some photos are, in their order."""

    find: Callable[[Sequence[Shot]], list[list[Found]]]
    window: int  # photos that are asked for at once

    def __call__(self, shots: Sequence[Shot]) -> list[list[Found]]:
        return self.find(shots)


def _finder(task: PartTask, options: Mapping[str, Any], photos: Pool) -> _Finder:
    """Faces that are known already, given ones, or what a detector sees beside the given ones."""
    if options["name"] == EARLIER:
        earlier = earlier_faces(task)
        return _Finder(lambda shots: [earlier.get(photo_id, []) for photo_id, _ in shots], 1)
    given = _given_rows(photos, task.name)
    if options["name"] == "given":
        rows = {key: [labelled(row, None) for row in some] for key, some in given.items()}
        return _Finder(lambda shots: [rows.get(photo_id, []) for photo_id, _ in shots], 1)
    model = _detector(json.dumps(options))

    def seen(shots: Sequence[Shot]) -> list[list[Found]]:
        found = model.detect([picture.pixels for _, picture in shots])
        return [
            with_labels(faces, given.get(key, []))
            for (key, _), faces in zip(shots, found, strict=True)
        ]

    return _Finder(seen, model.window)


def _photos(photos: Pool, stem: str) -> Iterator[tuple[str, bytes]]:
    """Ids and bytes of the photos of a part that are ok, in row order."""
    columns = ["photo_id", "status"]
    rows = photos.table(stem, PHOTO_SCHEMA).select(columns).to_pylist()
    wanted = [row["photo_id"] for row in rows if row["status"] == "ok"]
    stored = tars.read_members(photos.file(stem, "tar"))
    for photo_id in wanted:
        name, data = next(stored, ("nothing", b""))
        if name.split(".", 1)[0] != photo_id:
            raise DamagedError(
                f"{photos.file(stem, 'tar')} holds {name} where {photo_id} belongs: "
                "'facecurate verify' says what to do"
            )
        yield photo_id, data


def _given_rows(photos: Pool, stem: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if f"{stem}.given.parquet" in photos.info(stem).outputs:
        for row in photos.table(stem, GIVEN_SCHEMA, "given.parquet").to_pylist():
            found.setdefault(row["photo_id"], []).append(row)
    return found
