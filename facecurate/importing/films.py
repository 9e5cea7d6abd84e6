"""Videos as they are shown: frames by their presentation times, turned as their metadata says.

PyAV gives each frame's time and the display's rotation, which ``videos.py`` (frames by number, for
datasets whose labels count them) has no use for. Frame ``k`` is the same picture in both: the k-th
that the decoder gives, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from facecurate import images, storage
from facecurate.errors import MissingExtraError
from facecurate.images import DEFAULT_LIMITS, ImageRejectedError, Limits, Pixels
from facecurate.importing.containers import is_cut
from facecurate.importing.rows import Verified
from facecurate.text import printable
from facecurate.videos import check_container, check_size

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_LATE = Fraction(1, 8)  # of an interval: by so much a frame may come before its time
_USUAL_RATE = Fraction(25)  # where neither frames nor container tell times


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was chosen; its pixels are made when they are asked for."""

    number: int  # in the decoder's order, from 0
    time: Fraction  # seconds since the first frame
    picture: VideoFrame

    def stored(self) -> Verified:
        """The frame as a JPEG."""
        pixels = _upright(self.picture)
        height, width = pixels.shape[:2]
        return Verified(images.encode_jpeg(pixels), "jpg", width, height, 1)


@dataclass(frozen=True, slots=True)
class Damage:
    """Why a video has no (more) frames, or lacks some: a reason of ``records.REASONS``, words."""

    reason: str
    detail: str


def check_installed() -> None:
    """Raises MissingExtraError without PyAV."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a video", "video") from error


def read(
    url: str, fps: Fraction | None = None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Frame | Damage]:
    """The frames of a video in their order; one ``Damage`` at the end if something is missing.

    ``fps``: at most one frame for each interval of 1/fps seconds, the first in it, by the frames'
    own times, so that a changing rate does not matter; None: every frame.
    """
    import av

    damage: Damage | None = None
    try:
        check_container(url)
        if is_cut(url):
            damage = Damage("truncated", "its file ends early")
        with storage.reading(url) as file, av.open(file, "r", metadata_errors="ignore") as video:
            reading = _Reading(video, limits)
            clock = _Clock(fps)
            for number, picture in enumerate(reading.frames()):
                time = clock.time(picture)
                if clock.takes(time):
                    yield Frame(number, time, picture)
            damage = damage or reading.damage
    except ImageRejectedError as error:
        damage = damage or Damage(error.reason, str(error))
    except (av.FFmpegError, OSError, ValueError) as error:
        damage = damage or Damage("broken", f"no decoder takes it ({_words(error)})")
    if damage:
        yield damage


class _Clock:
    """Times of frames since the first, and which of them are taken."""

    def __init__(self, fps: Fraction | None) -> None:
        self._fps = fps
        self._start: Fraction | None = None
        self._last = Fraction(0)
        self._step = 1 / _USUAL_RATE
        self._slot = -1

    def time(self, frame: VideoFrame) -> Fraction:
        """Seconds since the first frame; one without a time follows the last by the last step."""
        if frame.pts is None or frame.time_base is None:
            time = self._last + self._step if self._start is not None else Fraction(0)
        else:
            shown = frame.pts * frame.time_base
            self._start = shown - self._last if self._start is None else self._start
            time = shown - self._start
        self._step = time - self._last if time > self._last else self._step
        self._last = max(time, self._last)
        return self._last

    def takes(self, time: Fraction) -> bool:
        """Whether this frame is the first of its interval."""
        if self._fps is None:
            return True
        slot = int(time * self._fps + _LATE)
        found, self._slot = slot > self._slot, max(slot, self._slot)
        return found


class _Reading:
    """One pass over a container: frames that were decoded whole, and what is wrong."""

    def __init__(self, video: InputContainer, limits: Limits) -> None:
        self._video, self._limits = video, limits
        self.damage: Damage | None = None

    def frames(self) -> Iterator[VideoFrame]:
        """The frames of the first stream of pictures that is no cover.

        After a packet that cannot be decoded those that lean on it are left out, up to the next
        one that leans on none.
        """
        import av

        stream = self._stream()
        lost = False
        for packet in self._packets(stream):
            if packet is not None and lost and not packet.is_keyframe:
                continue
            try:
                found = stream.codec_context.decode(packet)
            except av.FFmpegError as error:
                self._damaged("broken", f"frames cannot be decoded ({_words(error)})")
                lost = True
                continue
            lost = False
            for frame in found:
                if frame.is_corrupt:
                    self._damaged("broken", "frames are damaged")
                    continue
                check_size(frame.width, frame.height, self._limits)
                yield frame

    def _packets(self, stream: VideoStream) -> Iterator[Any]:
        """The stream's packets, then None for what the decoder still holds."""
        import av

        count = 0
        try:
            for packet in self._video.demux(stream):
                if packet.size == 0:
                    continue
                count += 1
                if packet.is_corrupt:
                    self._damaged("truncated", f"it stops inside frame {count:,}")
                    continue
                yield packet
        except av.FFmpegError as error:
            self._damaged("truncated", f"it cannot be read further ({_words(error)})")
        yield None

    def _stream(self) -> VideoStream:
        from av.stream import Disposition

        streams = self._video.streams.video
        found = [s for s in streams if not s.disposition & Disposition.attached_pic]
        if not found:
            raise ImageRejectedError("not_an_image", "no pictures in it")
        check_size(found[0].codec_context.width, found[0].codec_context.height, self._limits)
        found[0].codec_context.thread_count = 1  # the same bytes on every machine
        return found[0]

    def _damaged(self, reason: str, detail: str) -> None:
        self.damage = self.damage or Damage(reason, detail)


def _upright(frame: VideoFrame) -> Pixels:
    """(h, w, 3) uint8 RGB, turned as the container asks, by whole quarters."""
    pixels = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4  # counter-clockwise
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _words(error: Exception) -> str:
    return printable(getattr(error, "strerror", None) or error, 100)
