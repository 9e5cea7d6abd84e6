"""What is asked of Flickr's search, and how its answers are read."""

from __future__ import annotations

import pytest
from simulated import OPEN

from facecurate.errors import UsageError
from facecurate.flickr.query import BadReply, Page, Query, Row, Term, page_of
from facecurate.flickr.replies import json_in
from facecurate.flickr.windows import Settings


def test_a_query_asks_for_safe_photos_with_inclusive_bounds_and_never_for_places():
    asked = Query(term=Term("faces"), since=600, until=900, licences=(4, 5), page=2).params()
    wanted = {
        "text": "faces", "license": "4,5", "min_upload_date": 600, "max_upload_date": 899,
        "sort": "date-posted-asc", "content_types": 0, "media": "photos", "safe_search": 1,
        "per_page": 500, "page": 2,
    }  # fmt: skip
    assert wanted.items() <= asked.items() and "geo" not in asked["extras"]
    tagged = Query(term=Term(tags=("a", "b")), since=0, until=1, licences=(4,)).params()
    assert (tagged["tags"], tagged["tag_mode"]) == ("a,b", "any") and "text" not in tagged


def test_numbers_in_answers_may_be_strings_and_bad_rows_are_counted():
    good = {"id": "7", "owner": "1@N00", "dateupload": "100", "lastupdate": "200", "license": 4}
    bad = [{}, None, {**good, "id": "x"}, {**good, "id": -3}, {**good, "dateupload": None}]
    found = page_of({"photos": {"total": "6", "photo": [good, *bad]}, "stat": "ok"})
    assert found == Page(6, (Row(7, "1@N00", 100, 200, 4, good),), 5)


@pytest.mark.parametrize("reply", [{}, {"photos": None}, {"photos": {"total": 1}}, {"photos": []}])
def test_an_answer_without_photos_is_no_page(reply):
    with pytest.raises(BadReply):
        page_of(reply)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"queries": ()}, "--query"), ({"licences": ()}, "--licenses"),
     ({"since": 5, "until": 5}, "--until"), ({"second_share": 1.5}, "share"),
     ({"second_sort": "x"}, "sort")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(wrong, words):
    with pytest.raises(UsageError, match=words):
        Settings(**{"queries": ("faces",), "licences": OPEN, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"id": float("inf")}, {"owner": "\ud800"}, {"owner": "1@N00 "}, {"owner": "me"},
     {"license": "9" * 25}, {"license": -2}, {"license": 1000}, {"dateupload": float("nan")},
     {"dateupload": 2**40}, {"lastupdate": float("inf")}],
)  # fmt: skip
def test_a_hostile_row_is_counted_and_the_others_are_read(wrong):
    good = {"id": "7", "owner": "1@N00", "dateupload": "100", "lastupdate": "200", "license": 4}
    found = page_of({"photos": {"total": 2, "photo": [{**good, **wrong}, good]}})
    assert found == Page(2, (Row(7, "1@N00", 100, 200, 4, good),), 1)


@pytest.mark.parametrize("total", [2**40, float("inf"), "NaN"])
def test_a_total_that_cannot_be_is_no_page(total):
    with pytest.raises(BadReply):
        page_of({"photos": {"total": total, "photo": []}})


def test_more_rows_than_a_page_can_have_are_no_page():
    with pytest.raises(BadReply):
        page_of({"photos": {"total": 1, "photo": [None] * 5001}})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_of_json_spoils_its_row_alone(number):
    row = '"owner": "1@N00", "dateupload": 100, "lastupdate": 200, "license": 4}'
    body = f'{{"photos": {{"total": 2, "photo": [{{"id": {number}, {row}, {{"id": 7, {row}]}}}}'
    reply = json_in(body.encode())
    assert reply is not None
    found = page_of(reply)
    assert ([one.photo_id for one in found.rows], found.malformed) == ([7], 1)
