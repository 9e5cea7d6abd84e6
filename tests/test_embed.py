from __future__ import annotations

import io
import json
from pathlib import Path

import chain
import numpy as np
import pytest
from PIL import Image

from facecurate import backbones, encoders, storage, tars
from facecurate import embed as module
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import DctEncoder, load_encoder
from facecurate.errors import DamagedError, FacecurateError, RefusedError, SettingsError
from facecurate.importing import import_folder
from facecurate.redundancy import redundancy_report
from facecurate.vectors import read_vectors, vectors_pool
from facecurate.workspace import Dataset


def pool_of(dataset: Dataset, name: str = "dct") -> str:
    encoder = load_encoder(name, dataset.workspace)
    return vectors_pool(dataset, encoder.name, encoder.sha256).url


def test_vectors_are_one_row_a_face_in_float16(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    encoder = load_encoder("dct", dataset.workspace)
    url = pool_of(dataset)
    assert Path(url).name == f"dct-{encoder.sha256[:8]}"
    stored = np.load(Path(url, "00000.npy"))
    assert stored.dtype == np.float16 and stored.shape == (21, 128)
    members = tars.read_members(dataset.path("faces", "00000.tar"))
    crops = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for _, data in members]
    assert stored.astype(float) == pytest.approx(encoder.encode(crops), abs=2e-3)


def test_dropped_faces_have_no_vector_and_keep_their_row(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", min_face=90)
    stats = embed(dataset)
    rows = chain.rows(dataset, "faces", "00000.parquet")
    vectors = read_vectors(vectors_pool(dataset, "dct", DctEncoder().sha256))
    assert len(vectors) == len(rows) == 21
    unknown = [bool(np.isnan(v).all()) for v in vectors]
    assert unknown == [row["status"] == "dropped" for row in rows] and sum(unknown) == 3
    assert not np.isnan(vectors[~np.array(unknown)]).any()
    assert stats.counts["faces"].dropped == {"dropped_earlier": 3}


def test_one_batch_or_many_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = chain.world(tmp_path, "embed")
    before = chain.files(dataset)
    monkeypatch.setattr(module, "BATCH", 4)
    embed(dataset, redo=True)
    assert chain.files(dataset) == before


def test_memory_storage_gives_the_bytes_of_a_folder(tmp_path: Path, memory: str) -> None:
    on_disk = chain.files(chain.world(tmp_path, "embed"))
    dataset = Dataset(memory, chain.NAME)
    chain.take(dataset, tmp_path / "files", chain.shots())
    chain.run(dataset, "detect", "embed")
    (slug,) = storage.list(dataset.path("embeddings"))
    name = f"embeddings/{slug}/00000.npy"
    assert storage.read(dataset.path(*name.split("/"))) == on_disk[name]


def test_without_faces_it_says_what_to_type(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    with pytest.raises(FacecurateError, match="facecurate detect tiny"):
        embed(dataset)


def test_a_missing_crop_is_named(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    table = chain.rows(dataset, "faces", "00000.parquet")
    url = dataset.path("faces", "00000.tar")
    kept = [(n, d) for n, d in tars.read_members(url) if not n.startswith(table[0]["key"])]
    with storage.writing(url) as file:
        tar = tars.TarWriter(file)
        for name, data in kept:
            tar.add(name, data)
        tar.close()
    with pytest.raises(DamagedError, match=f"lacks {table[0]['key']}: 'facecurate verify'"):
        embed(dataset)


# -- who is who is not asked ---------------------------------------------------------------------


class Recogniser(DctEncoder):
    """Stands for a network that tells people apart."""

    def __new__(cls) -> Recogniser:
        return DctEncoder(name="known-faces", identity=True, sha256="ab" * 32)  # type: ignore[return-value]


@pytest.fixture
def recogniser(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(encoders.ENCODERS, "known-faces", Recogniser)
    return "known-faces"


@pytest.fixture
def collected(tmp_path: Path) -> Dataset:
    """Photos from a folder: nobody in them agreed to be recognised."""
    folder = chain.write(tmp_path / "files", chain.shots()[:2])
    dataset = Dataset(str(tmp_path / "work"), "mine")
    import_folder(dataset, str(folder))
    detect(dataset, detector="given")
    return dataset


def test_an_encoder_that_recognises_people_is_refused_on_collected_photos(
    collected: Dataset, recogniser: str
) -> None:
    with pytest.raises(RefusedError, match="recognises people.*--encoder dct"):
        embed(collected, encoder=recogniser)
    assert not collected.has("embeddings")


def test_it_runs_on_rendered_faces_but_measures_no_redundancy(
    tmp_path: Path, recogniser: str
) -> None:
    dataset = chain.world(tmp_path, "detect")
    embed(dataset, encoder=recogniser)
    with pytest.raises(RefusedError, match="ignore expression"):
        redundancy_report(dataset, load_encoder(recogniser, dataset.workspace))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small backbone, as ``pretrain`` exports it."""
    from facecurate.pretrain import PRESETS

    notes = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "input_size": 32}
    file = tmp_path / "weights" / "mine.safetensors"
    file.parent.mkdir()
    backbone = backbones.build(PRESETS["small"].arch, seed=1)
    file.write_bytes(backbones.to_safetensors(backbone, notes))
    return file


def test_a_file_counts_as_a_recogniser_unless_the_user_says_otherwise(
    collected: Dataset, weights: Path
) -> None:
    with pytest.raises(RefusedError, match="recognises people"):
        embed(collected, encoder=f"file:{weights}")
    assert not collected.has("embeddings")
    embed(collected, encoder=f"file:{weights}", not_identity=True)
    assert collected.has("embeddings")


def test_where_a_file_of_weights_lies_is_written_nowhere(tmp_path: Path, weights: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    embed(dataset, encoder=f"file:{weights}", not_identity=True)
    (slug,) = storage.list(dataset.path("embeddings"))
    info = json.loads(storage.read(dataset.path("embeddings", slug, "00000.json")))
    assert str(tmp_path) not in json.dumps(info) and "weights-" not in slug
    assert len(slug) < 60 and slug.endswith(info["settings"]["sha256"][:8])
    moved = weights.rename(tmp_path / "mine.safetensors")
    again = embed(dataset, encoder=f"file:{moved}", not_identity=True)
    assert "up to date already: 1 part" in str(again)


def test_another_encoder_is_another_pool_and_redo_keeps_the_first(
    tmp_path: Path, weights: Path
) -> None:
    dataset = chain.world(tmp_path, "embed")
    first = storage.list(dataset.path("embeddings"))
    embed(dataset, encoder=f"file:{weights}", not_identity=True, redo=True)
    both = storage.list(dataset.path("embeddings"))
    assert len(both) == 2 and set(first) < set(both)
    stored = np.load(Path(dataset.path("embeddings", (set(both) - set(first)).pop()), "00000.npy"))
    assert stored.shape[0] == 21 and np.isfinite(stored.astype(float)).all()


def test_vectors_made_with_other_settings_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = chain.world(tmp_path, "embed")
    other = DctEncoder(dimension=64)  # same digest, another definition: it cannot be
    monkeypatch.setitem(encoders.ENCODERS, "dct", lambda: other)
    with pytest.raises(SettingsError, match="dimension = 128, now it is 64"):
        embed(dataset)
