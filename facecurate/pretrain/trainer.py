"""One step after another: model, optimiser, guard and metrics of a run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from facecurate import storage, sums
from facecurate.backbones import build, to_safetensors
from facecurate.errors import FacecurateError, StoppedError
from facecurate.loading import Batch, BatchOrder, FaceShards, batches
from facecurate.loading.seeds import generator
from facecurate.pretrain import run, swav
from facecurate.pretrain.augment import multi_crop
from facecurate.pretrain.config import PretrainConfig
from facecurate.pretrain.guard import Guard, advice
from facecurate.pretrain.optim import Larc, learning_rate, parameter_groups

_log = logging.getLogger(__name__)

Progress = Callable[[int, int, Mapping[str, float]], None]  # step, steps, the step's metrics


class Trainer:
    """Model, optimiser, guard and the rows of metrics.jsonl, at one step of a run."""

    def __init__(
        self, config: PretrainConfig, order: BatchOrder, run_url: str, device: str
    ) -> None:
        self.config, self.order, self.url = config, order, run_url
        self.device = torch.device(device)
        self.steps = config.total_steps(order.batches)
        self.warmup = config.warmup(order.batches)
        self.frozen = config.frozen(order.batches)
        self.model = make_model(config).to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.model, config)
        self.guard = _make_guard(config, self.frozen)
        self.queue: Tensor | None = None  # (assigned crops, rows, features), newest first
        self.step = self.resumed_from = self.saved = 0
        self.rows: list[str] = []
        self.last: dict[str, float] = {"loss": float("nan"), "entropy": float("nan")}
        self.images = self.emptied = self.damaged = 0
        self.warnings: list[str] = []

    def restore(self) -> None:
        """Goes to the run's last checkpoint, if there is one."""
        state = run.latest(self.url)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.guard.restore(state["guard"])
        self.queue = None if state["queue"] is None else state["queue"].to(self.device)
        for name, value in state["counts"].items():
            setattr(self, name, value)
        self.last = dict(state["last"])
        self.step = self.resumed_from = self.saved = state["step"]
        self.rows = run.metrics_until(self.url, self.step)

    def recall(self) -> None:
        """What a finished run told last, whether or not its checkpoints are still there."""
        rows = run.metrics_until(self.url, self.steps)
        self.step = self.steps
        if rows:
            self.last = json.loads(rows[-1])
            self.images = int(self.last["images"])

    def save(self) -> None:
        """Writes a checkpoint of this step."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "guard": self.guard.state(),
            "queue": self.queue,
            "counts": {n: getattr(self, n) for n in ("images", "emptied", "damaged")},
            "last": self.last,
        }
        run.save_checkpoint(self.url, self.step, state, self.rows)
        self.saved = self.step

    def train(
        self,
        shards: FaceShards,
        workers: int,
        progress: Progress | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        """Steps to the end, checkpoints on the way."""
        self.model.train()
        stream = batches(shards, self.order, start=self.step, stop=self.steps, workers=workers)
        for batch in stream:
            self.last = self._step(batch)
            if progress:
                progress(self.step, self.steps, self.last)
            self._watch()
            if stop and stop() and self.step < self.steps:
                self.save()
                raise StoppedError(
                    f"stopped at step {self.step} of {self.steps}: the same command goes on"
                )
            if self.step % self.config.checkpoint_every == 0 or self.step == self.steps:
                self.save()

    def _step(self, batch: Batch) -> dict[str, float]:
        config, number = self.config, self.step
        self.emptied += batch.emptied
        self.damaged += batch.damaged
        self.images += len(batch.images)
        if len(batch.images) < 2:
            raise FacecurateError(f"batch {number} has fewer than two crops left: shard again")
        lr = learning_rate(
            number,
            steps=self.steps,
            warmup=self.warmup,
            lr=config.lr,
            start=config.lr_start,
            end=config.lr_end,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        images = batch.images.to(self.device)
        views = multi_crop(
            images,
            config.views,
            config.augment,
            seed=config.seed,
            step=number,
            places=batch.places,
            size=batch.size,
        )
        measured = self._descend(views, len(images))
        self.step += 1
        row = {
            "step": self.step,
            "epoch": self.order.state(number)[0],
            **measured,
            "lr": lr,
            "images": self.images,
        }
        if self.step % config.log_every == 0:
            self.rows.append(json.dumps(row) + "\n")
        return row

    def _descend(self, views: list[Tensor], count: int) -> dict[str, float]:
        """One step of gradient descent on a batch's views."""
        self.model.renormalise()
        z = self.model(views)
        scores = self.model.prototypes(z)
        codes = self._codes(z.detach(), count)
        loss = swav.swapped_loss(scores, codes, temperature=self.config.temperature)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.step < self.frozen:
            self.model.prototypes.weight.grad = None
        self.optimizer.step()
        return {
            "loss": loss.item(),
            "entropy": swav.entropy(torch.cat(codes)).item(),
            "cosine": swav.mean_cosine(z.detach()[:count]).item(),
        }

    def _codes(self, z: Tensor, count: int) -> list[Tensor]:
        config, assigned = self.config, self.config.views[0].count
        crops = z[: assigned * count].view(assigned, count, -1)
        full = self.queue is not None and self.queue.shape[1] == config.queue
        codes = [
            swav.assign(
                crops[i],
                self.model.prototypes.weight,
                self.queue[i] if self.queue is not None and full else None,
                epsilon=config.epsilon,
                iterations=config.sinkhorn,
            )
            for i in range(assigned)
        ]
        if config.queue and self.order.state(self.step)[0] >= config.queue_from:
            known = crops if self.queue is None else torch.cat([crops, self.queue], dim=1)
            self.queue = known[:, : config.queue].clone()
        return codes

    def _watch(self) -> None:
        if not self.config.guard:
            return
        last = self.last
        verdict = self.guard.update(
            self.step,
            last["loss"],
            last["entropy"],
            last["cosine"],
            frozen=self.step <= self.frozen,
        )
        if verdict is None:
            return
        if verdict.level == "stop":
            raise FacecurateError(verdict.message)
        self.warnings.append(verdict.message)
        _log.warning("%s", verdict.message)

    def keep_last_good(self) -> None:
        """After an error the metrics reach to where it happened; the checkpoint stays before it."""
        if self.saved < self.step:
            run.save_metrics(self.url, self.rows)

    def export(self) -> None:
        """Writes the backbone: the run is finished."""
        config = self.config
        notes = {
            "mean": config.augment.mean,
            "std": config.augment.std,
            "input_size": config.views[0].size,
            "method": config.method,
            "steps": self.steps,
        }
        if self.rows:
            from facecurate.pretrain.page import curves_page

            name = storage.name(self.url)
            page = curves_page(name, config.method, config.prototypes, self.rows)
            storage.write_atomic(storage.join(self.url, "curves.html"), page)
        data = to_safetensors(self.model.backbone, notes)
        sums.tell(self.url, *run.files(self.url), coming={run.WEIGHTS: data})
        storage.write_atomic(storage.join(self.url, run.WEIGHTS), data)


def make_model(config: PretrainConfig) -> swav.SwAV:
    """The run's model, from its seed alone; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(config.seed, 1 << 40).initial_seed() % (1 << 62))
        backbone = build(config.arch)
        return swav.SwAV(backbone, config.hidden, config.features, config.prototypes)


def make_optimizer(model: nn.Module, config: PretrainConfig) -> torch.optim.Optimizer:
    """AdamW without decay on one-dimensional parameters, or SGD in LARC."""
    if config.optimizer == "adamw":
        groups = parameter_groups(model, config.weight_decay)
        return torch.optim.AdamW(groups, lr=config.lr, fused=True)
    return Larc(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        trust=config.trust,
    )


def _make_guard(config: PretrainConfig, frozen: int) -> Guard:
    augment = config.augment
    remedies: dict[str, Any] = {
        "epsilon": config.epsilon,
        "jitter": augment.jitter_p > 0,
        "small_crops": len(config.views) > 1,
        "frozen": frozen,
        "queue": config.queue,
    }
    return Guard(config.prototypes, advice(**remedies))
