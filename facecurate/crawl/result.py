"""What a crawl has come to: counts by reason, how complete it is, and ``crawl.json``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from facecurate import FORMAT, __version__, storage
from facecurate.crawl.run import Run
from facecurate.flickr.clock import day
from facecurate.flickr.estimate import Estimate, estimate
from facecurate.flickr.photos import Photos
from facecurate.flickr.schema import PhotoState
from facecurate.pool import sealed
from facecurate.stats import Count, Stats
from facecurate.text import counted
from facecurate.workspace import Dataset

FILE = "crawl.json"
_STORED = (PhotoState.FETCHED, PhotoState.PACKED)


def counts(photos: Photos) -> Count:
    """Photos that were decided on: stored, or dropped for a reason. Those that wait are none."""
    kept, dropped = 0, Counter[str]()
    for (state, reason), count in photos.counts().items():
        if state in _STORED:
            kept += count
        elif state is not PhotoState.WAITING:
            dropped[reason or "unreachable"] += count
    return Count(kept + dropped.total(), kept, dict(sorted(dropped.items())))


def waiting(photos: Photos) -> int:
    """Photos that were found and are neither stored nor dropped."""
    found = photos.counts().items()
    return sum(n for (state, _), n in found if state is PhotoState.WAITING)


def told(run: Run) -> Stats:
    """The counts of the whole crawl with what there is to say about it."""
    estimated = estimate(run.state)
    left = waiting(run.photos)
    facts = {
        "calls": run.api.calls,
        "waiting": left,
        "completeness": completeness(estimated),
        "attempts": attempts(run),
    }
    notes = [f"{counted(left, 'more photo')} found and not asked for"] if left else []
    notes.append(sentence(estimated, run.enumerator.rules.end))
    stats = Stats({"photos": counts(run.photos)}).noted(*notes, *run.notes)
    return stats.with_facts(**facts)


def sentence(found: Estimate | None, end: int) -> str:
    """How complete the enumeration is, in words. ``end``: of the uploads, in s since 1970."""
    if found is None:
        return "completeness not estimated: the search is not finished"
    return (
        f"the search found about {found.share:.1%} ({found.low:.1%} to {found.high:.1%}) of "
        f"{round(found.total):,} photos that match and were uploaded before {day(end)}"
    )


def completeness(found: Estimate | None) -> dict[str, Any] | None:
    """The same as numbers."""
    if found is None:
        return None
    return {
        "found": found.found,
        "total": round(found.total),
        "share": round(found.share, 5),
        "interval95": [round(found.low, 5), round(found.high, 5)],
    }


def attempts(run: Run) -> dict[str, int]:
    """Requests that failed, of the whole crawl, by what was asked and why."""
    found = run.state.attempts().items()
    return {f"{what} {kind}": count for (what, kind), count in sorted(found)}


def write(dataset: Dataset, run: Run) -> None:
    """``crawl.json``: what was looked for, in which windows, and what came of it."""
    estimated = estimate(run.state)
    data = {
        "format": FORMAT,
        "tool": f"facecurate {__version__} crawl",
        "settings": {**run.state.get("settings"), "size": run.state.get("size")},
        "until": day(run.enumerator.rules.end),
        "stats": {"photos": _as_json(counts(run.photos))},
        "result": {
            "pages": run.state.calls(),
            "windows": _windows(run),
            "owners": run.photos.owners(),
            "waiting": waiting(run.photos),
            "licenses": {str(k): v for k, v in sorted(run.photos.licences(_STORED).items())},
            "completeness": completeness(estimated),
            "attempts": attempts(run),
            "license_notes": list(run.notes),
        },
    }
    storage.write_atomic(dataset.path(FILE), sealed(data))


def _as_json(count: Count) -> dict[str, Any]:
    return {"taken": count.taken, "kept": count.kept, "dropped": dict(count.dropped)}


def _windows(run: Run) -> dict[str, Any]:
    """Windows by pass and state, with what was cut off by Flickr's limit."""
    found = run.state.windows()
    states = Counter(f"pass {w.turn} {w.state}" for w in found)
    return {
        **dict(sorted(states.items())),
        "rows": sum(w.rows for w in found),
        "overlap": sum(w.overlap for w in found if w.turn == 1),
        "capped": [[w.since, w.until, w.total] for w in found if w.state == "capped"],
    }
