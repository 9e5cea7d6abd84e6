"""One part: its photos decoded, their faces found, cropped and measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from facecurate import images, tars
from facecurate.detect.found import earlier_faces, labelled, with_labels
from facecurate.detect.rows import cropped, photo_reason
from facecurate.errors import DamagedError
from facecurate.faces import load_detector
from facecurate.faces.base import Detector
from facecurate.pool import PartTask, Pool
from facecurate.records import FACE_SCHEMA, GIVEN_SCHEMA, PHOTO_SCHEMA, Face, to_table
from facecurate.stats import Stats
from facecurate.workers import limit_threads


@lru_cache(maxsize=1)
def _detector(options: str) -> Detector:
    words = json.loads(options)
    name = words.pop("name")
    detector = load_detector(name, **words)
    limit_threads()  # libraries that the detector has just loaded
    return detector


def detect_part(
    task: PartTask, options: Mapping[str, Any], photos: Pool, tick: Callable[[int], None]
) -> None:
    """Finds, crops and measures the faces of one part of photos."""
    given = _given_rows(photos, task.name)
    earlier = earlier_faces(task) if options["name"] == "faces" else None
    reasons: list[str | None] = []
    rows: list[Face] = []
    with task.writer() as part:
        with part.file("tar") as file:
            tar = tars.TarWriter(file)
            for photo_id, width, height, pixels in _photos(photos, task.name):
                labels = given.get(photo_id, [])
                if earlier is not None:
                    found = earlier.get(photo_id, [])
                elif options["name"] == "given":
                    found = [labelled(row, None) for row in labels]
                else:
                    model = _detector(json.dumps(options))
                    found = with_labels(model.detect([pixels])[0], labels)
                faces = [
                    cropped(face, photo_id, i, pixels, (width, height), task.settings, tar)
                    for i, face in enumerate(found)
                ]
                reasons.append(photo_reason(faces))
                rows += faces
                tick(1)
            tar.close()
        part.write_table(to_table(rows, FACE_SCHEMA))
        part.stats = Stats.of("photos", reasons) + Stats.of("faces", (f.reason for f in rows))


def _photos(photos: Pool, stem: str) -> Iterator[tuple[str, int, int, images.Pixels]]:
    """The photos of a part that are ok, decoded, in row order."""
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
        picture = images.decode(data)
        yield photo_id, picture.header.width, picture.header.height, picture.pixels


def _given_rows(photos: Pool, stem: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if f"{stem}.given.parquet" in photos.info(stem).outputs:
        for row in photos.table(stem, GIVEN_SCHEMA, "given.parquet").to_pylist():
            found.setdefault(row["photo_id"], []).append(row)
    return found
