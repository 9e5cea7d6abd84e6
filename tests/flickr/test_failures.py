"""The failure table, row by row; Retry-After in every form; pauses."""

from __future__ import annotations

import contextlib
import json
import pickle
import random

import numpy as np
import pytest
import requests

from facecurate.flickr.failures import (
    Backoff,
    CallFailure,
    Kind,
    Stop,
    classify_call,
    classify_image,
    parse_retry_after,
)

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
SEARCH, INFO, SIZES = "flickr.photos.search", "flickr.photos.getInfo", "flickr.photos.getSizes"
HISTORY, PERSON = "flickr.photos.licenses.getLicenseHistory", "flickr.people.getInfo"
# The body of HTTP 429 as recorded, 117 bytes.
TOO_MANY = b"""<html><body><h1>429 Too Many Requests</h1>
You have sent too many requests in a given amount of time.
</body></html>
"""


def fail(code, message="No."):
    return json.dumps({"stat": "fail", "code": code, "message": message}).encode()


def of(status, body=b"", retry_after=None, **more):
    found = classify_call(status, body, retry_after, now=NOW, **more)
    assert isinstance(found, CallFailure)
    return found


# -- Flickr's codes ----------------------------------------------------------------------------

TABLE = [
    (SEARCH, "throttle", [0, 10, 201]),
    (SEARCH, "transient", [105, 106]),
    (SEARCH, "stop", [95, 96, 97, 98, 99, 100]),
    (SEARCH, "bug", [1, 3, 4, 11, 12, 13, 14, 15, 16, 17, 18, 19, 77, 111, 112, 114, 115, 116]),
    (SEARCH, "owner_gone", [2, 5]),
    (SEARCH, "gone", [20]),
    (SEARCH, "unknown", [6, 21, 94, 101, 104, 107, 113, 117, 200, 202, 999, -1]),
    (INFO, "gone", [1, 2]),
    (INFO, "throttle", [0, 201]),
    (INFO, "stop", [99, 100]),
    (INFO, "unknown", [3, 5, 10, 20]),
    (SIZES, "gone", [1, 2]),
    (HISTORY, "gone", [1]),
    (PERSON, "owner_gone", [1, 5]),
    ("flickr.test.echo", "unknown", [1, 2, 5, 10]),
    ("flickr.test.echo", "bug", [112]),
]


@pytest.mark.parametrize(
    "method, kind, code", [(m, kind, code) for m, kind, codes in TABLE for code in codes]
)
@pytest.mark.parametrize("form", [int, str])
def test_a_code_means_what_the_table_says(method, kind, code, form):
    found = of(200, fail(form(code)), method=method)
    assert (found.kind.value, found.status, found.code) == (kind, 200, code)
    assert str(code) in str(found) and method in str(found)


def test_a_fail_without_a_code_is_unknown():
    for body in (b'{"stat":"fail"}', b'{"stat":"fail","code":null}', fail([1])):
        found = of(200, body)
        assert (found.kind, found.code) == (Kind.UNKNOWN, None)


@pytest.mark.parametrize(
    "body",
    [
        b'{\n "stat": "fail",\n "code": 201,\n "message": "Sorry, the Flickr API service is not '
        b'currently available.",\n}',
        b'{"stat":"fail","code":"201","message":"Sorry, not currently available.",}\n',
        b'"code": 201, "message": "Sorry, the Flickr API service is not currently available.",',
        b'<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="fail">\n\t<err code="201" msg="'
        b'Sorry, the Flickr API service is not currently available." />\n</rsp>\n',
        b"\xef\xbb\xbf" + fail(201, "Sorry, the Flickr API service is not currently available."),
        b"jsonFlickrApi(" + fail(201, "Sorry") + b")",
    ],
    ids=["trailing comma", "code as text", "no braces", "xml", "byte order mark", "jsonp"],
)
def test_a_failure_is_read_in_whatever_form_it_comes(body):
    found = of(200, body)
    assert (found.kind, found.code) == (Kind.THROTTLE, 201)
    assert "Sorry" in str(found)


def test_a_cut_page_of_results_is_no_failure_of_the_photos_in_it():
    """Titles may say anything; only short bodies are searched for codes."""
    title = '"stat":"fail", "code": 100, "message": "Invalid API Key"'
    page = json.dumps({"photos": {"photo": [{"title": title}] * 200}, "stat": "ok"}).encode()
    found = of(200, page[:-1])
    assert (found.kind, found.code) == (Kind.TRANSIENT, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>maintenance</html>",
        b'{"photos":{}}',
        b'{"stat":"o',
        b"[" * 9999,
    ],
)
def test_what_is_no_reply_is_tried_again(body):
    assert of(200, body).kind is Kind.TRANSIENT


