"""What leaves a workspace: whole photos with all their faces, and single faces of photos."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NAMES = re.compile(rb"()([A-Za-z0-9_-]+)")
# right behind an escape of JSON or of an address, whose last letter is none of the name's
_BEHIND = re.compile(rb"(\\u[0-9a-fA-F]{4}|\\[bfnrt]|%[0-9a-fA-F]{2})([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Gone:
    """Ids of photos, and keys of faces whose photos stay. Ids are unique in a workspace.

    boxes: where those faces lie in their photos, x0 y0 x1 y1, by key.
    """

    photos: frozenset[str] = frozenset()
    boxes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def faces(self) -> frozenset[str]:
        """The keys of the single faces."""
        return frozenset(self.boxes)

    def has(self, key: str | None) -> bool:
        """Whether a photo's id or a face's key is among them; a face goes with its photo."""
        if key is None:
            return False
        return key in self.photos or key in self.boxes or photo_of(key) in self.photos

    def named_in(self, data: bytes) -> Iterator[str]:
        """The ids and keys that stand in a text."""
        for names in (_NAMES, _BEHIND):
            for found in names.finditer(data):
                word = found[2].decode("ascii")
                if self.has(word):
                    yield word

    def masked(self, data: bytes) -> bytes:
        """A text with each of them replaced by asterisks."""
        for names in (_NAMES, _BEHIND):
            data = names.sub(
                lambda m: m[1] + b"***" if self.has(m[2].decode("ascii")) else m[0], data
            )
        return data

    def __bool__(self) -> bool:
        return bool(self.photos or self.boxes)


def photo_of(key: str) -> str:
    """The photo's id in a face's key; an id as it is."""
    return key.rpartition("_")[0] or key


def member_of(name: str) -> str:
    """The id or key that a tar's member is named by."""
    return name.partition(".")[0]
