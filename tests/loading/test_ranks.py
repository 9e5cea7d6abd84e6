"""Ranks, workers and resumption: one stream, however it is shared out."""

import hashlib
import random
import shutil

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading import (
    Augment,
    BatchOrder,
    FaceShards,
    Loader,
    MultiCrop,
    Transformed,
    View,
    Windows,
    batches,
)

COUNT, SIDE = 80, 24
SHARED = 24  # a batch that 1, 2, 3 and 8 ranks share out
BATCH = 16  # five an epoch
VIEWS = (View(size=16, count=2, scale=(0.3, 1.0)), View(size=8, count=1, scale=(0.1, 0.3)))
AUGMENT = Augment(brightness=0.4, hue=0.1, jitter_p=0.8, grey_p=0.2, blur_p=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    items = tiny.faces(COUNT, side=32)
    return str(tiny.write_shards(tmp_path_factory.mktemp("ranks"), items, per_shard=20))


def digest(batch):
    """Of all that a loop can see of a batch."""
    total = hashlib.sha256(repr((batch.number, batch.keys, batch.places, batch.size)).encode())
    for tensor in (batch.images, *batch.views):
        total.update(tensor.contiguous().numpy().tobytes())
    return total.hexdigest()


def read(folder, world, workers, *, start=0, stop=None, remote=False, **choices):
    """Each rank's batches."""
    streams = []
    for rank in range(world):
        url = f"file://{folder}" if remote else folder
        shards = FaceShards(url, side=SIDE, block_bytes=9000, window=2 if remote else 0)
        order = shards.order(SHARED, seed=3, rank=rank, world=world, **choices)
        last = order.batches if stop is None else stop
        streams.append(list(batches(shards, order, start=start, stop=last, workers=workers)))
    return streams


def joined(streams):
    """(keys, pixels) of each global batch, the ranks' parts laid end to end."""
    assert len({len(s) for s in streams}) == 1, "every rank gets the same number of batches"
    return [
        ([k for p in parts for k in p.keys], torch.cat([p.images for p in parts]).tolist())
        for parts in zip(*streams, strict=True)
    ]


@pytest.fixture(scope="module", params=[False, True], ids=["local", "blocks"])
def whole(request, folder):
    """The epoch as one rank without workers reads it."""
    return request.param, joined(read(folder, 1, 0, remote=request.param, drop_last=False))


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_an_epoch_of_any_world_is_the_dataset_in_one_order(folder, whole, world):
    remote, expected = whole
    found = joined(read(folder, world, 0, remote=remote, drop_last=False))
    assert found == expected
    keys = [k for batch, _ in found for k in batch]
    assert sorted(keys) == sorted(i.key for i in tiny.faces(COUNT, side=32))


MANY = pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker")


@MANY
@pytest.mark.parametrize("remote, world, workers", [(False, 1, 4), (True, 2, 1)])
def test_workers_change_nothing(folder, remote, world, workers):
    expected = joined(read(folder, 1, 0, remote=remote, drop_last=False))
    assert joined(read(folder, world, workers, remote=remote, drop_last=False)) == expected


@MANY
@pytest.mark.soak
@pytest.mark.parametrize("remote", [False, True], ids=["local", "blocks"])
def test_every_world_and_number_of_workers_reads_the_same(folder, remote):
    expected = joined(read(folder, 1, 0, remote=remote, drop_last=False))
    for world in (1, 2, 3, 8):
        for workers in (0, 1, 4):
            found = read(folder, world, workers, remote=remote, drop_last=False)
            assert joined(found) == expected, (world, workers)


def test_the_last_batch_is_dropped_or_smaller_on_every_rank_and_counted(folder):
    for drop, batches_, dropped in ((True, 5, 5), (False, 6, 0)):
        orders = [BatchOrder(45, 8, 0, drop_last=drop, rank=r, world=8) for r in range(8)]
        assert {o.batches for o in orders} == {batches_}
        assert {o.dropped for o in orders} == {dropped}
    last = [order.part(5) for order in orders]
    assert [len(p.positions) for p in last] == [0, 1, 0, 1, 1, 0, 1, 1]
    assert {p.size for p in last} == {5}


def test_a_batch_that_cannot_be_shared_out_is_refused_with_one_that_can():
    with pytest.raises(FacecurateError, match=r"batch of 10 .* 4 ranks evenly.*--batch-size 8 "):
        BatchOrder(50, 10, 0, world=4)
    with pytest.raises(FacecurateError, match="no rank 4 in a world of 4"):
        BatchOrder(50, 8, 0, rank=4, world=4)


def makes(seed):
    return (None, MultiCrop(VIEWS, AUGMENT, seed=seed), Transformed(flipped_or_noisy, seed=seed))


def flipped_or_noisy(picture):
    """A transform that draws from all three global generators."""
    pixels = torch.from_numpy(np.array(picture)).float()
    pixels = pixels.flip(0) if random.random() < 0.5 else pixels
    return (
        pixels[:16, :16] + torch.rand(()) + np.random.default_rng().integers(1) + np.random.rand()
    )


@pytest.mark.parametrize("which", [0, 1, 2], ids=["decoded", "multi-crop", "transformed"])
@pytest.mark.parametrize("remote", [False, True], ids=["local", "blocks"])
def test_a_run_stopped_anywhere_goes_on_with_the_same_bytes_in_another_world(folder, which, remote):
    url = f"file://{folder}" if remote else folder
    shards = FaceShards(url, side=SIDE, block_bytes=9000, window=2 if remote else 0)
    make = makes(5)[which]
    how = {"make": make} if make else {}
    steps = 11  # three epochs of three batches, and two batches
    expected = {
        world: [
            [digest(b) for b in batches(shards, order, stop=steps, **how)]
            for order in (shards.order(SHARED, 7, rank=r, world=world) for r in range(world))
        ]
        for world in (1, 2, 3, 8)
    }
    draw = random.Random(which)
    for _ in range(35):  # six cases: more than 200 stops in all
        world, stopped = draw.choice([1, 2, 3, 8]), draw.randrange(steps)
        rank = draw.randrange(world)
        before = shards.order(SHARED, 7, world=draw.choice([1, 2, 3, 8]))
        order = shards.order(SHARED, 7, rank=rank, world=world)
        number = order.number(*before.state(stopped))
        stop = min(number + 3, steps)
        rest = [digest(b) for b in batches(shards, order, start=number, stop=stop, **how)]
        assert rest == expected[world][rank][stopped:stop], (world, rank, stopped)


@pytest.mark.parametrize("which", [1, 2], ids=["multi-crop", "transformed"])
def test_workers_make_the_same_views(folder, which):
    shards = FaceShards(folder, side=SIDE)
    order, make = shards.order(BATCH, 7), makes(5)[which]
    alone = [digest(b) for b in batches(shards, order, start=3, stop=7, make=make)]
    shared = [digest(b) for b in batches(shards, order, start=3, stop=7, make=make, workers=1)]
    assert shared == alone


def test_a_foreign_transform_leaves_the_random_state_as_it_was(folder):
    shards = FaceShards(folder)
    state = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    next(batches(shards, shards.order(BATCH, 7), stop=1, make=makes(5)[2]))
    assert state == (
        random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    )  # fmt: skip


def test_a_loader_goes_on_from_its_state_and_epoch_by_epoch(folder):
    shards = FaceShards(folder, side=SIDE)
    expected = [digest(b) for b in batches(shards, shards.order(BATCH, 2), stop=15)]
    first = Loader(shards, shards.order(BATCH, 2))
    assert len(first) == 5
    seen = [digest(b) for b in first]
    for number, batch in enumerate(first):
        seen.append(digest(batch))
        if number == 1:
            break
    state = first.state_dict()
    assert seen == expected[:7] and (state["epoch"], state["batches"]) == (1, 2)
    second = Loader(shards, shards.order(BATCH, 2))
    second.load_state_dict(state)
    assert [digest(b) for b in second] == expected[7:10]
    assert [digest(b) for b in second] == expected[10:]
    assert [digest(b) for b in first] == expected[7:10]


def test_a_loader_counts_what_the_loop_received_not_what_its_workers_prepared(folder):
    shards = FaceShards(folder, side=SIDE)
    loader = Loader(shards, shards.order(BATCH, 2), workers=1)
    seen = [digest(next(iter(loader))) for _ in range(2)]
    state = loader.state_dict()
    assert state["batches"] == 2
    loader.close()
    assert loader.state_dict() == state
    expected = [digest(b) for b in batches(shards, shards.order(BATCH, 2), stop=2)]
    assert seen == expected


def test_a_loader_refuses_the_state_of_another_order(folder):
    shards = FaceShards(folder, side=SIDE)
    state = Loader(shards, shards.order(BATCH, 2)).state_dict()
    with pytest.raises(FacecurateError, match="saved with batch_size 16, now it is 4"):
        Loader(shards, shards.order(4, 2)).load_state_dict(state)
    beyond = {**state, "batches": 6}
    with pytest.raises(FacecurateError, match="no batch 6 in epoch 0: an epoch has 5"):
        Loader(shards, shards.order(BATCH, 2)).load_state_dict(beyond)


def test_a_loader_that_met_damage_tries_the_same_batch_again(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    tar = copy / "shards" / "train-000000.tar"
    whole = tar.read_bytes()
    shards = FaceShards(str(copy), side=SIDE)
    loader = Loader(shards, shards.order(BATCH, 2))
    tar.write_bytes(whole[:600])
    for _ in range(2):
        with pytest.raises(DamagedError, match="train-000000"):
            list(loader)
    tar.write_bytes(whole)
    received = loader.state_dict()["batches"]
    expected = batches(shards, shards.order(BATCH, 2), start=received, stop=5)
    assert [digest(b) for b in loader] == [digest(b) for b in expected]


def test_a_batch_sampler_serves_any_torch_loader(folder):
    shards = FaceShards(folder, side=SIDE)
    orders = [shards.order(BATCH, 2, rank=r, world=2) for r in range(2)]
    loaders = [
        torch.utils.data.DataLoader(shards, batch_sampler=list(order.parts(7))) for order in orders
    ]
    streams = [batches(shards, order, start=7, stop=10) for order in orders]
    for loader, stream in zip(loaders, streams, strict=True):
        found = zip(loader, stream, strict=True)
        assert all(torch.equal(plain, ours.images) for plain, ours in found)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 5), st.sampled_from([1, 2, 3, 8]), st.booleans(),
    st.one_of(st.none(), st.tuples(st.integers(1, 20), st.integers(1, 4))), st.integers(0, 3),
)  # fmt: skip
def test_ranks_divide_every_epoch_without_loss_or_repetition(n, each, world, drop, cut, seed):
    size = each * world
    if drop and n < size:
        return
    windows = Windows(n, *cut) if cut else None
    how = {"drop_last": drop, "windows": windows}
    alone = BatchOrder(n, size, seed, **how)
    ranks = [BatchOrder(n, size, seed, rank=r, world=world, **how) for r in range(world)]
    for epoch in (0, 2):
        numbers = [alone.number(epoch, b) for b in range(alone.batches)]
        parts = [[order.part(i) for order in ranks] for i in numbers]
        together = [[i for p in row for i in p.positions] for row in parts]
        assert together == [alone.at(i).tolist() for i in numbers]
        assert [[x for p in row for x in p.places] for row in parts] == [
            list(range(len(t))) for t in together
        ]
        seen = [i for t in together for i in t]
        assert len(seen) == len(set(seen)) == n - alone.dropped
        assert set(seen) <= set(range(n))
