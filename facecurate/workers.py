"""Worker processes: one task at a time, one thread each, and a death is a named failure.

Workers are spawned, never forked: a process that used torch or FAISS and forks hangs. Each has a
pipe of its own, so that the parent knows which task a dead worker held.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from facecurate.errors import FacecurateError, PartError
from facecurate.text import printable

Progress = Callable[[int, int], None]  # items done, items in all


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something picklable that one call of a module-level function does."""

    name: str


T = TypeVar("T", bound=Task)
Make = Callable[[T, Callable[[int], None]], None]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def usual_workers() -> int:
    """As many workers as this process may use processors."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_tasks(
    make: Make[T],
    tasks: Sequence[T],
    *,
    workers: int,
    total: int,
    in_process: bool = False,
    progress: Progress = silent,
    finished: Callable[[T], None] = lambda task: None,
) -> None:
    """Calls ``make(task, tick)`` for every task; ``tick(n)`` tells that n more items are done.

    An error meant for the user ends the run at once. A crash or a death costs its own task: the
    others are done first, then PartError names what failed. ``workers=0`` works in this process.
    """
    if not tasks:
        return
    meter = _Meter(progress, total)
    if in_process or workers == 0:
        with single_thread():
            for task in tasks:
                make(task, meter.add)
                finished(task)
        return
    failures = _Team(make, min(workers, len(tasks))).run(tasks, meter, finished)
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        rest = len(tasks) - len(failures)
        raise PartError(f"{failures[0]}{more}; {rest} parts were finished: run the command again")


class _Meter:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        progress(0, total)

    def add(self, items: int) -> None:
        self._done += items
        self._progress(self._done, self._total)


class _Team:
    """The parent's side: spawns workers, hands out tasks, notices deaths."""

    def __init__(self, make: Make[Any], size: int) -> None:
        self._make = make
        self._size = size
        self._members: dict[Connection, tuple[Any, Any]] = {}  # pipe -> process, task

    def run(
        self, tasks: Sequence[Any], meter: _Meter, finished: Callable[[Any], None]
    ) -> list[str]:
        queue, failures = list(reversed(tasks)), []
        try:
            for _ in range(self._size):
                self._hire(queue.pop())
            while self._members:
                for pipe in wait(list(self._members)):
                    assert isinstance(pipe, Connection)
                    failure = self._hear(pipe, queue, meter, finished)
                    if failure:
                        failures.append(failure)
            return failures
        finally:
            self._dismiss()

    def _hire(self, task: Any) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._make), daemon=True)
        with _one_thread_environment():
            process.start()
        theirs.close()
        self._members[ours] = (process, task)
        ours.send(task)

    def _hear(
        self, pipe: Connection, queue: list[Any], meter: _Meter, finished: Callable[[Any], None]
    ) -> str | None:
        process, task = self._members[pipe]
        try:
            kind, content = pipe.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            del self._members[pipe]
            if queue:
                self._hire(queue.pop())
            return f"part {task.name} failed: its worker {_cause(process.exitcode)}"
        if kind == "tick":
            meter.add(content)
            return None
        if kind == "error":
            raise content
        if kind == "done":
            finished(task)
        self._next(pipe, queue)
        return f"part {task.name} failed: {content}" if kind == "crash" else None

    def _next(self, pipe: Connection, queue: list[Any]) -> None:
        process, _ = self._members[pipe]
        if queue:
            task = queue.pop()
            self._members[pipe] = (process, task)
            pipe.send(task)
        else:
            del self._members[pipe]
            pipe.send(None)
            process.join()

    def _dismiss(self) -> None:
        for process, _ in self._members.values():
            process.terminate()
        for process, _ in self._members.values():
            process.join(5)
            if process.is_alive():
                process.kill()


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name} (out of memory, perhaps)"
    return f"ended with code {exitcode}"


# -- the worker's side -------------------------------------------------------------------------


def _work(pipe: Connection, make: Make[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which dismisses us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    limit_threads()
    tick = _Ticker(pipe)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while (task := pipe.recv()) is not None:
            pipe.send(_attempt(make, task, tick))


def _attempt(make: Make[Any], task: Any, tick: _Ticker) -> tuple[str, Any]:
    try:
        make(task, tick)
        tick.flush()
    except FacecurateError as error:
        plain = FacecurateError(str(error))  # whatever its class, this one can be pickled
        plain.exit_code = error.exit_code
        return "error", plain
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return "crash", f"{type(error).__name__}: {printable(error)}"
    return "done", None


class _Ticker:
    """Sends counts to the parent, at most a few times a second."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._items, self._sent = pipe, 0, time.monotonic()

    def __call__(self, items: int) -> None:
        self._items += items
        if time.monotonic() - self._sent > 0.2:
            self.flush()

    def flush(self) -> None:
        if self._items:
            self._pipe.send(("tick", self._items))
        self._items, self._sent = 0, time.monotonic()


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on writing beside the parent's successor."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _one_thread_environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def limit_threads(count: int = 1) -> None:
    """Sets the number of threads in every numeric library that is already loaded."""
    for module, function in (
        ("torch", "set_num_threads"),
        ("cv2", "setNumThreads"),
        ("faiss", "omp_set_num_threads"),
        ("numba", "set_num_threads"),
        ("pyarrow", "set_cpu_count"),
    ):
        if module in sys.modules:
            getattr(sys.modules[module], function)(count)


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Work in this process as a worker would: with one thread."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else usual_workers()
    limit_threads(1)
    try:
        yield
    finally:
        limit_threads(min(before, usual_workers()))
