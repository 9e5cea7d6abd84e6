"""Small pictures of chosen photos and faces, read one by one from where they lie in their tars."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from facecurate import images, storage, tars
from facecurate.errors import DamagedError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.workspace import Dataset

SIDE = 96  # pixels of the longer side, at most
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture as a data URL, and the name that its photo had where it came from."""

    src: str
    source: str


def thumbnails(dataset: Dataset, level: str, keys: Iterable[str]) -> dict[str, Thumbnail]:
    """The pictures of one level by key. Raises DamagedError for one that is not there."""
    wanted = pa.array(sorted(set(keys)), pa.string())
    photos = Pool(dataset.path("photos"))
    pool = photos if level == "photo" else Pool(dataset.path("faces"))
    column, schema = ("photo_id", PHOTO_SCHEMA) if level == "photo" else ("key", FACE_SCHEMA)
    found: dict[str, Thumbnail] = {}
    for stem in pool.stems():
        table = pool.table(stem, schema)
        rows = table.filter(pc.is_in(table[column], value_set=wanted))
        here = dict(zip(rows[column].to_pylist(), rows["photo_id"].to_pylist(), strict=True))
        if here:
            found |= _of_part(pool.file(stem, "tar"), here, _sources(photos, stem))
    return found


def _sources(photos: Pool, stem: str) -> dict[str, str]:
    table = photos.table(stem, PHOTO_SCHEMA).select(["photo_id", "source"])
    return dict(zip(*(table[c].to_pylist() for c in table.column_names), strict=True))


def _of_part(url: str, here: dict[str, str], sources: dict[str, str]) -> dict[str, Thumbnail]:
    members = {name.partition(".")[0]: member for name, member in tars.index(url).items()}
    return {
        key: Thumbnail(_picture(url, members.get(key), key), str(sources.get(photo_id) or ""))
        for key, photo_id in here.items()
    }


def _picture(url: str, member: tars.Member | None, key: str) -> str:
    try:
        if member is None:
            raise ValueError("it is not there")
        data = storage.read(url, member.offset, member.size)
        pixels = images.decode(data, longest=SIDE).pixels
    except (ValueError, images.ImageRejectedError) as error:
        raise DamagedError(
            f"{url} does not hold the picture {key} ({error}): 'facecurate verify' says what to do"
        ) from error
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    small = images.resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
    return (
        "data:image/jpeg;base64," + base64.b64encode(images.encode_jpeg(small, _QUALITY)).decode()
    )
