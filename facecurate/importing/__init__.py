"""``import``: pictures from wherever they lie, into ``photos/``: one way in for every source."""

from facecurate.importing.files import import_annotated, import_folder
from facecurate.importing.hdf5 import import_hdf5
from facecurate.importing.ids import license_id, photo_id
from facecurate.importing.polite import Politeness, politeness
from facecurate.importing.sequences import import_video, import_videos
from facecurate.importing.sources import Kind, import_tree, kind_of
from facecurate.importing.tarsource import import_tars
from facecurate.importing.urls import import_list

__all__ = [
    "Kind",
    "Politeness",
    "import_annotated",
    "import_folder",
    "import_hdf5",
    "import_list",
    "import_tars",
    "import_tree",
    "import_video",
    "import_videos",
    "kind_of",
    "license_id",
    "photo_id",
    "politeness",
]
