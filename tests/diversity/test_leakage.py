import numpy as np
import pytest
from planted import seen, shuffled, states, structure

from facecurate.diversity.leakage import SharedSubject, leakage, listed, shared_subjects
from facecurate.diversity.pairs import compare


def test_people_in_more_than_one_split_are_named_with_their_frames() -> None:
    of = structure([0, 0, 0, 1, 1, 2, -1], split=[0, 0, 1, 1, 1, -1, 0])
    assert shared_subjects(of) == (SharedSubject("s0000", {"train": 2, "test": 1}),)


def test_without_subjects_nothing_is_said_of_people_and_without_splits_nothing_at_all() -> None:
    x = np.eye(3, dtype=np.float32)
    silent = structure([-1] * 3, split=[0, 0, 1])
    found = leakage(compare(x, silent, [0.9]), silent)
    assert found is not None and found.subjects is None
    one = structure([0] * 3, split=[0, 0, -1])
    assert leakage(compare(x, one, [0.9]), one) is None


def test_a_pass_inside_groups_cannot_tell_leakage() -> None:
    of = structure([0, 1], split=[0, 1])
    with pytest.raises(ValueError, match="across=True"):
        leakage(compare(np.eye(2, dtype=np.float32), of, [0.9], across=False), of)


def test_planted_leaks_are_all_found_in_any_order_of_files() -> None:
    rng = np.random.default_rng(0)
    planted = states(400, 64, 0.4, rng)
    train = seen(planted[:300], np.repeat(np.arange(300), 3), rng)
    copied = rng.choice(300, 40, replace=False)  # a test frame of a state that is in train
    test = seen(planted, np.concatenate([copied, np.arange(300, 400)]), rng)
    x = np.concatenate([train, test])
    of = structure(np.arange(len(x)) % 7, split=[0] * len(train) + [1] * len(test))
    wanted = {(3 * state + k, 900 + n) for n, state in enumerate(copied) for k in range(3)}
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(x))
        turned = shuffled(of, order, np.random.default_rng(seed))
        found = leakage(compare(x[order], turned, [0.99], leak_tau=0.99), turned)
        assert found is not None and found.crossings is not None
        assert found.crossings.total == len(found.crossings.i) == 120
        rows = zip(order[found.crossings.i], order[found.crossings.j], strict=True)
        assert {(int(i), int(j)) for i, j in rows} == wanted
        assert found.splits == ("train", "test")
        assert found.near[0].tolist() == pytest.approx([3 * 40 / 900, 40 / 140])


def test_pairs_are_counted_by_split_and_by_whether_the_person_is_the_same() -> None:
    x = np.ones((4, 2), np.float32)
    of = structure([0, 0, 1, 1], split=[0, 1, 1, 2])
    found = compare(x, of, [0.9], leak_tau=0.9).crossings
    assert found is not None and found.total == 5
    other, same = found.counts.astype(int).tolist()
    assert same == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert other == [[0, 1, 1], [0, 0, 1], [0, 0, 0]]


def test_listed_pairs_have_keys_splits_and_subjects() -> None:
    x = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    of = structure([0, 0, -1], split=[0, 0, 1])
    found = compare(x, of, [0.9], leak_tau=0.9).crossings
    assert found is not None
    assert listed(found, of, ["k0", "k1", "k2"]).to_pylist() == [
        {
            "key_a": "k1", "split_a": "train", "subject_a": "s0000",
            "key_b": "k2", "split_b": "test", "subject_b": None, "cosine": 1.0,
        }
    ]  # fmt: skip


def test_a_sample_estimates_shares_and_counts_of_pairs() -> None:
    rng = np.random.default_rng(1)
    which = rng.integers(0, 800, 3000)
    x = seen(states(800, 32, 0.0, rng), which, rng)
    of = structure(rng.integers(0, 3, 3000), split=rng.integers(0, 2, 3000))
    whole = leakage(compare(x, of, [0.98], leak_tau=0.98), of)
    part = leakage(compare(x, of, [0.98], leak_tau=0.98, exact_up_to=0, sample=1000), of)
    assert whole is not None and part is not None
    assert part.near == pytest.approx(whole.near, abs=0.05)
    assert whole.crossings is not None and part.crossings is not None
    assert not part.crossings.exact
    assert part.crossings.total == pytest.approx(whole.crossings.total, rel=0.1)
    seen_pairs = set(zip(whole.crossings.i, whole.crossings.j, strict=True))
    assert set(zip(part.crossings.i, part.crossings.j, strict=True)) < seen_pairs
