"""Which photos of a search are fetched: Flickr's gate, and what was taken down from here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facecurate.flickr import gate, rows
from facecurate.flickr.photos import Photo
from facecurate.flickr.query import Row
from facecurate.flickr.sightings import TOMBSTONED
from facecurate.stones import Stones, stones_of


@dataclass(frozen=True, slots=True)
class Sieve:
    """Says of a row why it is left alone, or None. ``tombstones``: as ``workspace.tombstones``."""

    licenses: frozenset[int]
    size: str
    settings: gate.GateSettings
    tombstones: Stones

    def __call__(self, row: Row) -> str | None:
        """A reason of ``records.REASONS``."""
        if self.is_buried(row.photo_id, row.owner):
            return TOMBSTONED
        try:
            photo = rows.parse(row.raw)
        except rows.RowError:
            named = row.license_id >= 0
            return "license" if named and row.license_id not in self.licenses else "unreadable"
        if self.is_buried(row.photo_id, row.owner, (size.url for size in photo.urls.values())):
            return TOMBSTONED
        reason = gate.refuse(photo, self.licenses, self.settings)
        if reason is None and rows.pick_size(photo, self.size) is None:
            return "no_size"
        return reason

    def verdict(self, photo: Photo) -> str | None:
        """The same of a photo that is known: asked again before its bytes are fetched or packed."""
        row = Row(
            photo.photo_id, photo.owner, photo.uploaded, photo.updated, photo.license_id, photo.raw
        )
        if self.is_buried(photo.photo_id, photo.owner, (photo.url,), photo.sha256):
            return TOMBSTONED
        reason = self(row)
        return None if photo.sha256 and reason in ("no_size", "unreadable") else reason

    def is_buried(
        self,
        photo_id: int,
        owner: str,
        urls: Iterable[str | None] = (),
        sha256: bytes | None = None,
    ) -> bool:
        """Whether the photo was taken down from the workspace, by whatever of it is named."""
        if not self.tombstones:
            return False
        page = rows.page_of(owner, photo_id)
        found = stones_of(f"flickr-{photo_id}", owner, (page, *urls), sha256)
        return not self.tombstones.isdisjoint(found)
