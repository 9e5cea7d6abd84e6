"""Downloads against a real server on this machine."""

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from facecurate import __version__, fetch
from facecurate.errors import FacecurateError

BODY = b"weights" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    seen: list[dict[str, str]]

    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/ftp":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/file")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[:100])
        elif self.path == "/file":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(BODY)
        else:
            self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.seen = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server, path, target, sha256=DIGEST, limit=7000):
    url = f"http://127.0.0.1:{server.server_port}{path}"
    fetch.download(url, str(target), sha256=sha256, limit=limit, schemes=("http",))


def test_a_file_arrives_whole(server, tmp_path):
    get(server, "/file", tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_bytes() == BODY


def test_redirects_are_followed(server, tmp_path):
    get(server, "/moved", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY


def test_the_user_agent_is_honest_and_nothing_else_is_told(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    get(server, "/file", tmp_path / "a")
    assert server.seen[0]["User-Agent"] == f"facecurate/{__version__}"
    assert "Authorization" not in server.seen[0]


@pytest.mark.parametrize(
    ("path", "options", "line"),
    [
        ("/none", {}, "the server answered 404"),
        ("/loop", {}, "more than 5 redirects"),
        ("/ftp", {}, "only http is fetched"),
        ("/short", {}, "the connection broke before the end"),
        ("/file", {"limit": len(BODY) - 1}, "sends more than the 6,999 bytes expected"),
        ("/file", {"sha256": "0" * 64}, f"another file than expected: SHA-256 {DIGEST}"),
    ],
)
def test_a_failure_is_one_line_and_leaves_no_file(server, tmp_path, path, options, line):
    with pytest.raises(FacecurateError, match=line) as caught:
        get(server, path, tmp_path / "a", **options)
    assert "\n" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_survives_a_failure(server, tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FacecurateError):
        get(server, "/none", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_plain_http_is_not_followed_unless_asked(server, tmp_path):
    url = f"http://127.0.0.1:{server.server_port}/file"
    with pytest.raises(FacecurateError, match="only https is fetched"):
        fetch.download(url, str(tmp_path / "a"), sha256=DIGEST, limit=10**6)
    assert server.seen == []


def test_nobody_listening_is_one_line(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/file"
        with pytest.raises(FacecurateError, match=r"^127\.0\.0\.1: no connection$"):
            fetch.download(url, str(tmp_path / "a"), sha256="", limit=1, schemes=("http",))
