import numpy as np
import pytest
import tiny
import torch

from facecurate import metrics
from facecurate.datasets import manifest
from facecurate.datasets.points import POINT_SETS
from facecurate.errors import FacecurateError
from facecurate.loading.seeds import generator
from facecurate.tasks import DatasetInfo, dataset_info, heatmaps, landmarks
from facecurate.tasks.landmarks import Geometry, training_view

INFO = DatasetInfo(id="tiny", left=(0,), right=(1,), mirror=tiny.MIRROR, rendered=True)
STILL = Geometry(rotation=0, scale=0, shift=0, flip=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    items = [*tiny.faces(5), *tiny.faces(3, split="test", first=90)]
    folder = tiny.write_shards(tmp_path_factory.mktemp("landmarks"), items)
    return landmarks.load(str(folder), 64), items


def test_points_go_from_the_photo_to_the_reduced_crop_and_back(data):
    loaded, items = data
    for i in (0, 7):
        _, in_crop = tiny.face((0, 92)[i > 0])
        expected = (in_crop + 0.5) * (64 / 96) - 0.5
        np.testing.assert_allclose(loaded.points[i].numpy(), expected, atol=1e-4)
        photo = np.reshape(items[i].row["points"], (-1, 2))
        np.testing.assert_allclose(loaded.truth[i], photo, atol=1e-4)
    back = landmarks.transform(loaded.points.double().numpy(), loaded.to_photo)
    np.testing.assert_allclose(back, loaded.truth, atol=1e-3)


def test_errors_are_measured_in_photo_pixels(data):
    loaded, _ = data
    moved = loaded.points.double().numpy() + np.array([3.0, 0.0])
    eyes = metrics.inter_ocular(loaded.truth, 0, 1)
    expected = 100 * 3.0 * (96 / 64) * 2 / eyes  # crop of 64 <- 96 <- a photo twice as fine
    np.testing.assert_allclose(landmarks.errors(moved, loaded, INFO), expected, rtol=1e-4)


def test_splits_are_taken_by_name_in_the_order_of_keys(data):
    loaded, items = data
    assert len(loaded.of_splits(("train",))) == 5
    assert loaded.of_splits(("test", "other")).keys == tuple(sorted(i.key for i in items[5:]))


def test_a_dataset_without_points_says_so(tmp_path):
    items = [tiny.Item(i.key, i.pixels, {"key": i.key}) for i in tiny.faces(2)]
    with pytest.raises(FacecurateError, match="has points"):
        landmarks.load(str(tiny.write_shards(tmp_path, items)), 64)


@pytest.mark.parametrize("how", ["parabola", "centroid"])
def test_a_gaussian_is_decoded_where_it_was_drawn(how):
    points = 4.5 + 6 * torch.rand(50, 4, 2, generator=generator(1))
    maps = heatmaps.draw(points, 16, 1.5)
    found = heatmaps.decode(maps, how, 1.5)
    assert (found - points).abs().max() < {"parabola": 0.02, "centroid": 0.25}[how]


def test_heatmap_and_input_pixels_agree_at_pixel_centres():
    assert heatmaps.to_heatmap(torch.tensor([1.5, 61.5])).tolist() == [0.0, 15.0]
    assert heatmaps.from_heatmap(torch.tensor([0.0, 15.0])).tolist() == [1.5, 61.5]


def test_the_loss_is_zero_for_the_target_and_ignores_unknown_points():
    points = torch.tensor([[[20.0, 30.0], [torch.nan, torch.nan]]])
    target = heatmaps.draw(heatmaps.to_heatmap(points.nan_to_num(0.0)), 16, 1.0)
    target[:, 1] = 7.0
    assert heatmaps.heatmap_loss(target, points, 1.0).item() == pytest.approx(0.0, abs=1e-9)
    target[:, 0] += 0.5
    assert heatmaps.heatmap_loss(target, points, 1.0).item() == pytest.approx(256 * 0.25)


def spots(points, side=64):
    """A bright spot at each point, one colour channel each for the first three."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    square = (x - points[:, :, 0, None, None]) ** 2 + (y - points[:, :, 1, None, None]) ** 2
    return torch.exp(-square / 18)


def centres(images):
    side = torch.arange(images.shape[-1])
    total = images.sum(dim=(2, 3))
    x = (images.sum(dim=2) * side).sum(dim=2) / total
    return torch.stack([x, (images.sum(dim=3) * side).sum(dim=2) / total], dim=2)


def test_points_follow_the_picture_through_turn_scale_and_shift():
    points = 24 + 16 * torch.rand(40, 3, 2, generator=generator(2))
    geometry = Geometry(rotation=30, scale=0.2, shift=0.08, flip=0.0)
    images, moved = training_view(spots(points), points, geometry, [0, 1, 2], generator(3))
    assert (moved - points).abs().max() > 5
    assert (centres(images) - moved).abs().max() < 0.15


def test_a_mirrored_view_exchanges_the_paired_points():
    points = torch.tensor([[[10.0, 20.0], [50.0, 22.0], [31.0, 40.0]]])
    geometry = Geometry(rotation=0, scale=0, shift=0, flip=1.0)
    images, moved = training_view(spots(points), points, geometry, [1, 0, 2], generator(0))
    assert moved[0].tolist() == [[13.0, 22.0], [53.0, 20.0], [32.0, 40.0]]
    assert torch.allclose(images, spots(points).flip(3), atol=1e-5)
    same = training_view(images, moved, STILL, [1, 0, 2], generator(0))
    assert torch.allclose(same[0], images, atol=1e-5) and torch.equal(same[1], moved)


def test_the_mirror_of_68_points_is_its_own_inverse_and_keeps_the_middle():
    info = DatasetInfo(id="x", left=(36,), right=(45,), mirror=POINT_SETS["68"].pairs)
    order = info.permutation(68)
    assert [order[order[i]] for i in range(68)] == list(range(68))
    middle = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert [i for i in range(68) if order[i] == i] == middle
    assert (order[36], order[0], order[48], order[60]) == (45, 16, 54, 64)


def test_the_manifest_of_300w_names_its_normaliser_and_its_test_sets():
    info = dataset_info(manifest.load("300w"), rendered=True)
    assert (info.left, info.right, info.scored) == ((36,), (45,), "test")
    assert info.tests["full"] == ("common", "challenge")
    assert info.label == "render:300w" and len(info.mirror) == 29


def test_the_head_gives_a_quarter_of_the_input_and_spares_a_frozen_backbone():
    from facecurate.backbones import build

    net = heatmaps.HeatmapNet(build("resnet18-half", seed=0), 5, 16)
    images = torch.zeros(2, 3, 64, 96)
    assert net(images).shape == (2, 5, 16, 24)
    net(images, frozen=True).sum().backward()
    assert all(p.grad is None for p in net.backbone.parameters())
    assert all(p.grad is not None for p in net.head_parameters())
