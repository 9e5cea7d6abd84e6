"""``verify`` of what belongs to the whole workspace: runs, tombstones, certificates."""

from __future__ import annotations

from collections.abc import Iterator

from facecurate import storage, sums
from facecurate.errors import DamagedError
from facecurate.inspect import checks
from facecurate.records import TOMBSTONE_SCHEMA, from_parquet
from facecurate.workspace import TAKEDOWNS, TOMBSTONES


def verify_workspace(workspace: str) -> tuple[int, list[str]]:
    """How many files there are, and what is wrong with them, each with what to do."""
    files, found = 0, []
    for folder in _folders(workspace):
        listed = sums.told(folder)
        files += len(listed) + bool(listed)
        name = folder[len(workspace) :].strip("/")
        where = f"{name}/" if name else ""
        found += [f"{where}{line}: {_remedy(name)}" for line in sums.damaged(folder)]
    found += [f"{line}: {_remedy('')}" for line in _tombstones(workspace)]
    for file in _certificates(workspace):
        files += 1
        url = storage.join(workspace, TAKEDOWNS, file)
        try:
            lines = list(checks.sealed_json(url))
        except DamagedError as error:
            lines = [str(error)]
        found += [f"{TAKEDOWNS}/{line}: {_remedy('')}" for line in lines]
    return files, found


def _certificates(workspace: str) -> list[str]:
    """What take-downs certified; not the notes of one that is under way."""
    names = storage.list(storage.join(workspace, TAKEDOWNS))
    return [n for n in names if n.endswith(".json") and not n.startswith("pending-")]


def _folders(workspace: str) -> Iterator[str]:
    yield workspace
    for run in storage.list(storage.join(workspace, "runs")):
        if run != "evaluate":
            yield storage.join(workspace, "runs", run)
    cells = storage.join(workspace, "runs", "evaluate", "cells")
    for cell in storage.list(cells):
        yield storage.join(cells, cell)


def _tombstones(workspace: str) -> Iterator[str]:
    url = storage.join(workspace, TOMBSTONES)
    try:
        if storage.exists(url):
            from_parquet(storage.read(url), TOMBSTONE_SCHEMA, url)
    except DamagedError as error:
        yield str(error)
    if TOMBSTONES in sums.told(workspace) or not storage.exists(url):
        return
    yield f"{TOMBSTONES} has no line in {sums.SUMS}"


def _remedy(name: str) -> str:
    if not name:
        return "take it from a backup: nothing else knows what was taken down"
    if name.startswith("runs/evaluate/"):
        return f"delete {name} and run facecurate evaluate or finetune again"
    return f"facecurate pretrain --name {name.removeprefix('runs/')} --redo, with its options"
