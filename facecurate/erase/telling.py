"""What there is to say of a take-down: for the last line, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from facecurate.erase.runs import SENTENCE
from facecurate.erase.work import Outcome
from facecurate.text import counted


def notes(done: Outcome) -> Iterator[str]:
    """What was written anew, what somebody has to do now, and where the certificate lies."""
    if done.slots:
        yield (
            f"{counted(done.slots, 'slot')} of {counted(done.shards, 'shard')} emptied, the "
            "others keep their numbers"
        )
    yield f"{counted(done.parts, 'part')} written anew"
    for name, count in sorted(done.promoted.items()):
        be = "is" if count == 1 else "are"
        yield (
            f"{counted(count, 'copy', 'copies')} in {name} {be} kept now and not in the shards: "
            f"'facecurate shard {name}' adds what is kept"
        )
    if done.remade:
        commands = ", ".join(sorted(set(done.remade)))
        yield f"reports that showed them are deleted, made again by: {commands}"
    if done.held:
        yield f"trained on them: {', '.join(done.held)}: {SENTENCE}"
    if done.unknown:
        yield f"cannot be told of {', '.join(done.unknown)}, whose shards are not here any more"
    yield "the files that were imported are yours to delete"
    yield f"certificate in {done.certificate}"


def facts(done: Outcome) -> dict[str, Any]:
    """The same for ``--json``."""
    return {
        "photos": done.photos,
        "faces": done.faces,
        "slots": done.slots,
        "shards": done.shards,
        "parts": done.parts,
        "kept_now": done.promoted,
        "remade_by": sorted(set(done.remade)),
        "runs": {"held_it": done.held, "cannot_be_told": done.unknown},
        "certificate": done.certificate,
    }
