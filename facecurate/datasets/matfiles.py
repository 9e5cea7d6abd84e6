"""MATLAB v5 files of a face each, beside pictures of the same name.

The variables keep the classes and shapes that the owners gave them; see ``morphable`` for what the
numbers mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import storage
from facecurate.errors import DamagedError, MissingExtraError
from facecurate.text import counted, printable

_HEADER = b"MATLAB 5.0 MAT-file, a face as parameters".ljust(116)  # SciPy would write the time
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
    loadmat = _scipy().loadmat
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a variable that is there twice, a complex number
            found = loadmat(storage.buffer(data), variable_names=list(keys), mat_dtype=True)
    except NotImplementedError as error:
        raise DamagedError(f"{what}: MATLAB v7.3, the owners' files are v5: copy it anew") from (
            error
        )
    except Exception as error:  # SciPy raises what it likes on bad bytes
        told = printable(error, 80)
        raise DamagedError(f"{what}: damaged or no MATLAB v5 file: {told}") from error
    return {name: _checked(found, name, key, what) for name, key in keys.items()}


def _checked(found: Mapping[str, Any], name: str, key: Key, what: str) -> NDArray[Any]:
    if name not in found:
        raise DamagedError(f"{what}: {name} is missing")
    value = np.asarray(found[name])
    if value.dtype.kind not in "iuf":
        raise DamagedError(f"{what}: {name} holds no numbers")
    if value.shape != key.shape:
        is_, wanted = ("x".join(map(str, shape)) for shape in (value.shape, key.shape))
        raise DamagedError(f"{what}: {name} is {is_} instead of {wanted}")
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
    folder.marks.extend(sorted((n for n in names if n.endswith(".mat")), key=str.encode))
    return folder
