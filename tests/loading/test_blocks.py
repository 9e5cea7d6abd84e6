"""Buckets: what is fetched, what is kept, how well blocks mix."""

import pickle

import fsspec
import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading import BatchOrder, FaceShards, Windows, batches, quality
from facecurate.loading.cache import Cache


@pytest.fixture
def bucket(tmp_path):
    """44 crops in five tars, as blocks of 4 slots see them; the folder that is the bucket."""
    items = tiny.faces(44, side=32)
    return tiny.write_shards(tmp_path, items, per_shard=10)


def opened(folder, **choices):
    settings = {"side": 24, "block_bytes": 5000, "window": 3} | choices
    return FaceShards(f"file://{folder}", **settings)


def counted(monkeypatch):
    """The ranges that are asked for."""
    asked, read = [], storage.read

    def noted(url, offset=0, size=None):
        asked.append((storage.name(url), offset, size))
        return read(url, offset, size)

    monkeypatch.setattr(storage, "read", noted)
    return asked


def test_blocks_give_the_bytes_that_single_reads_give(bucket):
    shards, plain = opened(bucket), FaceShards(str(bucket))
    assert shards.windows == Windows(44, 4, 3) and not shards.windows.whole
    for i in (43, 0, 9, 10, 11, 25, 3):
        assert shards.read(i) == plain.read(i)
        assert shards.metadata(i) == plain.metadata(i)


def test_a_block_is_fetched_once_by_one_read_a_shard(bucket, monkeypatch):
    shards = opened(bucket, cache_bytes=1 << 20)  # the first blocks of the next epoch come too
    order = shards.order(5, seed=2, drop_last=False)
    asked = counted(monkeypatch)
    found = list(batches(shards, order, stop=order.batches))
    assert sum(len(b) for b in found) == 44
    # 11 blocks; those of slots 8-11 and 28-31 lie in two shards
    ranges = [a for a in asked if a[0].endswith(".tar")]
    assert len(ranges) == len(set(ranges))
    first = {(r.shard, r.low) for r in table(shards)}
    assert len(first) == 13 and first <= {(n, low) for n, low, _ in ranges}


def test_two_windows_are_kept_and_that_is_enough_to_fetch_nothing_twice_in_an_epoch(bucket):
    shards = opened(bucket)
    order = shards.order(5, seed=2)
    assert shards.blocks.cache.places == 6
    # up to the last full window: later the first blocks of the next epoch are fetched
    for _ in batches(shards, order, stop=6):
        pass
    assert shards.blocks.cache.fetched <= 9


class Range:
    def __init__(self, shard, low):
        self.shard, self.low = shard, low


