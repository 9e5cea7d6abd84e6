"""Results as ``results.parquet`` rows and as ``tables.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from facecurate import FORMAT, storage
from facecurate.datasets import manifest
from facecurate.tasks.finetune import PREDICTIONS
from facecurate.tasks.intervals import FEWEST_FOR_SENTENCE, Paired, over_draws, paired_ratio
from facecurate.tasks.recipe import CellConfig
from facecurate.text import markdown

BANNER = (
    "> **Rendered faces.** These numbers show that the code works and what it costs. They say "
    "nothing about real faces, and no published number stands beside them.\n"
)
_SHARED = (
    *("task", "dataset", "rendered", "normaliser", "weights", "weights_sha256", "adapt"),
    *("fraction", "labels", "of", "subset", "seed", "steps", "label_limited"),
)
_MEASURES = ("n", "nme", "auc@7", "auc@8", "auc@10", "fr@7", "fr@8", "fr@10")


@dataclass(frozen=True, slots=True)
class Finished:
    """A cell's settings, its result and its folder."""

    config: CellConfig
    result: dict[str, Any]
    url: str


Group = list[Finished]


def rows(results: Iterable[dict[str, Any]]) -> pa.Table:
    """One row a cell and test set; ``scored`` marks the set that tables print first."""
    found = []
    for result in results:
        shared = {name: result[name] for name in _SHARED}
        shared["train_nme"] = result["train"]["nme"]
        scored = result["inputs"]["settings"]["dataset"]["scored"]
        for split, scores in result["metrics"].items():
            trivial = {"trivial_nme": result["trivial"][split]["nme"]}
            place = {"split": split, "scored": split == scored}
            found.append({**shared, **place, **{m: scores[m] for m in _MEASURES}, **trivial})
    table = pa.Table.from_pylist(found)
    return table.replace_schema_metadata({"facecurate.format": str(FORMAT)})


def markdown_page(cells: Sequence[Finished]) -> str:
    """``tables.md``: real datasets first, rendered ones under a banner of their own."""
    parts = ["# Landmarks\n", "NME in percent, lower is better; normaliser as named.\n"]
    for rendered in (False, True):
        chosen = [cell for cell in cells if cell.config.dataset.rendered is rendered]
        if chosen and rendered:
            parts.append(BANNER)
        parts += [_dataset(group) for group in _groups(chosen, lambda c: c.config.dataset.label)]
    return "\n".join(parts)


def text_page(cells: Sequence[Finished]) -> str:
    """The same for a terminal: aligned columns, then what may be said."""
    parts = []
    for group in by_dataset(cells):
        info = group[0].config.dataset
        head = f"{info.label}, NME in percent of {info.normaliser}, lower is better"
        parts += [head, columns(*grid(group)), *sentences(group)]
    return "\n".join(parts)


def columns(head: Sequence[str], body: Sequence[Sequence[Any]]) -> str:
    """Rows under a head, in columns as wide as their widest cell."""
    words = [list(map(str, row)) for row in (head, *body)]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in words)
    return "\n".join(line.rstrip() for line in lines)


def _groups(cells: Iterable[Finished], key: Callable[[Finished], Any]) -> list[Group]:
    """Cells that share a key, groups in the order of their first cell."""
    found: dict[Any, Group] = {}
    for cell in cells:
        found.setdefault(key(cell), []).append(cell)
    return list(found.values())


def _dataset(cells: Group) -> str:
    info, (head, body) = cells[0].config.dataset, grid(cells)
    lines = [f"## {markdown(info.label)}, normaliser {info.normaliser}\n", _line(head)]
    lines.append(_line(["---"] * len(head)))
    start = head.index("start")
    lines += [_line([*r[:start], markdown(r[start]), *r[start + 1 :]]) for r in body]
    lines.append("")
    for group in _groups(cells, lambda c: (str(c.config.fraction), c.config.adapt)):
        lines += [*_curve(group), *_comparisons(group)]
    return "\n".join(lines) + "\n"


def grid(cells: Group) -> tuple[list[str], list[list[str]]]:
    """Head and rows of one dataset's table: a row for each fraction, adaptation and start."""
    info, splits = cells[0].config.dataset, list(cells[0].result["metrics"])
    head = ["labels", "start", "adapt", *(f"NME {s}" for s in splits), "trivial", "steps"]
    head += [] if info.rendered else [f"published, {info.scored}"]
    return head, [_row(group, splits, len(head)) for group in _groups(cells, _arm_key)]


def by_dataset(cells: Sequence[Finished]) -> list[Group]:
    """Cells of one dataset together, real datasets before rendered ones."""
    ordered = sorted(cells, key=lambda cell: cell.config.dataset.rendered)
    return _groups(ordered, lambda cell: cell.config.dataset.label)


def sentences(cells: Group) -> list[str]:
    """What may be said of one dataset's starts against scratch."""
    groups = _groups(cells, lambda c: (str(c.config.fraction), c.config.adapt))
    return [line.strip() for group in groups for line in _comparisons(group)]


