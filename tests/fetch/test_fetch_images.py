"""The image fetcher against a real server on this machine: what is stored, what is said."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time

import pytest
from loopback import FakeClock, Loopback, chunked, closing, picture, reply, serving

from facecurate.errors import FacecurateError, UsageError
from facecurate.fetch import (
    REASONS,
    FetchSettings,
    HostClosedError,
    ImageFetcher,
    Kind,
    LocalBudgets,
    Robots,
    Wanted,
    final_reason,
    user_agent,
)
from facecurate.images import Limits
from facecurate.records import REASONS as RECORDED

PHOTO = picture()
PAGE = b"<html><body>Sorry</body></html>"
TOO_MANY = b"<html><body><h1>429 Too Many Requests</h1>\nYou have sent too many requests.\n"


def fetch(server, wanted, folder=None, *, budgets=None, clock=None, robots=None, **settings):
    """Key -> Got, in the order of the reports."""
    got = {}
    fetcher = ImageFetcher(
        server.settings(folder, **settings),
        budgets or LocalBudgets(clock=clock or FakeClock()),
        robots,
        clock=clock or FakeClock(),
    )
    fetcher.fetch_many(wanted, lambda one: got.setdefault(one.key, one))
    return got


def one(server, path, folder=None, **options):
    width, height = options.pop("size", (None, None))
    wanted = Wanted("photo", server.url(path), width, height)
    return fetch(server, [wanted], folder, **options)["photo"]


# -- what comes well -----------------------------------------------------------------------------


def test_an_image_is_stored_as_it_was_sent(tmp_path):
    tag = 'ETag: "a1.1"'
    with serving(a=reply(PHOTO, "200 OK", tag, "Content-Type: image/jpeg")) as server:
        got = one(server, "/a", tmp_path, size=(64, 48))
    assert (tmp_path / "photo.jpg").read_bytes() == PHOTO
    assert [p.name for p in tmp_path.iterdir()] == ["photo.jpg"]
    assert got.kind is None and got.path == str(tmp_path / "photo.jpg") and got.data is None
    assert got.sha256 == hashlib.sha256(PHOTO).hexdigest() and got.bytes == len(PHOTO)
    assert (got.width, got.height, got.orientation, got.extension) == (64, 48, 1, "jpg")
    assert got.headers["etag"] == '"a1.1"' and got.status == 200


def test_without_a_folder_the_bytes_are_handed_over():
    with serving(a=chunked(PHOTO[:100], PHOTO[100:])) as server:
        got = one(server, "/a")
    assert (got.data, got.path) == (PHOTO, None)


def test_the_bytes_decide_not_the_name_nor_the_content_type(tmp_path):
    png = picture("PNG")
    with serving(**{"a.jpg": reply(png, "200 OK", "Content-Type: text/html")}) as server:
        got = one(server, "/a.jpg", tmp_path)
    assert got.path == str(tmp_path / "photo.png") and (tmp_path / "photo.png").read_bytes() == png


def test_places_are_not_stored_and_the_turn_is(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 26.0)
    with serving(a=reply(picture(exif=exif))) as server:
        got = one(server, "/a", tmp_path, size=(48, 64))
    with Image.open(tmp_path / "photo.jpg") as image:
        assert image.getexif()[0x0112] == 6
        assert 0x8825 not in image.getexif()
    assert (got.width, got.height, got.orientation) == (48, 64, 6)
    assert got.sha256 == hashlib.sha256((tmp_path / "photo.jpg").read_bytes()).hexdigest()


def test_redirects_inside_the_allowed_hosts_are_followed():
    with serving(b=reply(PHOTO), c=reply(b"", "302 Found", "Location: /b")) as server:
        server.answers["/a"] = reply(b"", "301 Moved", f"Location: {server.url('/c')}")
        got = one(server, "/a")
        assert server.paths() == ["/a", "/c", "/b"]
    assert got.kind is None and got.url == server.url("/b")


def test_the_user_agent_is_honest_and_nothing_else_is_told(monkeypatch):
    agent = user_agent("https://example.org/crawl")
    with serving(a=[reply(PHOTO, "200 OK", "Set-Cookie: a=b")]) as server:
        fetch(server, server.wanted("/a", "/a"), user_agent=agent)
    told = server.seen[-1].headers
    assert told.pop("User-Agent") == agent and "+https://example.org/crawl" in agent
    assert told.pop("Accept-Encoding") == "identity"
    assert set(told) == {"Host", "Accept"}


@pytest.mark.parametrize("contact", ["", "nobody", "a@b\r\nX: y", "a@b (c)", "é@b.org"])
def test_a_contact_that_reaches_nobody_is_refused(contact):
    with pytest.raises(UsageError):
        user_agent(contact)


def test_connections_are_kept_and_few(tmp_path):
    with serving(a=reply(PHOTO), gone=reply(b"no", "404 Not Found")) as server:
        got = fetch(server, server.wanted(*["/a", "/gone"] * 30), tmp_path, connections=2)
    assert sum(g.kind is None for g in got.values()) == 30
    assert {s.connection for s in server.seen} <= {1, 2} and server.most_at_once <= 2


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    with serving(a=reply(PHOTO), b=closing(reply(PHOTO))) as server:
        paths = ["/b", "/a", "/b", "/b", "/a"]
        budgets = LocalBudgets(per_second=20.0)
        options = {"clock": budgets.clock, "connections": 1, "threads": 1}
        got = fetch(server, server.wanted(*paths), budgets=budgets, **options)
    assert all(g.kind is None for g in got.values())


# -- what fails ----------------------------------------------------------------------------------

CUT = PHOTO[: len(PHOTO) // 2]
PATCHED = CUT + b"\xff\xd9"
FAILURES = {
    "429": (reply(TOO_MANY, "429 Too Many Requests"), "throttled", Kind.THROTTLE),
    "429 as 200": (reply(TOO_MANY), "throttled", Kind.THROTTLE),
    "403": (reply(PAGE, "403 Forbidden"), "forbidden", Kind.THROTTLE),
    "503 with a time": (reply(b"", "503 No", "Retry-After: 5"), "throttled", Kind.THROTTLE),
    "500": (reply(PAGE, "500 Oops"), "server_error", Kind.TRANSIENT),
    "502": (reply(PAGE, "502 Oops"), "server_error", Kind.TRANSIENT),
    "503": (reply(PAGE, "503 Oops"), "server_error", Kind.TRANSIENT),
    "418": (reply(PAGE, "418 Oops"), "server_error", Kind.TRANSIENT),
    "204": (reply(b"", "204 Nothing", length=False), "server_error", Kind.TRANSIENT),
    "reset": (closing(b""), "connection", Kind.TRANSIENT),
    "garbage": (closing(b"\0\1\2\r\n\r\n"), "connection", Kind.TRANSIENT),
    "long header": (closing(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99999), "connection", None),
    "cut": (closing(reply(PHOTO)[:-200]), "truncated", Kind.TRANSIENT),
    "cut chunks": (closing(chunked(CUT, end=False)), "truncated", Kind.TRANSIENT),
    "cut by closing": (closing(reply(CUT, length=False)), "damaged", Kind.TRANSIENT),
    "patched by closing": (closing(reply(PATCHED, length=False)), "damaged", Kind.TRANSIENT),
    "shorter than told": (reply(PHOTO, "200 OK", "x-ttdb-l: 99999"), "truncated", None),
    "bad chunk": (closing(chunked(CUT, end=False) + b"zz\r\n"), "truncated", Kind.TRANSIENT),
    "html": (reply(PAGE), "not_an_image", Kind.TRANSIENT),
    "empty": (reply(b""), "empty", Kind.TRANSIENT),
    "bomb": (reply(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"), "encoded", Kind.TRANSIENT),
    "404": (reply(b"", "404 Not Found"), "not_found", Kind.GONE),
    "410": (reply(b"", "410 Gone"), "not_found", Kind.GONE),
    "file": (reply(b"", "302 F", "Location: file:///etc/hostname"), "moved_away", Kind.GONE),
    "foreign": (reply(b"", "302 F", "Location: https://example.org/a"), "moved_away", Kind.GONE),
    "private": (reply(b"", "302 F", "Location: http://169.254.169.254/"), "moved_away", None),
    "nowhere": (reply(b"", "302 F", "Location: http://[::1"), "moved_away", Kind.GONE),
    "no target": (reply(b"", "302 Found"), "server_error", Kind.TRANSIENT),
    "sent to the placeholder": (
        reply(b"", "302 F", "Location: https://s.example.org/pw/photo_unavailable_l.png"),
        "placeholder",
        Kind.GONE,
    ),
    "loop": (reply(b"", "302 Found", "Location: /image"), "redirects", Kind.TRANSIENT),
    "another size": (reply(picture(size=(60, 48))), "wrong_size", Kind.GONE),
    "noai": (reply(PHOTO, "200 OK", "X-Robots-Tag: noai"), "robots_header", Kind.OPTED_OUT),
    "for us": (reply(PHOTO, "200 OK", "X-Robots-Tag: facecurate: noai"), "robots_header", None),
    "damaged there": (reply(PATCHED), "broken", Kind.REJECTED),
    "cut there": (reply(CUT), "broken", Kind.REJECTED),
    "tiff": (reply(picture("TIFF")), "unsupported", Kind.REJECTED),
    "photoshop": (reply(b"8BPS" + bytes(100)), "unsupported", Kind.REJECTED),
    "too long": (reply(PHOTO + bytes(20_000)), "too_many_bytes", Kind.REJECTED),
    "endless": (chunked(*[bytes(4096)] * 9), "too_many_bytes", Kind.REJECTED),
    "too many pixels": (reply(picture(size=(200, 100))), "too_many_pixels", Kind.REJECTED),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_says_what_to_do_and_leaves_no_file(tmp_path, name):
    answer, reason, kind = FAILURES[name]
    limits = Limits(max_bytes=len(PHOTO) + 10_000, max_pixels=10_000)
    with serving(image=answer) as server:
        options = {"limits": limits, "hosts": ("live.staticflickr.com",)}
        got = one(server, "/image", tmp_path, size=(64, 48), **options)
    assert (got.reason, got.kind) == (reason, kind or REASONS[reason][0])
    assert list(tmp_path.iterdir()) == [] and got.path is None


def test_every_reason_ends_in_one_of_the_tables():
    assert {final_reason(reason) for reason in REASONS} <= set(RECORDED)


def test_a_known_placeholder_is_no_photo():
    body = picture("PNG", size=(50, 37))
    known = frozenset({(len(body), hashlib.md5(body).hexdigest())})
    with serving(a=reply(body)) as server:
        assert one(server, "/a", placeholders=known).reason == "placeholder"
        assert one(server, "/a").kind is None


@pytest.mark.parametrize("width, fits", [(64, True), (65, True), (63, True), (66, False)])
def test_a_pixel_more_or_less_is_rounding(width, fits):
    with serving(a=reply(PHOTO)) as server:
        got = one(server, "/a", size=(width, 48))
    assert got.reason == (None if fits else "wrong_size")


@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_never_comes_costs_the_silence_it_may_keep(length):
    with serving() as server:
        server.answers["/a"] = server.hang
        head = reply(PHOTO, length=length)[:-400]
        server.answers["/b"] = lambda c: (c.sendall(head), server.hang(c))
        began = time.monotonic()
        got = fetch(server, server.wanted("/a", "/b"), silent_seconds=0.3)
        assert time.monotonic() - began < 3
    assert [g.reason for g in got.values()] == ["no_answer"] * 2


def test_a_body_that_drips_is_given_up():
    with serving() as server:
        server.answers["/a"] = server.drip(reply(PHOTO), 0.01)
        began = time.monotonic()
        got = one(server, "/a", slow_seconds=0.3)
        assert time.monotonic() - began < 3
    assert got.reason == "too_slow"


def test_headers_that_drip_are_given_up():
    with serving() as server:
        server.answers["/a"] = server.drip(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 2000, 0.02)
        began = time.monotonic()
        got = one(server, "/a", total_seconds=0.5)
        assert time.monotonic() - began < 3
    assert got.reason == "too_slow"


@pytest.mark.parametrize("length", [True, False])
def test_a_body_without_end_is_given_up(length):
    """At a rate that is fast enough; also where the connection is the response's alone."""

    def endless(connection):
        connection.sendall(reply(bytes(10**6), length=length)[:200])
        while not server.stopping.wait(0.01):
            connection.sendall(bytes(100))

    with serving(a=endless) as server:
        began = time.monotonic()
        got = one(server, "/a", total_seconds=0.6, slowest=1.0, slow_seconds=0.1)
        assert time.monotonic() - began < 3
    assert got.reason == "too_slow"


