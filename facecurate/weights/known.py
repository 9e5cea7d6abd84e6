"""Published files that are fetched once, and told from their namesakes by SHA-256."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import zipfile
from dataclasses import dataclass
from typing import Protocol

import platformdirs

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.text import printable

FOLDER_VARIABLE = "FACECURATE_WEIGHTS_DIR"


@dataclass(frozen=True, slots=True)
class Known:
    """A published file. ``sha256`` may be its first digits only, where no more was published."""

    name: str
    file: str
    url: str
    sha256: str
    size: int  # bytes; the most that is ever fetched where ``sha256`` is not whole
    licence: str
    instead: str = ""  # what works without the file
    by_option: bool = True  # --weights takes the path of such a file
    published: str = ""  # where ``sha256`` was completed at the first download: what was published

    @property
    def partial(self) -> bool:
        """True if only the first digits of the digest were published, and the size is a limit."""
        return bool(self.published) or len(self.sha256) < 64

    def accepts(self, digest: str) -> bool:
        """True if ``digest`` is this file's."""
        return digest.startswith(self.sha256)


_RAW = "https://raw.githubusercontent.com"
_WITHOUT = "--detector dlib works without it"
KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known(
            "retinaface-mobile",
            "retinaface_mobilenet0.25.pth",
            f"{_RAW}/elliottzheng/face-detection/786fbab7095623c348e251f1f0a8b323721c6a84"
            "/face_detection/weights/mobilenet0.25_Final.pth",
            "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220",
            1_789_735,
            "MIT",
            _WITHOUT,
        ),
        Known(
            "yunet",
            "yunet_n_dynamic.onnx",
            f"{_RAW}/ShiqiYu/libfacedetection.train/02246e79b1e976c83d1e135a85e0628120c93769"
            "/onnx/yunet_n_dynamic.onnx",
            "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
            322_906,
            "Apache-2.0",
            _WITHOUT,
        ),
        Known(
            "retinaface",
            "retinaface_resnet50_2020-07-20-f168fae3c.zip",
            "https://github.com/ternaus/retinaface/releases/download/0.01"
            "/retinaface_resnet50_2020-07-20-f168fae3c.zip",
            "f168fae3c",  # of the file or of the one packed in it: only these digits were published
            200_000_000,
            "MIT",
            _WITHOUT,
        ),
    )
}


class Download(Protocol):
    """``fetch.download``: stores a url's bytes under a target, checked."""

    def __call__(self, url: str, target: str, *, sha256: str, limit: int) -> None:
        """Raises FacecurateError."""
        ...


def cache_folder() -> str:
    """Where fetched weights are kept, in the user's cache."""
    return str(platformdirs.user_cache_path("facecurate") / "weights")


def locate(
    known: Known,
    given: str | None = None,
    *,
    download: Download | None = None,
    unchecked: bool = False,
) -> str:
    """The path of a file with ``known``'s digest.

    In this order: ``given`` (what follows ``--weights``), any file in ``FACECURATE_WEIGHTS_DIR``,
    the user's cache, one download into that cache (``download`` None: stay offline). A given file,
    or one of the same name in ``FACECURATE_WEIGHTS_DIR``, with another digest is refused, unless
    the given one may be ``unchecked``. Where only the first digits of a digest were published, the
    whole one is recorded at the first download and asked for from then on. Raises FacecurateError
    in one line: file, digest, where to put it, what works without.
    """
    known = _as_recorded(known)
    if given is not None:
        file = given.removeprefix("file:")
        return _present(file) if unchecked else _checked(known, file)
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and (path := _in_folder(known, folder)):
        return path
    cached = storage.join(cache_folder(), known.file)
    if storage.exists(cached) and _digest_of(known, cached) is not None:
        return cached
    if download is None:
        raise FacecurateError(_missing(known, "it is not here"))
    return _fetched(known, cached, download)


def _fetched(known: Known, target: str, download: Download) -> str:
    whole = not known.partial
    try:
        download(known.url, target, sha256=known.sha256 if whole else "", limit=known.size)
    except FacecurateError as error:
        raise FacecurateError(_missing(known, str(error))) from error
    except OSError as error:
        raise FacecurateError(_missing(known, f"the cache cannot be written: {error}")) from error
    accepted = _digest_of(known, target)
    if accepted is None:
        found = storage.digest(target)
        storage.delete(target)
        raise FacecurateError(_missing(known, f"the server's file has SHA-256 {found}"))
    if not whole:
        storage.write_atomic(_record(known), f"{accepted}\n".encode())
    return target


def _record(known: Known) -> str:
    """Where the whole digest of a file is kept of which only the first digits were published."""
    return storage.join(cache_folder(), f"{known.file}.sha256")


def _as_recorded(known: Known) -> Known:
    """``known`` with the digest recorded at its first download, if there was one."""
    if not (known.partial and storage.exists(_record(known))):
        return known
    digest = storage.read(_record(known)).decode("ascii", "replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not known.accepts(digest):
        raise FacecurateError(
            f"{_record(known)} should hold the SHA-256 of {known.file}, which begins with "
            f"{known.sha256}: delete both files and they are fetched again"
        )
    return dataclasses.replace(known, sha256=digest, published=known.sha256)


def _missing(known: Known, why: str) -> str:
    digits = "" if len(known.sha256) == 64 else "..."
    option = ", or give it by --weights" if known.by_option else ""
    line = (
        f"{known.name} needs {known.file} (SHA-256 {known.sha256}{digits}) and could not fetch it "
        f"({why}): get {known.url} and put it into {cache_folder()} or the folder "
        f"{FOLDER_VARIABLE} names{option}"
    )
    return f"{line}; {known.instead}" if known.instead else line


def _present(path: str) -> str:
    if not storage.exists(path) or storage.is_folder(path):
        raise FacecurateError(f"no file of weights at {printable(path)}")
    return path


def _checked(known: Known, path: str) -> str:
    if _digest_of(known, _present(path)) is None:
        hint = "; --weights-unchecked takes it all the same" if known.by_option else ""
        raise FacecurateError(
            f"{printable(path)} is not {known.name}'s file: expected SHA-256 {known.sha256}, found "
            f"{storage.digest(path)}{hint}"
        )
    return path


def _in_folder(known: Known, folder: str) -> str | None:
    """The file of that name, else any of the right digest; a wrong one of that name is refused."""
    names = storage.list(folder)
    whole = not known.partial
    for name in sorted(names, key=lambda name: name != known.file):
        path = storage.join(folder, name)
        if storage.is_folder(path) or (whole and storage.size(path) != known.size):
            continue
        if _digest_of(known, path) is not None:
            return path
    return _checked(known, storage.join(folder, known.file)) if known.file in names else None


def _digest_of(known: Known, path: str) -> str | None:
    """The digest by which ``path`` is ``known``: its own, or that of the only file packed in it."""
    digest = storage.digest(path)
    if known.accepts(digest):
        return digest
    if not known.partial:
        return None
    inner = only_member(storage.read(path))
    digest = hashlib.sha256(inner).hexdigest() if inner is not None else ""
    return digest if known.accepts(digest) else None


def only_member(data: bytes) -> bytes | None:
    """The only file of a zip archive (torch packed weights so in 2020); None for anything else."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        return archive.read(names[0]) if len(names) == 1 else None
