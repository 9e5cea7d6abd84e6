"""``synth`` and ``datasets``: rendered faces, and the datasets that people hold."""

from __future__ import annotations

from typing import Any

import click

from facecurate.cli.names import linked
from facecurate.cli.state import State, common, redo_option, worker_count, workers_option
from facecurate.text import counted, printable

LAYOUTS = (
    "photos", "video", "300w", "300w-lp", "affectnet", "aflw2000", "disfa", "ijb", "lfw",
    "vggface2",
)  # fmt: skip
_IMPORTED = ("photos", "video")  # they come with every label and are imported at once


@click.command(short_help="Rendered faces with exact labels.")
@click.argument("name", required=False)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="photos",
    show_default=True,
    help="photos, or a dataset's files as its owners distribute them.",
)
@click.option("--count", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--subjects", type=click.IntRange(min=1), help="video, disfa: people.")
@click.option("--sessions", type=click.IntRange(min=1), help="video: sequences of each person.")
@click.option(
    "--fps", type=click.FloatRange(0.1, 240), help="video: frames a second.  [default: 20]"
)
@click.option(
    "--speed", type=click.FloatRange(0.05, 50), help="video, disfa: 2 moves twice as fast."
)
@click.option(
    "--repeats", type=click.IntRange(1, 100), help="video, disfa: frames that show the same state."
)
@click.option(
    "--states",
    type=click.IntRange(min=1),
    help="video, disfa: states of a sequence, which then come again.",
)
@click.option(
    "--unsteady",
    type=click.FloatRange(0, 20),
    help="video, disfa: pixels by which a state that comes again is moved.",
)
@click.option("--test", type=click.IntRange(min=1), help="video: people of the split 'test'.")
@click.option("--shared", type=click.IntRange(min=1), help="video: people of both splits.")
@click.option(
    "--leak",
    type=click.IntRange(min=1),
    help="video: training frames in each test sequence; disfa: frames of one person in the next.",
)
@click.option(
    "--gallery", is_flag=True, help="A page that shows what is drawn; NAME is not needed."
)
@workers_option
@redo_option
@common
def synth(
    state: State,
    name: str | None,
    layout: str,
    count: int,
    seed: int,
    gallery: bool,
    workers: int | None,
    redo: bool,
    **film: float | None,
) -> None:
    """Render faces into WORKSPACE/NAME/files: nobody's pictures, every label exact.

    The layouts 'photos' (with planted copies) and 'video' are imported at once with all labels; a
    dataset's layout is linked as that dataset, marked as rendered. The truth about every picture
    lies in WORKSPACE/NAME/synth.

    \b
    Example:
      facecurate synth practice --layout photos --count 1000
      facecurate synth rendered-300w --layout 300w --count 400
      facecurate synth film --layout video --states 20 --repeats 5 --test 2 --leak 3
      facecurate synth --gallery
    """
    if gallery:
        return _show_gallery(state, seed)
    if name is None:
        raise click.UsageError("Missing argument 'NAME': facecurate synth practice")
    from facecurate.datasets import manifest
    from facecurate.errors import UsageError
    from facecurate.prepare import import_rendered
    from facecurate.synthesise import synthesise

    if name in manifest.names():
        raise UsageError(
            f"'{name}' is the name of a real dataset: call the stand-in rendered-{name}"
        )
    dataset = state.workspace.dataset(name)
    options: dict[str, Any] = {"workers": worker_count(workers), "redo": redo}
    chosen: dict[str, Any] = {option: value for option, value in film.items() if value is not None}

    def work(progress: Any) -> Any:
        options["progress"] = progress
        stats = synthesise(dataset, layout=layout, count=count, seed=seed, **options, **chosen)
        return stats + import_rendered(dataset, **options) if layout in _IMPORTED else stats

    state.run(dataset, "pictures", work)


def _show_gallery(state: State, seed: int) -> None:
    from facecurate import storage
    from facecurate.gallery import gallery

    url = storage.join(state.workspace.url, "gallery.html")
    with state.progress("sheets") as progress:
        stats = gallery(url, seed=seed, progress=progress)
    state.finish(str(stats), {"page": url, **stats.to_json()})


@click.group(invoke_without_command=True, short_help="Known datasets: terms, links, checks.")
@common
def datasets(state: State) -> None:
    """List the datasets that are known: terms, how to get them, whether a copy is linked.

    We read a copy that you hold lawfully; no mirrors are named.

    \b
    Example:
      facecurate datasets
      facecurate datasets show 300w
      facecurate datasets link 300w /data/300w
      facecurate datasets check 300w
    """
    if click.get_current_context().invoked_subcommand is None:
        _list(state)


def _list(state: State) -> None:
    from facecurate.datasets import DATASETS, manifest
    from facecurate.workspace import links

    known = [manifest.load(name) for name in manifest.names()]
    found = links(state.workspace.url)
    if not state.json:
        for one in known:
            mark = _mark([link.rendered for link in found.get(one.id, [])])
            click.echo(f"{one.id:<18} {mark:<10} {one.status:<24} {one.title}")
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "status": one.status,
            "adapter": one.id in DATASETS,
            "linked": [link.root for link in found.get(one.id, [])],
        }
        for one in known
    ]
    held = sum(bool(row["linked"]) for row in rows)
    state.finish(f"{len(rows)} datasets known, {held} linked", {"datasets": rows})