def test_nobody_there():
    server = Loopback()
    server.close()
    settings = FetchSettings(local=("127.0.0.1:9",), threads=1)
    got = []
    ImageFetcher(settings, LocalBudgets()).fetch_many(
        [Wanted("a", "http://127.0.0.1:9/x")], got.append
    )
    assert got[0].kind is Kind.TRANSIENT and got[0].reason in ("robots_unknown", "connection")


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = Loopback({"/a": reply(PHOTO)}, tls=context)
    try:
        wanted = [Wanted("a", f"https://{server.host}/a")]
        got = fetch(server, wanted, robots=Allowing())["a"]
    finally:
        server.close()
    assert (got.reason, got.kind) == ("certificate", Kind.TRANSIENT)
    assert server.seen == []


class Allowing(Robots):
    """No robots.txt is asked for."""

    def check(self, target, read):
        pass


# -- hosts that complain ---------------------------------------------------------------------------

MINUTE = 60.0


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ([], 60, 75),
        (["Retry-After: 2"], 60, 75),
        (["Retry-After: 0"], 60, 75),
        (["Retry-After: soon"], 60, 75),
        (["Retry-After: -5"], 60, 75),
        (["Retry-After: 300"], 300, 300),
        (
            [
                "Date: Mon, 01 Jan 2024 00:00:00 GMT",
                "Retry-After: Mon, 01 Jan 2024 00:10:00 GMT",
            ],
            600,
            600,
        ),
    ],
)
def test_a_host_that_complains_is_left_alone(header, least, most):
    clock = FakeClock()
    refusal = reply(TOO_MANY, "429 Too Many Requests", *header)
    with serving() as server:
        times = stamped(server, clock, a=refusal, b=reply(PHOTO))
        fetch(server, server.wanted("/a", "/b"), clock=clock, connections=1)
    (first,), (second,) = times["a"], times["b"]
    assert least <= second - first <= most + 1


