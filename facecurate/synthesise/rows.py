"""The truth table of rendered pictures: one row a picture, every label of every face on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from facecurate import FORMAT
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.records import AU_NUMBERS
from facecurate.synth.facs import ACTION_UNITS, select
from facecurate.synth.labels import FaceLabels

_FLOATS = pa.list_(pa.float32())

SCHEMA = pa.schema(
    [
        ("file", pa.string()),  # POSIX path relative to files/
        ("frame", pa.int64()),  # of a video, as its owners count
        ("kind", pa.string()),  # render, no_face or how a copy was made
        ("copy_of", pa.string()),  # the file it was made from
        ("split", pa.string()),
        ("subject", pa.string()),
        ("session", pa.string()),
        ("sequence", pa.string()),
        ("state", pa.int64()),  # of a video: frames of one state show the same
        ("boxes", pa.list_(pa.list_(pa.float32(), 4))),
        ("landmarks", pa.list_(pa.list_(pa.float32(), 10))),
        ("points", pa.list_(_FLOATS)),  # 68 points a face
        ("visible", pa.list_(pa.list_(pa.bool_()))),
        ("pose", pa.list_(pa.list_(pa.float32(), 3))),  # yaw pitch roll, degrees
        ("identity", pa.list_(pa.string())),
        ("units", pa.list_(_FLOATS)),  # exact intensities, in the order of the metadata
        ("coded", pa.list_(pa.list_(pa.int8()))),  # what the first coder wrote down
        ("valence", _FLOATS),
        ("arousal", _FLOATS),
        ("expression", pa.list_(pa.int32())),  # AffectNet's codes
    ],
    metadata={
        "facecurate.format": str(FORMAT),
        "action_units": " ".join(map(str, ACTION_UNITS)),
    },
)


def row(
    file: str,
    labels: Sequence[FaceLabels],
    *,
    kind: str = "render",
    coded: Sequence[Sequence[int]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The truth about one picture; ``coded``: 18 integers a face; ``more``: other columns.

    Raises KeyError for a column that the table does not have.
    """
    for name in more:
        if name not in SCHEMA.names:
            raise KeyError(name)
    return {
        "file": file,
        "kind": kind,
        "boxes": [list(known.box) for known in labels],
        "landmarks": [known.landmarks.tolist() for known in labels],
        "points": [known.points68.ravel().tolist() for known in labels],
        "visible": [known.visible.tolist() for known in labels],
        "pose": [[known.yaw, known.pitch, known.roll] for known in labels],
        "identity": [str(known.identity) for known in labels],
        "units": [list(known.units) for known in labels],
        "coded": None if coded is None else [list(map(int, one)) for one in coded],
        "valence": [known.valence for known in labels],
        "arousal": [known.arousal for known in labels],
        "expression": [known.expression for known in labels],
        **more,
    }


_PER_FACE = (
    "boxes", "landmarks", "points", "visible", "pose", "identity", "valence", "arousal",
    "expression",
)  # fmt: skip


def annotated(row: dict[str, Any]) -> Annotated:
    """One rendered picture with its labels, for ``import``; action units as a coder writes them."""
    return Annotated(
        source=row["file"],
        split=row["split"] or "train",
        subject=row["subject"],
        session=row["session"],
        sequence=row["sequence"],
        frame=row["frame"],
        faces=tuple(_faces(row)),
    )


def _faces(row: dict[str, Any]) -> Iterator[GivenFace]:
    coded = row["coded"] or row["units"]  # labels are what people would write down
    for units, *values in zip(coded, *(row[name] for name in _PER_FACE), strict=True):
        known = dict(zip(_PER_FACE, values, strict=True))
        yield GivenFace(
            box=known["boxes"],
            landmarks=known["landmarks"],
            points=known["points"],
            points_visible=known["visible"],
            label_pose=known["pose"],
            label_identity=known["identity"],
            label_au=select(units, AU_NUMBERS),
            label_valence=known["valence"],
            label_arousal=known["arousal"],
            label_expression=known["expression"],
        )
