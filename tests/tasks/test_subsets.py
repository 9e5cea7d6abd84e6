import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecurate.errors import UsageError
from facecurate.tasks.subsets import Fraction, parse_fraction, select

KEYS = [f"a-{i:04d}_000" for i in range(3148)]


def test_a_fraction_is_a_percentage_or_a_number_of_labels():
    assert parse_fraction("2%") == Fraction(percent=2.0)
    assert parse_fraction(" 0.7 % ") == Fraction(percent=0.7)
    assert parse_fraction("50 labels") == Fraction(labels=50)
    assert [str(Fraction(percent=10.0)), Fraction(labels=5).slug] == ["10%", "5labels"]


@pytest.mark.parametrize(
    ("text", "readings"),
    [("10", ["10%", "--labels 10"]), ("0.02", ["2%", "--labels"]), (".5", ["50%", "--labels"])],
)
def test_a_bare_number_is_refused_with_both_readings(text, readings):
    with pytest.raises(UsageError) as error:
        parse_fraction(text)
    assert all(reading in str(error.value) for reading in readings)


@pytest.mark.parametrize("text", ["ten", "", "150%", "0%", "-5%", "0 labels"])
def test_what_is_no_fraction_is_refused(text):
    with pytest.raises(UsageError):
        parse_fraction(text)


def test_sizes_are_rounded_and_never_zero():
    sizes = [Fraction(percent=p).size(3148) for p in (100, 10, 2, 1.5, 0.001)]
    assert sizes == [3148, 315, 63, 47, 1]
    with pytest.raises(UsageError, match="the training list has 3"):
        Fraction(labels=4).size(3)


@given(st.randoms(), st.integers(0, 5))
def test_subsets_are_nested_and_do_not_depend_on_the_order_of_the_list(random, seed):
    shuffled = KEYS[:300]
    random.shuffle(shuffled)
    chosen = [
        select(shuffled, Fraction(percent=p), dataset="300w", seed=seed).keys for p in (2, 10, 100)
    ]
    assert chosen[2][:30] == chosen[1] and chosen[1][:6] == chosen[0]
    assert chosen[1] == select(KEYS[:300], Fraction(labels=30), dataset="300w", seed=seed).keys


def test_seed_dataset_and_unit_each_give_another_list():
    lists = {
        select(KEYS, Fraction(percent=2), dataset=d, seed=s, unit=u).keys
        for d, s, u in (("a", 0, "image"), ("b", 0, "image"), ("a", 1, "image"), ("a", 0, "face"))
    }
    assert len(lists) == 4


def test_the_digest_is_that_of_the_written_list():
    subset = select(["x", "y"], Fraction(percent=100), dataset="d", seed=0)
    assert sorted(subset.listing().decode().split()) == ["x", "y"]
    assert subset.digest == hashlib.sha256(subset.listing()).hexdigest()
