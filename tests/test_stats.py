"""Counts by reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecurate.stats import Count, Stats

REASON = st.none() | st.sampled_from(["truncated", "empty", "broken"])


def test_a_count_that_does_not_balance_cannot_be_made():
    with pytest.raises(AssertionError, match="balance"):
        Count(3, 1, {"empty": 1})


@given(st.lists(REASON), st.lists(REASON))
def test_counting_in_pieces_is_counting_at_once(a, b):
    assert Stats.of("photos", a) + Stats.of("photos", b) == Stats.of("photos", a + b)


@given(st.lists(REASON))
def test_every_item_is_kept_or_dropped_for_a_reason(reasons):
    count = Stats.of("photos", reasons).counts["photos"]
    assert count.taken == len(reasons)
    assert count.kept == reasons.count(None)
    assert dict(count.dropped) == {r: reasons.count(r) for r in set(reasons) - {None}}


@given(st.lists(REASON))
def test_json_and_back(reasons):
    stats = Stats.of("photos", reasons)
    assert Stats.from_json(json.loads(json.dumps(stats.to_json()))) == stats


def test_json_that_does_not_balance_is_refused():
    with pytest.raises(AssertionError):
        Stats.from_json({"photos": {"taken": 2, "kept": 1, "dropped": {}}})


def test_the_bytes_do_not_depend_on_the_order_of_the_items():
    a, b = (Stats.of("photos", r).to_json() for r in (["x", "a", None], [None, "a", "x"]))
    assert json.dumps(a) == json.dumps(b)


def test_the_sentence_tells_the_largest_reason_first():
    stats = Stats.of("photos", [None] * 1200 + ["empty"] + ["truncated"] * 2)
    assert str(stats.noted("and more", "")) == (
        "1,203 photos: 1,200 kept, 3 dropped (2 truncated, 1 empty); and more"
    )


def test_units_keep_their_order_and_notes_are_not_repeated():
    a = Stats.of("photos", [None]).noted("n")
    b = Stats.of("faces", []).noted("n", "m")
    assert str(a + b) == "1 photos: 1 kept; 0 faces: 0 kept; n; m"


def test_facts_travel_with_the_counts():
    stats = Stats.of("photos", []).with_facts(a=1).noted("x") + Stats().with_facts(b=2)
    assert stats.facts == {"a": 1, "b": 2}
