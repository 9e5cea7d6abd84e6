"""Two hosts as functions from requests to replies, with a log and a virtual clock."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any, NamedTuple

from . import bend, changes, codes, oauth, static
from .changes import Asked
from .codes import Refusal
from .encode import XML, encode, xml
from .faults import ROBOTS, Book, Fault
from .methods import Service
from .rate import Meter, Rate
from .static import Images
from .wire import Reply, Request

REST = "/services/rest/"
ALLOW_ALL = "User-agent: *\nDisallow:\n"
_PRIVATE = ("api_key", "api_sig", "auth_token", "format", "nojsoncallback", "jsoncallback")
_COOKIE = (
    "ccc=%7B%22needsConsent%22%3Atrue%2C%22managed%22%3A0%7D; Max-Age=2592000; path=/;"
    " domain=.flickr.com"
)


class Logged(NamedTuple):
    """One request; ``at`` is when it came: time.monotonic(), or the given clock."""

    at: float
    host: str  # "api", "images", or "call" for one without HTTP
    verb: str
    path: str  # without the query
    method: str  # of the REST endpoint
    key: str
    agent: str
    status: int
    code: int | None  # of a reply with stat fail
    params: Mapping[str, str]


class Clock:
    """Seconds since 1970 as the world has them: frozen, or those of ``now`` and an offset."""

    def __init__(self, start: float, now: Callable[[], float] | None) -> None:
        self._start, self._now, self._offset = start, now, 0.0

    def time(self) -> float:
        """The time of the world."""
        return (self._now() if self._now else self._start) + self._offset

    def set(self, seconds: float) -> None:
        """Jumps to a time."""
        self._offset += seconds - self.time()

    def step(self, seconds: float) -> None:
        """Jumps by some seconds."""
        self._offset += seconds


class App:
    """Answers requests to both hosts; safe for many threads."""

    def __init__(
        self,
        service: Service,
        images: Images,
        *,
        rate: Rate | None,
        faults: Iterable[Fault | Mapping[str, Any]],
        keys: Mapping[str, str | None],
        robots: Mapping[str, str],
        now: Callable[[], float] | None,
    ) -> None:
        self.service, self.images, self.keys, self.robots = service, images, keys, robots
        self.clock = Clock(service.world.end, now)
        self.wall = now or time.time
        self.steady = now or time.monotonic
        self.meter = Meter(rate or Rate(per_hour=None), self.steady)
        began = self.steady()
        self.book = Book(faults, lambda: self.steady() - began)
        for rule in self.book.rules:
            bend.check(rule.fault)
            if rule.fault.kind == "appear":
                changes.hold(service, rule.fault.value)
        self.log: list[Logged] = []
        self.lock = threading.RLock()
        self._counting = threading.Lock()
        self._open: Counter[str] = Counter()
        self.high_water: defaultdict[str, int] = defaultdict(int)

    def entered(self, host: str, change: int) -> None:
        """Counts requests that are being answered."""
        with self._counting:
            self._open[host] += change
            self.high_water[host] = max(self.high_water[host], self._open[host])

    def answer(self, request: Request, host: str) -> Reply:
        """The reply to one request to the host "api" or "images"."""
        at = self.steady()
        if request.path == ROBOTS:
            reply = self._robots(host)
        elif host == "images":
            return self._image(request, at)
        elif request.path.rstrip("/") == REST.rstrip("/"):
            return self._rest(request, at)
        else:
            reply = bend.page_of(404)
        self._note(at, host, request, reply.status)
        return reply

    def _robots(self, host: str) -> Reply:
        text = self.robots.get(host, ALLOW_ALL).encode()
        reply = Reply(200, {"Content-Type": "text/plain"}, text, framing="length")
        asked = Asked(self.service, self.clock.time(), {}, path=ROBOTS, wall=self.wall)
        return bend.reply(self.book.due(ROBOTS), reply, asked)

    def _note(self, at: float, host: str, request: Request, status: int, **more: Any) -> None:
        agent = request.headers.get("user-agent", "")
        said = {"method": "", "key": "", "code": None, "params": {}} | more
        self.log.append(
            Logged(at, host, request.verb, request.path, agent=agent, status=status, **said)
        )

    def _image(self, request: Request, at: float) -> Reply:
        path, clock = request.path, self.clock.time()
        faults = self.book.due(path)
        client = f"{request.client} {request.headers.get('user-agent', '')}"
        if request.verb not in ("GET", "HEAD"):
            reply = bend.page_of(405)
        elif not self.meter.image(client, "_o." in path or "_o_d." in path):
            reply = self._refused()
        else:
            reply = self._bent(path, clock, faults) if faults else self.images.reply(path, clock)
        reply.headers.setdefault("Date", formatdate(self.wall(), usegmt=True))
        self._note(at, "images", request, reply.status)
        return reply

    def _bent(self, path: str, clock: float, faults: list[Fault]) -> Reply:
        address = static.read(path)
        place = self.service.world.index(address.photo_id) if address else None
        asked = Asked(self.service, clock, {}, place, path, self.clock.step, self.wall)
        with self.lock:
            bend.before([fault for fault in faults if fault.kind != "code"], asked)
        reply = self.images.reply(path, self.clock.time())
        reply.headers = dict(reply.headers)
        return bend.reply(faults, reply, asked)

    def _refused(self) -> Reply:
        return bend.too_many(self.meter.rate.retry_after)

    def _rest(self, request: Request, at: float) -> Reply:
        params = request.params()
        fields = oauth.header(request.headers.get("authorization", ""))
        key = fields.get("oauth_consumer_key", params.get("api_key", ""))
        wrong = self.meter.call(key)
        reply, code = self._refused(), None
        if wrong != "429":
            reply, code = self._called(request, params, fields, wrong)
        reply.headers.setdefault("Date", formatdate(self.wall(), usegmt=True))
        method = params.get("method", "")
        more = {"method": method, "key": key, "code": code, "params": _shown(params)}
        self._note(at, "api", request, reply.status, **more)
        return reply

    def _called(
        self, request: Request, params: dict[str, str], fields: Mapping[str, str], wrong: str | None
    ) -> tuple[Reply, int | None]:
        faults = self.book.due(_text(params))
        asked = self._asked(params)
        code: int | None = None
        try:
            self._may_call(request, params, fields, wrong)
            form, body = encode(self._tree(faults, asked), params)
        except oauth.BadSignature as problem:
            headers: dict[str, str | list[str]] = {"Content-Type": "text/plain"}
            return Reply(401, headers, str(problem).encode(), framing="length"), None
        except Refusal as refusal:
            code = refusal.code
            form, body = _failed(refusal, params)
        reply = bend.reply(faults, Reply(200, _headers(form), body), asked)
        if wrong == "latency":
            reply.hold += self.meter.rate.latency
        _packed(reply, request)
        return reply, code

    def _may_call(
        self, request: Request, params: dict[str, str], fields: Mapping[str, str], wrong: str | None
    ) -> None:
        url = f"http://{request.headers.get('host', '')}{request.path}"
        oauth.check(request.verb, url, params, fields, self.keys)
        if wrong == "expired":
            raise Refusal(100, codes.EXPIRED)
        if wrong == "201":
            raise Refusal(201)

    def _asked(self, params: dict[str, str]) -> Asked:
        named = params.get("photo_id", "")
        place = self.service.world.index(int(named)) if _is_id(named) else None
        clock = self.clock.time()
        return Asked(self.service, clock, dict(params), place, REST, self.clock.step, self.wall)

    def _tree(self, faults: list[Fault], asked: Asked) -> dict[str, Any]:
        with self.lock:
            bend.before(faults, asked)
            asked.clock = self.clock.time()
            tree = self.service.call(asked.params, asked.clock)
            bend.data(faults, tree, asked)
        return tree

    def call(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A call without HTTP, key and rate: the JSON reply as a dict, stat fail included."""
        at, said = self.steady(), {name: str(value) for name, value in params.items()}
        code, method = None, said.setdefault("method", "flickr.photos.search")
        try:
            tree = self._tree(self.book.due(_text(said)), self._asked(said))
        except Refusal as refusal:
            code, tree = refusal.code, refusal.as_dict()
        request = Request("CALL", REST, {})
        self._note(at, "call", request, 200, method=method, code=code, params=_shown(said))
        return tree

    def counters(self) -> dict[str, Any]:
        """How often what was asked, and how much at once."""
        log = list(self.log)
        return {
            "hosts": Counter(one.host for one in log),
            "methods": Counter(one.method for one in log if one.method),
            "keys": Counter(one.key for one in log if one.key),
            "paths": Counter(one.path for one in log),
            "statuses": Counter(str(one.status) for one in log),
            "codes": Counter(str(one.code) for one in log if one.code is not None),
            "fired": dict(self.book.fired),
            "high_water": dict(self.high_water),
        }


