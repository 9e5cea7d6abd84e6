import math

import numpy as np
import pytest
import torch

from facecurate.backbones import build, from_safetensors, metadata, to_safetensors
from facecurate.pretrain import swav
from facecurate.pretrain.guard import Guard, advice
from facecurate.pretrain.optim import Larc, learning_rate


def scores(rows=64, columns=8, seed=0):
    z = torch.nn.functional.normalize(
        torch.randn(rows, 16, generator=torch.Generator().manual_seed(seed)), dim=1
    )
    return z @ z[:columns].T


def test_sinkhorn_gives_every_sample_exactly_one_unit_of_mass():
    for epsilon in (0.5, 0.05, 0.003):
        codes = swav.sinkhorn(scores(), epsilon=epsilon)
        assert torch.allclose(codes.sum(dim=1), torch.ones(64), atol=1e-5)


def test_sinkhorn_uses_prototypes_evenly_when_it_has_converged_and_not_before():
    even = swav.sinkhorn(scores(), epsilon=0.5, iterations=20).sum(dim=0)
    assert torch.allclose(even, torch.full((8,), 8.0), atol=1e-3)
    early = swav.sinkhorn(scores(), epsilon=0.05, iterations=3).sum(dim=0)
    assert (early - 8).abs().max() > 0.5


def test_sinkhorn_agrees_with_plain_alternating_normalisation():
    plain = np.exp(scores(6, 3).double().numpy() / 0.3)
    plain /= plain.sum()
    for _ in range(3):
        plain /= plain.sum(axis=0, keepdims=True) * 3
        plain /= plain.sum(axis=1, keepdims=True) * 6
    found = swav.sinkhorn(scores(6, 3), epsilon=0.3)
    np.testing.assert_allclose(found.numpy(), 6 * plain, atol=1e-6)


def test_sinkhorn_over_processes_equals_the_joined_batch(tmp_path):
    whole = swav.sinkhorn(scores(12, 4), epsilon=0.1)
    torch.multiprocessing.spawn(_half, (str(tmp_path),), nprocs=2)
    halves = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert torch.allclose(torch.cat(halves), whole, atol=1e-6)


def _half(rank, folder):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    group = torch.distributed.group.WORLD
    codes = swav.sinkhorn(scores(12, 4)[6 * rank : 6 * rank + 6], epsilon=0.1, group=group)
    torch.save(codes, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_swapped_loss_of_a_case_worked_by_hand():
    # one image, three crops, two prototypes, temperature 1; only the first two crops have codes
    given = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [0.0, math.log(3)]])
    codes = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])]
    first = (-math.log(3 / 4) - math.log(1 / 4)) / 2
    second = (math.log(2) - (math.log(3 / 4) + math.log(1 / 4)) / 2) / 2
    found = swav.swapped_loss(given, codes, temperature=1.0)
    assert found.item() == pytest.approx((first + second) / 2, abs=1e-6)


def test_a_queue_takes_part_in_the_assignment_and_is_left_out_of_it():
    z = torch.nn.functional.normalize(torch.randn(10, 5), dim=1)
    weight = torch.nn.functional.normalize(torch.randn(4, 5), dim=1)
    joined = swav.assign(z, weight, None, epsilon=0.1, iterations=3)
    queued = swav.assign(z[6:], weight, z[:6], epsilon=0.1, iterations=3)
    assert torch.allclose(queued, joined[6:], atol=1e-6)


def test_entropy_is_one_for_even_codes_and_zero_for_decided_ones():
    assert swav.entropy(torch.full((3, 5), 0.2)).item() == pytest.approx(1.0)
    assert swav.entropy(torch.eye(4)).item() == pytest.approx(0.0, abs=1e-6)


def test_mean_cosine_is_that_of_all_pairs():
    z = torch.nn.functional.normalize(torch.randn(7, 3), dim=1)
    pairs = [(z[i] @ z[j]).item() for i in range(7) for j in range(7) if i != j]
    assert swav.mean_cosine(z).item() == pytest.approx(np.mean(pairs), abs=1e-6)


def test_larc_scales_by_the_ratio_of_norms_with_decay_inside():
    p = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    p.grad = torch.tensor([0.0, 2.0])
    Larc([p], lr=0.5, momentum=0.0, weight_decay=0.1, trust=0.01).step()
    scale = 0.01 * 5 / (2 + 0.1 * 5)
    expected = [3 - 0.5 * scale * 0.1 * 3, 4 - 0.5 * scale * (2 + 0.1 * 4)]
    assert p.tolist() == pytest.approx(expected, abs=1e-6)


