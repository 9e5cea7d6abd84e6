"""Which addresses are asked: schemes, hosts, and nothing inside a private network."""

from __future__ import annotations

import socket

import pytest
from loopback import FakeClock, picture, reply, serving

from facecurate.fetch import Failure, FetchSettings, ImageFetcher, Kind, LocalBudgets, Wanted
from facecurate.fetch.addresses import check, is_public

FLICKR = FetchSettings(hosts=("*.staticflickr.com",), local=("127.0.0.1:8123",))
ANY = FetchSettings()


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://live.staticflickr.com/1/2_b.jpg", "live.staticflickr.com", 443, "/1/2_b.jpg"),
        ("https://LIVE.StaticFlickr.com:443/a", "live.staticflickr.com", 443, "/a"),
        ("https://live.staticflickr.com./a", "live.staticflickr.com", 443, "/a"),
        ("https://live.staticflickr.com", "live.staticflickr.com", 443, "/"),
        ("https://live.staticflickr.com/a?b=c#d", "live.staticflickr.com", 443, "/a?b=c"),
        ("https://live.staticflickr.com/é%20", "live.staticflickr.com", 443, "/%C3%A9%20"),
        ("http://127.0.0.1:8123/a", "127.0.0.1", 8123, "/a"),
    ],
)
def test_what_is_asked(url, host, port, path):
    target = check(url, FLICKR)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "http://live.staticflickr.com/a",
        "ftp://live.staticflickr.com/a",
        "file:///etc/hostname",
        "data:image/png;base64,AAAA",
        "live.staticflickr.com/a",
        "https://staticflickr.com/a",
        "https://evilstaticflickr.com/a",
        "https://live.staticflickr.com.evil.org/a",
        "https://evil.org/live.staticflickr.com",
        "https://evil.org#.staticflickr.com/a",
        "https://live.staticflickr.com@evil.org/a",
        "https://a:b@live.staticflickr.com/a",
        "https://evil.org\\@live.staticflickr.com/a",
        "https://live.staticflickr.com:8443/a",
        "https://live.staticflickr.com:0x50/a",
        "https://live.staticflickr.com/a b",
        "https://live.staticflickr.com/a\r\nHost: b",
        "https://live.static\u200bflickr.com/a",
        "https://live.staticflickr.com/" + "a" * 5000,
        "http://127.0.0.1:8124/a",
        "http://localhost:8123/a",
        "http://[::1]:8123/a",
        "https:///a",
        "https://[::1",
        "https://..staticflickr.com/",
        "",
    ],
)
def test_what_is_never_asked(url):
    with pytest.raises(Failure) as caught:
        check(url, FLICKR)
    assert caught.value.kind is Kind.REFUSED and "\n" not in str(caught.value)


def test_without_a_list_every_public_host_is_asked():
    assert check("https://example.org/a", ANY).host == "example.org"
    assert check("https://bücher.example/a", ANY).host == "xn--bcher-kva.example"


def test_hosts_and_ports_have_budgets_of_their_own():
    assert check("https://live.staticflickr.com/1", FLICKR).bucket == "img:live.staticflickr.com"
    assert check("http://127.0.0.1:8123/1", FLICKR).bucket == "img:127.0.0.1:8123"


PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254",
    "172.16.0.1", "192.168.1.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1",
    "ff02::1", "2001:db8::1", "2002:7f00:1::", "2002:c0a8:101::", "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1", "2001:0:0:0:0:0:3f57:fefe",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "151.101.1.1", "::ffff:8.8.8.8", "2606:4700::1111", "2002:808:808::",
    "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_known(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/a", "https://2130706433/a", "https://0x7f.1/a", "https://[::ffff:7f00:1]/a",
     "https://[::1]/a", "https://localhost/a", "https://169.254.169.254/latest/meta-data"],
)  # fmt: skip
def test_no_spelling_leads_to_this_machine(url):
    got = []
    ImageFetcher(FetchSettings(threads=1), LocalBudgets()).fetch_many(
        [Wanted("a", url)], got.append
    )
    assert (got[0].reason, got[0].kind) == ("address", Kind.REFUSED)


def test_a_name_that_resolves_differently_the_second_time_gains_nothing(monkeypatch):
    """DNS rebinding: the address that is connected to is one that was judged, by one look-up."""
    asked, connected = [], []

    def resolve(host, port, *args, **options):
        asked.append(host)
        address = {1: "127.0.0.1", 2: "10.0.0.7"}.get(len(asked), "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(self, address):
        connected.append(address)
        raise AssertionError("a private address was connected to")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    got = []
    fetcher = ImageFetcher(FetchSettings(threads=1), LocalBudgets(), clock=FakeClock())
    wanted = [Wanted(name, "https://rebind.example/a") for name in "abc"]
    fetcher.fetch_many(wanted, got.append)
    assert [g.reason for g in got] == ["address"] * 3
    assert len(asked) >= 3 and connected == []


def test_of_several_addresses_only_public_ones_are_tried(monkeypatch):
    tried = []

    def resolve(host, port, *args, **options):
        found = ["10.0.0.1", "203.0.113.1", "8.8.4.4", "::1", "8.8.8.8"]
        return [
            (
                socket.AF_INET6 if ":" in ip else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (ip, port),
            )
            for ip in found
        ]

    def connect(self, address):
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    got = []
    fetcher = ImageFetcher(FetchSettings(threads=1), LocalBudgets(), clock=FakeClock())
    fetcher.fetch_many([Wanted("a", "https://many.example/a")], got.append)
    assert set(tried) == {"8.8.4.4", "8.8.8.8"} and got[0].kind is Kind.TRANSIENT


def test_a_name_that_nobody_knows(monkeypatch):
    def resolve(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    got = []
    fetcher = ImageFetcher(FetchSettings(threads=1), LocalBudgets(), clock=FakeClock())
    fetcher.fetch_many([Wanted("a", "https://nowhere.example/a")], got.append)
    assert got[0].kind is Kind.TRANSIENT and "unknown_host" in got[0].detail


def test_a_redirect_is_judged_like_an_address():
    target = "Location: http://127.0.0.1:1/a"
    with serving(a=reply(b"", "302 Found", target), b=reply(picture())) as server:
        got = []
        fetcher = ImageFetcher(server.settings(), LocalBudgets(), clock=FakeClock())
        fetcher.fetch_many(server.wanted("/a", "/b"), lambda g: got.append((g.key, g.reason)))
    assert sorted(got) == [("0-a", "moved_away"), ("1-b", None)]