def _is_id(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


def _shown(params: Mapping[str, str]) -> dict[str, str]:
    """What was asked, without who asked."""
    return {
        name: value
        for name, value in params.items()
        if name not in _PRIVATE and not name.startswith("oauth_")
    }


def _text(params: Mapping[str, str]) -> str:
    """A call as the rules of faults see it."""
    shown = _shown(params)
    method = shown.pop("method", "")
    rest = "".join(f"&{name}={shown[name]}" for name in sorted(shown))
    return f"{REST}?method={method}{rest}"


def _failed(refusal: Refusal, params: Mapping[str, str]) -> tuple[str, bytes]:
    try:
        return encode(refusal.as_dict(), params)
    except Refusal:
        return XML, xml(refusal.as_dict()).encode()


def _headers(form: str) -> dict[str, str | list[str]]:
    return {
        "Content-Type": form,
        "Server": "openresty",
        "Vary": "Accept-Encoding",
        "Via": "1.1 standin.cloudfront.net (CloudFront)",
        "X-Cache": "Miss from cloudfront",
        "X-Amz-Cf-Pop": "LHR5-P1",
        "x-flickr-api-request": "Root=1-00000000-000000000000000000000000",
        "x-robots-tag": "noindex",
        "x-server": "serverless-proxy-127.0.0.1",
        "Set-Cookie": [_COOKIE, _COOKIE],
    }


def _packed(reply: Reply, request: Request) -> None:
    """Gzip for those who take it, if the reply is whole and worth it."""
    takes = "gzip" in request.headers.get("accept-encoding", "")
    whole = reply.cut is None and not reply.drip and reply.repeat == 1
    if takes and whole and len(reply.body) > 1000 and "Content-Encoding" not in reply.headers:
        reply.body = gzip.compress(reply.body, 1)
        reply.headers["Content-Encoding"] = "gzip"


def as_json(value: Any) -> Reply:
    """A reply of the control paths."""
    text = json.dumps(value).encode()
    return Reply(200, {"Content-Type": "application/json"}, text, framing="length")
