"""``subset-2pct.parquet``: which frames to label or to keep, by strategy, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Chosen, structure_of, to_train_on
from facecurate.choose.compare import Arm, compare
from facecurate.choose.listing import file_name, listing
from facecurate.choose.strategies import BASELINES, STRATEGIES
from facecurate.choose.thinning import usual_spacing
from facecurate.diversity.events import events
from facecurate.diversity.structure import Labels
from facecurate.errors import FacecurateError, UsageError
from facecurate.probes.narrow import impersonal, narrow
from facecurate.redundancy.encoded import View
from facecurate.redundancy.frames import Frames
from facecurate.redundancy.probing import WIDTH, labelled
from facecurate.shares import Fraction
from facecurate.workers import Progress, silent

SEED = 0
DRAWS = 10
_GAP = 0.2  # of the crop outside the photo, beyond which quality counts as nothing

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Subset:
    """One list: its size, its file, its bytes, and the rows of the frames in the order chosen."""

    fraction: Fraction
    strategy: str
    name: str
    data: bytes
    rows: Rows
    of: int
    told: dict[str, float]


def candidates_of(frames: Frames, view: View) -> tuple[Candidates, Rows]:
    """The training frames in the order of their keys, to choose from; their rows."""
    rows = to_train_on(frames.structure)
    if not len(rows):
        raise FacecurateError("no frame lies in the split train: there is nothing to choose from")
    keys = frames.keys.take(rows).to_pylist()
    order = np.argsort(np.array(keys, dtype=object), kind="stable")
    rows = rows[order]
    vectors = view.vectors[rows].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    structure = structure_of(frames.structure, rows)
    labels = frames.labels
    found = Candidates(
        keys=tuple(keys[i] for i in order),
        vectors=vectors,
        structure=structure,
        spacing=usual_spacing(vectors, structure),
        quality=_quality(frames, rows),
        labels=Labels(labels.names, labels.values[rows], labels.levels) if labels else None,
    )
    return found, rows


def _quality(frames: Frames, rows: Rows) -> NDArray[np.float32]:
    """Sharpness in percent; of a crop that is cut off by the photo's edge it is nothing."""
    sharp = frames.quality["sharpness"][rows].copy()
    sharp[frames.quality["outside"][rows] > _GAP] = 0
    return sharp


def subsets(
    frames: Frames, view: View, fractions: Sequence[Fraction], strategy: str
) -> list[Subset]:
    """A list for each size, nested, all of one strategy. Raises UsageError for another name."""
    if strategy not in STRATEGIES:
        raise UsageError(f"no strategy '{strategy}': choose one of {', '.join(STRATEGIES)}")
    candidates, rows = candidates_of(frames, view)
    sizes = [fraction.size(len(candidates)) for fraction in fractions]
    chosen = STRATEGIES[strategy].choose(candidates, max(sizes), SEED)
    found = []
    for fraction, size in zip(fractions, sizes, strict=True):
        part = Chosen(chosen.rows[:size], chosen.told if size == max(sizes) else {})
        data = listing(candidates, part, strategy=strategy, seed=SEED, fraction=fraction)
        name = file_name(fraction)
        told = dict(part.told)
        mine = rows[part.rows]
        found.append(Subset(fraction, strategy, name, data, mine, len(rows), told))
    return found


def described(frames: Frames, one: Subset) -> dict[str, Any]:
    """A list as it stands in the JSON."""
    return {
        "size": str(one.fraction),
        "file": one.name,
        "strategy": one.strategy,
        "remark": STRATEGIES[one.strategy].remark,
        "seed": SEED,
        "frames": len(one.rows),
        "of": one.of,
        "told": one.told,
        "events": _events(frames, one.rows),
    }


def _events(frames: Frames, rows: Rows) -> dict[str, list[Any]] | None:
    if frames.labels is None or not frames.labels.levels:
        return None
    table = events(frames.structure, frames.labels).to_arrow(rows)
    return {name: table[name].to_pylist() for name in ("unit", "at_least", "events", "kept")}


def against_baselines(
    frames: Frames,
    view: View,
    fractions: Sequence[Fraction],
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """Every strategy at every size against stride and stratified random, paired; or nothing.

    Nothing without levels, or with fewer people than folds.
    """
    data = labelled(frames, view.vectors)
    if data is None or data.score != "icc":
        return []
    candidates, _ = candidates_of(frames, view)
    people = candidates.structure.subject.astype(np.int64)
    features = narrow(impersonal(candidates.vectors, people), width=WIDTH)
    arms = [Arm(name, fraction) for fraction in fractions for name in STRATEGIES]
    found = compare(candidates, features, arms, draws=DRAWS, progress=progress)
    means = found.means()
    told = []
    for at, arm in enumerate(arms):
        line: dict[str, Any] = {
            "strategy": arm.strategy,
            "size": str(arm.fraction),
            "remark": STRATEGIES[arm.strategy].remark,
            **{name: float(values[at]) for name, values in means.items()},
        }
        for baseline in BASELINES:
            if arm.strategy != baseline:
                difference = found.difference(arm, Arm(baseline, arm.fraction))
                line[f"against_{baseline}"] = {
                    name: {"mean": d.mean, "low": d.low, "high": d.high, "clear": d.clear,
                           "people_low": d.people_low, "people_high": d.people_high}
                    for name, d in difference.items()
                }  # fmt: skip
        told.append(line)
    return told
