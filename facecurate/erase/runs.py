"""Which runs were trained on shards that held a sample: weights cannot be unlearned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from facecurate import storage
from facecurate.workspace import TAKEDOWNS

SENTENCE = "weights cannot be unlearned: retrain or retire"
_CARD = "shards/dataset.json"
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs that held a sample, and those of which nobody can tell."""

    held: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def runs_of(workspace: str, cards: Iterable[str]) -> Runs:
    """``cards``: digests of the ``dataset.json`` of shards that hold a sample now.

    A run names the digest of its shards' card; each take-down changes it, and its certificate says
    what it was before. Runs that began from the weights of such a run, or read them, held it too.
    """
    known = _ancestors(workspace, set(cards))
    others = {c for name in storage.list(workspace) if (c := card(workspace, name))}
    others = _ancestors(workspace, others)
    told = {run: _words(workspace, run) for run in _names(workspace)}
    held = {run for run, text in told.items() if known & set(_DIGEST.findall(text))}
    while more := {r for r, text in told.items() if r not in held and _uses(text, held)}:
        held |= more
    unknown = {r for r in told if r not in held and _is_lost(workspace, r, others | known)}
    return Runs(tuple(sorted(held)), tuple(sorted(unknown)))


def card(workspace: str, dataset: str) -> str | None:
    """The digest by which runs name the shards of a dataset."""
    url = storage.join(workspace, dataset, "shards", "dataset.json")
    return storage.digest(url) if storage.exists(url) else None


def _names(workspace: str) -> list[str]:
    """Runs of pre-training, and the cells of ``evaluate``."""
    folder = storage.join(workspace, "runs")
    cells = storage.list(storage.join(folder, "evaluate", "cells"))
    runs = [name for name in storage.list(folder) if name != "evaluate"]
    return [*runs, *(f"evaluate/cells/{cell}" for cell in cells)]


def _words(workspace: str, run: str) -> str:
    folder = storage.join(workspace, "runs", *run.split("/"))
    names = [n for n in storage.list(folder) if n.endswith(".json")]
    return "\n".join(storage.read(storage.join(folder, n)).decode(errors="replace") for n in names)


def _uses(text: str, held: Iterable[str]) -> bool:
    return any(re.search(rf"run:{re.escape(run)}(?![\w-])", text) for run in held)


def _is_lost(workspace: str, run: str, known: set[str]) -> bool:
    """Whether a run's shards are none that lie here, or lay here before a take-down."""
    url = storage.join(workspace, "runs", *run.split("/"), "config.json")
    if not storage.exists(url):
        return False
    try:
        digest = json.loads(storage.read(url))["data"]["dataset"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(digest, str) and digest not in known


def _ancestors(workspace: str, cards: set[str]) -> set[str]:
    """These digests and all that they replaced, as the certificates tell."""
    steps = [step for told in certificates(workspace) for step in _replaced(told)]
    found = set(cards)
    while more := {old for old, new in steps if new in found} - found:
        found |= more
    return found


def certificates(workspace: str) -> list[Mapping[str, Any]]:
    """Every certificate of a workspace that can be read."""
    folder = storage.join(workspace, TAKEDOWNS)
    found: list[Mapping[str, Any]] = []
    for name in storage.list(folder):
        if name.endswith(".json") and not name.startswith("pending-"):
            try:
                told = json.loads(storage.read(storage.join(folder, name)))
            except ValueError:
                continue
            found += [told] if isinstance(told, dict) else []
    return found


def _replaced(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    files = told.get("files")
    if not isinstance(files, dict):
        return []
    return [
        (entry["before"], entry["after"])
        for path, entry in files.items()
        if path.endswith(_CARD) and isinstance(entry, dict) and entry.get("after")
    ]
