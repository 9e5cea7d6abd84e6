"""``finetune``: one cell of the benchmark, from weights and labels to ``results.json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import FORMAT, fetch, records, storage, sums
from facecurate.backbones import build, from_state
from facecurate.errors import DamagedError, FacecurateError, SettingsError
from facecurate.loading import FaceShards
from facecurate.pretrain import Augment
from facecurate.pretrain.config import changed
from facecurate.tasks import landmarks, subsets
from facecurate.tasks.landmarks import LandmarkSet
from facecurate.tasks.recipe import Arm, CellConfig
from facecurate.tasks.training import Trainee, train
from facecurate.weights import resolve
from facecurate.workers import single_thread

RESULTS, PREDICTIONS, SUBSET = "results.json", "predictions.npz", "subset.txt"
LIMITED = 0.67  # a training error below this share of the test error: more labels would help

Progress = Callable[[int, int], None]  # steps done, steps


def make_arm(weights: str, *, workspace: str, arch: str = "resnet18-half") -> Arm:
    """An arm from a word of ``--weights``; ``arch`` for scratch and files that do not say theirs.

    Raises UsageError or FacecurateError where the weights are not to be had.
    """
    found = resolve(weights, workspace=workspace, download=fetch.download)
    if found is None:
        return Arm("scratch", "scratch", arch)
    return Arm(weights, found.name, found.arch or arch, found.sha256)


def finetune_cell(
    config: CellConfig,
    shards_url: str,
    cell_url: str,
    *,
    workspace: str = "",
    redo: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Trains and scores one cell; its result, as ``results.json`` (written last) holds it.

    A finished cell of the same settings, data and weights is read, not trained again. Raises
    SettingsError if another cell lies there, FacecurateError if a test set has no face.
    """
    inputs = {"data": lineage(shards_url), "settings": _plain(config)}
    target = storage.join(cell_url, RESULTS)
    if not redo and storage.exists(target):
        return _finished(target, inputs)
    data = _load(shards_url, config.recipe.side, inputs["data"]["dataset"])
    train_list = data.of_splits(config.dataset.train)
    if not len(train_list):
        raise FacecurateError(
            f"{config.dataset.label} has no training faces: its splits are {sorted({*data.splits})}"
        )
    subset = subsets.select(
        train_list.keys, config.fraction, dataset=config.dataset.id, seed=config.seed
    )
    few = train_list.of_keys(subset.keys)
    scored = {split for splits in config.dataset.tests.values() for split in splits}
    tests = data.of_splits(sorted(scored))
    if not len(tests):
        raise FacecurateError(f"{config.dataset.label} has no test faces: nothing to score")
    with single_thread():  # so that `evaluate` and `finetune` find the same numbers
        measured, predictions = _measure(config, few, tests, workspace, progress)
    result = _head(config, subset) | measured | {"inputs": inputs}
    storage.write_atomic(storage.join(cell_url, SUBSET), subset.listing())
    storage.write_atomic(storage.join(cell_url, PREDICTIONS), predictions)
    told = (json.dumps(result, indent=1) + "\n").encode()
    sums.tell(cell_url, SUBSET, PREDICTIONS, coming={storage.name(target): told})
    storage.write_atomic(target, told)
    return result


def lineage(shards_url: str) -> dict[str, Any]:
    """Digest and slots of a dataset's shards."""
    return FaceShards(shards_url).lineage()


def _plain(config: CellConfig) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(config.plain()))
    return plain


def _finished(target: str, inputs: dict[str, Any]) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(storage.read(target))
    except ValueError as error:
        raise DamagedError(f"{target} is damaged: delete it and run again ({error})") from error
    records.check_format(result.get("format"), target)
    difference = changed(result["inputs"], inputs)
    if difference:
        name, before, now = difference
        raise SettingsError(f"{target} was made with {name} {before}, now it is {now}: use --redo")
    return result


