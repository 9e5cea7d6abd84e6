import io
import subprocess
import sys

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading import BatchOrder, FaceShards, batches, decode_jpeg
from facecurate.loading import decode as decoding


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    items = tiny.faces(23)
    return tiny.write_shards(tmp_path_factory.mktemp("loading"), items, per_shard=10), items


def test_a_sample_is_the_stored_bytes_and_its_row(world):
    folder, items = world
    shards = FaceShards(str(folder))
    assert len(shards) == 23
    for i in (0, 9, 10, 22):
        assert shards.read(i).key == items[i].key
        assert shards.read(i).jpeg == tiny.jpeg(items[i].pixels)
        assert shards.metadata(i) == items[i].row


def test_tars_without_an_index_give_the_same_samples_in_the_same_order(world, tmp_path):
    folder, _ = world
    copies = [(tmp_path / p.name, p.read_bytes()) for p in (folder / "shards").glob("*.tar")]
    for path, data in copies:
        path.write_bytes(data)
    indexed = FaceShards(str(folder))
    patterns = ("", "*.tar", "train-{000000..000002}.tar")
    for shards in (FaceShards(str(tmp_path / p)) for p in patterns):
        assert [shards.read(i) for i in range(23)] == [indexed.read(i) for i in range(23)]
        assert shards.metadata(5) == indexed.metadata(5)


def test_split_takes_the_shards_that_bear_its_name(world, tmp_path):
    items = tiny.faces(6)
    tiny.write_shards(tmp_path / "a", items[:4], split="train")
    tiny.write_shards(tmp_path / "b", items[4:], split="val")
    rows = [r for n in "ab" for r in tiny.read_rows(tmp_path / n / "shards")]
    (tmp_path / "b/shards/val-000000.tar").rename(tmp_path / "a/shards/val-000000.tar")
    tiny.write_index(tmp_path / "a/shards", rows)
    keys = [[s.key(i) for i in range(len(s))] for s in
            (FaceShards(str(tmp_path / "a"), split=n) for n in (None, "train", "val"))]  # fmt: skip
    assert keys == [[i.key for i in items[a:b]] for a, b in ((0, 6), (0, 4), (4, 6))]
    with pytest.raises(FacecurateError, match=r"test-\.\.\."):
        FaceShards(str(tmp_path / "a"), split="test")


def test_an_emptied_slot_keeps_the_order_of_the_others_and_is_counted(world, tmp_path):
    _, items = world
    folder = tiny.write_shards(tmp_path / "x", items[:8], per_shard=3)
    before = FaceShards(str(folder), side=32).batch(range(8))
    rows = tiny.read_rows(folder / "shards")
    rows[3] = (None,) * 6
    tiny.write_index(folder / "shards", rows)
    shards = FaceShards(str(folder), side=32)
    batch = shards.batch(range(8))
    assert len(shards) == 8 and shards.emptied == 1 and batch.emptied == 1
    assert batch.keys == [k for i, k in enumerate(before.keys) if i != 3]
    assert torch.equal(batch.images, before.images[[0, 1, 2, 4, 5, 6, 7]])
    (folder / "shards" / "dataset.json").unlink()
    assert shards.lineage()["emptied"] == 1, "also where no card lies beside the index"


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone"])
def test_damage_names_shard_key_and_offset_or_is_skipped_and_counted(world, tmp_path, harm):
    _, items = world
    folder = tiny.write_shards(tmp_path / "x", items[:4])
    tar = folder / "shards/train-000000.tar"
    offset = tiny.read_rows(folder / "shards")[3][2]
    data = tar.read_bytes()
    if harm == "gone":
        tar.unlink()
    else:
        flipped = data[:offset] + b"\0\0" + data[offset + 2 :]
        tar.write_bytes(data[: offset + 100] if harm == "cut" else flipped)
    with pytest.raises(DamagedError, match=rf"train-000000.tar, key {items[3].key}, .*{offset}"):
        FaceShards(str(folder)).image(3)
    batch = FaceShards(str(folder), on_error="skip").batch(range(4))
    assert batch.damaged == (4 if harm == "gone" else 1)
    assert len(batch.images) == len(batch.keys) == 4 - batch.damaged


@pytest.mark.parametrize("choice", ["simplejpeg", "torchvision", "pillow"])
def test_every_decoder_gives_the_same_picture(choice, monkeypatch):
    pixels, _ = tiny.face(3)
    makers = {
        "simplejpeg": decoding._simplejpeg,
        "torchvision": decoding._torchvision,
        "pillow": lambda: decoding._pillow,
    }
    decode = makers[choice]()
    reference = np.asarray(Image.fromarray(pixels), int)
    assert abs(decode(tiny.jpeg(pixels), None, None).astype(int) - reference).mean() < 4
    with pytest.raises((ValueError, OSError, RuntimeError)):
        decode(tiny.jpeg(pixels)[:900], None, None)


