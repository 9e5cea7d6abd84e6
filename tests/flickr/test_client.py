"""The client against a server that does what servers do: half answers, late answers, no answers."""

from __future__ import annotations

import gzip
import http.server
import json
import logging
import pickle
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

import pytest

from facecurate.errors import UsageError
from facecurate.flickr import client as client_module
from facecurate.flickr.client import REST_URL, FlickrClient
from facecurate.flickr.failures import CallFailure, Kind

KEY, SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "a1b2c3d4e5f60718"
AGENT = "facecurate/0 (+https://example.org/contact)"
OK = b'{"photos":{"page":1,"pages":1,"total":"1","photo":[]},"stat":"ok"}'
TOO_MANY = b"""<html><body><h1>429 Too Many Requests</h1>
You have sent too many requests in a given amount of time.
</body></html>
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        self.server.seen.append((self.client_address, dict(self.headers), self.rfile.read(size)))
        try:
            self.server.answer(self)
        except OSError:  # the client went away
            self.close_connection = True

    do_GET = do_POST

    def log_message(self, *args):
        pass

    def send(self, status, body, kind="application/json", **headers):
        headers = {"Content-Type": kind, "Content-Length": str(len(body))} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.stopping = [], threading.Event()
        self.answer = lambda handler: handler.send(200, OK)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/services/rest/"

    def handle_error(self, *args):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server):
    client = FlickrClient(KEY, SECRET, rest_url=server.url, user_agent=AGENT, deadline=20)
    yield client
    client.close()


def failure(client, **params):
    with pytest.raises(CallFailure) as caught:
        client.call("flickr.photos.search", **params)
    return caught.value


def says(status, body, kind="application/json", **headers):
    return lambda handler: handler.send(status, body, kind, **headers)


# -- what goes over the wire -------------------------------------------------------------------


def test_a_call_is_one_signed_request_for_plain_json(server, client):
    reply = client.call("flickr.photos.search", text="né ☃ a&b=c", per_page=500)
    assert reply == json.loads(OK)
    ((_, headers, body),) = server.seen
    assert dict(urllib.parse.parse_qsl(body.decode())) == {
        "method": "flickr.photos.search", "text": "né ☃ a&b=c", "per_page": "500",
        "format": "json", "nojsoncallback": "1",
    }  # fmt: skip
    assert headers["User-Agent"] == AGENT
    assert headers["Authorization"].startswith("OAuth ")
    assert f'oauth_consumer_key="{KEY}"' in headers["Authorization"]
    assert SECRET not in str(headers) and SECRET.encode() not in body


def test_a_connection_is_kept_and_cookies_are_not(server, client):
    server.answer = says(200, OK, Set_Cookie="ccc=1; path=/")
    for _ in range(3):
        client.call("flickr.test.echo")
    assert len({address for address, _, _ in server.seen}) == 1
    assert not any("Cookie" in headers for _, headers, _ in server.seen)


def test_clients_share_nothing(server):
    import flickrapi.auth

    clients = [FlickrClient(KEY, SECRET, rest_url=server.url, user_agent=a) for a in ("a", "b")]
    for client in clients:
        client.call("flickr.test.echo")
    assert [headers["User-Agent"] for _, headers, _ in server.seen] == ["a", "b"]
    assert "User-Agent" in flickrapi.auth.OAuthFlickrInterface.session.headers
    assert flickrapi.auth.OAuthFlickrInterface.session.headers["User-Agent"] not in ("a", "b")
    for client in clients:
        client.close()


def test_threads_take_turns(server, client):
    threads = [threading.Thread(target=client.call, args=("flickr.test.echo",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 8


def test_no_token_is_stored(server, client, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    FlickrClient(KEY, SECRET, rest_url=server.url, user_agent=AGENT).call("flickr.test.echo")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["gzip", "chunked", "close"])
def test_a_reply_comes_in_any_encoding(server, client, encoding):
    def answer(handler):
        if encoding == "gzip":
            handler.send(200, gzip.compress(OK), Content_Encoding="gzip")
        elif encoding == "chunked":
            handler.send(200, b"", Content_Length=None, Transfer_Encoding="chunked")
            for at in range(0, len(OK), 7):
                part = OK[at : at + 7]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.send(200, OK, Content_Length=None, Connection="close")
            handler.close_connection = True

    server.answer = answer
    assert client.call("flickr.photos.search") == json.loads(OK)


# -- failures ----------------------------------------------------------------------------------

FRAGMENT = (
    b'{"stat":"fail","code":201,"message":"Sorry, the Flickr API service is not currently "},'
)


@pytest.mark.parametrize(
    "answer, kind, status, code",
    [
        (says(200, b'{"stat":"fail","code":105,"message":"x"}'), "transient", 200, 105),
        (says(200, b'{"stat":"fail","code":100,"message":"Invalid API Key"}'), "stop", 200, 100),
        (says(200, b'{"stat":"fail","code":20,"message":"x"}'), "gone", 200, 20),
        (says(200, FRAGMENT, "text/xml; charset=utf-8"), "throttle", 200, 201),
        (says(200, FRAGMENT.replace(b"201", b"0"), "text/xml"), "throttle", 200, 0),
        (says(200, b"<html>maintenance</html>", "text/html"), "transient", 200, None),
        (says(200, OK[:-9]), "transient", 200, None),
        (says(200, b""), "transient", 200, None),
        (says(429, TOO_MANY, "text/html"), "throttle", 429, None),
        (says(403, b"", "text/html"), "throttle", 403, None),
        (says(400, b"Sorry", "text/html"), "transient", 400, None),
        (says(418, b"I'm a teapot", "text/plain"), "transient", 418, None),
        (says(500, b"<html>", "text/html"), "transient", 500, None),
        (says(503, b"", "text/html"), "transient", 503, None),
        (says(404, b"", "text/html"), "unknown", 404, None),
        (says(401, b"oauth_problem=signature_invalid&debug_sbs=POST", "text/plain"), "stop", 401,
         None),
    ],
)  # fmt: skip
def test_a_failure_is_what_the_table_says(server, client, answer, kind, status, code):
    server.answer = answer
    found = failure(client)
    assert (found.kind.value, found.status, found.code) == (kind, status, code)
    server.answer = says(200, OK)
    assert client.call("flickr.photos.search")["stat"] == "ok"  # the client goes on


@pytest.mark.parametrize("status", [200, 429, 503])
def test_retry_after_is_kept(server, client, status):
    body = b'{"stat":"fail","code":201,"message":"x"}'
    for text, seconds in (("7", 7), ("0", 0), ("soon", None)):
        server.answer = says(status, body, Retry_After=text)
        assert failure(client).retry_after == seconds


@pytest.mark.parametrize("date, seconds", [("Tue, 14 Nov 2023 22:13:20 GMT", 100), ("x", 0)])
def test_a_date_is_counted_from_the_servers_own_time(server, client, date, seconds):
    def answer(handler):
        lines = ["HTTP/1.1 429 Slow", f"Date: {date}", "Retry-After: Tue, 14 Nov 2023 22:15:00 GMT"]
        handler.wfile.write("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())

    server.answer = answer
    assert failure(client).retry_after == seconds


def test_a_reply_needs_no_headers(server, client):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + OK)
        handler.close_connection = True

    server.answer = answer
    assert client.call("flickr.photos.search") == json.loads(OK)


@pytest.mark.parametrize("where", ["/elsewhere", "https://example.org/", "file:///etc/hosts"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_refused(server, client, status, where):
    server.answer = says(status, b"x", Location=where)
    found = failure(client)
    assert (found.kind, found.status) == (Kind.UNKNOWN, status) and "redirect" in str(found)
    assert len(server.seen) == 1


def cut(handler):
    handler.send(200, OK[:20], Content_Length=str(len(OK)))
    handler.close_connection = True


def cut_chunk(handler):
    handler.send(200, b"%x\r\n%s" % (len(OK), OK[:20]), Content_Length=None,
                 Transfer_Encoding="chunked")  # fmt: skip
    handler.close_connection = True


def cut_close(handler):
    handler.send(200, OK[:20], Content_Length=None, Connection="close")
    handler.close_connection = True


def reset(handler):
    handler.close_connection = True


def broken_gzip(handler):
    handler.send(200, gzip.compress(OK)[:-12], Content_Encoding="gzip")


def not_gzip(handler):
    handler.send(200, OK, Content_Encoding="gzip")


def not_http(handler):
    handler.wfile.write(b"hello\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    "answer", [cut, cut_chunk, cut_close, reset, broken_gzip, not_gzip, not_http]
)
def test_half_an_answer_is_tried_again(server, client, answer):
    server.answer = answer
    assert failure(client).kind is Kind.TRANSIENT
    server.answer = says(200, OK)
    assert client.call("flickr.photos.search")["stat"] == "ok"


def test_no_server_is_tried_again():
    gone = Server()
    url = gone.url
    gone.server_close()
    client = FlickrClient(KEY, SECRET, rest_url=url, user_agent=AGENT, deadline=5)
    assert failure(client).kind is Kind.TRANSIENT
    client.close()


# -- limits ------------------------------------------------------------------------------------


def dripping(part):
    def answer(handler):
        if part == "body":
            handler.send(200, b"", Content_Length=str(len(OK) * 1000))
        elif part == "chunks":
            handler.send(200, b"", Content_Length=None, Transfer_Encoding="chunked")
        elif part == "until the end":
            handler.send(200, b"", Content_Length=None, Connection="close")
        elif part == "headers":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not handler.server.stopping.wait(0.02):
            handler.wfile.write(b"1\r\n \r\n" if part == "chunks" else b" ")
            handler.wfile.flush()

    return answer


def silent(handler):
    handler.server.stopping.wait(10)
    handler.close_connection = True


@pytest.mark.parametrize(
    "answer",
    [dripping("body"), dripping("chunks"), dripping("until the end"), dripping("headers"), silent],
    ids=["body", "chunks", "until the end", "headers", "silence"],
)
def test_a_slow_drip_ends_at_the_deadline(server, answer):
    client = FlickrClient(KEY, SECRET, rest_url=server.url, user_agent=AGENT, deadline=0.5)
    server.answer = answer
    began = time.monotonic()
    found = failure(client)
    assert 0.4 < time.monotonic() - began < 3
    assert found.kind is Kind.TRANSIENT and "took too long" in str(found)
    server.answer = says(200, OK)
    assert client.call("flickr.photos.search")["stat"] == "ok"
    client.close()


def test_a_deadline_ends_no_later_call(server):
    client = FlickrClient(KEY, SECRET, rest_url=server.url, user_agent=AGENT, deadline=0.4)
    for _ in range(3):
        client.call("flickr.test.echo")
        time.sleep(0.2)
    assert len({address for address, _, _ in server.seen}) == 1
    client.close()


def test_a_reply_beyond_the_limit_is_not_read(server, client, monkeypatch):
    monkeypatch.setattr(client_module, "LARGEST_REPLY", len(OK))
    assert client.call("flickr.photos.search")["stat"] == "ok"
    server.answer = says(200, OK + b" ")
    assert "larger" in str(failure(client))


def test_a_bomb_is_not_unpacked(server, client):
    bomb = gzip.compress(bytes(200 << 20), 1)
    server.answer = says(200, bomb, Content_Encoding="gzip")
    assert "larger" in str(failure(client))


def test_of_a_failure_only_the_beginning_is_read(server, client):
    server.answer = says(429, TOO_MANY + b"&" * (8 << 20), "text/html", Retry_After="9")
    found = failure(client)
    assert (found.kind, found.retry_after) == (Kind.THROTTLE, 9)


# -- words for a key ---------------------------------------------------------------------------


@pytest.mark.parametrize("key, secret", [("", SECRET), (KEY, ""), ("a b", SECRET), (KEY, "é\n")])
def test_words_that_can_be_no_key_are_refused(key, secret):
    with pytest.raises(UsageError, match="FLICKR_API_KEY and FLICKR_API_SECRET.*Flickr Pro"):
        FlickrClient(key, secret, user_agent=AGENT)


@pytest.mark.parametrize(
    "url",
    ["http://api.flickr.com/services/rest/", "http://127.0.0.1.example.org/", "file:///x", ""],
)
def test_the_key_goes_only_over_https_or_to_this_machine(url):
    with pytest.raises(UsageError, match="https or on this machine"):
        FlickrClient(KEY, SECRET, rest_url=url, user_agent=AGENT)


def test_the_api_is_flickrs():
    assert REST_URL == "https://api.flickr.com/services/rest/"
    assert FlickrClient(KEY, SECRET, user_agent=AGENT)._api.REST_URL == REST_URL


# -- secrets -----------------------------------------------------------------------------------


def shown(error):
    """Everything that a log, a report or a debugger may show of an error."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    chain, one = [], error
    while one is not None:
        chain += [str(one), repr(one), repr(one.args), repr(vars(one))]
        one = one.__cause__ or one.__context__
    return "\n".join([*told.format(), *chain, repr(pickle.dumps(error))])