def stamped(server, clock, **answers):
    """Answers that note the time by the clock at which they were asked for."""
    times = {name: [] for name in answers}

    def noting(name, data):
        def behave(connection):
            times[name].append(clock.now)
            connection.sendall(data)

        return behave

    server.answers |= {f"/{name}": noting(name, data) for name, data in answers.items()}
    return times


def test_answers_to_requests_that_were_out_already_count_once():
    clock = FakeClock()
    budgets = LocalBudgets(per_second=100.0, clock=clock)
    barrier = threading.Barrier(4)

    def refuse(connection):
        barrier.wait(10)
        connection.sendall(reply(TOO_MANY, "429 Too Many Requests"))

    with serving(a=refuse) as server:
        got = fetch(
            server,
            server.wanted(*["/a"] * 4),
            clock=clock,
            budgets=budgets,
            robots=Allowing(),
            connections=4,
        )
    assert [g.reason for g in got.values()] == ["throttled"] * 4
    assert 60 <= budgets.blocked(f"img:{server.host}") <= 75
    assert budgets.take(f"img:{server.host}") > 0
    assert budgets.take(f"img:{server.host}") - budgets.take(f"img:{server.host}") == pytest.approx(
        -0.02
    )  # half the rate, once


def test_after_six_refusals_in_a_row_the_run_ends_and_says_when_to_come_back():
    clock, got = FakeClock(), []
    with serving(a=reply(TOO_MANY, "429 Too Many Requests"), b=reply(PHOTO)) as server:
        wanted = server.wanted("/b", *["/a"] * 20)
        fetcher = ImageFetcher(
            server.settings(connections=1, threads=1), LocalBudgets(clock=clock), clock=clock
        )
        with pytest.raises(HostClosedError, match="127.0.0.1 asks for a pause") as caught:
            fetcher.fetch_many(wanted, got.append)
    assert caught.value.exit_code == 75
    assert [g.reason for g in got] == [None, *["throttled"] * 6]
    assert clock.slept == pytest.approx(60 + 120 + 240 + 480 + 960, rel=0.26)


