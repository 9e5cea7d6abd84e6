"""A take-down from its note to its certificate; killed anywhere, the same again finishes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from facecurate import FORMAT, __version__, storage
from facecurate.erase import clusters, parts, reports, runs, shards, snapshot, spools, tables
from facecurate.erase.burying import Row, bury
from facecurate.erase.targets import Gone
from facecurate.pool import json_bytes, sealed
from facecurate.workers import Progress, silent
from facecurate.workspace import TAKEDOWNS, Dataset, pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be taken out of which datasets, whose locks the caller holds.

    stones: tombstones; reason: of ``stones.REASONS``; now: seconds since 1970.
    """

    workspace: str
    datasets: Sequence[str]
    gone: Gone
    stones: Iterable[Row]
    reason: str
    now: float


@dataclass(slots=True)
class Outcome:
    """What was done; ``certificate``: its url."""

    certificate: str = ""
    photos: int = 0
    faces: int = 0
    slots: int = 0
    shards: int = 0
    parts: int = 0
    promoted: dict[str, int] = field(default_factory=dict)  # by dataset
    remade: list[str] = field(default_factory=list)  # commands
    held: list[str] = field(default_factory=list)  # runs
    unknown: list[str] = field(default_factory=list)
    files: dict[str, dict[str, str | None]] = field(default_factory=dict)


def begin(order: Order) -> str:
    """Tombstones, then the note of what is to be done; its url. Nothing is taken out yet."""
    bury(order.workspace, order.stones)
    places = [Dataset(order.workspace, name) for name in sorted(order.datasets)]
    slots = {place.name: shards.slots(place, order.gone) for place in places}
    cards = [runs.card(order.workspace, name) for name, count in slots.items() if count]
    told = runs.runs_of(order.workspace, filter(None, cards))
    note: dict[str, Any] = {
        "format": FORMAT,
        "datasets": [place.name for place in places],
        "photos": sorted(order.gone.photos),
        "boxes": {key: list(box) for key, box in sorted(order.gone.boxes.items())},
        "reason": order.reason,
        "time": int(order.now),
        "slots": sum(slots.values()),
        "held": list(told.held),
        "unknown": list(told.unknown),
        "stems": {place.name: parts.affected(place, order.gone) for place in places},
        "remade_by": {place.name: reports.commands(place) for place in places},
        "before": {place.name: snapshot.snapshot(place) for place in places},
    }
    mark = hashlib.sha256(json.dumps([note["photos"], sorted(note["boxes"])]).encode())
    url = storage.join(order.workspace, TAKEDOWNS, f"pending-{mark.hexdigest()[:16]}.json")
    storage.write_atomic(url, json_bytes(note))
    return url


def unfinished(workspace: str) -> dict[str, tuple[str, ...]]:
    """Notes of take-downs that were interrupted, by url, with the datasets they concern."""
    return {url: tuple(note["datasets"]) for url, note in pending(workspace).items()}


def finish(workspace: str, url: str, progress: Progress = silent) -> Outcome:
    """Does what a note says. The caller holds the locks of its datasets."""
    note = json.loads(storage.read(url))
    boxes = {key: tuple(box) for key, box in note["boxes"].items()}
    gone = Gone(frozenset(note["photos"]), boxes)
    done = Outcome(
        photos=len(gone.photos),
        faces=len(boxes),
        slots=note["slots"],
        held=note["held"],
        unknown=note["unknown"],
    )
    places = [Dataset(workspace, name) for name in note["datasets"]]
    for step, place in enumerate(places):
        progress(step, 2 * len(places))
        shards.empty(place, gone)
        spools.forget(place, gone)
    for step, place in enumerate(places):
        progress(len(places) + step, 2 * len(places))
        before = note["before"][place.name]
        parts.take_out(place, gone, note["stems"][place.name], before)
        _clear(place, gone, before)
    changed = reports.clear_texts(storage.join(workspace, "runs"), gone, deep=True)
    changed = [f"runs/{path}" for path in changed]
    changed += reports.clear_texts(workspace, gone)
    _tell(places, gone, note["before"])
    for place in places:
        storage.sweep(place.url, deep=True)
        spools.vacuum(place)
    done.files = _touched(places, note["before"])
    done.parts, done.shards = _written_anew(done.files)
    for place in places:
        told = note["remade_by"][place.name]
        done.remade += [words for file, words in told.items() if not place.has(file)]
        if count := clusters.kept_now(place):
            done.promoted[place.name] = count
    done.files |= {path: {"after": _digest(workspace, path)} for path in changed}
    done.certificate = _certify(workspace, note, gone, done)
    storage.delete(url)
    progress(2 * len(places), 2 * len(places))
    return done