def test_a_good_reply_comes_back_whole():
    reply = {"photos": {"total": "3", "photo": []}, "stat": "ok"}
    assert classify_call(200, json.dumps(reply).encode()) == reply
    stray = classify_call(200, b'{"stat":"ok","title":"caf\xe9"}')
    assert stray == {"stat": "ok", "title": "caf�"}


# -- HTTP --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, kind",
    [(429, "throttle"), (403, "throttle"), (401, "stop"), (400, "transient"), (418, "transient"),
     (408, "transient"), (500, "transient"), (502, "transient"), (503, "transient"),
     (504, "transient"), (520, "transient"), (301, "unknown"), (302, "unknown"), (404, "unknown"),
     (410, "unknown"), (204, "unknown"), (414, "bug")],
)  # fmt: skip
def test_a_status_means_what_the_table_says(status, kind):
    found = of(status, TOO_MANY)
    assert (found.kind.value, found.status, found.code) == (kind, status, None)
    assert str(status) in str(found)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_refused_key_or_a_throttle_is_seen_under_any_status(status):
    assert of(status, fail(100)).kind is Kind.STOP
    assert of(status, fail(201)).kind is Kind.THROTTLE
    assert of(status, fail(1)).code is None


@pytest.mark.parametrize(
    "problem, said",
    [("signature_invalid", "FLICKR_API_SECRET does not belong"),
     ("consumer_key_unknown", "does not know FLICKR_API_KEY"), ("timestamp_refused", "its clock"),
     ("something_new", "check FLICKR_API_KEY"), ("", "check FLICKR_API_KEY")],
)  # fmt: skip
def test_oauth_says_what_is_wrong_and_its_body_is_never_shown(problem, said):
    body = f"oauth_problem={problem}&debug_sbs=POST&https%3A%2F%2Fapi&oauth_consumer_key%3DKEY"
    found = of(401, body.encode())
    assert found.kind is Kind.STOP and said in str(found)
    assert "KEY%" not in str(found) and "debug" not in str(found) and "%3DKEY" not in str(found)


def test_a_used_nonce_is_drawn_again():
    assert of(401, b"oauth_problem=nonce_used").kind is Kind.TRANSIENT


@pytest.mark.parametrize(
    "error, kind",
    [(requests.ConnectionError("api_key=KEY"), "transient"), (requests.ReadTimeout(), "transient"),
     (requests.exceptions.SSLError(), "transient"), (OSError("KEY"), "transient"),
     (None, "transient"), (TypeError("KEY"), "bug"), (requests.exceptions.InvalidURL("K"), "bug")],
)  # fmt: skip
def test_an_exception_is_told_without_its_text(error, kind):
    found = of(None, exception=error)
    assert found.kind.value == kind and "KEY" not in str(found)


def test_of_an_answer_that_broke_the_status_still_counts():
    assert of(200, b'{"stat":"ok"}', exception=OSError()).kind is Kind.TRANSIENT
    found = of(429, b"", "9", exception=OSError())
    assert (found.kind, found.retry_after) == (Kind.THROTTLE, 9)


def test_messages_hold_no_control_codes_and_no_more_than_a_line():
    found = of(200, fail(100, "a\n\x1b[31mb" + "c" * 999))
    assert "\n" not in str(found) and "\x1b" not in str(found) and len(str(found)) < 500


def test_the_way_out_is_in_the_message_of_a_refused_key():
    text = str(of(200, fail(100, "Invalid API Key (Key has expired)")))
    assert "Key has expired" in text and "Flickr Pro" in text and "second key" in text


# -- the exception -----------------------------------------------------------------------------


def test_a_failure_survives_pickling_and_context_managers():
    failure = of(429, TOO_MANY, "7")
    again = pickle.loads(pickle.dumps(failure))
    assert (again.kind, again.status, again.retry_after) == (Kind.THROTTLE, 429, 7)
    assert str(again) == str(failure)

    @contextlib.contextmanager
    def around():
        yield

    with pytest.raises(CallFailure), around():
        raise failure


def test_what_may_work_later_ends_with_75():
    assert [of(s, TOO_MANY).exit_code for s in (429, 503, 401, 404)] == [75, 75, 1, 1]


