"""``import``: pictures from wherever they lie, into ``photos/``: one way in for every source."""

from facecurate.importing.files import import_annotated, import_folder
from facecurate.importing.ids import license_id, photo_id

__all__ = ["import_annotated", "import_folder", "license_id", "photo_id"]