def test_refusals_are_counted_over_several_calls():
    clock = FakeClock()
    with serving(a=reply(TOO_MANY, "429 Too Many Requests")) as server:
        fetcher = ImageFetcher(server.settings(), LocalBudgets(clock=clock), clock=clock)
        *images, last = server.wanted(*["/a"] * 6)
        for image in images:
            fetcher.fetch_many([image], lambda got: None)
        with pytest.raises(HostClosedError):
            fetcher.fetch_many([last], lambda got: None)


def test_an_image_that_is_always_forbidden_is_no_throttling_in_the_end():
    clock, got = FakeClock(), []
    with serving(a=reply(PAGE, "403 Forbidden"), b=reply(PHOTO)) as server:
        fetcher = ImageFetcher(server.settings(), LocalBudgets(clock=clock), clock=clock)
        for _ in range(4):
            fetcher.fetch_many([server.wanted("/a")[0]], got.append)
    assert [g.reason for g in got] == ["forbidden", "forbidden", "denied", "denied"]
    assert got[-1].kind is Kind.TRANSIENT


REFUSAL = reply(TOO_MANY, "429 Too Many Requests")


def one_by_one(fetcher, wanted):
    """The reasons, each image in a call of its own."""
    got = []
    for one in wanted:
        fetcher.fetch_many([one], got.append)
    return [g.reason for g in got]