# -- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, kind",
    [(200, None), (429, "throttle"), (403, "throttle"), (404, "gone"), (410, "gone"),
     (401, "gone"), (451, "gone"), (302, "gone"), (500, "transient"), (503, "transient"),
     (400, "transient"), (418, "transient"), (None, "transient"), (206, "unknown"),
     (405, "unknown")],
)  # fmt: skip
def test_an_image_status_means_what_the_table_says(status, kind):
    found = classify_image(status)
    assert (found and found.value) == kind


def test_placeholders_and_redirects_elsewhere_are_gone_photos():
    assert classify_image(200, placeholder=True) is Kind.GONE
    assert classify_image(302, redirected_off=True) is Kind.GONE
    assert classify_image(200, exception=OSError()) is Kind.TRANSIENT


# -- Retry-After -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, seconds",
    [("2", 2), (" 120 ", 120), ("0", 0), ("2.5", 2.5), ("86400", 86400), ("9" * 30, 315_360_000),
     ("9" * 400, 315_360_000), ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
     ("Tuesday, 14-Nov-23 22:14:20 GMT", 60), ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
     ("Fri, 31 Dec 9999 23:59:59 GMT", 315_360_000),
     (None, None), ("", None), ("soon", None), ("-5", None), ("1e9", None), ("inf", None),
     ("nan", None), ("2 s", None), ("0x10", None), ("Tue, 99 Nov 2023 22:14:20 GMT", None),
     ("\x00", None), ("٣", None)],
)  # fmt: skip
def test_retry_after_in_every_form(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
    assert of(429, TOO_MANY, text).retry_after == seconds


# -- pauses ------------------------------------------------------------------------------------

LOW, HIGH = (type("Fixed", (), {"random": lambda self, v=v: v})() for v in (0.0, 0.999999))


def test_throttles_double_from_a_minute_and_six_stop():
    pause = Backoff().pause
    assert [pause(Kind.THROTTLE, n, None, LOW) for n in range(1, 6)] == [60, 120, 240, 480, 960]
    assert pause(Kind.THROTTLE, 1, None, HIGH) == pytest.approx(75, abs=0.001)
    stop = pause(Kind.THROTTLE, 6, None, LOW)
    assert isinstance(stop, Stop) and (stop.ends, stop.exit_code) == ("run", 75)


def test_retry_after_counts_if_it_is_longer_and_beyond_an_hour_it_stops():
    pause = Backoff().pause
    assert pause(Kind.THROTTLE, 1, 2, LOW) == 60
    assert pause(Kind.THROTTLE, 1, 0, LOW) == 60
    assert pause(Kind.THROTTLE, 1, 600, LOW) == 600
    assert pause(Kind.THROTTLE, 1, 3600, HIGH) == 3600
    for kind in (Kind.THROTTLE, Kind.TRANSIENT, Kind.UNKNOWN):
        stop = pause(kind, 1, 3601, LOW)
        assert isinstance(stop, Stop) and (stop.ends, stop.exit_code) == ("run", 75)


def test_no_pause_is_longer_than_an_hour():
    backoff = Backoff(throttles=99)
    assert backoff.pause(Kind.THROTTLE, 60, None, HIGH) == 3600


def test_transient_failures_draw_up_to_a_doubling_bound_five_times():
    pause = Backoff().pause
    assert [pause(Kind.TRANSIENT, n, None, LOW) for n in range(1, 5)] == [0, 0, 0, 0]
    bounds = [pause(Kind.TRANSIENT, n, None, HIGH) for n in range(1, 5)]
    assert bounds == pytest.approx([2, 4, 8, 16], rel=1e-5)
    assert pause(Kind.TRANSIENT, 1, 30, LOW) == 30
    stop = pause(Kind.TRANSIENT, 5, None, LOW)
    assert isinstance(stop, Stop) and stop.ends == "item"


def test_the_rest_is_no_question_of_waiting():
    pause = Backoff().pause
    for kind, ends, code in (
        (Kind.GONE, "item", 0), (Kind.OWNER_GONE, "item", 0), (Kind.STOP, "run", 1),
        (Kind.BUG, "run", 1),
    ):  # fmt: skip
        stop = pause(kind, 1, None, LOW)
        assert isinstance(stop, Stop) and (stop.ends, stop.exit_code) == (ends, code)
    assert [pause(Kind.UNKNOWN, n, None, LOW) for n in (1, 2)] == [60, 120]
    stop = pause(Kind.UNKNOWN, 3, None, LOW)
    assert isinstance(stop, Stop) and (stop.ends, stop.exit_code) == ("run", 1)


def test_any_generator_of_numbers_will_do():
    for rng in (np.random.default_rng(1), random.Random(1)):
        assert 60 <= Backoff().pause(Kind.THROTTLE, 1, None, rng) <= 75
