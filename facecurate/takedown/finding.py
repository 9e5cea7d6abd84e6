"""Which photos and faces a request names, and which others are copies of them, in all datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from facecurate import images, storage
from facecurate.copies.hashing import hashes_of
from facecurate.erase.targets import photo_of
from facecurate.errors import FacecurateError
from facecurate.takedown import copies, known
from facecurate.takedown.found import Found, Match, Picture, Request
from facecurate.text import printable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset


def find(workspace: str, request: Request, progress: Progress = silent) -> Found:
    """Looks through every dataset. Raises FacecurateError for a picture that cannot be read.

    Copies are those of the named photos: pictures of the same bytes, members of their clusters and
    what verified edges join them with, and pictures whose 256-bit hash, upright or mirrored, lies
    within the limit of ``similar.verify``. Copies of copies are not followed further.
    """
    found = Found(pictures=[_picture(url) for url in request.files])
    places = [Dataset(workspace, name) for name in known.datasets(workspace)]
    for done, place in enumerate(places):
        progress(done, 3 * len(places))
        for row in known.named_rows(place, request):
            found.add_photo(Match(dataset=place.name, key=row["photo_id"], row=row))
        for key, box in known.faces(place, request.faces):
            found.add_face(Match(dataset=place.name, key=key, box=box))
    here = {key for _, key in (*found.photos, *found.faces)}
    found.missing = sorted((request.photos | request.faces) - here)
    copies.add(places, found, request, progress)
    _complete(places, found)
    return found


def _complete(places: Sequence[Dataset], found: Found) -> None:
    """Rows and boxes of the copies; the same ids in other datasets; no face of a photo that goes.

    An id is one photo's in the whole workspace: two crawls may both have stored it.
    """
    photos = frozenset(key for _, key in found.photos)
    for name in [name for name in found.faces if photo_of(name[1]) in photos]:
        del found.faces[name]
    faces = frozenset(key for _, key in found.faces)
    for place in places:
        for row in known.rows_of(place, photos):
            key = row["photo_id"]
            found.add_photo(Match(dataset=place.name, key=key, why="exact", of=key))
            one = found.photos[place.name, key]
            found.photos[place.name, key] = dataclasses.replace(one, row=row)
        for key, box in known.faces(place, faces):
            found.add_face(Match(dataset=place.name, key=key, why="exact", of=key))
            one = found.faces[place.name, key]
            found.faces[place.name, key] = dataclasses.replace(one, box=box)


def _picture(url: str) -> Picture:
    if not storage.is_file(url):
        raise FacecurateError(f"there is no file {printable(url)}: give a picture")
    data = storage.read(url)
    try:
        found = hashes_of(data)
    except images.ImageRejectedError as error:
        raise FacecurateError(f"{printable(url)} is no picture ({error}): give another") from error
    return Picture(storage.name(url), known.sha256_of(data), found)
