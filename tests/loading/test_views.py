"""Views on the CPU are those of the device, but for resampling and rounding."""

import json
import math
import pickle
import sys

import numpy as np
import pytest
import tiny
import torch

from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading import Augment, FaceShards, MultiCrop, View, batches
from facecurate.loading.arrays import Arrays
from facecurate.loading.multicrop import SWAV_AUGMENT, SWAV_VIEWS
from facecurate.pretrain import PRESETS
from facecurate.pretrain.augment import multi_crop

PLAIN = Augment(flip_p=0.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
VIEWS = (View(size=48, count=2, scale=(0.3, 1.0)), View(size=32, count=3, scale=(0.1, 0.3)))
FULL = Augment(
    brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, gain=0.06, jitter_p=0.8, grey_p=0.2,
    blur_p=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    items = tiny.faces(12, side=96)
    return FaceShards(str(tiny.write_shards(tmp_path_factory.mktemp("views"), items)), side=96)


def both(shards, views, augment, number=3):
    """The CPU's views of a batch, and the device's of the same crops."""
    order = shards.order(6, seed=1)
    (crops,) = batches(shards, order, start=number, stop=number + 1)
    make = MultiCrop(views, augment, seed=5)
    (found,) = batches(shards, order, start=number, stop=number + 1, make=make)
    return found, multi_crop(crops.images, views, augment, seed=5, step=number)


@pytest.mark.parametrize(
    "augment, limit", [(PLAIN, 0.05), (FULL, 0.12)], ids=["geometry", "everything"]
)
def test_views_equal_those_of_the_device_with_the_same_draws(shards, augment, limit):
    batch, expected = both(shards, VIEWS, augment)
    assert [tuple(v.shape) for v in batch.views] == [(12, 3, 48, 48), (18, 3, 32, 32)]
    for ours, theirs in zip(batch.views, expected, strict=True):
        scale = theirs.std()
        assert (ours - theirs).abs().mean() / scale < limit
        # another crop of the same picture, or another picture, is further away
        assert (ours - theirs.roll(1, 0)).abs().mean() / scale > 3 * limit


def test_a_view_is_cut_at_the_pixels_its_box_names(tmp_path):
    x, y = np.meshgrid(np.arange(192.0), np.arange(192.0))
    pixels = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    (item,) = tiny.faces(1)
    item = tiny.Item(item.key, pixels, item.row)
    shards = FaceShards(str(tiny.write_shards(tmp_path, [item])), side=192)
    make = MultiCrop((View(size=24, count=8, scale=(0.2, 0.9)),), PLAIN, seed=2, kind="uint8")
    (batch,) = batches(shards, shards.order(1, 0), stop=1, make=make)
    crops = batch.images.new_tensor([]).numel() == 0 and batch.views[0].numpy().astype(float)
    (device,) = multi_crop(
        torch.from_numpy(pixels).permute(2, 0, 1)[None], make.views, PLAIN, seed=2, step=0
    )
    device = device.numpy() * 255
    inner = slice(2, -2)
    for crop, other in zip(crops, device, strict=True):
        assert np.abs(crop - other)[:2, inner, inner].max() < 2.5  # whole pixels, and JPEG
        assert crop[0, 12, -3] > crop[0, 12, 2] and crop[1, -3, 12] > crop[1, 2, 12]


def test_flips_mirror_and_only_those_that_are_drawn(shards):
    flipped = Augment(flip_p=1.0, mean=PLAIN.mean, std=PLAIN.std)
    plain, mirrored = both(shards, VIEWS, PLAIN)[0], both(shards, VIEWS, flipped)[0]
    for one, other in zip(plain.views, mirrored.views, strict=True):
        assert torch.equal(one.flip(3), other)


def test_uint8_views_are_the_float_ones_before_normalisation(shards):
    order = shards.order(6, seed=1)
    augment = Augment(brightness=0.4, jitter_p=1.0, blur_p=0.5)
    (fine,) = batches(shards, order, stop=1, make=MultiCrop(VIEWS, augment))
    (coarse,) = batches(shards, order, stop=1, make=MultiCrop(VIEWS, augment, kind="uint8"))
    mean, std = (torch.tensor(v)[:, None, None] for v in (augment.mean, augment.std))
    for float_, byte in zip(fine.views, coarse.views, strict=True):
        assert byte.dtype == torch.uint8
        assert torch.allclose((byte.float() / 255 - mean) / std, float_, atol=1e-5)


def test_an_emptied_slot_changes_no_other_picture_s_views(tmp_path):
    folder = tiny.write_shards(tmp_path, tiny.faces(6, side=64))
    make = MultiCrop(VIEWS, FULL, seed=1)
    order = FaceShards(str(folder)).order(6, 4)
    (before,) = batches(FaceShards(str(folder)), order, stop=1, make=make)
    (device,) = batches(FaceShards(str(folder)), order, stop=1)
    gone = order.at(0)[2]
    rows = tiny.read_rows(folder / "shards")
    rows[gone] = (None,) * 6
    tiny.write_index(folder / "shards", rows)
    (after,) = batches(FaceShards(str(folder)), order, stop=1, make=make)
    assert after.emptied == 1 and after.places == [0, 1, 3, 4, 5]
    left = [0, 1, 3, 4, 5]
    for view, one, other in zip(VIEWS, before.views, after.views, strict=True):
        rows_ = [c * 6 + b for c in range(view.count) for b in left]
        assert torch.equal(one[rows_], other)
    whole = multi_crop(device.images, VIEWS, FULL, seed=1, step=0)
    part = multi_crop(device.images[left], VIEWS, FULL, seed=1, step=0, places=left, size=6)
    for view, one, other in zip(VIEWS, whole, part, strict=True):
        rows_ = [c * 6 + b for c in range(view.count) for b in left]
        assert torch.allclose(one[rows_], other, atol=1e-5)


def test_a_part_without_pictures_has_views_without_rows(shards):
    make = MultiCrop(VIEWS, FULL)
    order = shards.order(8, 0, drop_last=False, rank=0, world=8)
    (batch,) = batches(shards, order, start=1, stop=2, make=make)
    assert batch.size == 4 and len(batch) == 0
    assert [tuple(v.shape) for v in batch.views] == [(0, 3, 48, 48), (0, 3, 32, 32)]


def test_large_crops_are_decoded_no_larger_than_their_views_need(tmp_path, monkeypatch):
    shards = FaceShards(str(tiny.write_shards(tmp_path, tiny.faces(2, side=256))))
    assert shards.reduced(0).shape == (256, 256, 3)
    assert shards.reduced(0, 64).shape == (64, 64, 3)
    assert shards.reduced(0, 65).shape == (128, 128, 3)
    assert shards.reduced(0, 129).shape == shards.reduced(0, 900).shape == (256, 256, 3)
    asked = []
    reduced = FaceShards.reduced

    def noted(self, i, least=None):
        asked.append(least)
        return reduced(self, i, least)

    monkeypatch.setattr(FaceShards, "reduced", noted)
    make = MultiCrop((View(size=16, count=2, scale=(0.25, 0.25)),), PLAIN)
    next(batches(shards, shards.order(2, 0), stop=1, make=make))
    assert all(32 <= least <= math.ceil(32 * (4 / 3) ** 0.5) for least in asked) and len(asked) == 2


def test_the_default_views_are_the_paper_s():
    assert PRESETS["paper"].views == SWAV_VIEWS
    assert PRESETS["paper"].augment == SWAV_AUGMENT


def test_damage_is_told_or_counted_in_views_too(tmp_path):
    folder = tiny.write_shards(tmp_path, tiny.faces(4))
    offset = tiny.read_rows(folder / "shards")[2][2]
    tar = folder / "shards/train-000000.tar"
    data = tar.read_bytes()
    tar.write_bytes(data[:offset] + b"\0\0" + data[offset + 2 :])
    with pytest.raises(DamagedError, match=f"offset {offset}"):
        shards = FaceShards(str(folder))
        next(batches(shards, shards.order(4, 0), stop=1, make=MultiCrop(VIEWS, FULL)))
    shards = FaceShards(str(folder), on_error="skip")
    batch = next(batches(shards, shards.order(4, 0), stop=1, make=MultiCrop(VIEWS, FULL)))
    assert batch.damaged == 1 and batch.views[1].shape == (9, 3, 32, 32)


def test_without_opencv_the_message_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FacecurateError, match="pip install opencv-python-headless"):
        MultiCrop()


# -- what an index may not say -------------------------------------------------------------------


@pytest.mark.parametrize(
    "row, told",
    [
        (("a_000", "../train-000000.tar", 512, 10, -1, 0), r"shard '\.\./train-000000\.tar'"),
        (("a_000", "..", 512, 10, -1, 0), r"shard '\.\.'"),
        (("a_000", "train-000000.tar", 512, -3, -1, 0), "offsets or sizes below 0"),
        (("a_000", "train-000000.tar", -7, 10, -1, 0), "offsets or sizes below 0"),
    ],
)
def test_an_index_that_points_elsewhere_is_refused(tmp_path, row, told):
    folder = tiny.write_shards(tmp_path, tiny.faces(2))
    tiny.write_index(folder / "shards", [row])
    with pytest.raises(DamagedError, match=told):
        FaceShards(str(folder))


def test_a_tar_without_an_index_that_breaks_off_names_the_last_key_or_is_read_up_to_there(tmp_path):
    items = tiny.faces(6)
    folder = tiny.write_shards(tmp_path, items, per_shard=3) / "shards"
    offset = tiny.read_rows(folder)[4][2]
    (folder / "index.parquet").unlink()
    tar = folder / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[: offset + 100])
    with pytest.raises(DamagedError, match=rf"train-000001.tar is damaged: .* {items[4].key}"):
        FaceShards(str(folder))
    shards = FaceShards(str(folder), on_error="skip")
    assert len(shards) == 5 and len(shards.index.broken) == 1
    assert shards.batch(range(5)).damaged == 1
    assert json.loads(json.dumps(shards.metadata(0))) == items[0].row


# -- large arrays --------------------------------------------------------------------------------


def test_an_array_is_used_again_only_when_nothing_of_it_is_held():
    arrays = Arrays()
    first = arrays.take((4, 5), np.float32)
    place, tensor = first.ctypes.data, torch.from_numpy(first)[1:, 2]
    del first
    assert arrays.take((4, 5), np.float32).ctypes.data != place
    del tensor
    again = arrays.take((3, 5), np.float32)
    assert again.ctypes.data == place and again.shape == (3, 5)
    assert pickle.loads(pickle.dumps(arrays)).take((1,), np.uint8).shape == (1,)


def test_batches_that_are_kept_are_not_written_over(shards):
    order, make = shards.order(4, seed=1), MultiCrop(VIEWS, FULL)
    kept = list(batches(shards, order, stop=9, make=make))
    one_by_one = (next(batches(shards, order, start=i, stop=i + 1, make=make)) for i in range(9))
    for held, fresh in zip(kept, one_by_one, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(held.views, fresh.views, strict=True))
