"""The stand-in on two ports of this machine, and as an object in this process."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import ThreadingHTTPServer
from typing import Any, Self

import numpy as np

from . import bend, wire
from .app import App, Logged, as_json
from .faults import Fault
from .methods import Service
from .query import read as read_query
from .rate import Rate
from .search import Behaviour
from .static import Images
from .wire import Reply, Request
from .world import World

KEY, SECRET = "5ca1ab1e" * 4, "0ddba11" * 2 + "42"
_LOOPBACK = "127.0.0.1"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, host: str, answer: Callable[[Request, str], Reply], app: App):
        self.host, self.answer, self.app = host, answer, app
        self.stopping = threading.Event()
        self.connections: set[Any] = set()
        self.crashes: list[BaseException] = []
        super().__init__((_LOOPBACK, port), _Connection)

    def server_bind(self) -> None:
        """Binds without asking for the name of this machine."""
        socketserver.TCPServer.server_bind(self)

    def stop(self) -> None:
        """Ends all connections; raises what went wrong in the server itself."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        deadline = time.monotonic() + 5
        while self.connections and time.monotonic() < deadline:
            for connection in list(self.connections):
                _hang_up(connection)
            time.sleep(0.002)
        if self.crashes:
            raise self.crashes[0]


def _hang_up(connection: Any) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answers requests until one side has enough."""
        server = self.server
        server.connections.add(self.connection)
        try:
            while not server.stopping.is_set() and self._one():
                pass
        except OSError:
            pass  # the other side went away, or the server stops
        except Exception as error:
            server.crashes.append(error)
        finally:
            server.connections.discard(self.connection)

    def _one(self) -> bool:
        server = self.server
        request = wire.read(self.rfile, str(self.client_address[0]))
        if request is None:
            return False
        server.app.entered(server.host, 1)
        try:
            reply = server.answer(request, server.host)
            return wire.send(self.connection, request, reply, server.stopping)
        finally:
            server.app.entered(server.host, -1)

    def finish(self) -> None:
        """Closes the files; what the other side did not take is lost."""
        with contextlib.suppress(OSError):
            super().finish()


class Standin:
    """A stand-in for Flickr on loopback; see SPEC A in the notes on Flickr.

    Used as a context manager it serves; without that, :meth:`search` and :meth:`call` work. The
    world's clock stands at ``world.end`` until :meth:`set_clock`, unless ``now`` gives seconds
    since 1970, which then drive the rate limits too. ``pool``: drawn photos of each shape;
    ``gone``: HTTP status of removed pictures, 0 for a mix; ``stale``: the cache keeps them;
    ``robots``: robots.txt by host, "api" and "images"; ``any_key``: every key of 32 hexadecimal
    digits is accepted, with any secret.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        rate: Rate | None = None,
        faults: Iterable[Fault | Mapping[str, Any]] = (),
        behaviour: Behaviour | None = None,
        pool: int = 1,
        quality: int = 95,
        gone: int = 0,
        stale: bool = False,
        robots: Mapping[str, str] | None = None,
        any_key: bool = False,
        now: Callable[[], float] | None = None,
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        self.world = world or World()
        self.key, self.secret = KEY, SECRET
        self._settings = (rate, tuple(faults), dict(robots or {}), now)
        self._service = Service(self.world, behaviour or Behaviour())
        self._images = Images(self._service, pool, quality, gone, stale)
        self._keys: dict[str, str | None] = {"*": None} if any_key else {KEY: SECRET}
        self._ports = ports
        self._servers: list[_Server] = []
        self.reset()

    def reset(self) -> None:
        """Forgets requests and counters; clock, limits and faults are as at the beginning."""
        rate, faults, robots, now = self._settings
        self.app = App(
            self._service,
            self._images,
            rate=rate,
            faults=faults,
            keys=self._keys,
            robots=robots,
            now=now,
        )
        for server in self._servers:
            server.app = self.app

    # Serving

    def start(self) -> Self:
        """Serves on two ports until :meth:`stop`."""
        for host, port in zip(("api", "images"), self._ports, strict=True):
            server = _Server(port, host, self._answer, self.app)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self._servers.append(server)
        self._service.base = self.image_base
        return self

    def stop(self) -> None:
        """Ends all connections and frees the ports; raises an error of the server's own."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _answer(self, request: Request, host: str) -> Reply:
        if host == "api" and request.path.startswith("/_ctl/"):
            return self._control(request)
        return self.app.answer(request, host)

    @property
    def rest_url(self) -> str:
        """Address of the REST endpoint."""
        return f"http://{_LOOPBACK}:{self._servers[0].server_address[1]}/services/rest/"

    @property
    def image_base(self) -> str:
        """Scheme, host and port of the pictures."""
        return f"http://{self.image_host}"

    @property
    def image_host(self) -> str:
        """Host and port of the pictures."""
        return f"{_LOOPBACK}:{self._servers[1].server_address[1]}"

    @property
    def control_url(self) -> str:
        """Begins the addresses of the control paths."""
        return f"http://{_LOOPBACK}:{self._servers[0].server_address[1]}/_ctl/"

    # Looking in

    @property
    def requests(self) -> list[Logged]:
        """All requests so far, oldest first; those to /_ctl/ left out."""
        return self.app.log

    def counters(self) -> dict[str, Any]:
        """Requests by host, method, key, path, status and code; faults fired; most at once."""
        return self.app.counters()

    def busiest(self, seconds: float, host: str = "api", key: str | None = None) -> int:
        """The most requests to a host (of one key) in any so many seconds."""
        wanted = [one for one in self.requests if one.host == host and key in (None, one.key)]
        times = np.sort(np.array([one.at for one in wanted], float))
        ends = np.searchsorted(times, times + seconds)
        return int((ends - np.arange(len(times))).max(initial=0))

    def matching(self, **params: Any) -> list[int]:
        """The ids that an exact and unlimited search would find now, in its order."""
        asked = {name: str(value) for name, value in params.items()}
        read_query(asked)
        with self.app.lock:
            places = self._service.search.exact(asked, self.app.clock.time())
        return list(self.world.ids[places].tolist())

    # Acting

    def search(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """flickr.photos.search without HTTP: the JSON reply as a dict, stat fail included."""
        return self.app.call({**params, "method": "flickr.photos.search"})

    def call(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Any method without HTTP."""
        return self.app.call(params)

    def image(self, url: str) -> Reply:
        """A picture without HTTP; ``reply.head + reply.body`` are its bytes."""
        path = url.removeprefix(self._service.base)
        return self.app.answer(Request("GET", path, {}), "images")

    @property
    def clock(self) -> float:
        """The world's time, seconds since 1970."""
        return self.app.clock.time()

    def set_clock(self, seconds: float) -> None:
        """The world's time jumps."""
        self.app.clock.set(seconds)

    def set_faults(self, faults: Iterable[Fault | Mapping[str, Any]]) -> None:
        """Puts other rules in the place of all."""
        self.app.book.set(faults)
        for rule in self.app.book.rules:
            bend.check(rule.fault)

    def change(self, photo_id: int | str, **times: int) -> None:
        """Alters one photo's fate: ``private=t``, ``deleted=t``, ``resecret=t``, ``licence=n``.

        Times are seconds since 1970; ``licence`` holds from ``relicensed`` (at once if that is not
        given) on.
        """
        index = self.world.index(int(photo_id))
        if index is None:
            raise KeyError(f"no photo {photo_id}")
        if "licence" in times:
            times.setdefault("relicensed", 0)
        self.world.timeline.set(index, **times)

    # From outside

    def _control(self, request: Request) -> Reply:
        action, params = request.path.removeprefix("/_ctl/"), request.params()
        if action == "requests":
            return as_json([one._asdict() for one in self.requests])
        if action == "counters":
            return as_json(self.counters())
        if request.verb != "POST":
            return bend.page_of(405)
        if action == "reset":
            self.reset()
        elif action == "clock":
            self.set_clock(float(params["t"]))
        elif action == "faults":
            self.set_faults(json.loads(request.body))
        else:
            return bend.page_of(404)
        return as_json({"clock": self.clock})
