"""Downloads: over https, with a limit on bytes and time, checked against a digest, and honest.

The user agent names this program; nothing about the user is sent.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterator
from typing import Any, BinaryIO

import requests

from facecurate import __version__, storage
from facecurate.errors import FacecurateError
from facecurate.text import printable

USER_AGENT = f"facecurate/{__version__}"
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
MAX_REDIRECTS = 5
_BLOCK = 1 << 16


class FetchError(FacecurateError):
    """A download failed; the message names the host and the cause."""


def download(
    url: str,
    target: str,
    *,
    sha256: str,
    limit: int,
    schemes: tuple[str, ...] = ("https",),
) -> None:
    """Stores the file behind ``url`` as ``target`` (a storage url), whole and checked, or nothing.

    ``sha256`` is the expected digest or its first digits (hexadecimal), ``limit`` the largest
    number of bytes taken, ``schemes`` the only ones followed, redirects included. Raises
    FetchError.
    """
    with _Session() as session, storage.writing(target) as file:
        session.headers["User-Agent"] = USER_AGENT
        session.headers["Accept-Encoding"] = "identity"  # the digest is of the bytes as stored
        session.auth = _no_credentials
        try:
            found = _copy(_answer(session, url, schemes), file, limit)
        except requests.RequestException as error:
            raise FetchError(f"{_host(url)}: {cause(error)}") from error
        if not found.startswith(sha256):
            raise FetchError(
                f"{_host(url)} sent another file than expected: SHA-256 {found}, not {sha256}"
            )


class _Session(requests.Session):
    """Follows no redirect by itself: requests would read the body of each, whatever its size."""

    def resolve_redirects(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Nothing; ``_answer`` looks at each hop."""
        return iter(())


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from reading passwords out of the user's netrc."""
    return request


def _answer(session: requests.Session, url: str, schemes: tuple[str, ...]) -> requests.Response:
    """The final answer to a GET; every hop's scheme is checked before it is asked."""
    for _ in range(MAX_REDIRECTS + 1):
        if urllib.parse.urlsplit(url).scheme not in schemes:
            raise FetchError(f"{_host(url)}: only {' and '.join(schemes)} is fetched")
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        answer = session.get(url, stream=True, timeout=timeout, allow_redirects=False)
        if answer.ok and not answer.is_redirect:
            return answer
        with answer:
            answer.raise_for_status()
            url = urllib.parse.urljoin(url, answer.headers["Location"])
    raise FetchError(f"{_host(url)}: more than {MAX_REDIRECTS} redirects")


def _copy(answer: requests.Response, file: BinaryIO, limit: int) -> str:
    """Writes the body and returns its SHA-256."""
    total, size = hashlib.sha256(), 0
    for block in _blocks(answer):
        size += len(block)
        if size > limit:
            raise FetchError(f"{_host(answer.url)} sends more than the {limit:,} bytes expected")
        total.update(block)
        file.write(block)
    return total.hexdigest()


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    with answer:
        yield from answer.iter_content(_BLOCK)


def _host(url: str) -> str:
    return printable(urllib.parse.urlsplit(url).hostname or "the address", 100)


def cause(error: requests.RequestException) -> str:
    """Why a request failed, in a few words without the address or credentials."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refuses the connection"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be checked"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    text = str(error)
    if "resolve" in text or "Name or service" in text or "getaddrinfo" in text:
        return "its name cannot be resolved (no network?)"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke before the end"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
