"""``dedupe.html``: the right pictures in it, bounded, made again when something changed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pyarrow as pa
import pytest

from facecurate import images, storage
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.errors import DamagedError
from facecurate.importing import photo_id
from facecurate.inspect import verify
from facecurate.pool import Pool, write_part
from facecurate.records import CLUSTER_SCHEMA, HASH_SCHEMA, PHOTO_SCHEMA, Hash, Photo, to_table
from facecurate.review.report import dedupe_report
from facecurate.similar.verify import FACE_VERIFIED_BITS, VERIFIED_BITS
from facecurate.stats import Count, Stats
from facecurate.tars import TarWriter
from facecurate.workspace import Dataset


def page(dataset: Dataset) -> str:
    return storage.read(dataset.path("dedupe.html")).decode()


def about(dataset: Dataset) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(storage.read(dataset.path("dedupe.json")))
    return told


# -- what it shows -----------------------------------------------------------------------------


def test_the_json_lists_exactly_the_pictures_on_the_page(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    told = about(dataset)["result"]
    shown = re.findall(r'title="([^" ]+) ·', page(dataset))
    assert sorted(set(shown)) == told["keys"]
    listed = [k for level in told["shown"].values() for row in level.values() for k in row]
    assert sorted(shown) == sorted(listed)
    copies = {row["key"] for row in chain.rows(dataset, "clusters.parquet")}
    assert copies <= set(told["keys"])  # so few that all are shown


def test_the_kept_one_comes_first_and_the_others_say_how_they_were_found(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    rows = {row["key"]: row for row in chain.rows(dataset, "clusters.parquet")}
    for block in re.findall(r'<div class="row".*?</div>', page(dataset), re.S):
        keys = re.findall(r'title="([^" ]+) ·', block)
        words = re.findall(r'class="caption">([^<]*)<', block)
        if "both stay" in block:
            continue
        assert rows[keys[0]]["keep"] and words[0] == "kept"
        for key, word in zip(keys[1:], words[1:], strict=True):
            row = rows[key]
            assert row["kept_key"] == keys[0] and word.startswith(row["method"])
            assert word.endswith("mirrored") == row["mirrored"]
            assert row["method"] == "exact" or f"{row['distance']:.0f} bits" in word


def test_the_numbers_are_those_of_the_table(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    levels = about(dataset)["result"]["levels"]
    rows = chain.rows(dataset, "clusters.parquet")
    for level, one in levels.items():
        copies = [row for row in rows if row["level"] == level and not row["keep"]]
        assert one["copies"] == len(copies) == one["dropped"][str(one["limit"])]
        methods = {m: found["copies"] for m, found in one["methods"].items()}
        assert methods == {
            m: sum(r["method"] == m for r in copies) for m in {r["method"] for r in copies}
        }
        assert one["largest"] == 2
    assert (levels["photo"]["pictures"], levels["face"]["pictures"]) == (19, 21)
    distinct = 19 - 1  # one is an exact copy
    assert 0 < levels["photo"]["compared"] <= distinct * (distinct - 1) // 2
    limits = levels["photo"]["limit"], levels["face"]["limit"]
    assert limits == (VERIFIED_BITS, FACE_VERIFIED_BITS)


def test_what_was_registered_is_said_to_be(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    table = Pool(dataset.url).table("clusters", CLUSTER_SCHEMA)
    table = table.select([name for name in table.column_names if name != "verified"])
    decided = [None if keep else "registered" for keep in table["keep"].to_pylist()]
    chain.rewrite(
        dataset, table.append_column("verified", pa.array(decided, pa.string())), "clusters.parquet"
    )
    dedupe_report(dataset, redo=True)
    assert ", registered" in page(dataset)


HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e</script><script>alert(1)"


def test_hostile_names_of_photos_stay_text(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    plain = page(dataset)
    photos = Pool(dataset.path("photos")).table("00000", PHOTO_SCHEMA)
    for column in ("source", "title", "author"):
        at = photos.schema.get_field_index(column)
        hostile = pa.array([HOSTILE] * len(photos), pa.string())
        photos = photos.set_column(at, photos.schema.field(at), hostile)
    chain.rewrite(dataset, photos, "photos", "00000.parquet")
    dedupe_report(dataset, redo=True)
    tags = [re.findall(r"<[a-z!/][a-z0-9]*", text) for text in (plain, page(dataset))]
    assert tags[0] == tags[1] and "\u202e" not in page(dataset)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page(dataset)


def test_without_copies_there_is_a_page_and_no_form(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path / "work"), chain.NAME)
    chain.take(dataset, tmp_path / "files", chain.shots()[:2])
    assert "dedupe.html" in str(dedupe(dataset))
    assert about(dataset)["result"]["keys"] == [] and "<form" not in page(dataset)


# -- when it is made -----------------------------------------------------------------------------


def test_it_is_made_once_and_again_when_the_clusters_changed(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    before = chain.files(dataset)
    assert "dedupe.html was up to date" in str(dedupe(dataset))
    assert chain.files(dataset) == before
    told = dedupe(dataset, keep="first", redo=True)
    assert f"see {dataset.path('dedupe.html')}" in str(told)
    assert about(dataset)["settings"]["keep"] == "first"


@pytest.mark.parametrize("change", ["missing", "other bytes", "bad json"])
def test_a_page_that_is_not_whole_is_found_and_made_again(tmp_path: Path, change: str) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    before = chain.files(dataset)
    if change == "missing":
        Path(dataset.path("dedupe.html")).unlink()
    else:
        file = "dedupe.html" if change == "other bytes" else "dedupe.json"
        Path(dataset.path(file)).write_bytes(b"{")
    (finding,) = verify(dataset)[1]
    assert "dedupe." in finding and finding.endswith(f": facecurate dedupe {chain.NAME}")
    assert "see " in str(dedupe(dataset))
    assert chain.files(dataset) == before


def test_a_page_about_other_clusters_is_found(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    kept = {f: chain.files(dataset)[f] for f in ("dedupe.html", "dedupe.json")}
    dedupe(dataset, keep="first", redo=True)
    for file, data in kept.items():
        Path(dataset.path(file)).write_bytes(data)
    assert any("dedupe.json was made from other clusters" in line for line in verify(dataset)[1])


def test_memory_storage_gives_the_bytes_of_a_folder(tmp_path: Path, memory: str) -> None:
    dataset = Dataset(memory, chain.NAME)
    chain.take(dataset, tmp_path / "files", chain.shots())
    detect(dataset, detector="given")
    dedupe(dataset)
    on_disk = chain.files(chain.world(tmp_path, "dedupe"))
    for name in ("dedupe.html", "dedupe.json"):
        assert storage.read(dataset.path(name)) == on_disk[name]


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    with storage.writing(dataset.path("photos", "00000.tar")) as file:
        tar = TarWriter(file)
        tar.add(f"{photo_id(chain.NAME, '00.jpg')}.jpg", b"nothing of the kind")
        tar.close()
    with pytest.raises(DamagedError, match="does not hold the picture tiny-.*facecurate verify"):
        dedupe_report(dataset, redo=True)


# -- its size --------------------------------------------------------------------------------------


def crowd(dataset: Dataset, clusters: int, size: int) -> None:
    """Photos of noise, ``clusters`` of ``size`` copies each, hashed and clustered by hand."""
    rng = np.random.default_rng(4)
    jpeg = images.encode_jpeg(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))
    keys = [[f"{dataset.name}-{c:06x}{k:010x}" for k in range(size)] for c in range(clusters)]
    flat = [key for inside in keys for key in inside]
    made = dict(tool="import", settings={"origin": "collected"}, inputs={})
    for number, start in enumerate(range(0, len(flat), 1000)):
        part_keys = flat[start : start + 1000]
        with write_part(dataset.path("photos"), f"{number:05d}", **made) as part:
            with part.file("tar") as file:
                tar = TarWriter(file)
                for key in part_keys:
                    tar.add(f"{key}.jpg", jpeg)
                tar.close()
            rows = [Photo(key, f"{key}.jpg", width=160, height=120) for key in part_keys]
            part.write_table(to_table(rows, PHOTO_SCHEMA))
            part.stats = Stats.of("photos", [None] * len(part_keys))
        with write_part(dataset.path("hashes"), f"{number:05d}", **made) as part:
            sizes = (8, 8, 32, 32)
            hashes = [Hash(key, "photo", *map(rng.bytes, sizes)) for key in part_keys]
            part.write_table(to_table(hashes, HASH_SCHEMA))
    settings = {"hash_distance": 10, "verified_distance": {"photo": 40}, "keep": "largest"}
    with write_part(dataset.url, "clusters", tool="dedupe", settings=settings, inputs={}) as part:
        part.write_table(to_table(list(members(rng, keys)), CLUSTER_SCHEMA))
        kept = len(flat) - clusters * (size - 1)
        part.stats = Stats({"photos": Count(len(flat), kept, {"duplicate": len(flat) - kept})})


def members(rng: np.random.Generator, keys: list[list[str]]) -> Any:
    for number, inside in enumerate(keys):
        for k, key in enumerate(inside):
            yield {
                "key": key, "level": "photo", "cluster": number, "keep": k == 0,
                "kept_key": inside[0], "method": None if k == 0 else "phash",
                "mirrored": False, "distance": 0.0 if k == 0 else float(rng.integers(0, 41)),
            }  # fmt: skip


def test_the_page_stays_small_however_many_copies_there_are(tmp_path: Path) -> None:
    """Of noise, which a JPEG cannot make small: photos take a third of it."""
    sizes = []
    for clusters, size in ((60, 10), (300, 12)):
        dataset = Dataset(str(tmp_path / str(clusters)), "many")
        crowd(dataset, clusters, size)
        dedupe_report(dataset)
        sizes.append(len(page(dataset)))
    assert max(sizes) < 3_000_000 and sizes[1] < 1.3 * sizes[0]
    assert about(dataset)["result"]["levels"]["photo"]["copies"] == 300 * 11
