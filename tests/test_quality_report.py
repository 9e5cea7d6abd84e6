"""``quality.html``: the right faces in it, bounded, and made again when something changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pytest

from facecurate import images, storage
from facecurate.detect import detect
from facecurate.detect.census import BINS, SHOWN, Census, Faces, Picks
from facecurate.detect.columns import COLUMNS, Column
from facecurate.detect.report import measure, quality_report
from facecurate.errors import DamagedError
from facecurate.pool import Pool, write_part
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA, Face, to_table
from facecurate.stats import Stats
from facecurate.tars import TarWriter
from facecurate.workspace import Dataset

SHARPNESS, YAW, SIZE = (
    next(c for c in COLUMNS if c.name == n) for n in ("sharpness", "yaw", "size")
)


def page(dataset: Dataset, name: str = "quality") -> str:
    return storage.read(dataset.path(f"{name}.html")).decode()


def about(dataset: Dataset, name: str = "quality") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(storage.read(dataset.path(f"{name}.json")))
    return told


# -- counting and picking ------------------------------------------------------------------------


def faces_of(
    column: Column, values: np.ndarray[Any, Any], kept: np.ndarray[Any, Any], first: int = 0
) -> Faces:
    keys = [f"a-{first + k:06d}_000" for k in range(len(values))]
    ties = np.arange(first, first + len(values), dtype=np.uint64) * np.uint64(7919) % np.uint64(997)
    return Faces("00000", keys, kept, {column.name: values}, ties)


def split(faces: Faces, column: Column, order: np.ndarray[Any, Any], size: int) -> Iterator[Faces]:
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        values = {column.name: faces.values[column.name][rows]}
        keys = [faces.keys[row] for row in rows]
        yield Faces(faces.stem, keys, faces.kept[rows], values, faces.ties[rows])


@pytest.mark.parametrize("column", [SHARPNESS, YAW, SIZE], ids=lambda c: c.name)
def test_percentiles_are_those_of_the_values(column: Column) -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(3.5, 0.6, 5000)) if not column.magnitude else rng.normal(0, 20, 5000)
    kept = rng.uniform(size=5000) < 0.8
    census = Census(column)
    for part in split(faces_of(column, values, kept), column, np.arange(5000), 700):
        census.add(part)
    assert int(census.kept.sum()) == kept.sum() and int(census.dropped.sum()) == (~kept).sum()
    for percent in (1, 5, 50, 95, 99):
        expected = np.percentile(column.ranked(values[kept]), percent, method="inverted_cdf")
        assert census.percentile(percent) == pytest.approx(float(expected), rel=2e-3, abs=0.02)


def test_what_is_not_known_is_counted_apart() -> None:
    census = Census(SHARPNESS)
    values = np.array([1.0, np.nan, 3.0, np.inf])
    census.add(faces_of(SHARPNESS, values, np.ones(4, bool)))
    assert (census.unknown, int(census.kept.sum()), census.least, census.most) == (2, 2, 1, 3)


def test_values_beyond_the_range_are_counted_at_its_ends() -> None:
    census = Census(SHARPNESS)
    census.add(faces_of(SHARPNESS, np.array([-5.0, 1e9]), np.ones(2, bool)))
    assert census.kept[0] == census.kept[-1] == 1
    assert census.percentile(1) == pytest.approx(0, abs=0.01)
    assert census.percentile(99) == pytest.approx(200, abs=0.01)


@pytest.mark.parametrize("column", [SHARPNESS, YAW], ids=lambda c: c.name)
@pytest.mark.parametrize("kind", ["lowest", "highest", "border"])
def test_the_picked_faces_are_those_of_a_full_sort_in_any_order(column: Column, kind: str) -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(-8, 9, 400).astype(float)  # many ties
    values[rng.integers(0, 400, 30)] = np.nan
    whole = faces_of(column, values, rng.uniform(size=400) < 0.7)
    targets = (3.2,) if kind == "border" else ()
    ranked = column.ranked(values)
    cost = np.abs(ranked - 3.2) if targets else -ranked if kind == "highest" else ranked
    usable = np.flatnonzero(whole.kept & np.isfinite(values))
    expected = sorted(usable, key=lambda row: (cost[row], whole.ties[row]))[:SHOWN]
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(400)
        picks = Picks(column, downwards=kind == "highest", targets=targets)
        for part in split(whole, column, order, 37 + seed):
            picks.add(part)
        assert {p.key for p in picks.found()} == {whole.keys[row] for row in expected}


def test_what_is_held_does_not_grow_with_the_faces() -> None:
    rng = np.random.default_rng(3)
    census, picks = Census(SHARPNESS), Picks(SHARPNESS)
    for part in range(40):
        faces = faces_of(SHARPNESS, rng.gamma(4, 3, 250), np.ones(250, bool), 250 * part)
        census.add(faces)
        picks.add(faces)
        assert census.kept.size == census.dropped.size == BINS and len(picks.found()) == SHOWN


# -- the report ------------------------------------------------------------------------------------


def test_the_json_lists_exactly_the_faces_on_the_page(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    told = about(dataset)["result"]
    shown = re.findall(r'alt="([^"]+_\d{3})"', page(dataset))
    assert sorted(set(shown)) == told["keys"]
    known = {r["key"] for r in chain.rows(dataset, "faces", "00000.parquet")}
    assert set(told["keys"]) <= known and len(told["keys"]) > 10
    rows = [row for c in told["columns"].values() for row in c["shown"].values()]
    assert len(shown) == sum(len(row) for row in rows)


def test_dropped_faces_are_counted_and_not_shown(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", limits={"max_yaw": 20})
    rows = chain.rows(dataset, "faces", "00000.parquet")
    dropped = {row["key"] for row in rows if row["status"] == "dropped"}
    assert dropped and not dropped & set(about(dataset)["result"]["keys"])
    text = page(dataset)
    assert "turned_too_far" in text and f">{len(dropped)}<" in text and "--max-yaw 20" in text
    assert "Most turned of those that passed the limit" in text


def test_the_extremes_are_the_extremes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    rows = chain.rows(dataset, "faces", "00000.parquet")
    sharp = {row["key"]: row["sharpness"] for row in rows}  # an exact copy is exactly as sharp
    values = np.sort(list(sharp.values()))
    shown = about(dataset)["result"]["columns"]["sharpness"]["shown"]
    assert [sharp[key] for key in shown["lowest"]] == values[:SHOWN].tolist()
    assert [sharp[key] for key in shown["highest"]] == values[::-1][:SHOWN].tolist()
    percentiles = about(dataset)["result"]["columns"]["sharpness"]["percentiles"]
    assert values.min() <= percentiles["1"] <= percentiles["50"] <= percentiles["99"]
    assert percentiles["99"] <= values.max()


def test_a_column_that_nobody_measured_is_said_to_be_unknown(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")  # given boxes have no score
    assert "score" not in about(dataset)["result"]["columns"]
    assert "Known of no face: Detector&#39;s score." in page(dataset)


def test_without_a_kept_face_there_is_a_page_and_no_picture(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", min_face=5000)
    assert about(dataset)["result"]["keys"] == [] and "<img" not in page(dataset)
    assert "face_too_small" in page(dataset)


def test_the_page_is_said_to_be_rendered_or_one_s_own(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    assert "Rendered faces:" in page(dataset)
    photos = Pool(dataset.path("photos")).table("00000", PHOTO_SCHEMA)
    owned = photos.set_column(
        photos.schema.get_field_index("origin"), "origin", [["collected"] * len(photos)]
    )
    chain.rewrite(dataset, owned.cast(photos.schema), "photos", "00000.parquet")
    pool = Pool(dataset.path("faces"))
    quality_report(dataset, pool, pool.info("00000").settings, redo=True)
    assert "come from your own photos" in page(dataset) and "Rendered" not in page(dataset)


# -- when it is made -----------------------------------------------------------------------------


def test_it_is_made_once_and_again_when_the_faces_changed(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = chain.files(dataset)
    assert "quality.html was up to date" in str(detect(dataset, detector="given"))
    assert chain.files(dataset) == before
    told = detect(dataset, detector="given", limits={"max_yaw": 20}, redo=True)
    assert f"see {dataset.path('quality.html')}" in str(told)
    assert about(dataset)["settings"] == {"min_face": 40, "max_yaw": 20.0}
    assert chain.files(dataset)["quality.html"] != before["quality.html"]


@pytest.mark.parametrize("change", ["missing", "other bytes", "bad json"])
def test_a_page_that_is_not_whole_is_made_again(tmp_path: Path, change: str) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = chain.files(dataset)
    if change == "missing":
        Path(dataset.path("quality.html")).unlink()
    else:
        file = "quality.html" if change == "other bytes" else "quality.json"
        Path(dataset.path(file)).write_bytes(b"{")
    assert "see " in str(detect(dataset, detector="given"))
    assert chain.files(dataset) == before


def test_a_second_crop_has_a_page_of_its_own(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    before = page(dataset)
    detect(dataset, crop="arcface112")
    assert page(dataset) == before and page(dataset, "quality-arcface112") != before
    inputs = about(dataset, "quality-arcface112")["inputs"]
    assert inputs == {"faces-arcface112": Pool(dataset.path("faces-arcface112")).digest()}


def test_memory_storage_gives_the_bytes_of_a_folder(tmp_path: Path, memory: str) -> None:
    dataset = Dataset(memory, chain.NAME)
    chain.take(dataset, tmp_path / "files", chain.shots())
    detect(dataset, detector="given")
    on_disk = chain.files(chain.world(tmp_path, "detect"))
    for name in ("quality.html", "quality.json"):
        assert storage.read(dataset.path(name)) == on_disk[name]


@pytest.mark.parametrize("damage", ["no member", "no picture"])
def test_a_crop_that_is_not_there_is_named(tmp_path: Path, damage: str) -> None:
    dataset = chain.world(tmp_path, "detect")
    pool = Pool(dataset.path("faces"))
    with storage.writing(pool.file("00000", "tar")) as file:
        tar = TarWriter(file)
        for row in chain.rows(dataset, "faces", "00000.parquet"):
            if damage == "no picture":
                tar.add(f"{row['key']}.jpg", b"nothing of the kind")
        tar.close()
    with pytest.raises(DamagedError, match="does not hold the crop tiny-.*facecurate verify"):
        quality_report(dataset, pool, pool.info("00000").settings, redo=True)


# -- its size --------------------------------------------------------------------------------------


def large_pool(dataset: Dataset, parts: int, faces: int) -> Pool:
    """A pool of noise: ``parts`` of ``faces`` rows, each with a small crop."""
    rng = np.random.default_rng(4)
    pool = Pool(dataset.path("faces"))
    jpeg = images.encode_jpeg(rng.integers(0, 256, (120, 120, 3), dtype=np.uint8))
    for number in range(parts):
        rows = [noise(rng, number * faces + k) for k in range(faces)]
        with write_part(
            pool.url, f"{number:05d}", tool="detect", settings={"min_face": 40}, inputs={}
        ) as part:
            with part.file("tar") as file:
                tar = TarWriter(file)
                for row in rows:
                    tar.add(f"{row.key}.jpg", jpeg)
                tar.close()
            part.write_table(to_table(rows, FACE_SCHEMA))
            part.stats = Stats.of("faces", [None] * faces)
    return pool


def noise(rng: np.random.Generator, number: int) -> Face:
    values = {c.name: float(rng.uniform(c.low / 2, c.high / 2)) for c in COLUMNS}
    return Face(f"a-{number:06d}_000", f"a-{number:06d}", 0, **values)


def test_the_page_stays_small_however_many_faces_there_are(tmp_path: Path) -> None:
    """Of noise, which a JPEG cannot make small: photos take a third of it."""
    sizes = []
    for parts in (1, 6):
        dataset = Dataset(str(tmp_path / str(parts)), "many")
        pool = large_pool(dataset, parts, 120)
        quality_report(dataset, pool, {"min_face": 40})
        assert len(about(dataset)["result"]["keys"]) <= 34 * SHOWN
        sizes.append(len(page(dataset)))
    assert max(sizes) < 5_000_000 and sizes[1] < 1.3 * sizes[0]


def test_the_order_of_the_parts_does_not_matter(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "many")
    pool = large_pool(dataset, 3, 40)
    found = {one.column.name: one for one in measure(pool, {"min_face": 40})}
    rows = [r for stem in pool.stems() for r in pool.table(stem, FACE_SCHEMA).to_pylist()]
    for column in COLUMNS:
        shown = [pick.value for pick in found[column.name].rows["lowest"]]
        size = sorted(float(column.ranked(np.array([r[column.name]]))[0]) for r in rows)
        assert column.ranked(np.array(shown)).tolist() == pytest.approx(size[:SHOWN])
