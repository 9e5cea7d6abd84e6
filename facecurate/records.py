"""The columns of every table, stated once, and the closed list of reasons.

Geometry is in pixels of the EXIF-turned photo: x right, y down, a pixel's centre at its integer
coordinates. A frozen dataclass stands beside each schema; a test holds the two together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facecurate import FORMAT
from facecurate.errors import DamagedError

REASONS: dict[str, str] = {
    # photos, at import
    "empty": "the file has no bytes",
    "not_an_image": "the bytes start like no image format that is read",
    "unreadable": "the file could not be read from where it lies",
    "unsupported": "an image whose format or variant is not read",
    "truncated": "the image ends before its pixels do",
    "broken": "the image contradicts its own format",
    "too_many_pixels": "more pixels than the limit; not decoded",
    "too_many_bytes": "more bytes than the limit; not read",
    "too_small": "smaller than the smallest side asked for",
    "tombstoned": "taken down from this workspace before",
    # photos, at crawl: before anything is fetched
    "license": "its license is unknown or is none of those that are taken",
    "not_public": "not shown to everybody",
    "not_a_photo": "a video, a screenshot or a drawing",
    "not_safe": "not marked as safe for everybody",
    "no_cv": "its owner asks that computers do not look at it",
    "minors": "its title or tags speak of children",
    "no_size": "offered in no size that is fetched",
    # photos, at crawl: while they are fetched
    "gone": "no longer there, or no longer public",
    "placeholder": "the server sent the picture that it shows for missing ones",
    "refused_address": "its address leads to a host that is never asked",
    "robots": "robots.txt forbids fetching it",
    "noai": "its server asks that machines do not use it",
    "other_size": "the picture has another size than was announced",
    "many_ids": "the same bytes came under three photos or more",
    "unreachable": "could not be fetched in several tries",
    # photos, at detect
    "no_face": "the detector found no face",
    # faces
    "face_too_small": "the face's longer side is below --min-face",
    "not_detected": "an annotated face that the detector did not find",
    "no_points": "the crop needs points that the detector does not give",
    "bad_box": "the annotated box has no area in the photo",
    "score_too_low": "the detector's score is below --min-score",
    "too_much_outside": "more of the crop lies outside the photo than --max-outside",
    "turned_too_far": "the head is turned further to a side than --max-yaw",
    "nods_too_far": "the head looks further up or down than --max-pitch",
    "leans_too_far": "the head leans further to a side than --max-roll",
    "too_dark": "the face's brightness is below --min-brightness",
    "too_bright": "the face's brightness is above --max-brightness",
    "contrast_too_low": "the face's contrast is below --min-contrast",
    "blurred": "the face's sharpness is below --min-sharpness",
    "other_colours": "more of the lower face has another colour than --max-other-colour",
    "asymmetric": "the mouth is less like its mirror image than --max-asymmetry allows",
    "not_measured": "a gate is set on a value that is not known of this face",
    # decisions on the way into shards
    "duplicate": "a copy of a face that is kept",
    "overlap": "a copy of a picture in an evaluation set",
    "not_in_subset": "not in the list given by --subset, or not drawn for the mixture",
    "not_training": "in no training part of its dataset",
    "dropped_earlier": "dropped when faces were detected",
}

ORIGINS = ("collected", "dataset", "rendered")

AU_NUMBERS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)  # the order of label_au (DISFA's twelve)

_BOX = pa.list_(pa.float32(), 4)  # x0 y0 x1 y1
_LANDMARKS = pa.list_(pa.float32(), 10)  # x y of left eye, right eye, nose, mouth left, mouth right
_MATRIX = pa.list_(pa.float32(), 6)  # 2 x 3 row-major, photo -> crop
_TIME = pa.timestamp("s", tz="UTC")
_POINTS = pa.list_(pa.float32())  # x y x y ...


def _schema(*columns: tuple[str, pa.DataType], **metadata: str) -> pa.Schema:
    marks = {"facecurate.format": str(FORMAT)}
    marks |= {f"facecurate.{key}": value for key, value in metadata.items()}
    return pa.schema(list(columns), metadata=marks)


PHOTO_SCHEMA = _schema(
    ("photo_id", pa.string()),
    ("source", pa.string()),  # "flickr", or the POSIX path relative to SOURCE
    ("url", pa.string()),  # where the bytes came from; null for local files
    ("page_url", pa.string()),
    ("owner", pa.string()),
    ("author", pa.string()),
    ("title", pa.string()),
    ("license", pa.string()),  # SPDX id or LicenseRef-...
    ("license_seen_at", _TIME),
    ("sha256", pa.binary(32)),  # of the stored bytes
    ("bytes", pa.int64()),
    ("width", pa.int32()),  # pixels, after the EXIF turn
    ("height", pa.int32()),
    ("exif_orientation", pa.int8()),  # 1-8 as found
    ("fetched_at", _TIME),  # null for local files
    ("uploaded_at", _TIME),
    ("taken_at", _TIME),
    ("origin", pa.string()),  # collected, dataset, rendered
    ("sequence", pa.string()),
    ("frame", pa.int32()),
    ("subject", pa.string()),  # only ever the source's own label
    ("session", pa.string()),
    ("split", pa.string()),
    ("status", pa.string()),  # ok, dropped
    ("reason", pa.string()),  # of REASONS, for dropped
)

_LABELS: tuple[tuple[str, pa.DataType], ...] = (
    ("points", _POINTS),  # photo pixels
    ("points_visible", pa.list_(pa.bool_())),
    ("label_identity", pa.string()),
    ("label_au", pa.list_(pa.float32())),  # intensities in the order of the metadata; NaN missing
    ("label_valence", pa.float32()),
    ("label_arousal", pa.float32()),
    ("label_expression", pa.int32()),
    ("label_pose", pa.list_(pa.float32(), 3)),  # yaw pitch roll, degrees
    ("label_mesh", pa.string()),  # name of a tar member
)
LABEL_COLUMNS = tuple(name for name, _ in _LABELS)
_AU = ",".join(map(str, AU_NUMBERS))

GIVEN_SCHEMA = _schema(
    ("photo_id", pa.string()),
    ("face_index", pa.int32()),
    ("box", _BOX),
    ("landmarks", _LANDMARKS),
    *_LABELS,
    au=_AU,
)

FACE_SCHEMA = _schema(
    ("key", pa.string()),  # <photo_id>_<face_index, three digits or more>
    ("photo_id", pa.string()),
    ("face_index", pa.int32()),  # 0 = highest score
    ("box", _BOX),
    ("landmarks", _LANDMARKS),  # NaN where the detector does not say
    ("score", pa.float32()),
    ("size", pa.float32()),  # pixels of the photo, the box's longer side
    ("crop", pa.string()),  # box, arcface112, ...
    ("crop_size", pa.int32()),  # pixels, side of the stored crop
    ("matrix", _MATRIX),
    ("outside", pa.float32()),  # share of the crop outside the photo, 0-1
    ("yaw", pa.float32()),  # degrees, from the five points
    ("pitch", pa.float32()),
    ("roll", pa.float32()),
    ("sharpness", pa.float32()),  # percent of the contrast that is fine structure
    ("brightness", pa.float32()),  # mean luma of the box, 0-255
    ("contrast", pa.float32()),  # standard deviation of that luma
    ("other_colour", pa.float32()),  # share of the lower face unlike the skin between the eyes, 0-1
    ("asymmetry", pa.float32()),  # of the mouth's surroundings, 0-1; .5: no likeness left and right
    ("status", pa.string()),
    ("reason", pa.string()),
    *_LABELS,
    au=_AU,
)

HASH_SCHEMA = _schema(
    ("key", pa.string()),
    ("level", pa.string()),  # photo, face, inner: the middle of a face crop
    ("phash64", pa.binary(8)),  # null for pictures without structure
    ("phash64_mirror", pa.binary(8)),
    ("phash256", pa.binary(32)),
    ("phash256_mirror", pa.binary(32)),
)

CLUSTER_SCHEMA = _schema(
    ("key", pa.string()),
    ("level", pa.string()),
    ("cluster", pa.int32()),
    ("keep", pa.bool_()),
    ("kept_key", pa.string()),
    ("method", pa.string()),  # exact, phash, embedding, photo
    ("mirrored", pa.bool_()),  # against the kept one
    ("distance", pa.float32()),  # bits of the 256-bit hash to the kept one
    ("verified", pa.string()),  # what decided: bytes, hash, registered; null for the kept one
    ("agreement", pa.float32()),  # of the registered crops, up to 1; null where not registered
)

EDGE_SCHEMA = _schema(
    ("level", pa.string()),
    ("key", pa.string()),
    ("other", pa.string()),
    ("method", pa.string()),  # as in clusters
    ("mirrored", pa.bool_()),
    ("distance", pa.float32()),  # bits of the 256-bit hash, of the middles if these were near
    (
        "verified",
        pa.string(),
    ),  # as in clusters; equal: all four hashes; refused: registered, unlike
    ("agreement", pa.float32()),
)

OVERLAP_SCHEMA = _schema(
    ("key", pa.string()),
    ("dataset", pa.string()),
    ("other_key", pa.string()),
    ("method", pa.string()),
    ("distance", pa.float32()),
    ("drop", pa.bool_()),
    ("level", pa.string()),  # photo, face
    ("mirrored", pa.bool_()),
    ("verified", pa.string()),  # as in clusters
    ("agreement", pa.float32()),
)

INDEX_SCHEMA = _schema(
    ("key", pa.string()),
    ("shard", pa.string()),  # file name
    ("offset", pa.int64()),  # of the picture's bytes in the shard
    ("size", pa.int32()),
    ("json_offset", pa.int64()),
    ("json_size", pa.int32()),
)

DECISION_SCHEMA = _schema(
    ("key", pa.string()),
    ("kept", pa.bool_()),
    ("step", pa.string()),
    ("reason", pa.string()),
    ("ref", pa.string()),  # the kept face, the evaluation picture, ...
)

SUBSET_SCHEMA = _schema(("key", pa.string()))

TOMBSTONE_SCHEMA = _schema(
    ("kind", pa.string()),  # of stones.KINDS
    ("id_sha256", pa.binary(32)),  # of the normalised id; of a picture of its phash256
    ("phash256", pa.binary(32)),  # of a picture whose looks are remembered, else null
    ("time", _TIME),
    ("reason", pa.string()),  # of stones.REASONS
    ("box", _BOX),  # of a face whose photo stayed, else null
)


@dataclass(frozen=True, slots=True)
class Photo:
    """One row of ``photos/``; the columns' meaning is in ``PHOTO_SCHEMA``."""

    photo_id: str
    source: str
    url: str | None = None
    page_url: str | None = None
    owner: str | None = None
    author: str | None = None
    title: str | None = None
    license: str | None = None
    license_seen_at: datetime | None = None
    sha256: bytes | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    exif_orientation: int | None = None
    fetched_at: datetime | None = None
    uploaded_at: datetime | None = None
    taken_at: datetime | None = None
    origin: str = "collected"
    sequence: str | None = None
    frame: int | None = None
    subject: str | None = None
    session: str | None = None
    split: str | None = None
    status: str = "ok"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """One annotated face of a source; the columns' meaning is in ``GIVEN_SCHEMA``."""

    photo_id: str
    face_index: int
    box: Sequence[float] | None = None
    landmarks: Sequence[float] | None = None
    points: Sequence[float] | None = None
    points_visible: Sequence[bool] | None = None
    label_identity: str | None = None
    label_au: Sequence[float] | None = None
    label_valence: float | None = None
    label_arousal: float | None = None
    label_expression: int | None = None
    label_pose: Sequence[float] | None = None
    label_mesh: str | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """One row of ``faces/``; the columns' meaning is in ``FACE_SCHEMA``."""

    key: str
    photo_id: str
    face_index: int
    box: Sequence[float] | None = None
    landmarks: Sequence[float] | None = None
    score: float | None = None
    size: float | None = None
    crop: str | None = None
    crop_size: int | None = None
    matrix: Sequence[float] | None = None
    outside: float | None = None
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    sharpness: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    other_colour: float | None = None
    asymmetry: float | None = None
    status: str = "ok"
    reason: str | None = None
    points: Sequence[float] | None = None
    points_visible: Sequence[bool] | None = None
    label_identity: str | None = None
    label_au: Sequence[float] | None = None
    label_valence: float | None = None
    label_arousal: float | None = None
    label_expression: int | None = None
    label_pose: Sequence[float] | None = None
    label_mesh: str | None = None