def _arm_key(cell: Finished) -> tuple[str, str, str]:
    return str(cell.config.fraction), cell.config.adapt, cell.config.arm.name


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def _row(group: Group, splits: list[str], width: int) -> list[str]:
    config, result = group[0].config, group[0].result
    values = [over_draws([c.result["metrics"][s]["nme"] for c in group]) for s in splits]
    scored = _scored(config, result)
    trivial = over_draws([c.result["trivial"][scored]["nme"] for c in group])
    labels = f"{config.fraction} = {result['labels']} of {result['of']}"
    if config.fraction.labels is not None:
        labels = f"{result['labels']} of {result['of']}"
    words = [labels, config.arm.name, config.adapt, *values, trivial, _steps(group)]
    return words + [_published(config)] * (len(words) < width)


def _scored(config: CellConfig, result: dict[str, Any]) -> str:
    metrics = result["metrics"]
    return config.dataset.scored if config.dataset.scored in metrics else next(iter(metrics))


def scored(cell: Finished) -> str:
    """The test set that is printed first for this cell."""
    return _scored(cell.config, cell.result)


def _steps(group: Group) -> str:
    steps = str(group[0].result["steps"])
    limited = all(cell.result["label_limited"] for cell in group)
    return steps if limited else f"{steps}, stopped by steps"


def _published(config: CellConfig) -> str:
    """The number of the same dataset, split, normaliser, fraction and start, as it was printed."""
    info = config.dataset
    arms = {n for n, arm in manifest.arms().items() if arm.weights == config.arm.weights}
    found = manifest.published(
        dataset=info.id,
        split=info.scored,
        normaliser=info.normaliser,
        metric="nme",
        fraction=str(config.fraction),
        adapt=config.adapt,
    )
    numbers = [f"{n.printed} (table {n.table})" for n in found if n.arm in arms]
    return numbers[-1] if numbers else "none comparable"


def _curve(group: Group) -> list[str]:
    """NME against steps, so that speed and label efficiency cannot be confused."""
    config, result = group[0].config, group[0].result
    scored = _scored(config, result)
    steps = [look["step"] for look in result["curve"]]
    if len(steps) < 2:
        return []
    lines = [f"NME {scored} against steps, {config.fraction}, {config.adapt}:\n"]
    lines += [_line(["start", *map(str, steps)]), _line(["---"] * (len(steps) + 1))]
    for arm in _groups(group, _arm_key):
        looks = zip(*(cell.result["curve"] for cell in arm), strict=True)
        means = [np.mean([look["nme"][scored] for look in draws]) for draws in looks]
        lines.append(_line([markdown(arm[0].config.arm.name), *(f"{m:.2f}" for m in means)]))
    return [*lines, ""]


def _comparisons(group: Group) -> list[str]:
    """A sentence for each arm against scratch, where four draws or more allow one."""
    arms = {cells[0].config.arm.name: cells for cells in _groups(group, _arm_key)}
    base = arms.pop("scratch", None)
    lines = [_sentence(cells, base) for cells in arms.values()] if base else []
    return [line + "\n" for line in lines if line]


def compare(ours: Group, others: Group) -> Paired | None:
    """The scored test set's errors, draw by draw; None if the arms share fewer than four draws."""
    theirs = {cell.config.seed: cell for cell in others}
    pairs = [(cell, theirs[cell.config.seed]) for cell in ours if cell.config.seed in theirs]
    if len(pairs) < FEWEST_FOR_SENTENCE:
        return None
    one, two = (np.stack([_errors(pair[i]) for pair in pairs]) for i in (0, 1))
    known = ~np.isnan(one + two).any(axis=0)
    return paired_ratio(one[:, known], two[:, known])


def _errors(cell: Finished) -> Any:
    splits = cell.config.dataset.tests[_scored(cell.config, cell.result)]
    packed = storage.buffer(storage.read(storage.join(cell.url, PREDICTIONS)))
    with np.load(packed, allow_pickle=False) as held:
        return held["nme"][np.isin(held["split"], list(splits))]


def _sentence(ours: Group, others: Group) -> str:
    found = compare(ours, others)
    if found is None:
        return ""
    config, result = ours[0].config, ours[0].result
    line = (
        f"{config.fraction}, after {result['steps']} steps: {markdown(config.arm.name)} has "
        f"{found.ratio:.3f} times the NME of scratch over {found.draws} paired draws"
    )
    if found.low is None:
        line += f" (draws {found.least:.3f} to {found.most:.3f}; too few for an interval)."
    else:
        line += (
            f" (95 %: draws {found.low:.3f} to {found.high:.3f}, "
            f"test images {found.items_low:.3f} to {found.items_high:.3f})"
        )
        line += "; both intervals leave 1 out." if found.clear else "; that is no clear difference."
    if not all(cell.result["label_limited"] for cell in [*ours, *others]):
        line += " Some cells were stopped by steps: part of this is speed, not label efficiency."
    return line
