"""Pages, lists and logs that show or name what is gone: deleted, thinned, or masked."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from facecurate import storage, sums
from facecurate.erase.tables import thin
from facecurate.erase.targets import Gone
from facecurate.errors import DamagedError
from facecurate.text import printable
from facecurate.workspace import Dataset

_LISTS = ("txt", "csv", "tsv", "jsonl")  # one picture a line
_PAGES = ("html", "json", "md", "svg")
_UNTOUCHED = (".", "facecurate.toml", "crawl.sqlite")


def commands(dataset: Dataset) -> dict[str, str]:
    """What makes each report and table of a dataset again, by the file of its JSON."""
    found = {}
    for name in storage.list(dataset.url):
        stem, _, suffix = name.rpartition(".")
        told = _told(dataset.path(name)) if suffix == "json" and name[0] != "." else None
        if told is not None and "tool" in told and "outputs" in told:
            found[name] = _command(dataset, stem, told)
    return found


def clear_reports(dataset: Dataset, gone: Gone) -> None:
    """Deletes every report that shows one of them.

    A report tells the keys of all pictures on its page. One with a page that does not, and whose
    tables go by person or film, is deleted too: nobody can say whom it shows.
    """
    for name in storage.list(dataset.url):
        stem, _, suffix = name.rpartition(".")
        if suffix == "html" and not dataset.has(f"{stem}.json"):  # never finished
            storage.delete(dataset.path(name))
        elif suffix == "json" and not name.startswith("."):
            told = _told(dataset.path(name))
            if told is not None and _shows(told, gone):
                outputs = [f for f in told.get("outputs", {}) if f.startswith(f"{stem}.")]
                for file in (*outputs, f"{stem}.html", name):
                    storage.delete(dataset.path(file))


def _told(url: str) -> dict[str, Any] | None:
    try:
        found = json.loads(storage.read(url))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _shows(told: dict[str, Any], gone: Gone) -> bool:
    result = told.get("result")
    if not isinstance(result, dict):
        return False
    if any(gone.has(key) for key in result.get("keys") or () if isinstance(key, str)):
        return True
    if next(gone.named_in(json.dumps(result).encode()), None):
        return True
    has_page = any(file.endswith(".html") for file in told.get("outputs", {}))
    groups = [g.get("group") for g in result.get("per_group") or () if isinstance(g, dict)]
    return has_page and "keys" not in result and bool(set(groups) - {"all"})


def _command(dataset: Dataset, stem: str, told: dict[str, Any]) -> str:
    step = str(told.get("tool", "")).rpartition(" ")[2]
    words = f"facecurate {step} {dataset.name}"
    if stem.startswith("quality-"):
        words += f" --crop {stem.partition('-')[2]}"
    return words + (" --calibrate PAIRS.tsv" if stem == "calibration" else "")


def clear_texts(folder: str, gone: Gone, *, deep: bool = False) -> list[str]:
    """Lists without the lines that name what is gone, pages that name it deleted: their paths.

    Lines of logs and notes (``.md``) stay, with the names masked. ``deep``: in the folders below
    as well.
    """
    changed = []
    for path in _files(folder, deep):
        url = storage.join(folder, *path.split("/"))
        suffix = path.rpartition(".")[2]
        if (suffix in (*_LISTS, *_PAGES) and _clear_text(url, path, suffix, gone)) or (
            deep and suffix == "npz" and _without_entries(url, gone)
        ):
            changed.append(path)
        elif deep and suffix == "parquet":
            changed += [path] if thin(url, gone) else []
    return changed


def _files(folder: str, deep: bool) -> Iterator[str]:
    if not storage.is_folder(folder):
        return
    names = storage.walk(folder) if deep else iter(storage.list(folder))
    for path in names:
        name = path.rpartition("/")[2]
        if not name.startswith(_UNTOUCHED) and storage.is_file(
            storage.join(folder, *path.split("/"))
        ):
            yield path


def _clear_text(url: str, path: str, suffix: str, gone: Gone) -> bool:
    data = storage.read(url)
    if next(gone.named_in(data), None) is None:
        return False
    if suffix == "md" or path.rpartition("/")[2] == "log.jsonl":
        sums.replace(url, gone.masked(data))
    elif suffix in _LISTS:
        lines = data.splitlines(keepends=True)
        left = [line for line in lines if next(gone.named_in(line), None) is None]
        sums.replace(url, b"".join(left))
    else:
        sums.replace(url, None)
    return True


def _without_entries(url: str, gone: Gone) -> bool:
    """Predictions of a fine-tuned model: arrays of one length, with the key of each row."""
    try:
        with storage.buffer(storage.read(url)) as file, np.load(file, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DamagedError(
            f"{url} cannot be read, so nobody can say whom it names ({printable(error, 80)}): "
            "delete it, and finish with 'facecurate takedown'"
        ) from error
    if "key" not in arrays:
        return False
    keep = np.array([not gone.has(str(key)) for key in arrays["key"]], np.bool_)
    if keep.all():
        return False
    left = {n: a[keep] if a.ndim and len(a) == len(keep) else a for n, a in arrays.items()}
    with storage.buffer() as file:
        np.savez(file, **left)
        sums.replace(url, file.getvalue())
    return True
