"""What is wrong with a copy of DISFA: all of it at once, before anything is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from facecurate import storage, videos
from facecurate.datasets import disfa_files as files
from facecurate.errors import DamagedError
from facecurate.images import ImageRejectedError
from facecurate.text import counted

_TOLD = 12  # things that one line lists


def refuse(root: str, problems: Sequence[str]) -> None:
    """Raises DamagedError with the problems, if there are any."""
    if problems:
        more = f"; {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        raise DamagedError(
            f"{root}: {counted(len(problems), 'thing')} wrong, nothing was taken: "
            f"{'; '.join(problems[:_TOLD])}{more}"
        )


def stops(
    root: str, subject: str, labels: Mapping[int, str], video: str | None, camera: str
) -> Iterator[str]:
    """What keeps a subject from being taken, without decoding a video that looks whole."""
    problems = files.label_problems(root, dict(labels))
    yield from problems
    if video is None:
        yield f"{subject}: labels, but no video of the {camera} camera"
        return
    lines = 1 if problems else len(files.read_labels(root, dict(labels)))
    try:
        announced = videos.announced(storage.join(root, *video.split("/")))
    except ImageRejectedError as error:
        yield _undecodable(video, error)
        return
    if announced < lines:  # headers are often wrong: only counting is certain
        yield from of_video(root, video, lines, rendered=True)


def of_video(root: str, video: str, lines: int, rendered: bool) -> Iterator[str]:
    """Whether a video has as many frames as there are label lines, by decoding it."""
    try:
        found = videos.count(storage.join(root, *video.split("/")))
    except ImageRejectedError as error:
        yield _undecodable(video, error)
        return
    if found < lines:
        yield f"{video}: {found:,} frames for {lines:,} label lines"
    elif found > lines and not rendered:
        yield f"warning: {video}: {found:,} frames, of which the first {lines:,} are coded"


def _undecodable(video: str, error: ImageRejectedError) -> str:
    return f"{video}: cannot be decoded ({error})"
