"""Frames a second: from what is known of a dataset, from what rendered it, or from the user."""

from __future__ import annotations

import json
from typing import Any

from facecurate import storage
from facecurate.datasets import manifest
from facecurate.errors import DamagedError
from facecurate.pool import Pool
from facecurate.workspace import Dataset

RENDERED = 20.0  # of the layout ``video`` where its settings name no other


def frame_rate(dataset: Dataset) -> float | None:
    """Frames a second of the dataset's sequences; None where nothing says.

    An imported folder or video does not say it: the numbers of its frames are kept, their times
    are not.
    """
    photos = Pool(dataset.path("photos"))
    sources = {photos.info(stem).settings.get("source") for stem in photos.stems()}
    if len(sources) != 1:
        return None
    (source,) = sources
    if source in manifest.names():
        video = manifest.load(str(source)).video
        return float(video.fps) if video else None
    return _rendered(dataset) if source == "photos" else None


def _rendered(dataset: Dataset) -> float | None:
    url = dataset.path("synth", "settings.json")
    if not storage.exists(url):
        return None
    try:
        plan: Any = json.loads(storage.read(url))
        return float(plan.get("fps", RENDERED)) if plan["layout"] == "video" else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error