def table(shards):
    """Where the ranges of an index should begin: at each new block, and at each new shard."""
    index, seen = shards.index, set()
    for i in range(len(index)):
        mark = (i // 4, int(index.shard[i]))
        if mark not in seen:
            seen.add(mark)
            yield Range(storage.name(index.shards[mark[1]]), int(index.offset[i]))


def test_workers_share_what_one_of_them_fetched(bucket):
    shards = opened(bucket, cache_bytes=1 << 20)
    order = shards.order(4, seed=2)
    found = list(batches(shards, order, stop=22, workers=2))
    assert len(found) == 22 and shards.blocks.cache.fetched == 11


def test_a_small_cache_still_gives_the_stream_and_a_smaller_one_is_refused(bucket):
    expected = [b.keys for b in batches(opened(bucket), opened(bucket).order(5, 2), stop=20)]
    width = opened(bucket).blocks.cache.width
    shards = opened(bucket, cache_bytes=4 * width)
    assert [b.keys for b in batches(shards, shards.order(5, 2), stop=20)] == expected
    with pytest.raises(FacecurateError, match=f"holds 3 blocks .* 4 are needed: use {4 * width:,}"):
        opened(bucket, cache_bytes=4 * width - 1)


def test_an_order_without_the_shards_blocks_is_refused(bucket):
    shards = opened(bucket)
    with pytest.raises(FacecurateError, match="read in blocks.*shards.order"):
        next(batches(shards, BatchOrder(44, 4, 0), stop=1))
    with pytest.raises(FacecurateError, match="of 43 samples and .* has 44"):
        next(batches(shards, BatchOrder(43, 4, 0), stop=1))


def test_single_reads_from_a_bucket_are_a_choice(bucket, monkeypatch):
    shards = opened(bucket, window=0)
    asked = counted(monkeypatch)
    order = shards.order(4, seed=2)
    next(batches(shards, order, stop=1))
    assert order.windows is None and len(asked) == 4


def test_a_set_that_fits_one_window_is_read_in_the_order_of_a_local_disk(bucket):
    remote, local = opened(bucket, block_bytes=1 << 26), FaceShards(str(bucket), side=24)
    assert remote.windows.whole
    ours, theirs = remote.order(5, 2), local.order(5, 2)
    assert ours.described() == theirs.described()
    assert [ours.at(i).tolist() for i in range(16)] == [theirs.at(i).tolist() for i in range(16)]


def test_emptied_slots_leave_blocks_and_order_as_they_are(bucket):
    before = opened(bucket).order(5, 2)
    expected = [before.at(i).tolist() for i in range(16)]
    rows = tiny.read_rows(bucket / "shards")
    rows[10] = rows[21] = rows[20] = (None,) * 6
    tiny.write_index(bucket / "shards", rows)
    shards = opened(bucket)
    after = shards.order(5, 2, drop_last=False)
    assert [shards.order(5, 2).at(i).tolist() for i in range(16)] == expected
    found = list(batches(shards, after, stop=9))
    assert sum(b.emptied for b in found) == 3 and sum(len(b) for b in found) == 41
    assert all(len(b) == b.size - b.emptied for b in found)


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_damage_in_a_bucket_names_shard_key_and_offset_or_is_counted(bucket, harm):
    tar, rows = bucket / "shards/train-000001.tar", tiny.read_rows(bucket / "shards")
    key, _, offset, *_ = rows[13]
    if harm == "gone":
        tar.unlink()
    else:
        tar.write_bytes(tar.read_bytes()[: offset + 100])
    what = "the shard is missing" if harm == "gone" else r"100 of \d+ bytes are there"
    with pytest.raises(DamagedError, match=rf"train-000001.tar, key {key}, .*{offset}: {what}"):
        opened(bucket).read(13)
    shards = opened(bucket, on_error="skip")
    found = list(batches(shards, shards.order(4, 0), stop=11))
    assert sum(b.damaged for b in found) == (10 if harm == "gone" else 7)
    assert sum(len(b) for b in found) == 44 - sum(b.damaged for b in found)


def test_a_store_that_cannot_be_reached_is_told_and_never_skipped(bucket, monkeypatch):
    shards = opened(bucket, on_error="skip")

    def refuse(url, offset=0, size=None):
        raise TimeoutError("no answer")

    monkeypatch.setattr(storage, "read", refuse)
    with pytest.raises(FacecurateError, match="train-00000..tar cannot be read: no answer"):
        next(batches(shards, shards.order(4, 0), stop=1))


def test_memory_buckets_are_read_too():
    files = fsspec.filesystem("memory")
    files.pipe_file("/bucket/train-000000.tar", b"")
    try:
        with pytest.raises(DamagedError, match="train-000000.tar is damaged"):
            FaceShards("memory://bucket")
    finally:
        files.rm("/bucket", recursive=True)


def test_a_pickled_copy_has_a_cache_of_its_own(bucket):
    shards = opened(bucket)
    shards.read(0)
    copy = pickle.loads(pickle.dumps(shards))
    assert copy.read(0) == shards.read(0)
    assert (copy.blocks.cache.fetched, shards.blocks.cache.fetched) == (1, 1)


def test_the_cache_keeps_what_was_used_last_and_never_more_than_its_places():
    cache, log = Cache(places=2, width=8), []

    def fetch(block):
        return lambda: log.append(block) or [(0, bytes([block] * 8))]

    for block in (1, 2, 1, 3, 1, 2):
        assert cache.read(block, 2, 3, fetch(block)) == bytes([block] * 3)
    assert log == [1, 2, 3, 2]
    assert [cache.holds(b) for b in (1, 2, 3)] == [True, True, False]


def test_a_fetch_that_fails_leaves_room_for_the_next():
    cache = Cache(places=1, width=8)

    def fail():
        raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        cache.read(1, 0, 4, fail)
    assert not cache.holds(1)
    assert cache.read(2, 0, 4, lambda: [(0, b"abcdefgh")]) == b"abcd"


# -- how well it mixes ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 120), st.integers(1, 16), st.integers(1, 6), st.integers(0, 3))
def test_windows_hold_every_slot_once_and_their_blocks_whole(n, block, window, seed):
    windows = Windows(n, block, window)
    order = windows.slots(seed, 1, 0, n)
    assert sorted(order.tolist()) == list(range(n))
    at = 0
    for sizes in windows.sizes(seed, 1):
        held = order[at : at + sizes.sum()]
        assert len(set((held // block).tolist())) == len(sizes) <= window
        at += len(held)
    for low, high in ((0, n // 2), (n // 3, n), (n - 1, n)):
        assert windows.slots(seed, 1, low, high).tolist() == order[low:high].tolist()


def test_the_quality_is_what_counting_pairs_of_an_epoch_gives():
    order = BatchOrder(1000, 10, 4, windows=Windows(1000, 64, 3))
    told = quality(order, epoch=0)
    slots = order.windows.slots(4, 0, 0, 1000)
    place = np.argsort(slots)
    blocks = slots // 64
    starts = np.cumsum([0, *(s.sum() for s in order.windows.sizes(4, 0))])
    window = np.searchsorted(starts, np.arange(1000), side="right")
    together = window[:, None] == window[None, :]
    np.fill_diagonal(together, False)
    alike = (blocks[:, None] == blocks[None, :]) & together
    assert told.same_block == pytest.approx((alike.sum(1) / together.sum(1)).mean())
    # the mean distance is over all arrangements of a window: one of them comes near it
    same = [(i, j) for i in range(1000) for j in range(i // 64 * 64, i)]
    distance = np.mean([abs(place[i] - place[j]) for i, j in same])
    assert told.apart == pytest.approx(distance, rel=0.03)
    assert told.uniform == pytest.approx((15 * 64 * 63 + 40 * 39) / (1000 * 999))
    assert told.total_variation == pytest.approx(told.same_block - told.uniform)
    assert told.removed == pytest.approx(2 / 15)
    assert "16 blocks of 64 samples, 3 mixed at a time" in str(told)


def test_more_blocks_in_a_window_mix_better_and_all_of_them_perfectly():
    found = [
        quality(BatchOrder(4096, 32, 0, windows=Windows(4096, 64, n))) for n in (1, 2, 8, 32, 64)
    ]
    variation = [one.total_variation for one in found]
    assert variation == sorted(variation, reverse=True) and variation[-1] == 0
    assert [one.removed for one in found] == sorted(one.removed for one in found)
    assert str(found[-1]) == "order: all 4,096 samples mixed"
    assert quality(BatchOrder(4096, 32, 0)).total_variation == 0


def test_windows_that_mix_nothing_are_refused():
    with pytest.raises(FacecurateError, match="windows of 0 blocks of 4 slots"):
        Windows(10, 4, 0)
