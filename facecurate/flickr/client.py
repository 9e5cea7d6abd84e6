"""Calls to Flickr's API, one HTTP request each: the only file that knows flickrapi.

flickrapi 2.4 signs and sends. It gets a session of its own here, because the one it brings is
shared by all its instances, has no deadline and forgets the headers; its parsers, its cache, its
tokens and ``walk`` are not used, and what it and the OAuth libraries log, which holds the key, is
dropped.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import io
import logging
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import flickrapi
import requests
import urllib3
from requests.adapters import HTTPAdapter

from facecurate.errors import UsageError
from facecurate.flickr.failures import CallFailure, classify_call

REST_URL = "https://api.flickr.com/services/rest/"
LARGEST_REPLY = 16 << 20  # bytes, after decompression
LARGEST_FAILURE = 1 << 16  # of answers other than 200 no more is read
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
_BLOCK = 1 << 16
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TALKATIVE = ("flickrapi", "oauthlib", "requests_oauthlib")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came over the wire; ``error`` if it is not whole."""

    status: int | None = None
    body: bytes = b""
    retry_after: str | None = None
    now: float | None = None  # the server's, seconds since 1970
    error: BaseException | None = None


class FlickrClient:
    """One API key's way to Flickr; calls of several threads go one after another.

    ``deadline``: seconds that one call may take from the first byte to the last. The API is only
    asked over https, or on this machine. Raises UsageError for words that can be no key.
    """

    def __init__(
        self,
        key: str,
        secret: str,
        *,
        rest_url: str = REST_URL,
        user_agent: str,
        deadline: float = 60.0,
    ) -> None:
        self._rest_url = rest_url
        usable = _is_word(key) and _is_word(secret)
        if usable:
            self._hidden = (secret, key)
            self._session = _Session(user_agent, deadline)
            self._api = _quiet_api(key, secret, rest_url, self._session)
        key = secret = ""  # a traceback that shows this frame's names shows no secret
        if not usable:
            raise UsageError(
                "FLICKR_API_KEY and FLICKR_API_SECRET are needed, each one word (keys are given "
                "out at https://www.flickr.com/services/apps/create/ to Flickr Pro accounts)"
            )
        _check_address(rest_url)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"FlickrClient({self._rest_url!r})"

    def call(self, method: str, /, **params: str | int) -> dict[str, Any]:
        """The reply of one call like ``flickr.photos.search``, one HTTP request.

        Raises CallFailure, which says what to do. It is raised here with nothing before it:
        the frames and exceptions below hold the key.
        """
        reply = self._attempt(method, params)
        if isinstance(reply, CallFailure):
            raise reply
        return reply

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()

    def _attempt(self, method: str, params: dict[str, str | int]) -> dict[str, Any] | CallFailure:
        with self._lock:
            answer = self._sent(method, params)
        reply = classify_call(
            answer.status,
            answer.body,
            answer.retry_after,
            answer.error,
            method=method,
            now=answer.now,
        )
        if not isinstance(reply, CallFailure):
            return reply
        message = self._without_secrets(reply.message)
        return CallFailure(reply.kind, reply.status, reply.code, message, reply.retry_after)

    def _sent(self, method: str, params: dict[str, str | int]) -> _Answer:
        """One signed request. An error of any kind is an answer: its text may hold the key."""
        self._session.answer = _Answer()
        try:
            self._api.do_flickr_call(
                method, timeout=(CONNECT_SECONDS, READ_SECONDS), format="json", **params
            )
        except flickrapi.FlickrError:
            return self._session.answer  # of a status other than 200
        except Exception as error:
            return replace(self._session.answer, error=error)
        return self._session.answer

    def _without_secrets(self, text: str) -> str:
        for word in self._hidden:
            text = text.replace(word, "[hidden]")
        return text


def _is_word(text: object) -> bool:
    return isinstance(text, str) and bool(text) and all("!" <= letter <= "~" for letter in text)


def _check_address(rest_url: str) -> None:
    parts = urllib.parse.urlsplit(rest_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"the API is asked over https or on this machine, not at {rest_url!r}")


def _quiet_api(key: str, secret: str, rest_url: str, session: _Session) -> Any:
    api = flickrapi.FlickrAPI(key, secret, format="json", store_token=False, cache=False)
    api.REST_URL = rest_url
    api.flickr_oauth.session = session
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _TALKATIVE:
            logging.getLogger(name).addFilter(_nothing)
    return api


def _nothing(record: logging.LogRecord) -> bool:
    """Lets no record through: keys, signatures and whole bodies are in them."""
    return False


class DeadlineError(Exception):
    """The call took longer than it may."""


class TooLargeError(Exception):
    """The reply is larger than any reply of the API."""


class _Session(requests.Session):
    """Reads each answer whole, within a limit of bytes and of time, and keeps what came with it."""

    def __init__(self, user_agent: str, deadline: float) -> None:
        super().__init__()
        self.answer = _Answer()
        self._watch = _Watch(deadline)
        self.headers["User-Agent"] = user_agent
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self._watch))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """One request and its answer; a redirect is an answer like any other."""
        options |= {"stream": True, "allow_redirects": False}
        with self._watch.running():
            response = super().send(request, **options)
            with response:
                self.answer = _head(response)
                body = _body(response)
        self.answer = replace(self.answer, body=body)
        response.raw = io.BytesIO(body)
        response.encoding = "utf-8"
        return response

    def resolve_redirects(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Nothing: requests would read the body of each, whatever its size."""
        return iter(())


def _head(response: requests.Response) -> _Answer:
    """Status, Retry-After and the server's own time."""
    now, headers = None, response.headers
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        now = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    return _Answer(response.status_code, b"", headers.get("Retry-After"), now)


def _body(response: requests.Response) -> bytes:
    """The decoded body; of a failure its beginning."""
    most = LARGEST_REPLY if response.status_code == 200 else LARGEST_FAILURE
    body = bytearray()
    for block in response.raw.stream(_BLOCK, decode_content=True):
        body += block
        if len(body) > most and response.status_code == 200:
            raise TooLargeError
        if len(body) > most:
            break
    return bytes(body[:most])


class _Watch:
    """Ends a request that outlives its time, in whatever it waits for.

    A timeout of requests is one of each read: a byte now and then keeps a request alive for ever.
    Shutting the socket down wakes the reader.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: Any = None
        self._expired = False

    def opened(self, connection: Any) -> None:
        """Remembers the newest connection: there is one at a time."""
        self._socket = connection

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Raises DeadlineError, instead of what the end of the socket led to, if time ran out."""
        self._expired = False
        end = time.monotonic() + self._seconds
        timer = threading.Timer(self._seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if self._expired or time.monotonic() > end:
                raise DeadlineError

    def _expire(self) -> None:
        self._expired = True
        with contextlib.suppress(OSError, AttributeError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # not TLS's own goodbye


class _Adapter(HTTPAdapter):
    """Tells the watch of every connection that is made."""

    def __init__(self, watch: _Watch) -> None:
        self._pools = _watched_pools(watch)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As usual, with our connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """As usual, with our connections; a SOCKS proxy brings its own."""
        manager = super().proxy_manager_for(proxy, **options)
        if isinstance(manager, urllib3.ProxyManager):
            manager.pool_classes_by_scheme = self._pools
        return manager


def _watched_pools(watch: _Watch) -> dict[str, Any]:
    class Plain(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watch.opened(self.sock)

    class Secure(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watch.opened(self.sock)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
