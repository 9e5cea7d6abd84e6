"""What X-Robots-Tag and robots.txt say, and how long Retry-After asks to wait."""

from __future__ import annotations

import time

import pytest

from facecurate.fetch import Repeats, retry_after
from facecurate.fetch.robots import parse, tag_forbids


@pytest.mark.parametrize(
    "headers",
    [
        ["noai"], ["NOAI"], ["noimageai"], ["noindex"], ["noimageindex"], ["noml"], ["none"],
        ["nofollow, noai"], ["all", "noai"], ["facecurate: noai"], ["FaceCurate: nofollow, noml"],
        ["*: noai"], ["otherbot: nofollow, facecurate: noindex"], [" noai "],
        ["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], ["max-snippet: 5, noindex"],
    ],
)  # fmt: skip
def test_a_tag_that_forbids(headers):
    assert tag_forbids(headers) is not None


@pytest.mark.parametrize(
    "headers",
    [
        [], [""], ["all"], ["nofollow"], ["otherbot: noai"], ["otherbot: nofollow, noindex"],
        ["unavailable_after: 25 Jun 2030 15:00:00 PST"], ["noaim"], ["facecurate: all"],
        ["facecuratebot: noai"], ["facecurate: all, otherbot: noai"],
    ],
)  # fmt: skip
def test_a_tag_that_does_not_forbid(headers):
    assert tag_forbids(headers) is None


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("user-agent: *\ndisallow: /a # why", "/ab", False),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: facecurate\nDisallow: /a\n\nUser-agent: *\nDisallow: /", "/b", True),
        ("User-agent: *\nDisallow: /\nUser-agent: FaceCurate/1.0\nDisallow: /x", "/a", True),
        ("User-agent: a\nUser-agent: facecurate\nDisallow: /x", "/x", False),
        ("User-agent: facecurate\nDisallow: /a\nUser-agent: facecurate\nDisallow: /b", "/b", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.gif$", "/a.gif", False),
        ("User-agent: *\nDisallow: /*.gif$", "/a.gif?x", True),
        ("User-agent: *\nDisallow: /*.gif", "/a.gif?x", False),
        ("User-agent: *\nDisallow: /a*b*c$", "/abxbc", False),
        ("User-agent: *\nDisallow: /a$", "/a", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: /caf%C3%A9", "/café", False),
        ("User-agent: *\nDisallow: /?q=", "/?q=1", False),
        ("\ufeffUser-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\r\nCrawl-delay: 5\r\nDisallow: /a\r\n", "/a", False),
        ("Disallow: /", "/a", True),
        ("<html>not found</html>", "/a", True),
    ],
)
def test_robots_txt(text, path, allowed):
    assert parse(text).allow(path) is allowed


def test_a_hostile_robots_txt_costs_no_time():
    rules = parse("User-agent: *\nDisallow: /" + "*a" * 900 + "$\n")
    began = time.monotonic()
    assert rules.allow("/" + "a" * 4000 + "b")
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2), (" 120 ", 120), ("0", 0), ("-5", 0), ("1.5", 1.5), ("86400", 86400),
        ("999999999999999999", 1e18), ("Mon, 01 Jan 2024 00:00:10 GMT", 10),
        ("Monday, 01-Jan-24 00:00:10 GMT", 10), ("Mon Jan  1 00:00:10 2024", 10),
        ("Mon, 01 Jan 2023 00:00:00 GMT", 0), (None, None), ("", None), ("soon", None),
        ("inf", None), ("nan", None), ("1e9", None), ("12 seconds", None), ("9" * 30, None),
        ("Mon, 99 Foo 2024 99:99:99 GMT", None), ("\u0661", None),
    ],
)  # fmt: skip
def test_retry_after(value, seconds):
    assert retry_after(value, 1704067200.0) == seconds  # midnight, 1 January 2024


def test_the_third_name_of_a_picture_gives_all_three_away():
    repeats, one, other = Repeats(), "ab" * 32, "cd" * 32
    assert repeats.add(one, "a") == () and repeats.add(other, "x") == ()
    assert repeats.add(one, "b") == () and repeats.add(one, "b") == ()
    assert repeats.add(one, "c") == ("a", "b", "c")
    assert repeats.add(one, "d") == ("d",) and repeats.add(one, "a") == ()
    assert repeats.add(other, "y") == ()