def huge_jpeg(side: int = 16_000) -> bytes:
    """A few hundred bytes whose header promises ``side`` x ``side`` progressive pixels."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", progressive=True)
    data = bytearray(file.getvalue())
    size = data.index(b"\xff\xc2") + 5  # marker, length, precision, then height and width
    data[size : size + 4] = side.to_bytes(2, "big") * 2
    return bytes(data)


@pytest.mark.parametrize("choice", ["simplejpeg", "torchvision", "pillow"])
def test_every_decoder_looks_at_the_size_before_it_takes_memory(choice):
    decode = {
        "simplejpeg": decoding._simplejpeg,
        "torchvision": decoding._torchvision,
        "pillow": lambda: decoding._pillow,
    }[choice]()
    assert len(huge_jpeg()) < 1000
    with pytest.raises(ValueError, match="too_many_pixels"):
        decode(huge_jpeg(), 64, None)


def test_a_sample_that_would_take_all_memory_counts_as_damaged(tmp_path):
    items = tiny.faces(3)
    folder = tiny.write_shards(tmp_path, items)
    tar, rows = folder / "shards/train-000000.tar", tiny.read_rows(folder / "shards")
    data, (offset, size), bad = tar.read_bytes(), rows[1][2:4], huge_jpeg()
    assert data[offset : offset + size] == tiny.jpeg(items[1].pixels) and len(bad) < size
    tar.write_bytes(data[:offset] + bad.ljust(size, b"\0") + data[offset + size :])
    with pytest.raises(DamagedError, match=rf"key {items[1].key}.*too_many_pixels: 16000 x 16000"):
        FaceShards(str(folder)).image(1)
    assert FaceShards(str(folder), on_error="skip").batch(range(3)).damaged == 1


def test_a_reduced_crop_keeps_its_geometry():
    x, y = np.meshgrid(np.arange(256.0), np.arange(256.0))
    pixels = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    small = decode_jpeg(tiny.jpeg(pixels), 64).astype(float)
    expected = (np.arange(64) + 0.5) * 4 - 0.5
    inner = slice(2, -2)
    assert np.abs(small[inner, inner, 0] - expected[None, inner]).max() <= 3.5
    assert np.abs(small[inner, inner, 1] - expected[inner, None]).max() <= 3.5
    assert abs((small[inner, inner, 0] - expected[None, inner]).mean()) < 0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 9), st.booleans())
def test_an_epoch_holds_every_sample_once_or_drops_the_last_batch(n, size, seed, drop):
    if n < size and drop:
        with pytest.raises(FacecurateError, match=f"--batch-size {n} or less"):
            BatchOrder(n, size, seed, drop_last=drop)
        return
    order = BatchOrder(n, size, seed, drop_last=drop)
    seen = np.concatenate([order.batch(2, b) for b in range(order.batches)])
    assert len(set(seen.tolist())) == len(seen) == n - order.dropped
    assert order.dropped == (n % size if drop else 0)


def test_the_order_depends_on_seed_epoch_and_position_alone():
    order = BatchOrder(50, 8, seed=5)
    late = [order.at(i).tolist() for i in (13, 2, 7)]
    fresh = [BatchOrder(50, 8, seed=5).at(i).tolist() for i in (13, 2, 7)]
    assert late == fresh
    assert order.state(13) == (2, 1)
    assert order.batch(2, 1).tolist() == late[0]
    epochs = {tuple(order.batch(e, b).tolist()) for e in range(3) for b in range(6)}
    assert len(epochs) == 18


def test_workers_and_resumption_do_not_change_the_stream(world):
    folder, _ = world
    shards = FaceShards(str(folder), side=32, cache=1 << 30)
    order = BatchOrder(len(shards), 5, seed=1)
    alone = list(batches(shards, order, stop=9))
    resumed = list(batches(FaceShards(str(folder), side=32), order, start=4, stop=9, workers=1))
    assert [b.keys for b in resumed] == [b.keys for b in alone[4:]]
    assert all(torch.equal(a.images, b.images) for a, b in zip(alone[4:], resumed, strict=True))


def test_map_style_access_serves_any_torch_loader(world):
    folder, _ = world
    shards = FaceShards(str(folder), side=32)
    loader = torch.utils.data.DataLoader(shards, batch_size=4)
    first = next(iter(loader))
    assert first.shape == (4, 3, 32, 32) and first.dtype == torch.uint8
    assert torch.equal(first, shards.batch(range(4)).images)


def test_loading_and_pretraining_import_without_what_gpu_machines_lack():
    missing = ["webdataset", "faiss", "imagehash", "dlib", "simplejpeg", "platformdirs", "lightly"]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({missing}))\n"
        "import facecurate.loading, facecurate.pretrain\n"
        "from facecurate.loading.decode import _decoder\n"
        "assert 'simplejpeg' not in _decoder().__qualname__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
