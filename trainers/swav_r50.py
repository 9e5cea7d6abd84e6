"""SwAV on face shards with a ResNet-50: model, loss, data, schedule and loop in sight.

    python trainers/swav_r50.py --shards data/mine/shards --run data/runs/swav-r50 --device cuda

The recipe is ``facecurate pretrain --preset paper`` on one process (Caron et al. 2020; Bulat et
al. 2021): 2 x 224 + 6 x 96 crops, 3,000 prototypes, LARC, 400 epochs. Expected time and result: not
yet run at this size; a test runs it small. A run that must resume exactly, guard itself against
collapse and write its history is ``facecurate pretrain``; this file shows what it computes.
"""

from __future__ import annotations

import click
import torch

from facecurate import storage
from facecurate.backbones import Backbone, to_safetensors
from facecurate.loading import FaceShards, batches
from facecurate.pretrain import PRESETS, PretrainConfig, swav
from facecurate.pretrain.augment import multi_crop
from facecurate.pretrain.optim import learning_rate
from facecurate.pretrain.trainer import make_model, make_optimizer


@click.command()
@click.option("--shards", required=True, help="Folder with train-*.tar and index.parquet.")
@click.option("--run", required=True, help="Folder for weights.safetensors.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="paper", show_default=True)
@click.option("--epochs", type=int, help="Instead of the preset's.")
@click.option("--batch-size", type=int, help="Instead of the preset's.")
@click.option("--workers", type=int, default=0, help="Processes that decode crops.")
def main(
    shards: str,
    run: str,
    device: str,
    preset: str,
    epochs: int | None,
    batch_size: int | None,
    workers: int,
) -> None:
    """Train a backbone on shards and write its weights."""
    changes = {"epochs": epochs, "batch_size": batch_size}
    config = PRESETS[preset].but(**{k: v for k, v in changes.items() if v})
    backbone = train(config, shards, device=device, workers=workers)
    notes = {
        "mean": config.augment.mean,
        "std": config.augment.std,
        "input_size": config.views[0].size,
    }
    storage.write_atomic(storage.join(run, "weights.safetensors"), to_safetensors(backbone, notes))


def train(config: PretrainConfig, shards: str, *, device: str, workers: int) -> Backbone:
    """The backbone after all steps of ``config`` on the crops in ``shards``."""
    crops = FaceShards(shards, split=config.split, side=config.source)
    order = crops.order(config.batch_size, config.seed)
    model = make_model(config).to(device)  # backbone, projection head, prototypes; seeded
    model = model.to(memory_format=torch.channels_last)
    model.train()
    optimizer = make_optimizer(model, config)  # SGD in LARC; AdamW for the preset small
    steps = config.total_steps(order.batches)

    for step, batch in enumerate(batches(crops, order, start=0, stop=steps, workers=workers)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(
                step,
                steps=steps,
                warmup=config.warmup(order.batches),
                lr=config.lr,
                start=config.lr_start,
                end=config.lr_end,
            )
        images = batch.images.to(device)  # (B, 3, source, source) uint8
        views = multi_crop(
            images,
            config.views,
            config.augment,
            seed=config.seed,
            step=step,
            places=batch.places,
            size=batch.size,
        )
        model.renormalise()
        z = model(views)  # (views x B, features), length 1
        scores = model.prototypes(z)  # (views x B, prototypes)
        assigned = config.views[0].count
        parts = z.detach()[: assigned * len(images)].view(assigned, len(images), -1)
        codes = [
            swav.assign(
                part,
                model.prototypes.weight,
                None,
                epsilon=config.epsilon,
                iterations=config.sinkhorn,
            )
            for part in parts
        ]
        loss = swav.swapped_loss(scores, codes, temperature=config.temperature)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if step < config.frozen(order.batches):
            model.prototypes.weight.grad = None
        optimizer.step()
        click.echo(f"step {step + 1} of {steps}: loss {loss.item():.4f}")
    return model.backbone


if __name__ == "__main__":
    main()
