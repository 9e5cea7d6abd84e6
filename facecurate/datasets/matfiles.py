"""MATLAB v5 files of a face each, beside pictures of the same name.

The variables keep the classes and shapes that the owners gave them; see ``morphable`` for what the
numbers mean.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import storage
from facecurate.errors import DamagedError, MissingExtraError
from facecurate.text import counted, printable

_HEADER = b"MATLAB 5.0 MAT-file, a face as parameters".ljust(116)  # SciPy would write the time
_MOST = 64 << 20  # bytes of a file's variables when inflated; the owners' files have far fewer
_COMPRESSED = 15  # the type of an element that is a zlib stream
_NUMBERS = {"double", "single"} | {f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)}
_CLASSES = {"double": np.float64, "single": np.float32, "int16": np.int16}

Values = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Key:
    """One variable of a file: rows and columns, and its MATLAB class."""

    shape: tuple[int, int]
    type: Literal["double", "single", "int16"]


def _scipy() -> Any:
    try:
        import scipy.io
    except ImportError as error:
        raise MissingExtraError("reading the .mat files of 300W-LP and AFLW2000", "datasets") from (
            error
        )
    return scipy.io


def parse_mat(data: bytes, keys: Mapping[str, Key], what: str) -> Values:
    """The variables ``keys`` of a MATLAB v5 file, each in its own type.

    Raises DamagedError naming ``what`` and the variable for bytes that are no such file and for
    variables that are missing, of another shape, no numbers or not finite.
    """
    scipy_io = _scipy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a variable that is there twice, a complex number
            check_tables(scipy_io, data, {name: key.shape for name, key in keys.items()}, what)
            found = scipy_io.loadmat(
                storage.buffer(data), variable_names=list(keys), mat_dtype=True
            )
    except NotImplementedError as error:
        raise DamagedError(f"{what}: MATLAB v7.3, the owners' files are v5: copy it anew") from (
            error
        )
    except DamagedError:
        raise
    except Exception as error:  # SciPy raises what it likes on bad bytes
        told = printable(error, 80)
        raise DamagedError(f"{what}: damaged or no MATLAB v5 file: {told}") from error
    return {name: _checked(found, name, key, what) for name, key in keys.items()}


def check_tables(
    scipy_io: Any, data: bytes, shapes: Mapping[str, tuple[int, ...]], what: str
) -> None:
    """Looks at a file's headers, so that a small file cannot make SciPy fill the memory.

    ``shapes``: of the variables that will be read; one that is missing is nobody's concern here.
    Raises DamagedError naming ``what`` for another shape, for what holds no numbers and for
    variables that inflate to more than 64 MiB; and whatever SciPy raises on bad bytes.
    """
    _check_inflated(data, what)
    for name, shape, type_ in scipy_io.whosmat(storage.buffer(data)):
        if name in shapes:
            if type_ not in _NUMBERS:
                raise DamagedError(f"{what}: {name} holds no numbers")
            _check_shape(shape, shapes[name], f"{what}: {name}")


def _check_shape(shape: tuple[int, ...], wanted: tuple[int, ...], what: str) -> None:
    if shape != wanted:
        is_, should = ("x".join(map(str, s)) for s in (shape, wanted))
        raise DamagedError(f"{what} is {is_} instead of {should}")


def _check_inflated(data: bytes, what: str) -> None:
    """A header may tell a small shape before a long stream, so the streams are measured too."""
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    at, left = 128, _MOST
    while order and at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind == _COMPRESSED:
            left -= len(zlib.decompressobj().decompress(data[at + 8 : at + 8 + size], left + 1))
        if left < 0:
            raise DamagedError(f"{what}: its variables inflate to more than {_MOST >> 20} MiB")
        at += 8 + size


def _checked(found: Mapping[str, Any], name: str, key: Key, what: str) -> NDArray[Any]:
    if name not in found:
        raise DamagedError(f"{what}: {name} is missing")
    value = np.asarray(found[name])
    if value.dtype.kind not in "iuf":
        raise DamagedError(f"{what}: {name} holds no numbers")
    _check_shape(value.shape, key.shape, f"{what}: {name}")
    if not np.isfinite(value).all():
        raise DamagedError(f"{what}: {name} has a value that is not finite")
    return value


def other_types(values: Mapping[str, NDArray[Any]], keys: Mapping[str, Key]) -> list[str]:
    """Which variables have another MATLAB class than the owners': ``roi is int32, not int16``."""
    odd = {n: v.dtype for n, v in values.items() if v.dtype != _CLASSES[keys[n].type]}
    shown = {np.dtype(np.float64): "double", np.dtype(np.float32): "single"}
    return [f"{n} is {shown.get(dtype, dtype)}, not {keys[n].type}" for n, dtype in odd.items()]


