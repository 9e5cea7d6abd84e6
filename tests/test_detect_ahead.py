"""Threads ahead of who takes their work: the same items in the same order."""

import threading

import pytest

from facecurate.detect.ahead import Ahead, grouped


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_items_come_in_their_order(threads):
    with Ahead(threads) as ahead:
        assert list(ahead.map(lambda n: n * n, range(50))) == [n * n for n in range(50)]


@pytest.mark.parametrize("threads", [0, 2])
def test_no_more_than_a_few_items_are_taken_in_advance(threads):
    taken = []

    def numbers():
        for number in range(100):
            taken.append(number)
            yield number

    with Ahead(threads) as ahead:
        first = next(ahead.map(lambda n: n, numbers()))
    assert first == 0
    assert len(taken) <= 4 * threads + 1


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_comes_where_its_item_stood(threads):
    def check(number):
        if number == 3:
            raise ValueError("three")
        return number

    with Ahead(threads) as ahead:
        items = ahead.map(check, range(6))
        assert [next(items) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(items)


def test_several_threads_work():
    meeting = threading.Barrier(2, timeout=30)  # passes only if two are there at once
    with Ahead(2) as ahead:
        assert len(list(ahead.map(lambda n: meeting.wait(), range(2)))) == 2


def test_groups_end_at_their_size_and_at_their_weight():
    assert list(grouped([3, 1, 1, 9, 2, 2, 2, 2], 3, lambda n: n, 6)) == [
        [3, 1, 1],
        [9],
        [2, 2, 2],
        [2],
    ]
    assert list(grouped([4, 4, 4], 9, lambda n: n, 8)) == [[4, 4], [4]]
    assert list(grouped([], 3, lambda n: n, 6)) == []
