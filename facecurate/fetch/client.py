"""One GET: every hop checked before it is asked, the body limited in bytes and in time."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from facecurate.fetch import addresses
from facecurate.fetch.addresses import Target
from facecurate.fetch.connections import Connection, Connections, StoppedRequest
from facecurate.fetch.kinds import Failure, of_status, retry_after
from facecurate.fetch.settings import FetchSettings

_BLOCK = 1 << 16
_DRAINED = 16 << 10  # a body of an error page up to this is read, so that its connection is kept
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200.

    ``confirmed``: the transfer itself says that nothing is missing, which a body that ends with
    its connection cannot.
    """

    url: str
    headers: http.client.HTTPMessage
    body: bytes
    confirmed: bool


class Client:
    """Sends requests over shared connections; for any number of threads."""

    def __init__(self, settings: FetchSettings, connections: Connections) -> None:
        self._settings, self._connections = settings, connections
        self._headers = {
            "User-Agent": settings.user_agent,
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",
        }

    def get(self, target: Target, limit: int, before: Callable[[Target, int], None]) -> Answer:
        """The body at the end of at most ``settings.redirects`` redirects. Raises Failure.

        ``before`` is called with every hop and its number, and may refuse it by a Failure.
        """
        for hop in range(self._settings.redirects + 1):
            before(target, hop)
            found = self._ask(target, limit)
            if isinstance(found, Answer):
                return found
            target = self._follow(target, found)
        raise Failure("redirects", f"more than {self._settings.redirects}")

    def _follow(self, target: Target, location: str) -> Target:
        try:
            url = urllib.parse.urljoin(target.url, location)
        except ValueError as error:
            raise Failure("moved_away", str(error)) from error
        if re.search(r"/photo_unavailable(_\w+)?\.(png|gif|jpg)$", url.partition("?")[0]):
            raise Failure("placeholder", "a redirect to the picture for missing ones")
        try:
            return addresses.check(url, self._settings)
        except Failure as failure:
            raise Failure("moved_away", failure.detail) from failure

    def _ask(self, target: Target, limit: int) -> Answer | str:
        """One request: its answer, or where it redirects to."""
        with self._connections.lease(target) as connection:
            try:
                found = self._exchange(connection, target, limit)
            except (Failure, OSError, http.client.HTTPException, ValueError) as error:
                if self._connections.stopping:
                    raise StoppedRequest from error
                raise _translated(error, connection) from error
            if connection.aborted:  # what looks like an end is none
                if self._connections.stopping:
                    raise StoppedRequest
                raise _translated(TimeoutError(), connection)
        if isinstance(found, Failure):
            raise found
        return found

    def _exchange(
        self, connection: Connection, target: Target, limit: int
    ) -> Answer | str | Failure:
        """The answer, where it redirects to, or a failure that leaves the connection in order."""
        connection.request("GET", target.path, headers=self._headers)
        with contextlib.closing(connection.getresponse()) as response:
            headers = response.headers
            redirect = response.status in _REDIRECTS and headers.get("Location")
            failure = of_status(
                response.status, retry_after(headers.get("Retry-After"), _now(headers))
            )
            if redirect or failure:
                _drain(connection, response)
                return redirect or failure or ""
            encoding = headers.get("Content-Encoding", "identity").strip().lower()
            if encoding not in ("identity", ""):
                raise Failure("encoded", encoding)
            confirmed = response.length is not None or bool(response.chunked)
            return Answer(target.url, headers, self._body(response, limit), confirmed)

    def _body(self, response: http.client.HTTPResponse, limit: int) -> bytes:
        length, body = response.length, bytearray()
        if length is not None and length > limit:
            raise Failure("too_many_bytes", f"{length:,} > {limit:,}")
        began = time.monotonic()
        while length is None or len(body) < length:
            block = response.read1(_BLOCK)
            if not block:
                break
            body += block
            if len(body) > limit:
                raise Failure("too_many_bytes", f"more than {limit:,}")
            spent = time.monotonic() - began
            if spent > self._settings.slow_seconds and len(body) < self._settings.slowest * spent:
                raise Failure("too_slow", f"{len(body):,} bytes in {spent:.0f} s")
        if length is not None and len(body) != length:
            raise Failure("truncated", f"{len(body):,} of {length:,} bytes")
        return bytes(body)


def _drain(connection: Connection, response: http.client.HTTPResponse) -> None:
    """Reads a small body of known length, so that the connection can be used again."""
    length = response.length
    if length is None or length > _DRAINED or len(response.read(length)) < length:
        connection.close()


def _now(headers: http.client.HTTPMessage) -> float:
    """The server's own time, so that its dates mean what it meant; else this machine's."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return time.time()


def _translated(error: Exception, connection: Connection) -> Failure:
    """What an exception of the network stack means."""
    if connection.aborted:
        return Failure("too_slow", "the time for one request is over")
    if isinstance(error, Failure):
        return error
    if isinstance(error, TimeoutError):
        return Failure("no_answer")
    if isinstance(error, socket.gaierror):
        return Failure("unknown_host", connection.host)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure("certificate", error.verify_message)
    if isinstance(error, http.client.IncompleteRead):
        return Failure("truncated", "the last chunk is missing")
    return Failure("connection", type(error).__name__)