def _mark(rendered: list[bool]) -> str:
    if not rendered:
        return "-"
    return "rendered" if all(rendered) else "linked"


@datasets.command(short_help="Terms, how to get it, layout, traps.")
@click.argument("dataset")
@common
def show(state: State, dataset: str) -> None:
    """Show what is known about a dataset.

    \b
    Example:
      facecurate datasets show wflw
    """
    from facecurate.datasets import DATASETS, manifest

    one = manifest.load(dataset)
    link = linked(state, dataset)
    lines = [
        ("", one.title),
        ("status", one.status),
        ("terms", f"{one.terms} ({one.terms_certainty})"),
        ("how", f"{one.how} We read a copy that you hold lawfully; we name no mirrors."),
        ("page", one.page or "none known"),
        ("size", "; ".join(map(str, one.size)) or "unknown"),
        ("splits", ", ".join(f"{s.name} {s.count:,} {s.unit}s" for s in one.splits) or "none"),
        ("labels", ", ".join(one.labels) or "none"),
        ("adapter", "yes" if one.id in DATASETS else "not yet"),
        ("linked", f"{link.root}{' (rendered)' if link.rendered else ''}" if link else "no"),
        *(("trap", trap) for trap in one.traps),
    ]
    if one.withdrawn:
        date = one.withdrawn.date or "date unknown"
        lines.insert(2, ("withdrawn", f"{date}, {one.withdrawn.source}"))
    if not state.json:
        for head, text in lines:
            click.echo(printable(f"{head + ':' if head else '':<11}{text}", 1000))
        if one.tree:
            click.echo("layout:\n  " + one.tree.strip().replace("\n", "\n  "))
    state.finish(
        f"{one.id}: link a copy with 'facecurate datasets link {one.id} DIR'",
        {head or "title": text for head, text in lines if head != "trap"}
        | {"id": one.id, "traps": one.traps},
    )


@datasets.command(short_help="Say where your copy of a dataset lies.")
@click.argument("dataset")
@click.argument("folder", metavar="DIR")
@common
def link(state: State, dataset: str, folder: str) -> None:
    """Remember where your copy of a dataset lies; nothing is copied.

    The link is written to your facecurate.toml (FACECURATE_CONFIG names another file).

    \b
    Example:
      facecurate datasets link 300w /data/300w
    """
    from facecurate import storage
    from facecurate.datasets import manifest
    from facecurate.errors import FacecurateError
    from facecurate.workspace import add_link, user_config

    one = manifest.load(dataset)
    if not storage.is_folder(folder):
        raise FacecurateError(f"{folder} is no folder: give the one that holds {one.id}'s files")
    root = storage.absolute(folder)
    add_link(user_config(), one.id, root=root)
    state.finish(
        f"{one.id} is linked to {root}; check it with 'facecurate datasets check {one.id}'",
        {"dataset": one.id, "root": root, "config": user_config()},
    )


@datasets.command(short_help="Compare a linked copy with the owner's layout.")
@click.argument("dataset")
@common
def check(state: State, dataset: str) -> int:
    """Read a linked copy as its adapter would and list what is missing or damaged.

    Exits with 1 if anything is; a smaller copy is a warning.

    \b
    Example:
      facecurate datasets check 300w
    """
    from facecurate.cli.names import not_linked
    from facecurate.datasets import manifest
    from facecurate.errors import FacecurateError
    from facecurate.prepare import adapter

    manifest.load(dataset)
    found = linked(state, dataset)
    if found is None:
        raise FacecurateError(not_linked(dataset))
    findings = adapter(dataset).check(found.root, found.rendered)
    for finding in findings:
        state.say(finding)
    wrong = sum(not finding.startswith("warning:") for finding in findings)
    told = f"{counted(wrong, 'thing')} wrong, {counted(len(findings) - wrong, 'warning')}"
    state.finish(
        f"{dataset}: {told} in {found.root}",
        {"dataset": dataset, "root": found.root, "findings": findings},
    )
    return 1 if wrong else 0


COMMANDS = [synth, datasets]