def echoing(status, kind="text/plain"):
    """Sends all it got back, as Flickr does in debug_sbs."""

    def answer(handler):
        _, headers, body = handler.server.seen[-1]
        text = f"oauth_problem=signature_invalid&debug_sbs={headers['Authorization']}&{body}"
        handler.send(status, text.encode() + SECRET.encode(), kind)

    return answer


def fails_with_key(handler):
    message = f"Invalid API Key ({KEY}) with {SECRET}"
    handler.send(200, json.dumps({"stat": "fail", "code": 100, "message": message}).encode())


LEAKS = [
    echoing(401), echoing(400), echoing(429), echoing(500), echoing(200), echoing(302),
    fails_with_key, cut, reset, not_http, not_gzip,
]  # fmt: skip


@pytest.mark.parametrize("answer", LEAKS)
def test_no_failure_shows_key_or_secret(server, client, answer, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("flickrapi", "oauthlib", "requests_oauthlib", "urllib3", "flickrapi.core",
                 "flickrapi.auth.OAuthFlickrInterface", "oauthlib.oauth1.rfc5849",
                 "requests_oauthlib.oauth1_auth"):  # fmt: skip
        caplog.set_level(logging.DEBUG, logger=name)
    server.answer = answer
    text = shown(failure(client, text="face"))
    logged = "\n".join(
        f"{r.getMessage()} {r.msg!r} {r.args!r} {r.exc_text}" for r in caplog.records
    )
    for secret in (KEY, SECRET):
        assert secret not in text and secret not in logged and secret not in caplog.text
    assert "127.0.0.1" in logged  # the log is on


def test_handlers_of_the_libraries_own_loggers_see_nothing(server, client):
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append(record.getMessage())

    names = [
        n for n in logging.root.manager.loggerDict
        if n.split(".")[0] in ("flickrapi", "oauthlib", "requests_oauthlib")
    ]  # fmt: skip
    keep = Keep()
    for name in names:
        logging.getLogger(name).addHandler(keep)
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        client.call("flickr.test.echo")
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(keep)
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert len(names) > 5 and not any(KEY in r or SECRET in r for r in records)


def test_neither_repr_nor_a_bad_start_shows_them(server, client):
    assert KEY not in repr(client) and SECRET not in f"{client} {client!r}"
    for key, url in ((KEY + " x", REST_URL), (KEY, "http://example.org/")):
        with pytest.raises(UsageError) as caught:
            FlickrClient(key, SECRET, rest_url=url, user_agent=AGENT)
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        ours = [f for f in frames.stack if f.filename == client_module.__file__]
        inner = "".join(f"{frame.name} {frame.locals}" for frame in ours)
        assert "__init__" in inner and KEY not in inner and SECRET not in inner


def test_an_error_before_the_request_shows_nothing(client):
    found = failure(client, text="\ud800")
    assert found.kind is Kind.BUG
    assert KEY not in shown(found) and SECRET not in shown(found)


def test_warnings_of_the_libraries_are_none():
    """An import of the client is silent, also where warnings are errors."""
    code = "import facecurate.flickr.client"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
