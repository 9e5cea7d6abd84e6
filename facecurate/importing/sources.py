"""What a SOURCE is by its name, and folders that hold pictures and videos."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from facecurate import storage, videos
from facecurate.errors import FacecurateError, MissingExtraError
from facecurate.images import ImageRejectedError
from facecurate.importing import films, hdf5, lists
from facecurate.importing.files import files_below, import_folder
from facecurate.importing.sequences import import_videos
from facecurate.importing.tarsource import root_of
from facecurate.stats import Stats
from facecurate.text import counted, printable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, suggest_name


class Kind(StrEnum):
    """The kinds of sources."""

    FOLDER = "a folder"
    LIST = "a list of addresses"
    TARS = "tars"
    HDF5 = "an HDF5 file"
    VIDEO = "a video"


def kind_of(source: str) -> Kind | None:
    """What import makes of a path, URL or pattern; None for what it does not read."""
    lower = source.lower()
    if storage.is_folder(source):
        return Kind.FOLDER
    if lower.endswith(".tar") or lower.endswith((".tar.gz", ".tgz")):
        return Kind.TARS
    if lower.endswith(lists.SUFFIXES):
        return Kind.LIST
    if lower.endswith(hdf5.SUFFIXES):
        return Kind.HDF5
    if videos.is_named_as_video(source):
        return Kind.VIDEO
    return None


def usual_name(source: str) -> str:
    """The dataset's name if nobody gives one: the folder's, or the file's without its ending."""
    kind = kind_of(source)
    if kind is Kind.TARS and not storage.is_file(source):
        source, kind = root_of(source) or ".", Kind.FOLDER
    name = storage.name(storage.absolute(source))
    return suggest_name(name if kind is Kind.FOLDER else name.rpartition(".")[0])


def unread(source: str) -> FacecurateError:
    """The error about a file of no kind that is read."""
    return FacecurateError(
        f"{printable(source)} is no source of pictures: give a folder, a list (.csv, .tsv, "
        ".parquet), tars (.tar, a pattern in quotes), an .h5 file, a video, or a linked dataset"
    )


def import_tree(
    dataset: Dataset,
    source: str,
    *,
    license: str | None = None,
    fps: Fraction | None = None,
    skip_videos: bool = False,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes a folder: its pictures first, then the frames of its videos.

    A video is a file that is named as one and begins like one. ``skip_videos``: videos are files
    like others, which hold no picture. Raises as ``import_folder`` and ``import_videos`` do.
    """
    if not storage.is_folder(source) or skip_videos:
        return import_folder(
            dataset, source, license=license, workers=workers, redo=redo, progress=progress
        )
    paths = list(files_below(dataset, source))
    clips = [path for path in paths if _is_video(storage.join(source, path))]
    if clips:
        _check_installed(source, len(clips))
    stats = Stats()
    if len(clips) < len(paths) or not paths:
        stats = import_folder(
            dataset,
            source,
            license=license,
            leave=frozenset(clips),
            workers=workers,
            redo=redo,
            progress=progress,
        )
    if not clips:
        return stats
    redo = redo and len(clips) == len(paths)
    done = import_videos(
        dataset, source, clips, fps=fps, license=license, redo=redo, progress=progress
    )
    return Stats(done.counts, tuple(dict.fromkeys((*stats.notes, *done.notes))), done.facts)


def _is_video(url: str) -> bool:
    if not videos.is_named_as_video(url):
        return False
    try:
        videos.check_container(url)
    except ImageRejectedError:
        return False
    return True


def _check_installed(source: str, count: int) -> None:
    try:
        films.check_installed()
    except MissingExtraError as error:
        raise FacecurateError(
            f"{counted(count, 'video')} in {printable(source)}: pip install 'facecurate[video]', "
            "or --skip-videos"
        ) from error