@dataclass(frozen=True, slots=True)
class Hash:
    """One row of ``hashes/``; the columns' meaning is in ``HASH_SCHEMA``."""

    key: str
    level: str
    phash64: bytes | None = None
    phash64_mirror: bytes | None = None
    phash256: bytes | None = None
    phash256_mirror: bytes | None = None


def face_key(photo_id: str, index: int) -> str:
    """The key of a photo's ``index``-th face."""
    return f"{photo_id}_{index:03d}"


def to_table(rows: Iterable[Any], schema: pa.Schema) -> pa.Table:
    """A table of dataclass instances or dicts; missing columns are null."""
    dicts = [r if isinstance(r, dict) else _as_dict(r) for r in rows]
    columns = [pa.array([d.get(f.name) for d in dicts], f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _as_dict(row: Any) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}


def to_parquet(table: pa.Table) -> bytes:
    """Parquet bytes that depend on the table alone."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=3)
    return bytes(sink.getvalue())


def from_parquet(data: bytes, schema: pa.Schema, what: str) -> pa.Table:
    """A table with at least the columns of ``schema``: missing ones null, unknown ones kept.

    Raises DamagedError, naming ``what``, for other bytes or a newer format.
    """
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"{what} is damaged: {error}") from error
    metadata = table.schema.metadata or {}
    check_format(metadata.get(b"facecurate.format"), what)
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    unknown = [n for n in table.column_names if n not in schema.names]
    try:
        known = table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise DamagedError(f"{what} has columns of other types: {error}") from error
    for column in unknown:
        known = known.append_column(column, table[column])
    return known


def check_format(found: bytes | str | int | None, what: str) -> None:
    """Raises DamagedError unless ``found`` is a format that this version reads."""
    try:
        number = int(found) if found is not None else None
    except ValueError:
        number = None
    if number is None:
        raise DamagedError(f"{what} carries no facecurate.format: it is not ours or is damaged")
    if number > FORMAT:
        raise DamagedError(
            f"{what} has format {number}, this version reads up to {FORMAT}: update facecurate"
        )
