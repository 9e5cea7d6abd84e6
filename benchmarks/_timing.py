"""Seconds of several ways of doing one thing, side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def medians(runs: int, **ways: Callable[[], Any]) -> dict[str, float]:
    """Seconds of each way, the median of ``runs`` in turn after one warm-up of each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(runs):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