@lru_cache(maxsize=2)
def _load(shards_url: str, side: int, digest: str) -> LandmarkSet:
    """Decoded once for all cells of a process; the digest makes new shards a new entry."""
    return landmarks.load(shards_url, side)


def _head(config: CellConfig, subset: subsets.Subset) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "task": config.task,
        "dataset": config.dataset.label,
        "rendered": config.dataset.rendered,
        "normaliser": config.dataset.normaliser,
        "weights": config.arm.name,
        "weights_sha256": config.arm.sha256,
        "adapt": config.adapt,
        "fraction": str(config.fraction),
        "labels": len(subset.keys),
        "of": subset.total,
        "subset": subset.digest,
        "seed": config.seed,
        "steps": config.recipe.steps,
    }


def _measure(
    config: CellConfig,
    few: LandmarkSet,
    tests: LandmarkSet,
    workspace: str,
    progress: Progress | None,
) -> tuple[dict[str, Any], bytes]:
    trainee = _trainee(config, few.points.shape[1], workspace)
    curve: list[dict[str, Any]] = []
    steps, looks = config.recipe.steps, max(1, config.recipe.looks)
    stops = {round(steps * (i + 1) / looks) for i in range(looks)}
    last: dict[str, NDArray[np.float64]] = {}

    def look(step: int, trained: Trainee) -> None:
        if step in stops:
            last["points"] = trained.predict(tests)
            errors = landmarks.errors(last["points"], tests, config.dataset)
            scores = {n: s["nme"] for n, s in _scores(errors, tests, config).items()}
            curve.append({"step": step, "nme": scores})
        if progress:
            progress(step, steps)

    loss = train(trainee, few, look)
    errors = landmarks.errors(last["points"], tests, config.dataset)
    scores = _scores(errors, tests, config)
    seen = landmarks.errors(trainee.predict(few), few, config.dataset)
    train_nme = float(np.nanmean(seen))
    shape = np.broadcast_to(landmarks.mean_shape(few), last["points"].shape)
    trivial = _scores(landmarks.errors(shape, tests, config.dataset), tests, config)
    scored = scores.get(config.dataset.scored) or next(iter(scores.values()))
    measured = {
        "train": {"nme": train_nme, "loss": loss},
        "metrics": scores,
        "trivial": trivial,
        "curve": curve,
        "label_limited": train_nme < LIMITED * scored["nme"],
    }
    in_photo = landmarks.transform(last["points"], tests.to_photo)
    return measured, _packed(tests, in_photo, errors)


def _scores(
    errors: NDArray[np.float64], tests: LandmarkSet, config: CellConfig
) -> dict[str, dict[str, float]]:
    splits = np.asarray(tests.splits)
    masks = {name: np.isin(splits, list(s)) for name, s in config.dataset.tests.items()}
    return {name: landmarks.summary(errors[m]) for name, m in masks.items() if m.any()}


def _packed(data: LandmarkSet, points: NDArray[np.float64], errors: NDArray[np.float64]) -> bytes:
    """NPZ: key, split, landmarks (N, P, 2) in photo pixels, nme (N,) in percent."""
    file = storage.buffer()
    np.savez(
        file,
        key=np.asarray(data.keys),
        split=np.asarray(data.splits),
        landmarks=points.astype(np.float32),
        nme=errors,
    )
    return file.getvalue()


def _trainee(config: CellConfig, points: int, workspace: str) -> Trainee:
    found = resolve(config.arm.weights, workspace=workspace, download=fetch.download)
    normal = Augment()
    if found is None:
        backbone = build(config.arm.arch, seed=config.seed)
        return Trainee(config, backbone, points, normal.mean, normal.std)
    if found.sha256 != config.arm.sha256:
        raise FacecurateError(f"{config.arm.name} was replaced while the cells were planned: rerun")
    backbone = from_state(found.state, config.arm.arch, found.name)
    return Trainee(config, backbone, points, found.mean, found.std)
