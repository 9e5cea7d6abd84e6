"""A run's folder: config.json, metrics.jsonl, checkpoint-<step>.pt, weights.safetensors (last)."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from facecurate import FORMAT, records, storage, sums
from facecurate.errors import DamagedError, SettingsError
from facecurate.loading import FaceShards
from facecurate.pretrain.config import PretrainConfig, changed

CONFIG, METRICS, WEIGHTS = "config.json", "metrics.jsonl", "weights.safetensors"
KEEP = 2
_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.pt")


def open_run(url: str, config: PretrainConfig, shards: FaceShards) -> bool:
    """Starts a run's folder, or checks that it is this run's; True if the run is finished.

    Raises SettingsError, naming the setting and both values, if another configuration or other
    data made what is there. Samples that were taken down meanwhile are no other data.
    """
    target = storage.join(url, CONFIG)
    wanted = described(config, shards)
    if not storage.exists(target):
        storage.write_atomic(target, _json(wanted))
        return False
    found = json.loads(storage.read(target))
    records.check_format(found.get("format"), target)
    if _forgot_only(found.get("data", {}), wanted["data"]):
        wanted["data"] = found["data"]
    difference = changed(found, wanted)
    if difference:
        name, before, now = difference
        raise SettingsError(
            f"{url} was made with {name} {before}, now it is {now}: "
            "use that value, another --name, or --redo to start over"
        )
    return storage.exists(storage.join(url, WEIGHTS))


def block(url: str) -> int | None:
    """Slots of the blocks that a run of a bucket's shards began with; None if it has none."""
    target = storage.join(url, CONFIG)
    if not storage.exists(target):
        return None
    found = json.loads(storage.read(target)).get("data", {}).get("block")
    return found if isinstance(found, int) and found > 0 else None


def described(config: PretrainConfig, shards: FaceShards) -> dict[str, Any]:
    """What config.json holds: the settings and the data's lineage, as plain JSON values."""
    plain = {"format": FORMAT, "settings": dataclasses.asdict(config), "data": shards.lineage()}
    restored: dict[str, Any] = json.loads(json.dumps(plain))
    return restored


def _forgot_only(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    same = all(before.get(name) == now.get(name) for name in ("slots", "block"))
    return same and now.get("emptied", 0) > before.get("emptied", 0)


def discard(url: str) -> str:
    """Removes what a run wrote; other files in its folder stay.

    Returns what that was, for example ``1 finished run of 550 steps``; '' if there was no run.
    """
    told = _told(url)
    for name in [*files(url), sums.SUMS]:
        storage.delete(storage.join(url, name))
    return told


def files(url: str) -> list[str]:
    """What a run has written; other files in its folder are not its own."""
    own = (CONFIG, METRICS, WEIGHTS, "curves.html")
    return [n for n in storage.list(url) if n in own or _CHECKPOINT.fullmatch(n)]


def _told(url: str) -> str:
    if not any(storage.exists(storage.join(url, name)) for name in (CONFIG, WEIGHTS)):
        return ""
    finished = storage.exists(storage.join(url, WEIGHTS))
    steps = _checkpoints(url)
    length = f" of {steps[-1]:,} steps" if steps else ""
    return f"1 {'finished' if finished else 'unfinished'} run{length}"


def save_checkpoint(url: str, step: int, state: Mapping[str, Any], rows: Sequence[str]) -> None:
    """Writes the metrics so far, then the checkpoint, then removes all but the last two."""
    save_metrics(url, rows)
    with storage.writing(storage.join(url, f"checkpoint-{step:08d}.pt")) as file:
        torch.save({"facecurate.format": FORMAT, "step": step, **state}, file)
    for old in _checkpoints(url)[:-KEEP]:
        storage.delete(storage.join(url, f"checkpoint-{old:08d}.pt"))


def save_metrics(url: str, rows: Sequence[str]) -> None:
    """Writes the whole series; no clock is in it."""
    storage.write_atomic(storage.join(url, METRICS), "".join(rows).encode())


def latest(url: str) -> dict[str, Any] | None:
    """The last checkpoint, or None. Loaded with ``weights_only``: it can hold no code."""
    steps = _checkpoints(url)
    if not steps:
        return None
    target = storage.join(url, f"checkpoint-{steps[-1]:08d}.pt")
    try:
        with storage.reading(target) as file:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError) as error:
        raise DamagedError(
            f"{target} is damaged: delete it to go on from the one before"
        ) from error
    records.check_format(state.get("facecurate.format"), target)
    return state


def metrics_until(url: str, step: int) -> list[str]:
    """The rows of metrics.jsonl up to a step; later ones were never checkpointed."""
    target = storage.join(url, METRICS)
    if not storage.exists(target):
        return []
    lines = storage.read(target).decode().splitlines(keepends=True)
    return [line for line in lines if json.loads(line)["step"] <= step]


def _checkpoints(url: str) -> list[int]:
    found = (_CHECKPOINT.fullmatch(name) for name in storage.list(url))
    return sorted(int(match[1]) for match in found if match)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
