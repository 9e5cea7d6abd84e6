"""What came of addresses that are in no part yet: pictures, and a journal of how each one ended.

A picture's file is written first, its line in the journal second; a file without a line is
fetched again. A part is finished before its pictures leave the spool. So a kill at any moment costs
what was on its way at that moment, and nothing else.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import platformdirs

from facecurate import storage
from facecurate.workspace import Dataset

_CARRIED = "carried.jsonl"  # what an earlier run left, whatever parts it had in mind


@dataclass(frozen=True, slots=True)
class Ended:
    """How an address ended: a picture in the spool, or a reason; neither: it waits.

    ``at``: seconds since 1970 at which the picture came. ``closed``: runs in which its host asked
    for a long pause, or nobody answered at all.
    """

    id: str
    url: str  # the last one asked
    reason: str | None = None  # of ``records.REASONS``
    file: str | None = None
    sha256: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    orientation: int = 1
    at: int = 0
    closed: int = 0

    @property
    def is_over(self) -> bool:
        """False for an address that waits for its host."""
        return self.file is not None or self.reason is not None


class Spool:
    """The spool of one dataset; its owner holds the dataset's lock.

    It lies beside the parts, or in the user's state folder for a workspace on another machine,
    where a line could not be added to a file.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.url = dataset.path("photos", ".urls")
        if not storage.is_local(self.url):
            mark = hashlib.sha256(self.url.encode()).hexdigest()[:32]
            self.url = str(platformdirs.user_state_path("facecurate") / "spool" / mark)

    def load(self, is_known: Callable[[str], bool]) -> dict[str, Ended]:
        """What earlier runs left, by id; all that belongs to finished parts is deleted."""
        storage.sweep(self.url)
        names = storage.list(self.url)
        journals = sorted((n for n in names if n.endswith(".jsonl")), key=lambda n: n != _CARRIED)
        found: dict[str, Ended] = {}
        for name in journals:
            for line in storage.text_lines(storage.join(self.url, name)):
                if one := _parsed(line):
                    found[one.id] = one
        found = {k: one for k, one in found.items() if not is_known(k) and self._is_there(one)}
        if found:
            lines = "".join(_line(one) + "\n" for one in found.values())
            storage.write_atomic(storage.join(self.url, _CARRIED), lines.encode())
        kept = {one.file for one in found.values()} | ({_CARRIED} if found else set())
        for name in names:
            if name not in kept:
                storage.delete(storage.join(self.url, name))
        return found

    def _is_there(self, one: Ended) -> bool:
        if one.file is None:
            return True
        url = storage.join(self.url, one.file)
        return "/" not in one.file and storage.is_file(url) and storage.size(url) == one.bytes

    def note(self, stem: str, one: Ended) -> None:
        """Writes down how an address of that part ended."""
        storage.append(storage.join(self.url, f"{stem}.jsonl"), _line(one))

    def data(self, one: Ended) -> bytes | None:
        """The picture's bytes; None if they are no longer those that came."""
        assert one.file is not None
        data = storage.read(storage.join(self.url, one.file))
        return data if hashlib.sha256(data).hexdigest() == one.sha256 else None

    def forget(self, stem: str, ended: Iterable[Ended]) -> None:
        """Deletes what belongs to a finished part."""
        for one in ended:
            if one.file is not None:
                storage.delete(storage.join(self.url, one.file))
        storage.delete(storage.join(self.url, f"{stem}.jsonl"))

    def clear(self) -> None:
        """Deletes all of it."""
        storage.delete(self.url)


def _line(one: Ended) -> str:
    return json.dumps(dataclasses.asdict(one), ensure_ascii=True)


def _parsed(line: str) -> Ended | None:
    """None for a line that was cut off by a power failure."""
    try:
        return Ended(**json.loads(line))
    except (ValueError, TypeError):
        return None