def to_mat(values: Mapping[str, ArrayLike], keys: Mapping[str, Key]) -> bytes:
    """A MATLAB v5 file of the variables in the order of ``keys``, always the same bytes.

    Raises ValueError for a variable that is missing or does not fit its shape or its type.
    """
    out: Values = {}
    for name, key in keys.items():
        if name not in values:
            raise ValueError(f"{name} is missing")
        value = np.asarray(values[name])
        if key.type == "int16":
            value = np.rint(value)
        out[name] = value.astype(_CLASSES[key.type]).reshape(key.shape)
        if not np.allclose(out[name], value.reshape(key.shape), rtol=1e-6):
            raise ValueError(f"{name} does not fit {key.type}")
    file = storage.buffer()
    _scipy().savemat(file, out, format="5")
    return _HEADER + file.getvalue()[len(_HEADER) :]


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's ``.mat`` files in the order of their bytes; ``pictures``: stem -> file name."""

    path: str  # POSIX, relative to the dataset's root; "" is the root
    marks: list[str]
    pictures: dict[str, str]

    def url(self, root: str, *names: str) -> str:
        """Where the folder or a file in it lies."""
        return storage.join(root, *[part for part in self.path.split("/") if part], *names)

    def file(self, name: str) -> str:
        """The POSIX path of a file relative to the dataset's root."""
        return f"{self.path}/{name}" if self.path else name

    def picture(self, mark: str) -> str:
        """The path of the picture beside a ``.mat`` file. Raises DamagedError without one."""
        stem = mark[:-4]
        if stem not in self.pictures:
            raise DamagedError(f"{self.file(mark)}: no picture of that name beside it")
        return self.file(self.pictures[stem])

    def read(self, root: str, mark: str, keys: Mapping[str, Key]) -> Values:
        """The variables of a ``.mat`` file. Raises DamagedError naming it."""
        return parse_mat(storage.read(self.url(root, mark)), keys, self.file(mark))

    def check(self, root: str, keys: Mapping[str, Key]) -> tuple[list[str], dict[str, Values]]:
        """What is wrong in the folder, a line each, and the variables of the files that are whole.

        Variables of another type than the owners' are counted in one warning each.
        """
        findings, whole, odd = [], {}, dict[str, int]()
        for mark in self.marks:
            try:
                self.picture(mark)
            except DamagedError as error:
                findings.append(str(error))
            try:
                whole[mark] = self.read(root, mark, keys)
            except DamagedError as error:
                findings.append(str(error))
                continue
            for told in other_types(whole[mark], keys):
                odd[told] = odd.get(told, 0) + 1
        marked = {mark[:-4] for mark in self.marks}
        alone = sorted(name for stem, name in self.pictures.items() if stem not in marked)
        findings += [f"{self.file(name)}: no .mat file beside it" for name in alone]
        place = self.path or root
        findings += [f"warning: {place}: {told} in {counted(n, 'file')}" for told, n in odd.items()]
        return findings, whole


def listing(root: str, path: str) -> Listing:
    """What lies in one folder; ``path``: POSIX, relative to ``root``, "" for the root itself."""
    folder = Listing(path, [], {})
    names = [n for n in storage.list(folder.url(root)) if n[:2] != "._"]
    for name in names:
        stem, dot, extension = name.rpartition(".")
        if dot + extension.lower() in (".jpg", ".jpeg", ".png"):
            folder.pictures.setdefault(stem, name)
    folder.marks.extend(sorted((n for n in names if n.endswith(".mat")), key=os.fsencode))
    return folder
