"""What small networks read off rendered faces of people they never saw, against trivial predictors.

    python benchmarks/rendered_labels.py [--quick] [--seed S] [--workers W] [--json FILE]

Draws training, validation and test faces of disjoint people and trains small networks on growing
numbers of faces: one sees the face cut by its box and reads landmarks and pose, one sees it laid on
five points, as inexact as a detector's, and reads action units, valence, arousal and expression,
one sees the same and tells people apart. Prints markdown tables: the labels, the action units one
by one, and verification; everything is measured on new people.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import _drawn
import _scores
import numpy as np
from _drawn import Faces

from facecurate.workers import Task, map_tasks, single_thread, usual_workers


@dataclass(frozen=True, slots=True)
class Size:
    """How many people and sessions, at which counts networks are trained, and for how long.

    ``shown``: pictures that the training of each network goes through where it has the largest
    count; one with fewer sees less, by the power ``LESS`` of the ratio.
    """

    people: int
    sessions: int
    val: tuple[int, int]  # people, sessions
    test: tuple[int, int]
    counts: tuple[int, ...]
    shown: Mapping[str, int]

    def length(self, what: str, count: int) -> int:
        """Pictures that training on ``count`` faces goes through."""
        return round(self.shown[what] * math.pow(count / self.counts[-1], LESS))


LESS = 0.5
_LONG = {"aligned": 70_000, "boxed": 50_000, "identity": 40_000}
_SHORT = {"aligned": 20_000, "boxed": 15_000, "identity": 12_000}
FULL = Size(500, 10, (40, 5), (125, 8), (300, 1000, 5000), _LONG)
QUICK = Size(100, 10, (20, 5), (50, 8), (300, 1000), _SHORT)

MEAN, NEAREST, RIDGE = "mean of the training", "nearest at 32 px", "ridge on 32 px"
TRIVIAL = (MEAN, NEAREST, RIDGE)
Table = dict[str, dict[str, float]]  # column -> figure -> value


@dataclass(frozen=True, slots=True)
class Result:
    """Everything on the page.

    ``labels`` and ``units``: by predictor and figure; ``people``: by predictor AUC and TAR;
    ``ceiling``: valence and arousal from the exact units; ``loss``: see ``_learners.Learner``.
    """

    seed: int
    size: Size
    tested: int
    labels: Table
    units: dict[str, dict[int, float]]
    people: dict[str, tuple[float, float]]
    ceiling: dict[str, float]
    loss: Table
    seconds: float


def spent() -> float:
    """CPU seconds of this process and of its ended children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclass(frozen=True, slots=True)
class _Training(Task):
    folder: str
    what: str  # identity, or one of _scores.VIEWS whose labels are learned
    count: int
    shown: int
    seed: int


def _train(task: _Training, tick: Any) -> None:
    """Trains one network, scores it on the test faces and writes the figures."""
    import _learners
    import torch

    torch.set_num_threads(1)
    train, test = (_drawn.load(str(Path(task.folder, f"{k}.npz"))) for k in ("train", "test"))
    recipe = _learners.Recipe(task.shown)
    told: dict[str, Any]
    if task.what == "identity":
        vectors = _learners.tell_apart(train.people(task.count), test, recipe, task.seed)
        told = {"people": _scores.verification(vectors, test.person)}
    else:
        learner = _learners.learn(train.spread(task.count), task.what, recipe, task.seed)
        guess = {k: v.tolist() for k, v in learner.predict(test).items()}
        told = {"guess": guess, "loss": learner.last}
    Path(task.folder, task.name).write_text(json.dumps(told))
    tick(1)


def networks(folder: str, size: Size, seed: int, workers: int) -> dict[tuple[str, int], Any]:
    """(what, count) -> the figures of each network, trained on the faces in ``folder``."""
    tasks = [
        _Training(f"{what}-{count}.json", folder, what, count, size.length(what, count), seed)
        for count in reversed(size.counts)  # the longest first
        for what in size.shown
    ]
    map_tasks(_train, tasks, workers=workers, total=len(tasks))
    return {(t.what, t.count): json.loads(Path(folder, t.name).read_text()) for t in tasks}


