"""``import``: pictures from wherever they lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from facecurate.cli.names import linked, unknown
from facecurate.cli.state import State, common, redo_option, worker_count, workers_option

if TYPE_CHECKING:
    from facecurate.importing import Kind
    from facecurate.stats import Stats
    from facecurate.workspace import Dataset

# Options of one kind of source alone: parameter -> the option, and what it belongs to.
_OWN = {
    "url_column": ("--url-column", "a list of addresses"),
    "columns": ("--column", "a list of addresses"),
    "contact": ("--contact", "a list of addresses"),
    "max_image_rate": ("--max-image-rate", "a list of addresses"),
    "fps": ("--fps", "videos"),
    "skip_videos": ("--skip-videos", "a folder"),
}


@click.command("import", short_help="Take pictures from a folder, a list, tars, HDF5 or videos.")
@click.argument("source")
@click.option("--name", help="The dataset's name.  [default: the folder's or the file's]")
@click.option("--license", help="SPDX id of pictures that name none, e.g. CC-BY-4.0.")
@click.option("--url-column", metavar="NAME", help="List: the column of addresses.  [default: url]")
@click.option(
    "--column",
    "columns",
    metavar="OURS=THEIRS",
    multiple=True,
    help="List: what license, author, owner, title or page_url are called there.",
)
@click.option(
    "--contact",
    metavar="MAIL_OR_URL",
    help="List: how servers reach you.  [default: $FACECURATE_CONTACT]",
)
@click.option(
    "--max-image-rate",
    type=float,
    metavar="R",
    help="List: pictures a second from one host, at most.  [default: 1]",
)
@click.option(
    "--fps",
    metavar="F",
    help="Videos: frames a second, at most; 0.5 is one in two.  [default: every frame]",
)
@click.option("--skip-videos", is_flag=True, help="Folder: take its pictures alone.")
@workers_option
@redo_option
@common
def import_(
    state: State,
    source: str,
    name: str | None,
    license: str | None,
    workers: int | None,
    redo: bool,
    **own: Any,
) -> None:
    """Take every picture of SOURCE; what is none gets a row with a reason.

    SOURCE is a folder of pictures and videos, a list of addresses (CSV, TSV, Parquet), WebDataset
    tars (a path or a pattern in quotes), an HDF5 file of the FRL authors, a video, or the name of a
    linked dataset (see 'facecurate datasets'). Bytes are stored as they are, frames as JPEGs.
    Interrupt it when you like: the same command goes on, and takes what is new.

    \b
    Example:
      facecurate import ~/photos --name mine --license CC-BY-4.0
      facecurate import addresses.parquet --contact you@example.org
      facecurate import 'shards/{000000..000009}.tar' --name theirs
      facecurate import flickr_train.h5
      facecurate import interview.mp4 --fps 2
      facecurate import 300w
    """
    from facecurate.datasets import manifest
    from facecurate.errors import UsageError
    from facecurate.importing import Kind, kind_of
    from facecurate.importing.sources import usual_name

    options: dict[str, Any] = {"license": license, "redo": redo}
    known = source in manifest.names()
    if known and linked(state, source):
        _check_own(None, own)
        return _import_linked(state, source, name, workers=worker_count(workers), **options)
    kind = kind_of(source)
    if kind is None:
        raise _unread(state, source)
    _check_own(kind, own)
    _check_there(kind, source)
    name = name or usual_name(source)
    if name in manifest.names():
        raise UsageError(
            f"'{name}' is the name of a known dataset: link it (facecurate datasets link {name} "
            f"{source}) or choose another --name"
        )
    dataset = state.workspace.dataset(name)
    if kind is Kind.LIST:
        options["say"] = state.say
    verb = _verb(kind, dataset, source, options, worker_count(workers), own)
    state.run(dataset, "photos", verb)


def _import_linked(state: State, source: str, name: str | None, **options: Any) -> None:
    from facecurate.datasets import manifest
    from facecurate.errors import UsageError
    from facecurate.prepare import import_linked

    link = linked(state, source)
    assert link is not None
    target = state.workspace.dataset(name or link.name or source)
    if target.name in manifest.names() and (link.rendered or target.name != link.dataset):
        raise UsageError(f"'{target.name}' is kept for the real {target.name}: choose --name")
    state.run(target, "photos", lambda p: import_linked(target, link, progress=p, **options))


def _unread(state: State, source: str) -> Exception:
    from facecurate import storage
    from facecurate.datasets import manifest
    from facecurate.errors import UsageError
    from facecurate.importing.sources import unread
    from facecurate.text import printable

    if storage.is_file(source):
        return unread(source)
    if source in state.workspace.names():
        return UsageError(
            f"{source} is in {state.workspace.url} already; to add photos to it: "
            f"facecurate import FOLDER --name {source}"
        )
    if "/" not in source and source not in manifest.names() and not storage.is_folder(source):
        return UsageError(
            f"{printable(source, 200)} is no folder, no file and no known dataset: check the path; "
            "'facecurate datasets' lists the known ones"
        )
    return unknown(state, source)


def _check_there(kind: Kind, source: str) -> None:
    """Raises FacecurateError for a file that is none; a pattern of tars says that by itself."""
    from facecurate import storage
    from facecurate.errors import FacecurateError
    from facecurate.importing import Kind
    from facecurate.text import printable

    if kind not in (Kind.FOLDER, Kind.TARS) and not storage.is_file(source):
        raise FacecurateError(f"{printable(source)} is not there, or no file: check the path")


def _check_own(kind: Kind | None, own: dict[str, Any]) -> None:
    """Raises UsageError for an option of another kind of source."""
    from facecurate.errors import UsageError
    from facecurate.importing import Kind

    fits = {
        Kind.LIST: ("url_column", "columns", "contact", "max_image_rate"),
        Kind.FOLDER: ("fps", "skip_videos"),
        Kind.VIDEO: ("fps",),
    }
    for parameter, value in own.items():
        said = value is not None and value is not False and value != ()
        if said and (kind is None or parameter not in fits.get(kind, ())):
            option, owner = _OWN[parameter]
            what = kind or "a linked dataset"
            raise UsageError(f"{option} belongs to {owner}, and this is {what}: leave it out")


def _verb(
    kind: Kind,
    dataset: Dataset,
    source: str,
    options: dict[str, Any],
    workers: int,
    own: dict[str, Any],
) -> Callable[[Any], Stats]:
    """The call that takes a source of that kind; it wants a progress."""
    from facecurate import importing
    from facecurate.importing.lists import columns

    if kind is importing.Kind.LIST:
        who = importing.politeness(
            os.environ,
            own["contact"],
            1.0 if own["max_image_rate"] is None else own["max_image_rate"],
        )
        options |= {"columns": columns(own["url_column"], own["columns"])}
        return lambda p: importing.import_list(dataset, source, who, progress=p, **options)
    if kind is importing.Kind.VIDEO:
        options |= {"fps": _rate(own["fps"])}
        return lambda p: importing.import_video(dataset, source, progress=p, **options)
    options |= {"workers": workers}
    if kind is importing.Kind.TARS:
        return lambda p: importing.import_tars(dataset, source, progress=p, **options)
    if kind is importing.Kind.HDF5:
        return lambda p: importing.import_hdf5(dataset, source, progress=p, **options)
    options |= {"fps": _rate(own["fps"]), "skip_videos": own["skip_videos"]}
    return lambda p: importing.import_tree(dataset, source, progress=p, **options)


def _rate(text: str | None) -> Any:
    """Frames a second, exactly as written: 0.5, 12, 30000/1001."""
    from fractions import Fraction

    from facecurate.errors import UsageError
    from facecurate.text import printable

    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"--fps {printable(text, 40)}: write frames a second, like 2 or 0.5")
    return rate


COMMANDS = [import_]