def test_an_image_that_alone_is_refused_pauses_its_host_twice_and_no_more():
    clock = FakeClock()
    budgets = LocalBudgets(per_second=100.0, clock=clock)
    with serving(a=REFUSAL, b=reply(PHOTO)) as server:
        fetcher = ImageFetcher(server.settings(), budgets, clock=clock)
        bad, good = server.wanted("/a", "/b")
        reasons = one_by_one(fetcher, [bad, good, bad, bad, good, *[bad] * 8])
        slept = clock.slept
    told = [None, *["throttled"] * 2, None, *["denied"] * 9]
    assert sorted(map(str, reasons)) == sorted(map(str, told))
    assert reasons[2] == "throttled" and reasons[3] == "denied"
    assert 60 + 60 <= slept <= 75 + 75 + 1


@pytest.mark.parametrize(("asked", "paused"), [(300, True), (86400, False)])
def test_the_pause_that_an_image_alone_asks_for_is_kept_unless_it_is_absurd(asked, paused):
    clock = FakeClock()
    budgets = LocalBudgets(per_second=100.0, clock=clock)
    refusal = reply(TOO_MANY, "429 Too Many Requests", f"Retry-After: {asked}")
    with serving(a=refusal) as server:
        image = dataclasses.replace(server.wanted("/a")[0], tries=2)
        fetcher = ImageFetcher(server.settings(), budgets, clock=clock)
        assert one_by_one(fetcher, [image]) == ["denied"]
    assert (budgets.blocked(f"img:{server.host}") > 250) == paused


def test_images_that_are_refused_together_pause_their_host_each_time():
    clock = FakeClock()
    with serving(a=REFUSAL, b=REFUSAL) as server:
        fetcher = ImageFetcher(server.settings(), LocalBudgets(clock=clock), clock=clock)
        pair = server.wanted("/a", "/b")
        with pytest.raises(HostClosedError):
            one_by_one(fetcher, pair * 3)
    assert clock.slept == pytest.approx(60 + 120 + 240 + 480 + 960, rel=0.26)


