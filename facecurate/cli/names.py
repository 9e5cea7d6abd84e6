"""What a NAME on the command line means: a dataset here, a linked one, a known one, a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facecurate.errors import FacecurateError, UsageError
from facecurate.text import printable

if TYPE_CHECKING:
    from facecurate.cli.state import State
    from facecurate.workspace import Dataset, Link


def existing(state: State, name: str | None) -> Dataset:
    """The dataset that a step works on; without a name the workspace's only one.

    Raises FacecurateError or UsageError with the line to type instead.
    """
    workspace = state.workspace
    if name is None:
        name = workspace.only()
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


def unknown(state: State, name: str) -> FacecurateError:
    """What to say about a name that stands for nothing that is here."""
    from facecurate import storage
    from facecurate.datasets import manifest

    if name in manifest.names():
        return FacecurateError(not_linked(name))
    if storage.is_folder(name):
        return FacecurateError(f"{name} is a folder: facecurate import {name}")
    names = state.workspace.names()
    here = f"here are {', '.join(names)}" if names else "there is none here yet"
    return UsageError(f"no dataset '{printable(name, 80)}' in {state.workspace.url}: {here}")


def not_linked(name: str) -> str:
    """One line about a known dataset: terms, where to ask, how to link it, what to try now."""
    from facecurate.datasets import manifest

    known = manifest.load(name)
    line = f"{name} is not linked. Terms: {known.terms} {known.how}"
    if known.page:
        line += f" ({known.page})"
    line += f" Then: facecurate datasets link {name} DIR."
    if known.rendered_layout:
        stand_in = f"rendered-{known.rendered_layout}"
        line += f" To try it now: facecurate synth {stand_in} --layout {known.rendered_layout}"
    return line
