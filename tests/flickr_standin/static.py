"""The image host: which bytes lie at an address, with the headers that were recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate

from . import hashing, pictures, rows, sizes
from .methods import Service
from .sizes import Size
from .timeline import NEVER, alive
from .wire import Reply

_ADDRESS = re.compile(r"/(\d+)/(\d{1,18})_([0-9a-f]{10})((?:_[a-z0-9]+)*)\.([a-z]+)")
PLACEHOLDER_PATH = "/pw/images/en-us/photo_unavailable.png"
_YEAR = 31_536_000
_HEADERS: dict[str, str | list[str]] = {
    "Content-Type": "image/jpeg",
    "Cache-Control": f"public, max-age={_YEAR}",
    "Server": "Jubilee",
    "Via": "1.1 standin.cloudfront.net (CloudFront)",
    "X-Cache": "Miss from cloudfront",
}


@dataclass(frozen=True, slots=True)
class Address:
    """What an address of the image host says."""

    server: int
    photo_id: int
    secret: str
    size: Size
    kind: str
    attachment: bool

    @property
    def text(self) -> str:
        """The comment in the file."""
        return f"photo {self.photo_id} size {self.size.name}"


def read(path: str) -> Address | None:
    """The parts of a path, None for one of another form."""
    match = _ADDRESS.fullmatch(path)
    if match is None:
        return None
    server, photo_id, secret, suffixes, kind = match.groups()
    named = suffixes.split("_")[1:]
    attachment = named[-1:] == ["d"]
    if attachment:
        named.pop()
    size = sizes.BY_SUFFIX.get(named[0] if named else "") if len(named) < 2 else None
    if size is None:
        return None
    return Address(int(server), int(photo_id), secret, size, kind, attachment)


@dataclass
class Images:
    """Answers requests for pictures of a service's world.

    ``pool``: drawn photos of each shape; ``quality``: of their JPEG, 1 to 100; ``gone``: status of
    what was removed, 0 for one of 404 and 410; ``stale``: the cache goes on giving it for a year.
    """

    service: Service
    pool: int = 1
    quality: int = 95
    gone: int = 0
    stale: bool = False

    def reply(self, path: str, clock: float) -> Reply:
        """The answer to a GET."""
        if path == PLACEHOLDER_PATH:
            headers: dict[str, str | list[str]] = {"Content-Type": "image/png"}
            return Reply(200, headers, pictures.placeholder(), framing="length")
        address = read(path)
        if address is None:
            return absent(404)
        index = self.service.world.index(address.photo_id)
        if index is None or not self._known(address, index, clock):
            return absent(404)
        if not alive(self.service.world, index, clock) and not self._cached(index, clock):
            return absent(self.gone or (404, 410)[hashing.mix(index) & 1])
        return self._picture(address, index)

    def _known(self, address: Address, index: int, clock: float) -> bool:
        """Whether server, secret, size and kind are those of the photo."""
        world, line = self.service.world, self.service.world.timeline
        version = int(line.resecret[index] <= clock)
        if address.secret != world.secret(index, address.size.secret, version):
            return False
        if address.server != int(world.server[index]):
            return False
        shown = self.service.shown([index], clock)
        there = rows.offered(shown, address.size)[0]
        return there and rows.extensions(shown, address.size)[0] == address.kind

    def _cached(self, index: int, clock: float) -> bool:
        line = self.service.world.timeline
        removed = min(int(line.private[index]), int(line.deleted[index]), NEVER)
        return self.stale and clock < removed + _YEAR

    def _picture(self, address: Address, index: int) -> Reply:
        world, size = self.service.world, address.size
        shape, edge = int(world.shape[index]), size.edge or int(world.edge[index])
        number = hashing.mix(index, 11) % self.pool
        width, height = sizes.pixels(shape, edge, size.square)
        if address.kind == "png":
            head, body = b"", pictures.png(shape, number, edge, address.text)
        else:
            data = pictures.jpeg(shape, number, edge, size.square, self.quality)
            head, body = pictures.parts(data, address.text)
        if size.secret == sizes.ORIGINAL and address.kind == "jpg":
            head = pictures.with_exif(head)
        reply = Reply(200, dict(_HEADERS), body, head)
        reply.headers |= {
            "Content-Type": "image/png" if address.kind == "png" else "image/jpeg",
            "ETag": f'"{hashing.mix(index, edge):016x}{address.photo_id & 0xFFFFFFFF:016x}.1"',
            "Last-Modified": formatdate(int(world.uploaded[index]), usegmt=True),
            "imagewidth": str(width),
            "imageheight": str(height),
            "x-ttdb-l": str(reply.size),
        }
        if address.attachment:
            reply.headers["Content-Disposition"] = "attachment"
        return reply


def absent(status: int) -> Reply:
    """No picture: no body either."""
    return Reply(status, {"Server": "nginx", "Content-Type": "text/html"}, framing="length")