def test_what_failed_before_counts_only_while_no_other_image_is_refused():
    clock = FakeClock()
    with serving(a=REFUSAL, b=REFUSAL) as server:
        first, second = (dataclasses.replace(w, tries=5) for w in server.wanted("/a", "/b"))
        fresh = server.wanted("/b")[0]
        fetcher = ImageFetcher(server.settings(), LocalBudgets(clock=clock), clock=clock)
        assert one_by_one(fetcher, [first, second, fresh, first]) == [
            "denied", "denied", "throttled", "throttled",
        ]  # fmt: skip


def test_a_pause_of_a_day_ends_the_run_at_once_and_is_kept():
    clock, got = FakeClock(), []
    budgets = LocalBudgets(clock=clock)
    with serving(a=reply(b"", "429 No", "Retry-After: 86400"), b=reply(PHOTO)) as server:
        options = server.settings(connections=1, threads=1)
        with pytest.raises(HostClosedError, match=r"in 24\.0 hours"):
            ImageFetcher(options, budgets, clock=clock).fetch_many(
                server.wanted("/a", "/b"), got.append
            )
        with pytest.raises(HostClosedError):
            ImageFetcher(options, budgets, clock=clock).fetch_many(server.wanted("/b"), got.append)
    assert [(g.reason, g.retry_after) for g in got] == [("throttled", 86400.0)]
    assert clock.slept == 0


def test_a_closed_host_need_not_end_the_run():
    clock = FakeClock()
    with (
        serving(a=reply(b"", "429 No", "Retry-After: 86400")) as first,
        serving(b=reply(PHOTO)) as second,
    ):
        wanted = [*first.wanted("/a", "/a", "/a"), Wanted("other", second.url("/b"))]
        got = fetch(
            first,
            wanted,
            clock=clock,
            local=(first.host, second.host),
            stop_when_closed=False,
            connections=1,
        )
    assert [got[w.key].reason for w in wanted] == ["throttled", "host_closed", "host_closed", None]


def test_a_host_that_only_fails_is_left_alone_too():
    clock = FakeClock()
    with serving(a=reply(PAGE, "500 Oops")) as server:
        got = fetch(server, server.wanted(*["/a"] * 9), clock=clock, most_misses=4, threads=1)
    assert len(got) == 9 and 60 + 120 <= clock.slept <= 75 + 150 + 1


def test_no_host_waits_for_another():
    clock = FakeClock()
    refusal = reply(b"", "429 No", "Retry-After: 1000")
    with serving() as slow, serving() as quick:
        refused = stamped(slow, clock, a=refusal)["a"]
        served = stamped(quick, clock, b=reply(PHOTO))["b"]
        wanted = [*slow.wanted("/a", "/a"), *(Wanted(f"q{i}", quick.url("/b")) for i in range(20))]
        options = {"local": (slow.host, quick.host), "connections": 1, "threads": 2}
        fetch(slow, wanted, clock=clock, robots=Allowing(), **options)
    assert refused[1] - refused[0] >= 1000
    assert len(served) == 20 and max(served) <= refused[1]


def test_the_rate_is_kept():
    clock = FakeClock()
    times = []
    with serving(a=reply(PHOTO)) as server:
        budgets = LocalBudgets(per_second=2.0, clock=clock)
        fetcher = ImageFetcher(server.settings(), budgets, Allowing(), clock=clock)
        fetcher.fetch_many(server.wanted(*["/a"] * 20), lambda got: times.append(clock.now))
    assert clock.slept == pytest.approx(9.5, abs=0.2)


# -- robots.txt ------------------------------------------------------------------------------------


def with_robots(server, text, *paths, **options):
    server.answers["/robots.txt"] = text
    return [g.reason for g in fetch(server, server.wanted(*paths), threads=1, **options).values()]


def test_robots_txt_is_asked_for_once_and_obeyed():
    rules = b"User-agent: facecurate\nDisallow: /private\n"
    with serving(a=reply(PHOTO), private=reply(PHOTO)) as server:
        assert with_robots(server, reply(rules), "/a", "/private", "/a") == [
            None,
            "robots_txt",
            None,
        ]
        assert [s.path for s in server.seen] == ["/robots.txt", "/a", "/a"]


