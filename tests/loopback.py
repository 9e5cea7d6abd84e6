"""A server that answers each path with exactly the bytes or the behaviour that a test gives it."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from facecurate.fetch import FetchSettings, Wanted

Behaviour = Callable[[socket.socket], None]


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), seed: int = 0, **more) -> bytes:
    """A picture of smooth noise."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(file, kind, **more)
        return file.getvalue()


def reply(body: bytes = b"", status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """An answer in chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + (b"0\r\n\r\n" if end else b"")
    return reply(body, "200 OK", "Transfer-Encoding: chunked", length=False)


def closing(data: bytes) -> Behaviour:
    """Sends bytes and closes."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(data)
        raise ConnectionAbortedError

    return behave


@dataclass(frozen=True)
class Seen:
    """A request."""

    path: str
    headers: dict[str, str]
    connection: int
    at: float


@dataclass
class Loopback:
    """``answers[path]`` is a reply, a behaviour, or a list of them for one request after the other.

    A behaviour that raises OSError ends the connection; ``stopping`` tells it when to give up.
    """

    answers: dict[str, bytes | Behaviour | list[bytes | Behaviour]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    tls: object = None

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._busy = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def paths(self) -> list[str]:
        """Those that were asked for, but for robots.txt."""
        return [one.path for one in self.seen if one.path != "/robots.txt"]

    def hang(self, connection: socket.socket) -> None:
        """Says nothing until the end."""
        self.stopping.wait(20)
        raise ConnectionAbortedError

    def drip(self, data: bytes, pause: float) -> Behaviour:
        """Sends one byte after the other."""

        def behave(connection: socket.socket) -> None:
            for byte in data:
                connection.sendall(bytes([byte]))
                if self.stopping.wait(pause):
                    raise ConnectionAbortedError

        return behave

    def close(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self) -> None:
        number = 0
        threads = []
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                break
            number += 1
            threads.append(threading.Thread(target=self._serve, args=(connection, number)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as lines:
                while request := lines.readline():
                    self._one(connection, lines, request, number)
        except OSError:
            pass
        finally:
            connection.close()
            with self._lock:
                self._open.discard(connection)

    def _one(self, connection: socket.socket, lines, request: bytes, number: int) -> None:
        headers = {}
        while line := lines.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name] = value.strip()
        path = request.split()[1].decode()
        with self._lock:
            self.seen.append(Seen(path, headers, number, time.monotonic()))
            self._busy += 1
            self.most_at_once = max(self.most_at_once, self._busy)
            answer = self.answers.get(path, reply(b"", "404 Not Found"))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        try:
            if isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                answer(connection)
        finally:
            with self._lock:
                self._busy -= 1

    def settings(self, folder=None, **more) -> FetchSettings:
        """Settings with which this server is asked."""
        quick = {"silent_seconds": 2.0, "total_seconds": 5.0, "threads": 4}
        return FetchSettings(
            **{"folder": folder and str(folder), "local": (self.host,), **quick, **more}
        )

    def wanted(self, *paths: str) -> list[Wanted]:
        """Each path under its own name."""
        return [Wanted(f"{i}-{p.strip('/')}", self.url(p)) for i, p in enumerate(paths)]


@contextlib.contextmanager
def serving(**answers) -> Iterator[Loopback]:
    """A server whose paths are given by name."""
    server = Loopback({f"/{name}": answer for name, answer in answers.items()})
    try:
        yield server
    finally:
        server.close()


@dataclass
class FakeClock:
    """Moves when somebody sleeps by it."""

    now: float = 1.7e9
    slept: float = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        time.sleep(0.0005)
