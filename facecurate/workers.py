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
        failures = _run_here(make, tasks, meter, finished)
    else:
        failures = _Team(make, min(workers, len(tasks))).run(tasks, meter, finished)
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        rest = len(tasks) - len(failures)
        what = f"{failures[0].what}{more}; {rest} parts were finished: run the command again"
        raise PartError(what) from RuntimeError(failures[0].trace)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A task that was lost: one line about it, and where in the code, if that is known."""

    what: str
    trace: str = ""


def _run_here(
    make: Make[T], tasks: Sequence[T], meter: _Meter, finished: Callable[[T], None]
) -> list[_Failure]:
    failures = []
    with single_thread():
        for task in tasks:
            try:
                make(task, meter.add)
            except FacecurateError:
                raise
            except Exception as error:
                failures.append(_crash(task, error))
                continue
            finished(task)
    return failures


def _crash(task: Task, error: Exception) -> _Failure:
    what = f"part {task.name} failed: {type(error).__name__}: {printable(error)}"
    return _Failure(what, traceback.format_exc())


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
    ) -> list[_Failure]:
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
        _send(ours, task)

    def _hear(
        self, pipe: Connection, queue: list[Any], meter: _Meter, finished: Callable[[Any], None]
    ) -> _Failure | None:
        process, task = self._members[pipe]
        try:
            kind, content = pipe.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            del self._members[pipe]
            if queue:
                self._hire(queue.pop())
            return _Failure(f"part {task.name} failed: its worker {_cause(process.exitcode)}")
        if kind == "tick":
            meter.add(content)
            return None
        if kind == "error":
            raise content
        if kind == "done":
            finished(task)
        self._next(pipe, queue)
        return content if kind == "crash" else None

    def _next(self, pipe: Connection, queue: list[Any]) -> None:
        process, _ = self._members[pipe]
        if queue:
            task = queue.pop()
            self._members[pipe] = (process, task)
            _send(pipe, task)
        else:
            del self._members[pipe]
            _send(pipe, None)
            process.join()

    def _dismiss(self) -> None:
        for process, _ in self._members.values():
            process.terminate()
        for process, _ in self._members.values():
            process.join(5)
            if process.is_alive():
                process.kill()


def _send(pipe: Connection, task: Task | None) -> None:
    """A worker that has died meanwhile is noticed where its answer is awaited."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.send(task)


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
        return "crash", _crash(task, error)
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


_SETTERS = {  # module -> how its number of threads is read and set
    # First: as numba starts its threads it sets OpenMP's number, which is torch's and FAISS's too.
    "numba": ("get_num_threads", "set_num_threads"),
    "torch": ("get_num_threads", "set_num_threads"),
    "cv2": ("getNumThreads", "setNumThreads"),
    "faiss": ("omp_get_max_threads", "omp_set_num_threads"),
    "pyarrow": ("cpu_count", "set_cpu_count"),
}


_usual_counts: dict[str, int] = {}  # what limit_threads found, by module
_is_single = False


def limit_threads() -> None:
    """Sets every numeric library that is already loaded to one thread."""
    for name, (getter, setter) in _SETTERS.items():
        if name in sys.modules:
            _usual_counts.setdefault(name, getattr(sys.modules[name], getter)())
            getattr(sys.modules[name], setter)(1)


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Work in this process as a worker would: with one thread. May be nested."""
    global _is_single
    outermost, _is_single = not _is_single, True
    limit_threads()
    try:
        yield
    finally:
        _is_single = not outermost
        while outermost and _usual_counts:
            name, count = _usual_counts.popitem()
            getattr(sys.modules[name], _SETTERS[name][1])(count)
