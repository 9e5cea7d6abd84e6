"""Faults by rule: which request goes wrong, and how."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import hashing

ROBOTS = "/robots.txt"  # spared by rules that do not name it


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule: ``kind`` (a name in ``bend.KINDS``, an HTTP status) with its ``value``.

    ``path``: a regular expression searched in "/services/rest/?method=...&..." (the parameters
    without those that tell who asks, by name after the method) or in a picture's path. Of the
    requests that it matches: only the ``nth`` (1 for the first; one number or several), every
    ``every``-th, with probability ``p`` each (decided by ``seed``, the request and how often it
    was made, so not by threads), at most ``times`` of them. ``tries``: the chance is drawn once for
    each address, and its first ``tries`` requests go wrong. ``after`` and ``seconds``: only
    from so long after the start on, and for so long.
    """

    kind: str
    path: str = ""
    value: Any = None
    nth: int | tuple[int, ...] | None = None
    every: int | None = None
    p: float = 1.0
    tries: int | None = None
    times: int | None = None
    after: float = 0.0
    seconds: float | None = None
    seed: int = 0


@dataclass(eq=False, slots=True)
class _Rule:
    fault: Fault
    pattern: re.Pattern[str]
    matched: int = 0
    fired: int = 0


class Book:
    """The rules of one server; ``now`` gives seconds since its start."""

    def __init__(
        self, faults: Iterable[Fault | Mapping[str, Any]], now: Callable[[], float]
    ) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._made: defaultdict[str, int] = defaultdict(int)
        self.fired: defaultdict[str, int] = defaultdict(int)
        self.set(faults)

    def set(self, faults: Iterable[Fault | Mapping[str, Any]]) -> None:
        """Puts other rules in the place of all."""
        listed = [fault if isinstance(fault, Fault) else Fault(**fault) for fault in faults]
        self.rules = [_Rule(fault, re.compile(fault.path)) for fault in listed]

    def due(self, text: str) -> list[Fault]:
        """The faults that hit one request, in the order of the rules."""
        if not self.rules:
            return []
        with self._lock:
            self._made[text] += 1
            hits = [
                rule.fault
                for number, rule in enumerate(self.rules)
                if self._hits(rule, number, text)
            ]
            for fault in hits:
                self.fired[fault.kind] += 1
            return hits

    def _hits(self, rule: _Rule, number: int, text: str) -> bool:
        fault, made = rule.fault, self._made[text]
        if text == ROBOTS and "robots" not in fault.path:
            return False
        if not rule.pattern.search(text) or not self._in_time(fault):
            return False
        rule.matched += 1
        if fault.times is not None and rule.fired >= fault.times:
            return False
        if fault.nth is not None:
            wanted = fault.nth if isinstance(fault.nth, tuple | list) else (fault.nth,)
            if rule.matched not in wanted:
                return False
        if fault.every is not None and rule.matched % fault.every:
            return False
        if fault.tries is not None and made > fault.tries:
            return False
        turn = 0 if fault.tries is not None else made
        drawn = hashing.chance(fault.seed, number, hashing.number(text), turn)
        rule.fired += drawn < fault.p
        return drawn < fault.p

    def _in_time(self, fault: Fault) -> bool:
        since = self._now() - fault.after
        return since >= 0 and (fault.seconds is None or since < fault.seconds)
