"""``verify`` finds one flipped byte in every kind of file that a workspace holds."""

from __future__ import annotations

import random
from pathlib import Path

import chain
import pytest
from test_inspect import flip

from facecurate import storage, sums
from facecurate.crawl import attribution
from facecurate.decontaminate import decontaminate
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.erase.burying import bury, stone_row
from facecurate.inspect import verify
from facecurate.pool import sealed
from facecurate.pretrain import PRESETS, pretrain
from facecurate.redundancy import redundancy_report
from facecurate.shard import shard
from facecurate.synthesise import synthesise
from facecurate.workspace import Dataset

FILES = (
    "tiny/photos/00000.tar",
    "tiny/photos/00000.parquet",
    "tiny/photos/00000.given.parquet",
    "tiny/photos/00000.json",
    "tiny/faces/00000.tar",
    "tiny/faces/00000.parquet",
    "tiny/faces/00000.json",
    "tiny/faces-arcface112/00000.tar",
    "tiny/faces-arcface112/00000.json",
    "tiny/quality.html",
    "tiny/quality.json",
    "tiny/quality-arcface112.html",
    "tiny/hashes/00000.parquet",
    "tiny/hashes/00000.json",
    "tiny/embeddings/*/00000.npy",
    "tiny/embeddings/*/00000.json",
    "tiny/clusters.parquet",
    "tiny/clusters.edges.parquet",
    "tiny/clusters.json",
    "tiny/dedupe.html",
    "tiny/dedupe.json",
    "tiny/overlaps.parquet",
    "tiny/overlaps.json",
    "tiny/redundancy.html",
    "tiny/redundancy.json",
    "tiny/attribution.parquet",
    "tiny/ATTRIBUTION.md",
    "tiny/SHA256SUMS",
    "tiny/synth/00000.parquet",
    "tiny/synth/00000.json",
    "tiny/synth/settings.json",
    "tiny/synth/SHA256SUMS",
    "tiny/shards/train-000000.tar",
    "tiny/shards/train-000000.json",
    "tiny/shards/val-000000.tar",
    "tiny/shards/index.parquet",
    "tiny/shards/decisions.parquet",
    "tiny/shards/dataset.json",
    "tiny/shards/croissant.json",
    "tiny/shards/README.md",
    "runs/first/config.json",
    "runs/first/metrics.jsonl",
    "runs/first/checkpoint-00000002.pt",
    "runs/first/weights.safetensors",
    "runs/first/curves.html",
    "runs/first/SHA256SUMS",
    "tombstones.parquet",
    "SHA256SUMS",
    "takedowns/certificate.json",
)
NOT_READ = ("log.jsonl", ".lock", "tombstones.parquet.lock", "facecurate.toml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Every step's files, and another dataset to be compared with."""
    folder = tmp_path_factory.mktemp("whole")
    dataset = chain.world(folder, "import")
    other = Dataset(dataset.workspace, "other")
    chain.take(other, folder / "theirs", chain.shots()[4:5])
    synthesise(dataset, count=3)
    storage.delete(dataset.path("files"))
    for crop in ("box", "arcface112"):
        detect(dataset, detector="given", crop=crop)
    detect(other, detector="given")
    embed(dataset)
    dedupe(dataset)
    decontaminate(dataset, [other])
    redundancy_report(dataset, load_encoder("dct", dataset.workspace))
    bury(dataset.workspace, [stone_row("photo", "nobody-0", "other", 0)])
    certificate = storage.join(dataset.workspace, "takedowns", "certificate.json")
    storage.write_atomic(certificate, sealed({"photos": 0}))
    attribution.write(dataset, "you@example.org")
    shard(dataset, split="train=70%,val=30%")
    settings = PRESETS["small"].but(steps=2, batch_size=4, prototypes=8, checkpoint_every=1)
    pretrain(dataset.path("shards"), storage.join(dataset.workspace, "runs", "first"), settings)
    return dataset


def files(dataset: Dataset) -> set[str]:
    root = Path(dataset.workspace)
    found = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
    return {str(p) for p in found if not p.name.startswith(NOT_READ) and p.parts[0] != "other"}


def test_nothing_is_wrong_with_what_was_just_written(whole: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    stats, findings = verify(whole, progress=lambda done, total: seen.append((done, total)))
    assert findings == []
    assert stats.counts["files"].taken == len(files(whole))
    assert seen[-1] == (6, 6)


def test_every_file_of_the_workspace_is_tried_below(whole: Dataset) -> None:
    """By the kind of its name: a new kind of file needs a line here, and a check in ``verify``."""
    root = Path(whole.workspace)
    tried = {str(p.relative_to(root)) for pattern in FILES for p in root.glob(pattern)}
    left = {name for name in files(whole) - tried if name.replace("val-", "train-") not in tried}
    assert left == {
        "tiny/faces-arcface112/00000.parquet",
        "tiny/quality-arcface112.json",
        "runs/first/checkpoint-00000001.pt",
    }


@pytest.mark.parametrize("pattern", FILES)
def test_one_flipped_byte_is_found_in_every_kind_of_file(whole: Dataset, pattern: str) -> None:
    (path,) = Path(whole.workspace).glob(pattern)
    data = path.read_bytes()
    draw = random.Random(pattern)
    try:
        for at in (draw.randrange(len(data)), len(data) - 1 - draw.randrange(9)):
            path.write_bytes(flip(data, at))
            findings = verify(whole)[1]
            assert findings, f"byte {at} of {pattern}"
            names = (path.stem, path.parent.name)
            assert (
                any(name in line for name in names for line in findings) or path.stem == sums.SUMS
            )
            assert all(": " in line for line in findings)
    finally:
        path.write_bytes(data)


@pytest.mark.parametrize(
    "pattern",
    [f for f in FILES if not f.endswith(("00000.json", "SHA256SUMS", "clusters.json",
                                         "overlaps.json", "redundancy.json", "certificate.json"))],
)  # fmt: skip
def test_a_missing_file_is_found(whole: Dataset, pattern: str) -> None:
    """But for the one that says that a step was done: then it has not been run."""
    (path,) = Path(whole.workspace).glob(pattern)
    data = path.read_bytes()
    path.unlink()
    try:
        findings = verify(whole)[1]
        if path.name != "tombstones.parquet":
            assert any(path.stem in line for line in findings)
        assert any("is missing" in line for line in findings)
    finally:
        path.write_bytes(data)


def test_what_verify_says_is_wrong_names_what_makes_it_again(whole: Dataset) -> None:
    said = {
        "tiny/overlaps.parquet": "facecurate decontaminate tiny --against ",
        "tiny/dedupe.html": "facecurate dedupe tiny",
        "tiny/shards/croissant.json": "facecurate shard tiny --redo",
        "runs/first/weights.safetensors": "facecurate pretrain --name first --redo",
        "tombstones.parquet": "take it from a backup",
        "tiny/synth/00000.parquet": "facecurate synth tiny --redo",
    }
    for name, words in said.items():
        path = Path(whole.workspace) / name
        data = path.read_bytes()
        path.write_bytes(flip(data, len(data) // 2))
        try:
            assert any(words in line for line in verify(whole)[1]), name
        finally:
            path.write_bytes(data)


def test_a_json_that_was_changed_by_hand_is_found_though_it_is_well_written(
    whole: Dataset,
) -> None:
    path = Path(whole.path("redundancy.json"))
    data = path.read_text()
    try:
        path.write_text(data.replace('"settings"', '"settingz"', 1))
        assert verify(whole)[1]
    finally:
        path.write_text(data)


# -- SHA256SUMS ------------------------------------------------------------------------------------


def test_sums_are_those_of_the_usual_tool(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"x")
    sums.tell(str(tmp_path), "a b", coming={"late": b"y"})
    text = (tmp_path / "SHA256SUMS").read_text()
    assert text.splitlines()[0] == (
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  a b"
    )
    assert list(sums.damaged(str(tmp_path))) == ["late is missing"]
    (tmp_path / "late").write_bytes(b"y")
    assert list(sums.damaged(str(tmp_path))) == []
    (tmp_path / "late").unlink()
    sums.tell(str(tmp_path), "late")
    assert sums.told(str(tmp_path)) == ["a b"]


def test_only_a_file_that_has_a_line_is_told_again_when_it_is_replaced(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    sums.tell(str(tmp_path), "a", "c")
    for name, data in (("a", b"other"), ("b", b"other"), ("c", None)):
        sums.replace(str(tmp_path / name), data)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"other"
    assert not (tmp_path / "c").exists()
    assert sums.told(str(tmp_path)) == ["a"] and list(sums.damaged(str(tmp_path))) == []


@pytest.mark.parametrize("name", ["../x", "..", "."])
def test_a_line_cannot_name_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "SHA256SUMS").write_text("0" * 64 + f"  {name}\n")
    assert sums.told(str(tmp_path)) == []
    assert list(sums.damaged(str(tmp_path))) == [
        "SHA256SUMS has other bytes than when it was written"
    ]
