"""The columns, their types, and tables that other versions wrote."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import facecurate
from facecurate import FORMAT, records
from facecurate.errors import DamagedError
from facecurate.records import (
    FACE_SCHEMA,
    GIVEN_SCHEMA,
    HASH_SCHEMA,
    INDEX_SCHEMA,
    PHOTO_SCHEMA,
    REASONS,
    Face,
    Given,
    Hash,
    Photo,
    face_key,
    from_parquet,
    to_parquet,
    to_table,
)

SCHEMAS = {n: s for n, s in vars(records).items() if n.endswith("_SCHEMA")}
SMALL = records.SUBSET_SCHEMA


def stored(schema, rows=(), **metadata):
    """Parquet bytes with exactly these columns and marks."""
    table = pa.Table.from_pylist(list(rows), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink)
    return bytes(sink.getvalue())


# -- the contract's names and types ------------------------------------------------------------


@pytest.mark.parametrize(
    "row, schema",
    [(Photo, PHOTO_SCHEMA), (Given, GIVEN_SCHEMA), (Face, FACE_SCHEMA), (Hash, HASH_SCHEMA)],
)
def test_a_dataclass_has_the_columns_of_its_schema_in_their_order(row, schema):
    assert [f.name for f in dataclasses.fields(row)] == schema.names
    assert row.__dataclass_params__.frozen and hasattr(row, "__slots__")


def test_a_dataclass_holds_the_types_of_its_schema():
    kinds = {
        pa.string(): "str", pa.int32(): "int", pa.int64(): "int", pa.int8(): "int",
        pa.float32(): "float", pa.binary(32): "bytes", pa.binary(8): "bytes",
    }  # fmt: skip
    for row, schema in ((Photo, PHOTO_SCHEMA), (Given, GIVEN_SCHEMA), (Face, FACE_SCHEMA)):
        for column, field in zip(schema, dataclasses.fields(row), strict=True):
            if column.type in kinds:
                assert field.type.removesuffix(" | None") == kinds[column.type], field.name


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_every_table_carries_the_format(schema):
    assert schema.metadata[b"facecurate.format"] == str(FORMAT).encode()


def test_geometry_has_a_fixed_size():
    for schema in (FACE_SCHEMA, GIVEN_SCHEMA):
        assert schema.field("box").type == pa.list_(pa.float32(), 4)
        assert schema.field("landmarks").type == pa.list_(pa.float32(), 10)
        assert schema.field("points").type == pa.list_(pa.float32())
        assert schema.field("label_au").type == pa.list_(pa.float32())
    assert FACE_SCHEMA.field("matrix").type == pa.list_(pa.float32(), 6)


def test_digests_and_hashes_are_bytes_of_a_fixed_size():
    assert PHOTO_SCHEMA.field("sha256").type == pa.binary(32)
    for name, size in (("phash64", 8), ("phash256", 32)):
        assert HASH_SCHEMA.field(name).type == pa.binary(size)
        assert HASH_SCHEMA.field(f"{name}_mirror").type == pa.binary(size)


def test_times_are_seconds_in_utc():
    found = {f.name for s in SCHEMAS.values() for f in s if pa.types.is_temporal(f.type)}
    assert {"license_seen_at", "fetched_at", "uploaded_at", "taken_at", "time"} == found
    for schema in SCHEMAS.values():
        for field in schema:
            if pa.types.is_temporal(field.type):
                assert field.type == pa.timestamp("s", tz="UTC")


def words(text):
    return text.split()


def test_the_columns_are_those_of_the_contract():
    photo = words(
        "photo_id source url page_url owner author title license license_seen_at sha256 bytes "
        "width height exif_orientation fetched_at uploaded_at taken_at origin sequence frame "
        "subject session split status reason"
    )
    labels = words(
        "points points_visible label_identity label_au label_valence label_arousal "
        "label_expression label_pose label_mesh"
    )
    face = words(
        "key photo_id face_index box landmarks score size crop crop_size matrix outside yaw pitch "
        "roll sharpness brightness contrast other_colour asymmetry status reason"
    )
    hashes = words("key level phash64 phash64_mirror phash256 phash256_mirror")
    cluster = words("key level cluster keep kept_key method mirrored distance verified agreement")
    overlap = words("key dataset other_key method distance drop level mirrored verified agreement")
    assert PHOTO_SCHEMA.names == photo
    assert GIVEN_SCHEMA.names == [*words("photo_id face_index box landmarks"), *labels]
    assert FACE_SCHEMA.names == [*face, *labels]
    assert HASH_SCHEMA.names == hashes
    assert records.CLUSTER_SCHEMA.names == cluster
    assert records.OVERLAP_SCHEMA.names == overlap
    assert INDEX_SCHEMA.names[:4] == words("key shard offset size")
    assert records.DECISION_SCHEMA.names == words("key kept step reason ref")


def test_the_action_units_stand_in_the_metadata():
    for schema in (FACE_SCHEMA, GIVEN_SCHEMA):
        numbers = schema.metadata[b"facecurate.au"].decode().split(",")
        assert tuple(map(int, numbers)) == records.AU_NUMBERS


def test_a_face_key_has_three_digits_or_more():
    assert face_key("a-1", 0) == "a-1_000"
    assert face_key("a-1", 1234) == "a-1_1234"


# -- reasons -----------------------------------------------------------------------------------


def spoken_reasons():
    """Every literal that the package gives as a reason, with where."""
    for file in sorted(Path(facecurate.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            for value in _reasons_in(node):
                for leaf in ast.walk(value):
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                        yield leaf.value, f"{file.name}:{leaf.lineno}"


def _reasons_in(node):
    if isinstance(node, ast.keyword) and node.arg == "reason":
        yield node.value
    if isinstance(node, ast.Call) and _name(node.func) == "ImageRejectedError":
        yield from node.args[:1]
    if isinstance(node, ast.Assign) and any(_name(t) == "reason" for t in node.targets):
        yield from _results(node.value)
    if isinstance(node, ast.FunctionDef) and "reason" in node.name:
        yield from (
            v for n in ast.walk(node) if isinstance(n, ast.Return) for v in _results(n.value)
        )


def _results(value):
    """The constants that an expression can be: not the conditions in it."""
    if isinstance(value, ast.IfExp):
        yield from (*_results(value.body), *_results(value.orelse))
    elif isinstance(value, ast.Constant):
        yield value


def _name(node):
    return getattr(node, "attr", None) or getattr(node, "id", None)


def test_reasons_come_from_the_closed_list():
    found = dict(spoken_reasons())
    assert {"too_many_pixels", "truncated", "not_detected", "no_face"} <= found.keys()
    assert {r: where for r, where in found.items() if r not in REASONS} == {}


def test_every_reason_is_one_word_and_explained():
    for reason, text in REASONS.items():
        assert reason.replace("_", "").isalpha() and reason.islower() and len(text) > 10


# -- tables ------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were():
    row = Face(
        "a_000", "a", 0, box=[1, 2, 3, 4], landmarks=np.arange(10.0), matrix=None,
        label_au=[1.0, float("nan")], points_visible=[True, False], status="ok",
    )  # fmt: skip
    table = from_parquet(to_parquet(to_table([row, {"key": "b"}], FACE_SCHEMA)), FACE_SCHEMA, "t")
    first, second = table.to_pylist()
    assert table.schema == FACE_SCHEMA
    assert first["box"] == [1, 2, 3, 4] and first["landmarks"] == list(range(10))
    assert first["matrix"] is None and first["points_visible"] == [True, False]
    assert np.isnan(first["label_au"][1]) and first["label_au"][0] == 1
    assert second == {name: None for name in FACE_SCHEMA.names} | {"key": "b"}


def test_a_row_of_another_size_is_refused():
    with pytest.raises(pa.ArrowInvalid):
        to_table([{"box": [1.0, 2.0, 3.0]}], FACE_SCHEMA)
    with pytest.raises(pa.ArrowInvalid):
        to_table([{"sha256": b"short"}], PHOTO_SCHEMA)


def test_the_bytes_depend_on_the_table_alone():
    def make():
        return to_parquet(to_table([Photo(f"a-{i}", "x") for i in range(100)], PHOTO_SCHEMA))

    assert make() == make()


def test_unknown_columns_pass_through_and_missing_ones_are_null():
    schema = pa.schema([("later", pa.int64()), ("photo_id", pa.string())])
    data = stored(schema, [{"photo_id": "a", "later": 7}], **{"facecurate.format": "1"})
    table = from_parquet(data, PHOTO_SCHEMA, "t")
    assert table.column_names == [*PHOTO_SCHEMA.names, "later"]
    assert table["later"].to_pylist() == [7]
    assert table["width"].to_pylist() == [None] and table["width"].type == pa.int32()


def test_a_newer_format_is_refused_with_what_to_do():
    data = stored(SMALL, **{"facecurate.format": str(FORMAT + 1)})
    with pytest.raises(DamagedError, match=rf"^t\.parquet has format {FORMAT + 1}.*update"):
        from_parquet(data, SMALL, "t.parquet")


@pytest.mark.parametrize("mark", [{}, {"facecurate.format": "one"}])
def test_a_table_without_a_format_is_refused(mark):
    with pytest.raises(DamagedError, match=r"^t\.parquet carries no"):
        from_parquet(stored(SMALL, **mark), SMALL, "t.parquet")


@pytest.mark.parametrize("cut", [0, 3, 100, -4])
def test_damaged_bytes_are_named(cut):
    whole = to_parquet(to_table([Photo("a", "b")], PHOTO_SCHEMA))
    with pytest.raises(DamagedError, match=r"^dir/t\.parquet"):
        from_parquet(whole[:cut], PHOTO_SCHEMA, "dir/t.parquet")


def test_a_column_of_another_type_is_damage():
    data = stored(
        pa.schema([("width", pa.string())]), [{"width": "x"}], **{"facecurate.format": "1"}
    )
    with pytest.raises(DamagedError, match=r"^t has columns"):
        from_parquet(data, PHOTO_SCHEMA, "t")
