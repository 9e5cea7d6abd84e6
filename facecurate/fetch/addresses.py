"""Which addresses are asked at all: schemes, hosts, and no machine of a private network.

A name is resolved once a connection; every address is judged, and the connection goes to one that
was judged good. So a name that resolves differently a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.parse
from dataclasses import dataclass

from facecurate.fetch.kinds import Failure
from facecurate.fetch.settings import FetchSettings

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?\.?")
_LONGEST_URL = 4096
_MOST_ADDRESSES = 4
_SAFE = "/%:=&?~#+!$,;'@()*[]-._"


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address."""

    url: str
    scheme: str
    host: str  # lower case, an IPv6 address without its brackets
    port: int
    path: str  # with the query, percent-encoded
    local: bool  # one of ``FetchSettings.local``

    @property
    def origin(self) -> tuple[str, str, int]:
        """What connections are shared by."""
        return self.scheme, self.host, self.port

    @property
    def bucket(self) -> str:
        """The name of its host's budget."""
        usual = self.port == _PORTS[self.scheme]
        return f"img:{self.host}" if usual else f"img:{self.host}:{self.port}"


def check(url: str, settings: FetchSettings) -> Target:
    """Parses an address. Raises Failure ("address") for one that is never asked."""
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        raise Failure("address", "too long, or with characters that no address has")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise Failure("address", f"it cannot be read: {error}") from error
    if "@" in parts.netloc:
        raise Failure("address", "it holds a user name")
    scheme = parts.scheme
    if scheme not in _PORTS:
        raise Failure("address", f"its scheme is {scheme or 'missing'}")
    port = port or _PORTS[scheme]
    local = f"{host}:{port}" in settings.local or f"[{host}]:{port}" in settings.local
    if not local:
        _check_remote(scheme, host, port, settings)
    path = urllib.parse.quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path += "?" + urllib.parse.quote(parts.query, safe=_SAFE)
    return Target(url, scheme, host, port, path, local)


def _host(name: str) -> str:
    """The name in lower case ASCII. Raises ValueError."""
    if ":" in name:
        return str(ipaddress.IPv6Address(name))
    ascii_name = name.encode("idna").decode() if not name.isascii() else name.lower()
    if not _HOST.fullmatch(ascii_name):
        raise ValueError("no host name")
    return ascii_name.rstrip(".")


def _check_remote(scheme: str, host: str, port: int, settings: FetchSettings) -> None:
    if scheme not in settings.schemes:
        raise Failure("address", f"only {' and '.join(settings.schemes)} is fetched")
    if port != _PORTS[scheme]:
        raise Failure("address", f"port {port} is not asked")
    if settings.hosts and not any(_matches(host, pattern) for pattern in settings.hosts):
        raise Failure("address", f"the host {host} is not on the list")


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host == pattern


def is_public(address: str) -> bool:
    """True for an IP address of the public internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _inner(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291, deprecated


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that is reached through an IPv6 one."""
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour
    if ip.teredo:
        return ip.teredo[1]
    if ip in _NAT64 or ip in _COMPATIBLE:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def connect(target: Target, seconds: float) -> socket.socket:
    """A TCP connection to an address of the target's host that was judged good.

    ``seconds``: for each address tried. Raises Failure for names without a public address, OSError
    where nobody answers.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    good = [f for f in found if target.local or is_public(str(f[4][0]))]
    if not good:
        raise Failure("address", f"{target.host} is in a private network")
    trouble: OSError = OSError("no address")
    for family, kind, protocol, _, address in good[:_MOST_ADDRESSES]:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(seconds)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect(address)
        except OSError as error:
            made.close()
            trouble = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise trouble
