"""Requests and replies of HTTP/1.1 on a socket, and the ways in which a reply can break."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

REASONS = {
    200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 410: "Gone", 418: "I'm a teapot",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
CHUNK = 1 << 16
Bytes = bytes | memoryview
_MOST_BODY = 1 << 20


class Source(Protocol):
    """What a socket gives to read from."""

    def readline(self, size: int = ..., /) -> bytes: ...
    def read(self, size: int = ..., /) -> bytes: ...


@dataclass(slots=True)
class Request:
    """One request; header names are in lower case."""

    verb: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    client: str = ""

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    def params(self) -> dict[str, str]:
        """What query and form say."""
        pairs = parse_qsl(urlsplit(self.target).query, keep_blank_values=True)
        if self.body:
            pairs += parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return dict(pairs)


@dataclass(slots=True)
class Reply:
    """An answer; ``framing`` says how its end is told: "chunked", "length" or "close".

    What can go wrong: ``hold`` seconds before the first byte, ``reset`` instead of it, only
    ``cut`` bytes of the body and then the end of the connection, ``drip`` seconds between single
    bytes, the body ``repeat`` times.
    """

    status: int = 200
    headers: dict[str, str | list[str]] = field(default_factory=dict)
    body: bytes = b""
    head: bytes = b""  # the first part of the body, where the rest is shared by many photos
    framing: str = "chunked"
    hold: float = 0.0
    reset: bool = False
    cut: int | None = None
    drip: float = 0.0
    repeat: int = 1

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return len(self.head) + len(self.body) * self.repeat


def read(file: Source, client: str) -> Request | None:
    """The next request of a connection, None at its end or if it makes no sense."""
    line = file.readline(65_536)
    words = line.split()
    if len(words) != 3:
        return None
    headers = {}
    while (line := file.readline(65_536)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _MOST_BODY:
        return None
    body = file.read(length) if length else b""
    return Request(words[0].decode("latin-1"), words[1].decode("latin-1"), headers, body, client)


def send(
    connection: socket.socket, request: Request, reply: Reply, stopping: threading.Event
) -> bool:
    """Sends a reply; whether the connection goes on."""
    if reply.hold and stopping.wait(reply.hold):
        return False
    if reply.reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    more = reply.framing != "close" and reply.cut is None
    more = more and request.headers.get("connection", "").lower() != "close"
    head = _head(reply, more)
    if request.verb == "HEAD":
        connection.sendall(head)
        return more
    if reply.drip or reply.cut is not None or reply.repeat > 1:
        _slowly(connection, head, reply, stopping)
        return more
    connection.sendall(b"".join((head, *_framed(reply))))
    return more


def _head(reply: Reply, more: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}"]
    for name, value in reply.headers.items():
        if isinstance(value, list):
            lines += [f"{name}: {one}" for one in value]
        else:
            lines.append(f"{name}: {value}")
    if reply.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif reply.framing == "length":
        lines.append(f"Content-Length: {reply.size}")
    lines.append(f"Connection: {'keep-alive' if more else 'close'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _framed(reply: Reply) -> list[Bytes]:
    if reply.framing != "chunked":
        return [reply.head, reply.body]
    if not reply.size:
        return [b"0\r\n\r\n"]
    room = max(0, CHUNK - len(reply.head))
    view = memoryview(reply.body)
    first = view[:room]
    parts: list[Bytes] = [b"%x\r\n" % (len(reply.head) + len(first)), reply.head, first]
    for start in range(room, len(reply.body), CHUNK):
        piece = view[start : start + CHUNK]
        parts += [b"\r\n%x\r\n" % len(piece), piece]
    return [*parts, b"\r\n0\r\n\r\n"]


def _slowly(
    connection: socket.socket, head: bytes, reply: Reply, stopping: threading.Event
) -> None:
    """A body that comes byte by byte, ends too early, or does not end for long."""
    connection.sendall(head)
    left = reply.size if reply.cut is None else min(reply.cut, reply.size)
    step = 1 if reply.drip else CHUNK
    for number in range(reply.repeat):
        body = memoryview((reply.head if number == 0 else b"") + reply.body)
        for start in range(0, len(body), step):
            piece = body[start : min(start + step, start + left)]
            if not left or stopping.wait(reply.drip):
                return
            left -= len(piece)
            chunked = b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))
            connection.sendall(chunked if reply.framing == "chunked" else piece)
    if reply.framing == "chunked" and reply.cut is None:
        connection.sendall(b"0\r\n\r\n")