def trivial(train: Faces, val: Faces, test: Faces) -> dict[str, _scores.Prediction]:
    """What asks for no network."""
    return {
        MEAN: _scores.mean_predictor(train, test),
        NEAREST: _scores.nearest(train, test),
        RIDGE: _scores.ridge(train, val, test),
    }


def people_known(train: Faces, test: Faces) -> dict[str, tuple[float, float]]:
    """Verification without a network."""
    seen = {
        "colour histogram": _scores.histogram(test),
        "32 px": _scores.pixels(test),
        "linear discriminant of 32 px": _scores.discriminant(train, test),
    }
    found = {k: _scores.verification(v, test.person) for k, v in seen.items()}
    return {"chance": (0.5, _scores.FAR), **found}


def measure(size: Size, seed: int, workers: int) -> Result:
    """Draws, trains and scores; the same figures whatever the number of workers."""
    began = spent()
    sets = {"train": (size.people, size.sessions), "val": size.val, "test": size.test}
    faces = {k: _drawn.draw(seed, k, *v, workers=workers) for k, v in sets.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name, some in faces.items():
            _drawn.save(str(Path(folder, f"{name}.npz")), some)
        learned = networks(folder, size, seed, workers)
    train, val, test = faces["train"], faces["val"], faces["test"]
    truth = _scores.targets(test)
    with single_thread():
        plain = trivial(train, val, test)
        ceiling = _scores.scores(_scores.from_units(train, val, test), truth)
        people = people_known(train, test)
    labels = {k: _scores.scores(v, truth) for k, v in plain.items()}
    units = {k: _scores.unit_scores(v, truth) for k, v in plain.items()}
    loss = {}
    for count in size.counts:
        told = [learned[what, count] for what in _scores.VIEWS]
        guess = {k: np.array(v) for one in told for k, v in one["guess"].items()}
        labels[network(count)] = _scores.scores(guess, truth)
        units[network(count)] = _scores.unit_scores(guess, truth)
        loss[network(count)] = {k: v for one in told for k, v in one["loss"].items()}
        auc, tar = learned["identity", count]["people"]
        people[f"{network(count)}, {count // size.sessions} people"] = (auc, tar)
    return Result(
        seed=seed,
        size=size,
        tested=len(test),
        labels=labels,
        units=units,
        people=people,
        ceiling={k: v for k, v in ceiling.items() if k.startswith(("valence", "arousal"))},
        loss=loss,
        seconds=spent() - began,
    )


def network(count: int) -> str:
    """The column of a network trained on so many faces."""
    return f"network, {count:,} faces"


# -- the page ------------------------------------------------------------------------------------


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def show(result: Result) -> str:
    """Seed, numbers and three tables."""
    size, columns = result.size, list(result.labels)
    labels = [[k, *(f"{result.labels[c][k]:.2f}" for c in columns)] for k in _scores.LABELS]
    units = [[f"AU {n}", *_units(result.units, columns, n)] for n in _drawn.UNITS]
    people = [[k, f"{auc:.3f}", f"{100 * tar:.1f}"] for k, (auc, tar) in result.people.items()]
    ceiling = ", ".join(f"{k} {v:.2f}" for k, v in result.ceiling.items())
    return "\n\n".join(
        [
            f"Rendered faces, seed {result.seed}: {size.people * size.sessions:,} of {size.people} "
            f"people in training, {result.tested:,} of {size.test[0]} others in the test.",
            markdown(["label", *columns], labels),
            f"A linear map of the exact action units gets {ceiling}.",
            markdown(["ICC(3,1)", *columns], units),
            markdown(["verification of new people", "AUC", "TAR at FAR 1 %, %"], people),
            f"{result.seconds:.0f} CPU seconds in all",
        ]
    )


def _units(units: Mapping[str, Mapping[int, float]], columns: Sequence[str], n: int) -> list[str]:
    return [f"{units[column][n]:.2f}" for column in columns]


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Labels that networks learn from rendered faces.")
    parser.add_argument("--quick", action="store_true", help="1,000 training faces, shorter")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=usual_workers())
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    chosen = parser.parse_args()
    result = measure(QUICK if chosen.quick else FULL, chosen.seed, chosen.workers)
    print(show(result))
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(asdict(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