def test_larc_leaves_zero_norms_and_zero_gradients_unscaled():
    zero = torch.nn.Parameter(torch.zeros(2))
    still = torch.nn.Parameter(torch.ones(2))
    zero.grad, still.grad = torch.tensor([1.0, 2.0]), torch.zeros(2)
    Larc([zero, still], lr=0.5, momentum=0.0, weight_decay=0.1).step()
    assert zero.tolist() == [-0.5, -1.0]
    assert still.tolist() == [1.0, 1.0]


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    rate = [
        learning_rate(s, steps=110, warmup=10, lr=4.8, start=0.3, end=0.0048)
        for s in (0, 5, 10, 60, 110)
    ]
    middle = 0.0048 + (4.8 - 0.0048) / 2
    assert rate == pytest.approx([0.3, 2.55, 4.8, middle, 0.0048])


def fed(entropy, steps=400, *, loss=3.0, cosine=0.5, frozen=30):
    guard = Guard(200, advice(epsilon=0.05, jitter=True, small_crops=True, frozen=30, queue=0))
    said = []
    for step in range(1, steps + 1):
        verdict = guard.update(step, loss, entropy(step), cosine, frozen=step <= frozen)
        said += [(step, verdict)] if verdict else []
        if verdict and verdict.level == "stop":
            break
    return said


def test_the_guard_warns_of_flat_entropy_and_stops_after_200_trained_steps():
    noise = np.random.default_rng(0).normal(0, 0.004, 1000)
    (warned, first), (stopped, last) = fed(lambda step: 0.99 + noise[step])
    assert (first.level, last.level) == ("warning", "stop")
    assert warned < 30 + 150
    assert stopped == 30 + 200
    order = ["lower epsilon (0.05 -> 0.025)", "jitter", "small crops", "longer (30 -> 60 steps)"]
    places = [last.message.index(words) for words in order]
    assert places == sorted(places)


def test_the_guard_leaves_a_falling_and_a_healthy_run_alone():
    assert fed(lambda step: 1.0 - 0.0003 * step) == []
    assert fed(lambda step: max(0.6, 0.95 - 0.002 * step)) == []


def test_the_guard_stops_at_once_when_the_loss_is_not_a_number():
    ((step, verdict),) = fed(lambda step: 0.7, loss=math.nan)
    assert step == 1 and verdict.level == "stop"


def test_the_guard_sees_features_that_are_all_alike_and_a_loss_that_stays_at_ln_k():
    assert "alike" in fed(lambda step: 0.7, cosine=0.995)[-1][1].message
    pinned = fed(lambda step: 0.7, loss=math.log(200) + 0.001)
    assert pinned[0][0] >= 300 and "ln K" in pinned[-1][1].message


def test_a_guard_restored_from_its_state_goes_on_as_if_unbroken():
    whole = Guard(50, "x")
    for step in range(1, 150):
        whole.update(step, 1.0, 0.99, 0.1)
    other = Guard(50, "x")
    other.restore(whole.state())
    assert [whole.update(s, 1.0, 0.99, 0.1) for s in range(150, 210)] == [
        other.update(s, 1.0, 0.99, 0.1) for s in range(150, 210)
    ]


def test_weights_are_the_same_bytes_and_load_in_three_lines_of_plain_torchvision(tmp_path):
    backbone = build("resnet18", seed=3)
    data = to_safetensors(backbone, {"mean": [0.485, 0.456, 0.406], "input_size": 64})
    assert data == to_safetensors(build("resnet18", seed=3), metadata(data))
    from safetensors.torch import load
    from torchvision.models import resnet18

    plain = resnet18()
    missing, unknown = plain.load_state_dict(load(data), strict=False)
    assert set(missing) == {"fc.weight", "fc.bias"} and unknown == []
    assert metadata(data)["arch"] == "resnet18" and metadata(data)["facecurate.format"] == 1
    again = from_safetensors(data)
    assert torch.equal(again.layer4[1].conv2.weight, plain.layer4[1].conv2.weight)


def test_the_half_width_backbone_has_half_the_planes_and_four_strides():
    backbone = build("resnet18-half", seed=0).eval()
    maps = backbone.feature_maps(torch.zeros(1, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (32, 16, 16),
        (64, 8, 8),
        (128, 4, 4),
        (256, 2, 2),
    ]
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, 256)
