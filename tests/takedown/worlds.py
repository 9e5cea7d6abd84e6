"""Finished datasets of drawn pictures with owners and addresses, and a search of every byte."""

from __future__ import annotations

import base64
import io
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from facecurate import images, storage, tars
from facecurate.decontaminate import decontaminate
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.importing.rows import PartTask, write_rows
from facecurate.loading import FaceShards
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, HASH_SCHEMA, PHOTO_SCHEMA, Given, Photo
from facecurate.redundancy import redundancy_report
from facecurate.review.thumbnails import thumbnails
from facecurate.shard import shard
from facecurate.workspace import Dataset

SIDE = 96
A_COPY = 8  # each such photo is the one before it, compressed more, of another owner


@dataclass(frozen=True)
class Shot:
    row: Photo
    data: bytes


def pixels(seed: int) -> np.ndarray[Any, Any]:
    """Blots of colour, unlike those of every other seed."""
    draw = np.random.default_rng([0xFACE, seed])
    small = draw.integers(0, 256, (14, 14, 3), np.uint8)
    return images.resize(small, SIDE, SIDE)


def shots(name: str, count: int, first: int = 0) -> Iterator[Shot]:
    """Photos of about ``count`` / 5 owners."""
    owners = max(3, count // 5)
    for i in range(first, first + count):
        copy = i % A_COPY == A_COPY - 1
        owner = f"{70_000_000 + i % owners}@N{name}"
        key = f"{name}-{i:016x}"
        row = Photo(
            key,
            f"folder/picture-{name}-{i:08d}.jpg",
            url=f"https://pictures.example/{name}/{i:08d}_big.jpg",
            page_url=f"https://pages.example/{owner}/{i:08d}/",
            owner=owner,
            author=f"Author of {name} number {i:08d}",
            title=f"Title of {name} number {i:08d}",
            license="CC-BY-4.0",
        )
        yield Shot(row, images.encode_jpeg(pixels(i - 1 if copy else i), 60 if copy else 92))


def store(dataset: Dataset, shown: Sequence[Shot], part: int) -> None:
    """Photos with the box of one face each, in parts of ``part``."""
    folder = dataset.path("photos")
    settings = {"origin": "collected", "license": None}
    lo, hi = 0.2 * SIDE, 0.8 * SIDE
    points = [SIDE * at for at in (0.4, 0.4, 0.6, 0.4, 0.5, 0.5, 0.42, 0.62, 0.58, 0.62)]
    for number, start in enumerate(range(0, len(shown), part)):
        task = PartTask(f"{number:05d}", dataset.name, folder, settings, frozenset())
        items = (
            (one.row, one.data, [Given(one.row.photo_id, 0, [lo, lo, hi, hi], points)])
            for one in shown[start : start + part]
        )
        write_rows(task, items, lambda count: None, given=True)


def finish(dataset: Dataset, against: Dataset | None, shard_size: str) -> None:
    """Every step up to the shards, with every report."""
    detect(dataset, detector="given", min_face=10)
    detect(dataset, detector="given", min_face=10, crop="arcface112")
    embed(dataset)
    dedupe(dataset)
    if against is not None:
        decontaminate(dataset, [against])
    redundancy_report(dataset, load_encoder("dct", dataset.workspace))
    shard(dataset, shard_size=shard_size, keep_embeddings=True)


def world(folder: Path, count: int, *, part: int, shard_size: str) -> tuple[Dataset, Dataset]:
    """Two finished datasets; some photos of the first lie, byte for byte, in the second too."""
    mine, theirs = Dataset(str(folder / "work"), "mine"), Dataset(str(folder / "work"), "theirs")
    store(mine, list(shots("mine", count)), part)
    again = [
        Shot(two.row, one.data)
        for one, two in zip(
            shots("mine", count // 10), shots("theirs", count // 10, 10**6), strict=True
        )
    ]
    store(theirs, again[: count // 20] + list(shots("theirs", count // 20, 2 * 10**6)), part)
    finish(theirs, None, shard_size)
    finish(mine, theirs, shard_size)
    return mine, theirs


# -- what is known of a photo ------------------------------------------------------------------


def photo_rows(dataset: Dataset) -> dict[str, dict[str, Any]]:
    rows = Pool(dataset.path("photos")).tables(PHOTO_SCHEMA).to_pylist()
    return {row["photo_id"]: row for row in rows}


def needles(dataset: Dataset, gone: set[str]) -> dict[str, set[bytes]]:
    """Every trace of photos, by what it is. Names that photos which stay have too are left out."""
    rows = photo_rows(dataset)
    mine = [row for key, row in rows.items() if key in gone]
    found: dict[str, set[bytes]] = {}
    for column in ("photo_id", "url", "page_url", "owner", "author", "title", "source"):
        kept = {row[column] for key, row in rows.items() if key not in gone}
        found[column] = {row[column].encode() for row in mine if row[column] not in kept}
    kept = {row["sha256"] for key, row in rows.items() if key not in gone}
    digests = {row["sha256"] for row in mine} - kept
    found["sha256"] = digests | {digest.hex().encode() for digest in digests}
    found["pictures"] = set()
    for pool in _pools(dataset):
        for stem in pool.stems():
            members = list(tars.read_members(pool.file(stem, "tar")))
            kept = {data for name, data in members if not _is_of(name, gone)}
            found["pictures"] |= {d for n, d in members if _is_of(n, gone)} - kept
    found["hashes"] = _hashes(dataset, gone)
    found["vectors"] = _vectors(dataset, gone)
    found["thumbnails"] = _thumbnails(dataset, gone)
    return found


def _pools(dataset: Dataset) -> list[Pool]:
    names = [n for n in storage.list(dataset.url) if n.startswith(("photos", "faces"))]
    return [Pool(dataset.path(name)) for name in names]


def _is_of(name: str, gone: set[str]) -> bool:
    return name.partition(".")[0].partition("_")[0] in gone


def _hashes(dataset: Dataset, gone: set[str]) -> set[bytes]:
    rows = Pool(dataset.path("hashes")).tables(HASH_SCHEMA).to_pylist()
    told = [(_is_of(r["key"], gone), r["phash256"]) for r in rows if r["phash256"] is not None]
    return {h for g, h in told if g} - {h for g, h in told if not g}


def _vectors(dataset: Dataset, gone: set[str]) -> set[bytes]:
    keys = Pool(dataset.path("faces")).tables(FACE_SCHEMA)["key"].to_pylist()
    (slug,) = storage.list(dataset.path("embeddings"))
    pool = Pool(dataset.path("embeddings", slug))
    rows = np.concatenate([np.load(pool.file(s, "npy"), allow_pickle=False) for s in pool.stems()])
    assert len(rows) == len(keys)
    told = [(_is_of(k, gone), v.tobytes()) for k, v in zip(keys, rows, strict=True)]
    return {v for g, v in told if g} - {v for g, v in told if not g}


def _thumbnails(dataset: Dataset, gone: set[str]) -> set[bytes]:
    """As the pages about duplicates and about quality draw them."""
    from facecurate.detect.report import _thumbnail

    found = {one.src for one in thumbnails(dataset, "photo", gone).values()}
    for pool in _pools(dataset):
        for url in (pool.file(s, "tar") for s in pool.stems() if pool.name != "photos"):
            told = tars.index(url).items()
            found |= {_thumbnail(url, m, n.partition(".")[0]) for n, m in told if _is_of(n, gone)}
    keys = [f"{key}_000" for key in gone]
    found |= {one.src for one in thumbnails(dataset, "face", keys).values()}
    return {base64.b64decode(src.partition(",")[2]) for src in found}


# -- every byte --------------------------------------------------------------------------------


def haystack(root: Path, *, leave: Sequence[str] = ()) -> dict[str, bytes]:
    """Every file below ``root`` with what is compressed or encoded in it told plainly."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    told = {str(path.relative_to(root)): path for path in files}
    return {n: b"\0".join(_plain(p)) for n, p in told.items() if not n.startswith(tuple(leave))}


def _plain(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    if path.suffix == ".parquet":
        table = pq.read_table(io.BytesIO(data))
        for name in table.column_names:
            yield from (_as_bytes(value) for value in table[name].to_pylist())
    elif path.suffix == ".sqlite":
        with sqlite3.connect(path) as db:
            yield from (line.encode() for line in db.iterdump())
    elif path.suffix == ".html":
        for text in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data):
            yield base64.b64decode(text)


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def seen(wanted: Mapping[str, set[bytes]], hay: Mapping[str, bytes]) -> dict[str, list[str]]:
    """What of the needles lies in which files."""
    probes = _probes({one for some in wanted.values() for one in some})
    kinds = {one: what for what, some in wanted.items() for one in some}
    found: dict[str, list[str]] = {}
    for name, data in hay.items():
        for what in sorted({kinds[one] for one in _inside(data, probes)}):
            found.setdefault(what, []).append(name)
    return found


Probes = dict[int, list[tuple[bytes, int]]]  # eight bytes as a number: needles and where they stand


def _probes(every: set[bytes]) -> Probes:
    """Of each needle the eight bytes, at its beginning, middle or end, that fewest others share."""
    assert all(len(one) >= 8 for one in every), "shorter ones would be met anywhere"
    places = {one: (0, (len(one) - 8) // 2, len(one) - 8) for one in every}
    shared = Counter(one[at : at + 8] for one, some in places.items() for at in some)
    probes: Probes = {}
    for one, some in places.items():
        at = min(some, key=lambda at: shared[one[at : at + 8]])
        probes.setdefault(int.from_bytes(one[at : at + 8], "little"), []).append((one, at))
    return probes


def _inside(data: bytes, probes: Probes) -> Iterator[bytes]:
    """The needles in a text: every eight bytes of it are looked up, what is met is compared."""
    known = np.array(sorted(probes), "<u8")
    for shift in range(max(0, min(8, len(data) - 7))):
        words = np.frombuffer(data, "<u8", (len(data) - shift) // 8, shift)
        at = np.searchsorted(known, words).clip(max=len(known) - 1)
        for place in np.flatnonzero(known[at] == words).tolist():
            for one, inside in probes[int(words[place])]:
                begin = shift + 8 * place - inside
                if begin >= 0 and data[begin : begin + len(one)] == one:
                    yield one


def samples(dataset: Dataset) -> list[tuple[str, bytes] | None]:
    """Key and bytes of every slot; None for one that was emptied."""
    shards = FaceShards(dataset.path("shards"))
    return [
        None if shards.is_empty(i) else (shards.read(i).key, shards.read(i).jpeg)
        for i in range(len(shards))
    ]


def members(dataset: Dataset, gone: set[str]) -> dict[str, dict[str, bytes]]:
    """The bytes of all pictures of photos that stay, by pool and name."""
    found: dict[str, dict[str, bytes]] = {}
    for pool in _pools(dataset):
        told = (m for s in pool.stems() for m in tars.read_members(pool.file(s, "tar")))
        found[pool.name] = {name: data for name, data in told if not _is_of(name, gone)}
    return found


def table(dataset: Dataset, gone: set[str], *names: str) -> list[str]:
    """The rows of a table that name nothing that is gone, as text, in which NaN equals itself."""
    rows = pq.read_table(dataset.path(*names)).to_pylist()
    column = "key" if rows and "key" in rows[0] else "photo_id"
    return [repr(row) for row in rows if not _is_of(row[column], gone)]