def test_a_redirect_leads_round_no_robots_txt():
    with serving(private=reply(PHOTO), a=reply(b"", "302 Found", "Location: /private")) as server:
        assert with_robots(server, reply(b"User-agent: *\nDisallow: /private"), "/a") == [
            "robots_txt"
        ]


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone"])
def test_without_robots_txt_all_is_allowed(status):
    with serving(a=reply(PHOTO)) as server:
        assert with_robots(server, reply(b"", status), "/a") == [None]


def test_while_robots_txt_cannot_be_read_nothing_is_asked():
    clock = FakeClock()
    with serving(a=reply(PHOTO)) as server:
        robots = Robots(clock=clock)
        answers = [reply(b"", "500 Oops"), reply(b"")]
        reasons = with_robots(server, answers, "/a", "/a", robots=robots, clock=clock)
        assert reasons == ["robots_unknown"] * 2 and server.paths() == []
        assert len(server.seen) == 1  # a minute passes before it is asked for again
        clock.now += 61
        assert with_robots(server, answers, "/a", robots=robots, clock=clock) == [None]


# -- ending ----------------------------------------------------------------------------------------


def test_ctrl_c_ends_at_once_and_loses_nothing_finished(tmp_path):
    with serving(a=reply(PHOTO)) as server:
        server.answers["/hang"] = server.hang
        server.answers["/drip"] = server.drip(reply(PHOTO), 0.05)
        got = []
        fetcher = ImageFetcher(
            server.settings(tmp_path, silent_seconds=20.0, total_seconds=60.0, connections=4),
            LocalBudgets(),
        )
        threads = threading.active_count()
        timer = threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            fetcher.fetch_many(server.wanted("/a", "/hang", "/drip", "/a", "/hang"), got.append)
        assert time.monotonic() - began < 3
        timer.join()
    assert sorted(g.key for g in got) == ["0-a", "3-a"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0-a.jpg", "3-a.jpg"]
    assert threading.active_count() <= threads


def test_an_exception_of_the_caller_comes_through_after_the_reports(tmp_path):
    got = []

    def broken():
        yield from server.wanted("/a", "/a")
        raise RuntimeError("the list ends badly")

    with serving(a=reply(PHOTO)) as server:
        fetcher = ImageFetcher(server.settings(tmp_path), LocalBudgets())
        with pytest.raises(RuntimeError, match="ends badly"):
            fetcher.fetch_many(broken(), got.append)
    stored = {p.stem for p in tmp_path.iterdir()}
    assert stored == {g.key for g in got}


def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with serving(a=reply(PHOTO)) as server:
        fetcher = ImageFetcher(server.settings(tmp_path / "file"), LocalBudgets())
        with pytest.raises(OSError, match="file"):
            fetcher.fetch_many(server.wanted(*["/a"] * 50), lambda got: None)


def test_a_spent_budget_ends_the_run():
    class Spent(LocalBudgets):
        def take(self, bucket, cost=1):
            raise HostClosedError(bucket, 3600.0, "the day's budget")

    with serving(a=reply(PHOTO)) as server:
        fetcher = ImageFetcher(server.settings(), Spent())
        with pytest.raises(FacecurateError, match=r"the day's budget.*in 1\.0 hours"):
            fetcher.fetch_many(server.wanted("/a"), lambda got: None)


def test_the_list_is_read_only_a_little_ahead():
    read, reported, ahead = 0, 0, []

    def wanted():
        nonlocal read
        for one in server.wanted(*["/a"] * 60):
            read += 1
            ahead.append(read - reported)
            yield one

    def done(got):
        nonlocal reported
        reported += 1

    with serving(a=reply(PHOTO)) as server:
        fetcher = ImageFetcher(server.settings(lookahead=8), LocalBudgets())
        fetcher.fetch_many(wanted(), done)
    assert reported == 60 and max(ahead) <= 8


@pytest.mark.parametrize("key", ["../up", "a/b", "", ".hidden", "a.jpg", "x" * 300])
def test_a_key_that_is_no_file_name_is_a_mistake(key):
    with serving() as server, pytest.raises(ValueError, match="name of a file"):
        fetch(server, [Wanted(key, server.url("/a"))])
