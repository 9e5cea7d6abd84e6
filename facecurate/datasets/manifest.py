"""What is known about each dataset and what papers print: ``manifests/*.toml``, data, never code.

One file a dataset, ``published.toml`` for published numbers. In a wheel they lie inside the
package, in a checkout beside it.
"""

import re
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from facecurate import storage
from facecurate.datasets.facts import Manifest
from facecurate.datasets.published import Arm, Note, Number, Published
from facecurate.datasets.typed import build, near
from facecurate.errors import FacecurateError
from facecurate.text import printable

__all__ = [
    "Arm",
    "Manifest",
    "Note",
    "Number",
    "arms",
    "load",
    "names",
    "notes",
    "parse",
    "parse_published",
    "published",
    "sources",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PERCENT = re.compile(r"\d+(\.\d+)?%")
_PUBLISHED = "published.toml"


@cache
def names() -> tuple[str, ...]:
    """The ids of all known datasets, sorted."""
    files = storage.list(_folder())
    return tuple(
        sorted(
            name.removesuffix(".toml")
            for name in files
            if name.endswith(".toml") and name != _PUBLISHED
        )
    )


@cache
def load(id: str) -> Manifest:
    """The manifest of one dataset. Raises FacecurateError naming similar ids if it is unknown."""
    if id not in names():
        shown = repr(printable(id, 70))
        raise FacecurateError(
            f"unknown dataset {shown}{near(id, names()) or ': known are ' + ', '.join(names())}"
        )
    return parse(_text(f"{id}.toml"), id)


def parse(text: str, id: str) -> Manifest:
    """A manifest from the TOML text of ``<id>.toml``.

    Raises FacecurateError naming the file, the key and the value that is wrong.
    """
    where = f"{id}.toml"
    manifest = build(Manifest, _toml(text, where), where)
    for problem in _problems(manifest, id):
        raise FacecurateError(f"{where}: {problem}")
    return manifest


def _problems(manifest: Manifest, id: str) -> list[str]:
    """What types cannot say: names that must agree inside one manifest."""
    splits = {split.name for split in manifest.splits}
    made_of = {part for split in manifest.splits for part in split.made_of}
    scored = {manifest.scored_split} - {None}
    withdrawn = manifest.status == "withdrawn by its owners"
    tested = {person for fold in manifest.folds for person in (*fold.test, *fold.validation)}
    checks = {
        f"id is {manifest.id!r}, the file's name says {id!r}": manifest.id == id,
        f"id {manifest.id!r} must match {_NAME.pattern}": bool(_NAME.fullmatch(manifest.id)),
        f"splits named but not listed: {sorted(made_of - splits)}": made_of <= splits,
        f"scored_split {manifest.scored_split!r} is no split": scored <= splits,
        "withdrawn stands with the status 'withdrawn by its owners' and only there": (
            withdrawn == (manifest.withdrawn is not None)
        ),
        "folds name subjects that are not listed": tested <= set(manifest.subjects),
        "a normaliser needs left and right points, or a box": all(
            bool(one.left and one.right) != bool(one.box) for one in manifest.normalisers
        ),
        "one normaliser is the default": (
            not manifest.normalisers
            or [one.default for one in manifest.normalisers].count(True) == 1
        ),
    }
    return [problem for problem, holds in checks.items() if not holds]


def published(
    *,
    table: str | int | None = None,
    dataset: str | None = None,
    split: str | None = None,
    normaliser: str | None = None,
    metric: str | None = None,
    fraction: str | None = None,
    arm: str | None = None,
    adapt: str | None = None,
) -> tuple[Number, ...]:
    """The published numbers that agree with every word given, in the order of the tables.

    ``table`` is ``"1"`` to ``"10"`` of arXiv 2103.16554, or ``"farl"``; ``metric`` as in results
    (``nme``, ``icc``, ``tar@1e-4``, ``ccc_valence``, ...); ``fraction`` as printed (``2%``).
    """
    wanted = {
        "table": None if table is None else str(table),
        "dataset": dataset,
        "split": split,
        "normaliser": normaliser,
        "metric": metric,
        "fraction": fraction,
        "arm": arm,
        "adapt": adapt,
    }
    given = [(key, value) for key, value in wanted.items() if value is not None]
    return tuple(
        number
        for number in _numbers()
        if all(getattr(number, key) == value for key, value in given)
    )


def arms() -> dict[str, Arm]:
    """The rows of the published tables by their short names."""
    return dict(_published().arms)


def sources() -> dict[str, str]:
    """The papers that the numbers come from, by the ids that numbers carry."""
    return dict(_published().sources)


def notes(table: str | int | None = None) -> tuple[Note, ...]:
    """Known traps and contradictions of the published tables: all, or those about one table."""
    return tuple(one for one in _published().notes if table is None or str(table) in one.tables)


def parse_published(text: str) -> Published:
    """The published numbers from TOML text; errors as in ``parse``."""
    found = build(Published, _toml(text, _PUBLISHED, parse_float=Decimal), _PUBLISHED)
    for i, block in enumerate(found.blocks):
        where = f"{_PUBLISHED}: blocks[{i}]"
        if block.source not in found.sources:
            raise FacecurateError(f"{where}: unknown source {block.source!r}")
        for arm, fractions in block.values.items():
            if arm not in found.arms:
                raise FacecurateError(f"{where}: unknown arm {arm!r}{near(arm, found.arms)}")
            for fraction, values in fractions.items():
                if not _PERCENT.fullmatch(fraction):
                    raise FacecurateError(f"{where}: {arm}: {fraction!r} is no percentage")
                if len(values) != len(block.metrics):
                    raise FacecurateError(
                        f"{where}: {arm} at {fraction} has {len(values)} values"
                        f" for {len(block.metrics)} metrics"
                    )
    return found


@cache
def _published() -> Published:
    return parse_published(_text(_PUBLISHED))


@cache
def _numbers() -> tuple[Number, ...]:
    return tuple(_published().numbers())


def _toml(text: str, where: str, parse_float: Any = float) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError as error:
        raise FacecurateError(f"{where}: not TOML: {error}") from error


def _text(name: str) -> str:
    return storage.read(storage.join(_folder(), name)).decode()


@cache
def _folder() -> str:
    """Where the manifests lie: in the installed package, else beside it in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "manifests", package.parent / "manifests"):
        if storage.exists(storage.join(str(folder), _PUBLISHED)):
            return str(folder)
    raise FacecurateError("the manifests are missing from this installation: reinstall facecurate")
