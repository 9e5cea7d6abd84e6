"""Videos as pictures in their order: any that FFmpeg reads, and Motion JPEG to write.

Frame ``k`` is the ``k``-th picture that the decoder gives, counted from 0. Nothing is sought by
number or time, because a container's index need not agree with what comes out of the decoder; who
wants frame 4,000 decodes those before it. A frame's name as a source is the video's path, ``#`` and
that number in at least seven digits: ``Videos/a.avi#0000016`` is the seventeenth picture. Owners
who count from 1 have their number in the column ``frame``.

Only files that begin like a known container reach FFmpeg, so that no playlist makes it open
another file. A video on a remote storage is copied to this machine each time it is opened. What
FFmpeg conceals inside a damaged frame is not noticed; a frame that it cannot decode at all ends the
video.

This reader is for datasets whose labels count frames, and needs no package beyond the core. Videos
of one's own, taken by time, are read by ``importing/films.py``, with the same numbers and names.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from facecurate import images, storage
from facecurate.errors import FacecurateError
from facecurate.images import DEFAULT_LIMITS, ImageRejectedError, Limits, Pixels

STORED_AS = f"JPEG, quality {images.JPEG_QUALITY}, 4:2:0"  # what ``stored`` makes of a frame
SUFFIXES = ("avi", "mp4", "m4v", "mov", "mkv", "webm", "mpg", "mpeg", "wmv", "asf", "flv")
_NAME = re.compile(rf"(.+\.(?:{'|'.join(SUFFIXES)}))#(\d{{7,}})", re.I | re.S)
_BLOCK = 1 << 20
_CONTAINERS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
    b"FLV\x01",
)


# -- names ---------------------------------------------------------------------------------------


def frame_name(video: str, number: int) -> str:
    """The source name of a video's frame; ``number`` counts from 0."""
    return f"{video}#{number:07d}"


def split_name(source: str) -> tuple[str, int] | None:
    """(the video's path, the frame's number from 0), or None if no frame is named."""
    found = _NAME.fullmatch(source)
    return (found[1], int(found[2])) if found else None


# -- reading -------------------------------------------------------------------------------------


def frames(
    url: str, first: int = 0, last: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Pixels]:
    """The frames from ``first`` up to, not including, ``last``: (h, w, 3) uint8 RGB each.

    Ends early where the video does. Raises ImageRejectedError before the first frame if nothing
    can be read, and later for a frame above the limits.
    """
    numbers = itertools.count(first) if last is None else range(first, last)
    return picked(url, numbers, limits)


def picked(url: str, numbers: Iterable[int], limits: Limits = DEFAULT_LIMITS) -> Iterator[Pixels]:
    """The frames of rising ``numbers``, decoded in one pass; ends early where the video does.

    Raises ImageRejectedError as :func:`frames`, ValueError for numbers that do not rise.
    """
    import cv2

    with _opened(url, limits) as capture:
        position = 0
        for number in numbers:
            if number < position:
                raise ValueError(f"frame {number} is asked for after frame {position - 1}")
            while position <= number:
                if not capture.grab():
                    return
                position += 1
            done, pixels = capture.retrieve()
            if not done:
                return
            check_size(pixels.shape[1], pixels.shape[0], limits)
            yield np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def stored(
    url: str, numbers: Sequence[int], limits: Limits = DEFAULT_LIMITS
) -> Iterator[bytes | ImageRejectedError]:
    """For each of the rising ``numbers`` the frame as a JPEG, or why there is none.

    Intra-coded videos are encoded again too, so that all frames are stored in one way.
    """
    done = 0
    reason = ImageRejectedError("truncated", "the video ends before this frame")
    try:
        for pixels in picked(url, numbers, limits):
            done += 1
            yield images.encode_jpeg(pixels)
    except ImageRejectedError as error:
        reason = error
    for _ in numbers[done:]:
        yield reason


def count(url: str, limits: Limits = DEFAULT_LIMITS) -> int:
    """How many frames can be decoded, by decoding them: headers are often wrong.

    Raises ImageRejectedError.
    """
    with _opened(url, limits) as capture:
        return sum(1 for _ in iter(capture.grab, False))


def announced(url: str, limits: Limits = DEFAULT_LIMITS) -> int:
    """How many frames the header promises, 0 where it says nothing, after the first is decoded.

    Raises ImageRejectedError, also for a video without a frame.
    """
    import cv2

    with _opened(url, limits) as capture:
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if not capture.grab():
            raise ImageRejectedError("truncated", "not even its first frame can be decoded")
        return max(0, int(promised))


@contextlib.contextmanager
def _opened(url: str, limits: Limits) -> Iterator[Any]:
    """A decoder before its first frame, on one thread."""
    import cv2

    check_container(url)
    with _local(url) as path:
        with _silent():
            capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            if not capture.isOpened():
                raise ImageRejectedError("broken", "no decoder takes the video")
            width, height = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
            check_size(int(capture.get(width)), int(capture.get(height)), limits)
            yield capture
        finally:
            capture.release()