def _clear(place: Dataset, gone: Gone, before: snapshot.Digests) -> None:
    """What lies beside the parts."""
    clusters.redecide(place, gone, before)
    tables.thin_tables(place, gone)
    reports.clear_reports(place, gone)
    reports.clear_texts(place.url, gone)


def _tell(places: Sequence[Dataset], gone: Gone, before: Mapping[str, snapshot.Digests]) -> None:
    """Every JSON names what it was made from as it is now, if that was current before."""
    new = {p.name: snapshot.replaced(before[p.name], snapshot.snapshot(p)) for p in places}
    for place in places:
        snapshot.put_right(place, new)
    for place in places:
        shards.tell(place, gone, new[place.name])


def _touched(
    places: Sequence[Dataset], before: Mapping[str, snapshot.Digests]
) -> dict[str, dict[str, str | None]]:
    """Files by path below the workspace with their digests before and after, null if deleted."""
    found: dict[str, dict[str, str | None]] = {}
    for place in places:
        after = snapshot.snapshot(place)
        for path, digest in before[place.name].items():
            is_file = "." in path.rpartition("/")[2] and not storage.is_folder(
                place.path(*path.split("/"))
            )
            if is_file and after.get(path) != digest:
                found[f"{place.name}/{path}"] = {"before": digest, "after": after.get(path)}
    return found


def _digest(workspace: str, path: str) -> str | None:
    url = storage.join(workspace, *path.split("/"))
    return storage.digest(url) if storage.exists(url) else None


def _written_anew(files: Iterable[str]) -> tuple[int, int]:
    """How many parts and how many shards are among files by their paths."""
    parted = {
        path.rpartition("/")[0] + "/" + path.rpartition("/")[2].partition(".")[0]
        for path in files
        if not path.endswith(".json")
    }
    stems = [path.rpartition("/") for path in parted]
    shards_ = sum(folder.endswith("/shards") and "-" in stem for folder, _, stem in stems)
    return sum(stem.isdigit() for _, _, stem in stems), shards_


def _certify(workspace: str, note: Mapping[str, Any], gone: Gone, done: Outcome) -> str:
    """Writes the certificate: no name, no address, ids as digests alone; its url."""
    names = [*gone.photos, *gone.faces]
    digests = sorted(hashlib.sha256(name.encode()).hexdigest() for name in names)
    told = {
        "format": FORMAT,
        "tool": f"facecurate {__version__} takedown",
        "time": datetime.fromtimestamp(note["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": note["reason"],
        "taken_down": digests,
        "counts": {
            "photos": done.photos,
            "single_faces": done.faces,
            "slots_emptied": done.slots,
            "shards_rewritten": done.shards,
            "parts_rewritten": done.parts,
            "copies_kept_now": sum(done.promoted.values()),
        },
        "files": dict(sorted(done.files.items())),
        "remade_by": sorted(set(done.remade)),
        "runs": {"held_it": done.held, "cannot_be_told": done.unknown, "so": runs.SENTENCE},
    }
    mark = hashlib.sha256("".join(digests).encode()).hexdigest()[:8]
    time = told["time"].replace("-", "").replace(":", "")
    url = storage.join(workspace, TAKEDOWNS, f"{time}-{mark}.json")
    storage.write_atomic(url, sealed(told))
    return url
