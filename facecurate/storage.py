"""All file access: local paths and any fsspec URL, each file finished or not there at all.

A url is a local path or ``protocol://...``. Local writes go to ``.tmp-*`` beside the target, are
flushed to the disk and renamed; remote ones are sent whole when they are complete. A lint rule
(``tests/test_house.py``) forbids ``open`` anywhere else in the package.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import hashlib
import io
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from facecurate.errors import DamagedError, FacecurateError, NoSpaceError, UsageError
from facecurate.text import printable

TEMPORARY = ".tmp-"
_BLOCK = 1 << 20


def is_local(url: str) -> bool:
    """True for paths of this machine's file system."""
    return "://" not in url


def is_shared(url: str) -> bool:
    """True where another process sees the same files (``memory://`` is one process's own)."""
    return not url.startswith("memory://")


def join(url: str, *names: str) -> str:
    """``url`` followed by ``names``, separated by slashes."""
    if is_local(url):
        return os.path.join(url, *names)
    return "/".join([url.rstrip("/"), *names])


def name(url: str) -> str:
    """The last component of ``url``."""
    return url.rstrip("/").rsplit("/", 1)[-1]


def absolute(url: str) -> str:
    """A local path from the root; other urls as they are."""
    return os.path.abspath(os.path.expanduser(url)) if is_local(url) else url


@cache
def _filesystem(protocol: str) -> Any:
    import fsspec

    # Workers write where this process lists: a listing kept from before would hide their parts.
    try:
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise FacecurateError(
            f"{printable(protocol, 40)}:// needs a package that is not installed: "
            f"{printable(error, 200)}"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{printable(protocol, 40)}:// is no place for files ({printable(error, 200)}): "
            "give a folder or a URL like s3://BUCKET/FOLDER"
        ) from error


def _remote(url: str) -> Any:
    return _filesystem(url.split("://", 1)[0])


def read(url: str, offset: int = 0, size: int | None = None) -> bytes:
    """The bytes of a file, or ``size`` of them from ``offset``; fewer at the end of the file.

    Raises FileNotFoundError.
    """
    if not is_local(url):
        end = None if size is None else offset + size
        return bytes(_remote(url).cat_file(url, start=offset or None, end=end))
    if size is not None:
        return _read_some(url, offset, size)
    with open(url, "rb") as file:
        if offset:
            file.seek(offset)
        return file.read()