def is_named_as_video(path: str) -> bool:
    """Whether a file's name ends as a video's."""
    return path.lower().rpartition(".")[2] in SUFFIXES


def check_container(url: str) -> None:
    """Raises ImageRejectedError unless the file begins like a container of videos."""
    try:
        if not storage.is_file(url):
            raise ImageRejectedError("unreadable", "no regular file")
        head = storage.read(url, 0, 16)
    except OSError as error:
        raise ImageRejectedError("unreadable", str(error)) from error
    if not head:
        raise ImageRejectedError("empty")
    avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    quicktime = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free")
    if not (avi or quicktime or head.startswith(_CONTAINERS)):
        raise ImageRejectedError("not_an_image", "begins like no video that is read")


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raises ImageRejectedError for a frame outside the limits."""
    if width * height > limits.max_pixels:
        raise ImageRejectedError("too_many_pixels", f"{width} x {height}")
    if min(width, height) < limits.min_side:
        raise ImageRejectedError("too_small", f"{width} x {height}")


@contextlib.contextmanager
def _local(url: str) -> Iterator[str]:
    """The video's absolute path on this machine: FFmpeg takes other names for addresses."""
    if storage.is_local(url):
        yield storage.absolute(url)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = storage.join(folder, "video")
        with storage.reading(url) as source, storage.writing(copy) as target:
            while block := source.read(_BLOCK):
                target.write(block)
        yield copy


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps OpenCV's and FFmpeg's remarks about damaged videos off the terminal.

    FFmpeg's are set for the whole process, by the variable that OpenCV reads once.
    """
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    log = cv2.utils.logging
    before = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(before)


# -- writing -------------------------------------------------------------------------------------


def write_avi(
    url: str,
    pictures: Iterable[Pixels],
    fps: float = 20.0,
    quality: Callable[[int], int] = lambda k: images.JPEG_QUALITY,
) -> int:
    """Writes (h, w, 3) uint8 RGB pictures as Motion JPEG in an AVI file; their number.

    ``quality``: the JPEG quality of each frame, from 0. The bytes depend on pictures and settings
    alone. Raises ValueError for no pictures or pictures of
    different sizes, FacecurateError beyond 2 GiB, the most that all readers take.
    """
    shape: tuple[int, ...] | None = None
    sizes: list[int] = []
    with storage.writing(url) as file:
        for pixels in pictures:
            if shape is None:
                shape = pixels.shape
                file.write(_avi_header(shape[1], shape[0], fps, []))
            if pixels.shape != shape:
                raise ValueError(f"a picture of {pixels.shape} after one of {shape}")
            data = images.encode_jpeg(pixels, quality(len(sizes)))
            sizes.append(_add_chunk(file, b"00dc", data))
        if shape is None:
            raise ValueError("a video of no pictures")
        _add_chunk(file, b"idx1", _avi_index(sizes))
        if file.tell() >= 1 << 31:
            raise FacecurateError(f"{url} would be larger than 2 GiB: give it fewer frames")
        file.seek(0)
        file.write(_avi_header(shape[1], shape[0], fps, sizes))
    return len(sizes)


def _add_chunk(file: BinaryIO, name: bytes, data: bytes) -> int:
    file.write(_chunk(name, data))
    return len(data)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _avi_header(width: int, height: int, fps: float, sizes: Sequence[int]) -> bytes:
    """All that stands before the first frame; its length does not depend on ``sizes``."""
    largest = max(sizes, default=0)
    main = struct.pack(
        "<14I", round(1e6 / fps), round(largest * fps), 0, 0x10, len(sizes), 0, 1, largest,
        width, height, 0, 0, 0, 0,
    )  # fmt: skip
    stream = b"vidsMJPG" + struct.pack(
        "<10I4H", 0, 0, 0, 1000, round(1000 * fps), 0, len(sizes), largest, 0xFFFFFFFF, 0,
        0, 0, width, height,
    )  # fmt: skip
    form = struct.pack("<IIIHH4sIIIII", 40, width, height, 1, 24, b"MJPG", 3 * width * height,
                       0, 0, 0, 0)  # fmt: skip
    strl = b"strl" + _chunk(b"strh", stream) + _chunk(b"strf", form)
    hdrl = _chunk(b"LIST", b"hdrl" + _chunk(b"avih", main) + _chunk(b"LIST", strl))
    movi = 4 + sum(8 + size + size % 2 for size in sizes)
    riff = 4 + len(hdrl) + 8 + movi + 8 + 16 * len(sizes)
    start = b"RIFF" + struct.pack("<I", riff) + b"AVI "
    return start + hdrl + b"LIST" + struct.pack("<I", movi) + b"movi"


def _avi_index(sizes: Sequence[int]) -> bytes:
    """Where each frame stands, counted from the name of the list of frames."""
    rows, place = [], 4
    for size in sizes:
        rows.append(b"00dc" + struct.pack("<III", 0x10, place, size))
        place += 8 + size + size % 2
    return b"".join(rows)
