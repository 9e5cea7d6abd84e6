"""The training loop: one process, exact resume, a guard against collapse."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from facecurate import storage
from facecurate.backbones import check_device
from facecurate.loading import FaceShards, quality
from facecurate.pretrain import run
from facecurate.pretrain.config import PretrainConfig
from facecurate.pretrain.trainer import Progress, Trainer

_log = logging.getLogger(__name__)

_CACHE = 256 << 20  # bytes of decoded crops kept in memory; small sets are decoded once


@dataclass(frozen=True, slots=True)
class PretrainResult:
    """What a run did; ``str`` is its sentence."""

    steps: int
    epochs: float
    images: int
    loss: float
    entropy: float
    weights: str
    resumed_from: int
    emptied: int
    damaged: int
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        line = (
            f"pre-trained {self.steps:,} steps ({self.epochs:.1f} epochs, {self.images:,} images): "
            f"loss {self.loss:.3f}, entropy {self.entropy:.2f}"
        )
        left_out = [(self.emptied, "emptied"), (self.damaged, "damaged")]
        return line + "".join(f", {n:,} {what} slots left out" for n, what in left_out if n)


def pretrain(
    shards_url: str,
    run_url: str,
    config: PretrainConfig,
    *,
    device: str = "cpu",
    workers: int = 0,
    redo: bool = False,
    on_error: str = "raise",
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    say: Callable[[str], None] | None = None,
) -> PretrainResult:
    """Trains a backbone on shards and writes ``weights.safetensors`` last.

    The same call goes on where it stopped; on a CPU with the same number of threads the files are
    the same bytes as those of an unbroken run. ``stop`` is asked after each step: True writes a
    checkpoint and raises StoppedError. Raises SettingsError for a folder of another run,
    FacecurateError for too few samples, a device that is not here and for a collapse. With ``redo``
    the first of the result's ``warnings`` says what was discarded. ``say`` is told, before the
    training, how well an order that reads a bucket in blocks mixes, and which tars break off.
    """
    shards = FaceShards(
        shards_url,
        split=config.split,
        side=config.source,
        on_error="skip" if on_error == "skip" else "raise",
        cache=_CACHE,
        block=None if redo else run.block(run_url),
    )
    order = shards.order(config.batch_size, config.seed)
    trainer = Trainer(config, order, run_url, check_device(device))
    if redo:  # only now: what cannot start must not cost the weights that are there
        discarded = run.discard(run_url)
        trainer.warnings += [f"{discarded} discarded by --redo"] if discarded else []
    finished = run.open_run(run_url, config, shards)
    trainer.restore()
    if finished:
        trainer.recall()
    else:
        _tell(shards, trainer, say or _log.info)
        try:
            trainer.train(shards, workers, progress, stop)
        finally:
            trainer.keep_last_good()
        trainer.export()
    return _result(trainer)


def _tell(shards: FaceShards, trainer: Trainer, say: Callable[[str], None]) -> None:
    for told in shards.index.broken:
        say(f"read up to where it breaks: {told}")
    if trainer.order.windows is not None:
        say(str(quality(trainer.order)))


def _result(trainer: Trainer) -> PretrainResult:
    return PretrainResult(
        steps=trainer.step,
        epochs=trainer.step / trainer.order.batches,
        images=trainer.images,
        loss=trainer.last["loss"],
        entropy=trainer.last["entropy"],
        weights=storage.join(trainer.url, run.WEIGHTS),
        resumed_from=trainer.resumed_from,
        emptied=trainer.emptied,
        damaged=trainer.damaged,
        warnings=tuple(trainer.warnings),
    )
