"""One picture under many names is none of theirs: a placeholder that nobody knew yet."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Repeats:
    """Counts stored pictures by SHA-256, in memory: about 100 bytes for each different one.

    For millions an index over a table of digests does the same.
    """

    limit: int = 3
    _seen: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    def add(self, sha256: str, key: str) -> tuple[str, ...]:
        """The keys to put aside now that ``key`` has this picture; none below the limit.

        When the limit is reached, all keys so far; afterwards the new one. The same key twice
        counts once.
        """
        digest = bytes.fromhex(sha256)[:16]
        keys = self._seen.get(digest, ())
        if key in keys:
            return ()
        if len(keys) >= self.limit:
            return (key,)
        self._seen[digest] = keys = (*keys, key)
        return keys if len(keys) == self.limit else ()
