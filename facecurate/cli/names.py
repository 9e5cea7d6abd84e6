"""What a NAME on the command line means: a dataset here, a linked one, a known one, a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facecurate.errors import FacecurateError, UsageError
from facecurate.text import printable

if TYPE_CHECKING:
    from facecurate.cli.state import State
    from facecurate.workspace import Dataset, Link


def existing(state: State, name: str | None, template: str = "") -> Dataset:
    """The dataset that a step works on; without a name the workspace's only one.

    ``template``: how the command is typed with a name in place of ``{}``. Raises FacecurateError
    or UsageError with the line to type instead.
    """
    workspace = state.workspace
    if name is None:
        name = workspace.only(template or f"{click.get_current_context().info_name} {{}}")
        state.say(f"dataset {name}")
    if name in workspace.names():
        return workspace.dataset(name)
    link = linked(state, name)
    if link:
        imported = link.name or name
        if imported in workspace.names():
            return workspace.dataset(imported)
        raise FacecurateError(f"{name} is linked but not imported: facecurate import {name}")
    raise unknown(state, name)


def linked(state: State, name: str, *, rendered: bool = False) -> Link | None:
    """The link of a known dataset: the user's own copy, else a rendered stand-in.

    ``rendered`` takes the stand-in even where the user's own copy is linked.
    """
    from facecurate.workspace import links

    found = links(state.workspace.url).get(name, [])
    if rendered:
        found = [link for link in found if link.rendered]
    return found[0] if found else None


def prepared(
    state: State,
    name: str | None,
    *,
    workers: int,
    root: str | None = None,
    shards: bool = False,
    rendered: bool = False,
) -> Dataset:
    """The dataset, made ready first if it is a linked one: imported, cropped, sharded.

    ``root``: the files of a known dataset that is not linked. Raises as ``existing`` does.
    """
    from facecurate import storage
    from facecurate.datasets import manifest
    from facecurate.workspace import Link

    if root and name not in manifest.names():
        raise UsageError("--root goes with the name of a known dataset: see 'facecurate datasets'")
    if root and not storage.is_folder(root):
        raise UsageError(
            f"{printable(root, 200)} is no folder: give the copy of {name} that you have"
        )
    if name is None:
        return existing(state, None)
    link = Link(name, root) if root else _link_behind(state, name, rendered)
    if link is None:
        return existing(state, name)
    from facecurate.prepare import prepare

    dataset = state.workspace.dataset(link.name or link.dataset)
    with state.progress("photos") as progress:
        prepare(dataset, link, shards=shards, workers=workers, say=state.say, progress=progress)
    return dataset


def _link_behind(state: State, name: str, rendered: bool) -> Link | None:
    """The link of that known dataset, or the one that a workspace dataset was made from."""
    from facecurate.workspace import links

    found = linked(state, name, rendered=rendered)
    every = (link for known in links(state.workspace.url).values() for link in known)
    return found or next((link for link in every if link.name == name), None)


def unknown(state: State, name: str) -> FacecurateError:
    """What to say about a name that stands for nothing that is here."""
    from facecurate import storage
    from facecurate.datasets import manifest

    if name in manifest.names():
        return FacecurateError(not_linked(name))
    if storage.is_folder(name):
        return FacecurateError(f"{name} is a folder: facecurate import {name}")
    if "/" in name or name.startswith("."):
        return FacecurateError(f"{printable(name, 200)} is no folder: check the path")
    names = state.workspace.names()
    here = f"here are {', '.join(names)}" if names else "there is none here yet"
    return UsageError(f"no dataset '{printable(name, 80)}' in {state.workspace.url}: {here}")


def not_linked(name: str) -> str:
    """One line about a known dataset: terms, where to ask, how to link it, what to try now."""
    from facecurate.datasets import DATASETS, manifest

    known = manifest.load(name)
    page = f" ({known.page})" if known.page else ""
    line = f"{name} is not linked. Terms: {known.terms} {known.how.rstrip('.')}{page}."
    line += f" Then: facecurate datasets link {name} DIR."
    if name not in DATASETS:
        line += " Its own files cannot be read yet, its pictures can: give the folder itself."
    if known.rendered_layout:
        stand_in = f"rendered-{known.rendered_layout}"
        line += f" To try it now: facecurate synth {stand_in} --layout {known.rendered_layout}"
    else:
        line += " To try the chain on rendered faces now: facecurate demo"
    return line
