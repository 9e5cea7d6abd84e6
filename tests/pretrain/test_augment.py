import math

import numpy as np
import pytest
import torch

from facecurate.loading import colour
from facecurate.loading.crops import Augment, View, crop_boxes
from facecurate.loading.seeds import generator
from facecurate.pretrain.augment import multi_crop, resized_crops

PLAIN = Augment(flip_p=0.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
VIEWS = (View(size=24, count=2, scale=(0.3, 1.0)), View(size=16, count=3, scale=(0.1, 0.3)))
FULL = Augment(
    brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, gain=0.06, jitter_p=0.8,
    grey_p=0.2, blur_p=0.5,
)  # fmt: skip


def gradient(side=48, count=1):
    """Red grows by one grey level a pixel to the right, green downwards."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack([x, y, torch.zeros_like(x)]).to(torch.uint8).expand(count, -1, -1, -1)


def test_views_have_the_asked_shapes_and_depend_on_seed_and_step_alone():
    images = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
    first = multi_crop(images, VIEWS, FULL, seed=1, step=5)
    torch.rand(7)
    again = multi_crop(images, VIEWS, FULL, seed=1, step=5)
    other = multi_crop(images, VIEWS, FULL, seed=1, step=6)
    assert [tuple(v.shape) for v in first] == [(8, 3, 24, 24), (12, 3, 16, 16)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(v.isfinite().all() for v in first)


def test_a_crop_shows_the_part_of_the_picture_that_its_box_says():
    pixels = gradient().float() / 255
    boxes = torch.tensor([[8.0, 4.0, 32.0, 40.0]])
    view = View(size=16, count=1, scale=(0.1, 0.2))
    crop = resized_crops(pixels, boxes, torch.tensor([False]), view)[0] * 255
    steps = torch.arange(16) + 0.5
    assert torch.allclose(crop[0, 3], 8 + steps * 2.0 - 0.5, atol=1e-3)
    assert torch.allclose(crop[1, :, 3], 4 + steps * 2.5 - 0.5, atol=1e-3)
    mirrored = resized_crops(pixels, boxes, torch.tensor([True]), view)[0] * 255
    assert torch.allclose(mirrored, crop.flip(2), atol=1e-3)


def test_a_strongly_reduced_crop_does_not_alias():
    checks = torch.zeros(1, 3, 64, 64)
    checks[..., ::2] = 1.0
    whole = torch.tensor([[0.0, 0.0, 64.0, 64.0]])
    crop = resized_crops(checks, whole, torch.tensor([False]), View(size=16, count=1, scale=(1, 1)))
    assert (crop - 0.5).abs().max() < 0.05


def test_boxes_have_torchvisions_areas_and_aspects_inside_the_picture():
    boxes = crop_boxes(20_000, (0.14, 1.0), generator(0))
    x, y, w, h = boxes.double().numpy().T
    assert min(x.min(), y.min()) >= 0 and max((x + w).max(), (y + h).max()) <= 1 + 1e-6
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    blank = torch.zeros(3, 1000, 1000)
    theirs = np.array(
        [RandomResizedCrop.get_params(blank, [0.14, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]
    )
    assert (w * h).mean() == pytest.approx((theirs[:, 2] * theirs[:, 3] / 1e6).mean(), abs=0.01)
    assert np.log(w / h).std() == pytest.approx(np.log(theirs[:, 3] / theirs[:, 2]).std(), abs=0.01)
    assert x.mean() == pytest.approx(theirs[:, 1].mean() / 1000, abs=0.01)


def test_half_of_the_crops_are_mirrored():
    settings = Augment(flip_p=0.5, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    view = View(size=16, count=1, scale=(0.99, 1.0))
    crops = multi_crop(gradient(48, 800), (view,), settings, seed=0, step=0)[0]
    mirrored = (crops[:, 0, :, 0] > crops[:, 0, :, -1]).all(dim=1).float().mean().item()
    assert mirrored == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(800))


def one(order, factors=(1.0, 1.0, 1.0), hue=0.0, gain=(1.0, 1.0, 1.0), grey=False):
    return colour.Draws(
        torch.tensor([order]), torch.tensor([factors]), torch.tensor([hue]), torch.tensor([gain]),
        torch.tensor([grey]),
    )  # fmt: skip


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 1, 0, 3], [1, 2, 0, 3]])
def test_the_fused_matrix_is_torchvisions_jitter_step_by_step(order):
    from torchvision.transforms import functional as F

    picture = 0.3 + 0.3 * torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    steps = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation]
    factors = (1.2, 0.7, 1.3)
    expected = picture
    for which in order[:3]:
        expected = steps[which](expected, factors[which])
    found = colour.apply(picture, one(order, factors), Augment(jitter_p=1.0))
    assert torch.allclose(found, expected, atol=2e-3)  # torchvision rounds the weights of grey


def test_grey_pictures_have_three_equal_channels_and_hue_keeps_grey():
    picture = torch.rand(1, 3, 4, 4)
    grey = colour.apply(picture, one([0, 1, 2, 3], grey=True), Augment(grey_p=1.0))
    assert torch.allclose(grey, grey.mean(dim=1, keepdim=True), atol=1e-6)
    turned = colour.apply(grey, one([3, 0, 1, 2], hue=1.0), Augment(jitter_p=1.0))
    assert torch.allclose(turned, grey, atol=1e-6)
    third = colour.apply(picture, one([3, 0, 1, 2], hue=2 * math.pi / 3), Augment(jitter_p=1.0))
    assert torch.allclose(third, picture[:, [2, 0, 1]], atol=1e-6)


def test_blur_keeps_the_mean_and_lowers_the_contrast_of_those_it_is_drawn_for():
    settings = Augment(
        flip_p=0.0, blur=(1.0, 1.0), blur_p=0.5, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    )
    view = View(size=32, count=1, scale=(1.0, 1.0))
    noise = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8).expand(200, -1, -1, -1)
    plain = multi_crop(noise, (view,), PLAIN, seed=0, step=0)[0]
    found = multi_crop(noise, (view,), settings, seed=0, step=0)[0]
    same = (found - plain).flatten(1).abs().amax(dim=1) < 1e-4
    spread = found.flatten(1).std(dim=1) / plain.flatten(1).std(dim=1)
    assert same.float().mean().item() == pytest.approx(0.5, abs=0.15)
    assert spread[~same].max() < 0.45
