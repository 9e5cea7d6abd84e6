"""docs/formats.md says what the code writes; old formats stay readable."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from facecurate import FORMAT, records
from facecurate.crawl import attribution
from facecurate.synthesise import rows

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = {
    "photos": records.PHOTO_SCHEMA,
    "given": records.GIVEN_SCHEMA,
    "faces": records.FACE_SCHEMA,
    "hashes": records.HASH_SCHEMA,
    "clusters": records.CLUSTER_SCHEMA,
    "edges": records.EDGE_SCHEMA,
    "overlaps": records.OVERLAP_SCHEMA,
    "index": records.INDEX_SCHEMA,
    "decisions": records.DECISION_SCHEMA,
    "tombstones": records.TOMBSTONE_SCHEMA,
}


def columns(schema: pa.Schema) -> str:
    return ", ".join(f"`{field.name}` {field.type}" for field in schema)


def test_the_document_lists_every_column_with_its_type() -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    more = {"attribution": attribution.SCHEMA, "truth": rows.SCHEMA}
    for name, schema in (SCHEMAS | more).items():
        assert columns(schema) in text, f"{name}: docs/formats.md needs: {columns(schema)}"


def test_the_document_lists_every_reason() -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    for reason, meaning in records.REASONS.items():
        assert f"| `{reason}` | {meaning} |" in text


def test_the_document_names_the_format() -> None:
    assert f"format {FORMAT}" in (ROOT / "docs" / "formats.md").read_text()


def test_a_fixture_of_every_format_is_read() -> None:
    folder = ROOT / "tests" / "formats"
    for number in range(1, FORMAT + 1):
        for name, schema in SCHEMAS.items():
            data = (folder / f"{number}-{name}.parquet").read_bytes()
            table = records.from_parquet(data, schema, name)
            assert len(table) == 1 and table.schema.names[: len(schema)] == schema.names


def test_columns_that_an_older_file_lacks_are_null() -> None:
    """The fixture of faces was written before these were measured."""
    data = (ROOT / "tests" / "formats" / "1-faces.parquet").read_bytes()
    (row,) = records.from_parquet(data, records.FACE_SCHEMA, "faces").to_pylist()
    newer = ("contrast", "other_colour", "asymmetry")
    assert {row[name] for name in newer} == {None} and row["key"]