def _read_some(url: str, offset: int, size: int) -> bytes:
    """One positioned read, a third of what a file object takes; more only where it came short."""
    handle = os.open(url, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _from_handle(handle, offset, size)
    finally:
        os.close(handle)


def _from_handle(handle: int, offset: int, size: int) -> bytes:
    data = os.pread(handle, size, offset)
    while len(data) < size and (more := os.pread(handle, size - len(data), offset + len(data))):
        data += more
    return data


class Files:
    """Positioned reads of many files, of which the last ``limit`` local ones stay open meanwhile.

    For one thread at a time; a copy that is sent to another process opens its own.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._open: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, url: str, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``; fewer at the end. Raises FileNotFoundError."""
        if not is_local(url):
            return read(url, offset, size)
        handle = self._open.get(url)
        if handle is None:
            handle = self._open[url] = os.open(url, os.O_RDONLY | os.O_CLOEXEC)
            while len(self._open) > self._limit:
                os.close(self._open.popitem(last=False)[1])
        else:
            self._open.move_to_end(url)
        return _from_handle(handle, offset, size)

    def close(self) -> None:
        """Closes what is open; what is read later opens it again."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __reduce__(self) -> tuple[type[Files], tuple[int]]:
        return Files, (self._limit,)

    def __del__(self) -> None:
        self.close()


class Scratch:
    """A temporary file without a name, shared by this process and the workers it spawns.

    It lies where temporary files do (``TMPDIR``), takes room only where it was written, and is gone
    with the last process that holds it, however that ends.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this object

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``."""
        return os.pread(self._file.fileno(), size, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Writes all of ``data`` at ``offset``. Raises NoSpaceError."""
        rest = memoryview(data)
        with _full_disk_told(tempfile.gettempdir()):
            while rest:
                done = os.pwrite(self._file.fileno(), rest, offset)
                rest, offset = rest[done:], offset + done

    def __getstate__(self) -> Any:
        from multiprocessing.reduction import DupFd

        return DupFd(self._file.fileno())

    def __setstate__(self, state: Any) -> None:
        self._file = os.fdopen(state.detach(), "r+b", buffering=0)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # it could not be made
            self._file.close()


@contextlib.contextmanager
def reading(url: str) -> Iterator[BinaryIO]:
    """A seekable binary file."""
    with open(url, "rb") if is_local(url) else _remote(url).open(url, "rb") as file:
        yield file


@contextlib.contextmanager
def writing(url: str) -> Iterator[BinaryIO]:
    """A binary file that appears under ``url`` when the block ends without an error.

    Raises NoSpaceError on a full disk, after removing the unfinished file.
    """
    with _full_disk_told(url), _local_target(url) if is_local(url) else _remote_target(url) as file:
        yield file


@contextlib.contextmanager
def _full_disk_told(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(_no_space(url)) from error
        raise


@contextlib.contextmanager
def _local_target(url: str) -> Iterator[BinaryIO]:
    target = Path(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f"{TEMPORARY}{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb", buffering=_BLOCK) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@cache
def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _no_space(url: str) -> str:
    free = free_space(url)
    left = "" if free is None else f" ({free:,} bytes are left)"
    return f"the disk is full{left} while writing {url}: free some space and run the same command"


@contextlib.contextmanager
def _remote_target(url: str) -> Iterator[BinaryIO]:
    with tempfile.SpooledTemporaryFile(max_size=64 << 20) as file:
        yield cast(BinaryIO, file)
        file.seek(0)
        _remote(url).pipe_file(url, file.read())


def write_atomic(url: str, data: bytes) -> None:
    """Writes a whole file: afterwards it has either its old content or ``data``."""
    with writing(url) as file:
        file.write(data)


def append(url: str, line: str) -> None:
    """Adds one line to a log; a single write, so that parallel writers do not mix."""
    data = (line + "\n").encode()
    if is_local(url):
        Path(url).parent.mkdir(parents=True, exist_ok=True)
        with _full_disk_told(url), open(url, "ab", buffering=0) as file:
            file.write(data)
    else:
        write_atomic(url, (read(url) if exists(url) else b"") + data)


def list(url: str) -> builtins.list[str]:
    """The names directly under ``url``, sorted, without unfinished files; empty if not there."""
    if is_local(url):
        try:
            names = os.listdir(url)
        except (FileNotFoundError, NotADirectoryError):
            return []
    else:
        try:
            names = [name(path) for path in _remote(url).ls(url, detail=False)]
        except FileNotFoundError:
            return []
    return sorted(n for n in names if not n.startswith(TEMPORARY))


def walk(url: str) -> Iterator[str]:
    """Every file below ``url``: POSIX paths relative to it, in the order of their bytes."""
    if not is_local(url):
        root = _remote(url)._strip_protocol(url).rstrip("/")
        for path in sorted(_remote(url).find(url)):
            yield path[len(root) + 1 :]
        return
    yield from sorted(_walk_local(url), key=os.fsencode)


def _walk_local(url: str) -> Iterator[str]:
    """Follows linked folders, each real folder once, so that a loop of links ends.

    A folder that cannot be read stands for what is in it.
    """
    seen = set()
    closed: builtins.list[str] = []
    for folder, folders, files in os.walk(
        url, followlinks=True, onerror=lambda error: closed.append(error.filename)
    ):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        relative = os.path.relpath(folder, url)
        prefix = "" if relative == "." else relative.replace(os.sep, "/") + "/"
        yield from (prefix + file for file in files)
    yield from (os.path.relpath(folder, url).replace(os.sep, "/") for folder in closed)


def glob(pattern: str) -> builtins.list[str]:
    """The urls that match a pattern with ``*``, ``?``, ``[...]`` and ``**``, sorted."""
    if is_local(pattern):
        import glob as local

        return sorted(local.glob(pattern, recursive=True))
    protocol, files = pattern.split("://", 1)[0], _remote(pattern)
    start = f"{protocol}:///" if pattern.startswith(f"{protocol}:///") else f"{protocol}://"
    found = (str(path) for path in files.glob(pattern))
    return sorted(path if "://" in path else start + path.lstrip("/") for path in found)


def exists(url: str) -> bool:
    """True if there is a file or a folder."""
    return os.path.exists(url) if is_local(url) else bool(_remote(url).exists(url))


def is_folder(url: str) -> bool:
    """True if ``url`` is a folder."""
    return os.path.isdir(url) if is_local(url) else bool(_remote(url).isdir(url))


def is_file(url: str) -> bool:
    """True if ``url`` is a regular file: pipes and devices are none."""
    return os.path.isfile(url) if is_local(url) else bool(_remote(url).isfile(url))


def size(url: str) -> int:
    """The file's size in bytes."""
    return os.path.getsize(url) if is_local(url) else int(_remote(url).size(url))


def delete(url: str) -> None:
    """Removes a file or a folder with all it holds; nothing to do if it is not there."""
    if not is_local(url):
        if exists(url):
            _remote(url).rm(url, recursive=True)
    elif os.path.isdir(url) and not os.path.islink(url):
        shutil.rmtree(url)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(url)


def sweep(url: str, *, deep: bool = False) -> int:
    """Removes unfinished files that a killed writer left under ``url``; their number.

    Directly under it, or with ``deep`` in the folders below as well. Only a holder of the dataset's
    lock may call it.
    """
    if not is_local(url) or not os.path.isdir(url):
        return 0
    left = []
    for folder, _, names in os.walk(url):
        left += [os.path.join(folder, name) for name in names if name.startswith(TEMPORARY)]
        if not deep:
            break
    for path in left:
        os.unlink(path)
    return len(left)


def digest(url: str) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises DamagedError if the file is missing."""
    total = hashlib.sha256()
    try:
        with reading(url) as file:
            while block := file.read(_BLOCK):
                total.update(block)
    except FileNotFoundError as error:
        raise DamagedError(f"{url} is missing") from error
    return total.hexdigest()


def free_space(url: str) -> int | None:
    """Bytes left where ``url`` would be written; None where nobody can say."""
    if not is_local(url):
        return None
    folder = Path(url).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def buffer(data: bytes = b"") -> io.BytesIO:
    """A file in memory, for libraries that want one."""
    return io.BytesIO(data)


def text_lines(url: str) -> Iterator[str]:
    """The lines of a UTF-8 text file, one at a time, without their ends."""
    with (
        reading(url) as file,
        io.TextIOWrapper(cast(IO[bytes], file), encoding="utf-8", errors="replace") as lines,
    ):
        for line in lines:
            yield line.rstrip("\r\n")
