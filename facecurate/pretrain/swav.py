"""SwAV: online clustering by swapped prediction (Caron et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from facecurate.backbones import Backbone


def sinkhorn(
    scores: Tensor, *, epsilon: float, iterations: int = 3, group: dist.ProcessGroup | None = None
) -> Tensor:
    """Soft assignments of samples to prototypes with even use of the prototypes.

    scores: (B, K) similarities. Returns (B, K); every row sums to 1 exactly (to rounding), every
    column to B / K the more nearly the more iterations. Entropic optimal transport by alternating
    normalisation (Cuturi 2013), as labels for clustering (Asano et al. 2020), in the log domain so
    that no epsilon underflows. With ``group`` the batch is spread over its processes.
    """
    log = scores.detach().float() / epsilon
    for _ in range(iterations):
        log = log - _log_sum_over_batch(log, group)
        log = log - torch.logsumexp(log, dim=1, keepdim=True)
    return log.exp()


def _log_sum_over_batch(log: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """Log sum exp over the batch of every process: (B, K) -> (1, K)."""
    if group is None:
        return torch.logsumexp(log, dim=0, keepdim=True)
    top = log.amax(dim=0, keepdim=True)
    dist.all_reduce(top, dist.ReduceOp.MAX, group=group)
    total = (log - top).exp().sum(dim=0, keepdim=True)
    dist.all_reduce(total, dist.ReduceOp.SUM, group=group)
    return top + total.log()


def swapped_loss(scores: Tensor, codes: Sequence[Tensor], *, temperature: float) -> Tensor:
    """Cross-entropy of each crop's prediction against the codes of the other crops of its image.

    scores: (C * B, K), crop by crop; codes: (B, K) of the first ``len(codes)`` crops. The mean over
    the batch, over the C - 1 crops that predict a code, and over the codes.
    """
    batch = len(codes[0])
    crops = torch.split(functional.log_softmax(scores.float() / temperature, dim=1), batch)
    losses = [
        -(code * crop).sum(dim=1).mean()
        for i, code in enumerate(codes)
        for j, crop in enumerate(crops)
        if i != j
    ]
    return torch.stack(losses).mean()


def entropy(codes: Tensor) -> Tensor:
    """Mean entropy of the rows of (B, K) over its largest value ln K: 1 = says nothing."""
    rows = -(codes * codes.clamp_min(1e-12).log()).sum(dim=1)
    return rows.mean() / math.log(codes.shape[1])


def mean_cosine(z: Tensor) -> Tensor:
    """Mean cosine of all pairs of different rows of (B, D) unit vectors."""
    count = len(z)
    return (z.sum(dim=0).square().sum() - count) / (count * (count - 1))


class SwAV(nn.Module):
    """Backbone, projection head (Linear, BatchNorm, ReLU, Linear) and prototypes.

    ``forward``: one tensor a resolution, each (count * B, 3, S, S) -> unit vectors (C * B, D),
    crop by crop.
    """

    def __init__(self, backbone: Backbone, hidden: int, features: int, prototypes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = nn.Sequential(
            nn.Linear(backbone.features, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, features),
        )
        self.prototypes = nn.Linear(features, prototypes, bias=False)

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Unit vectors of all crops, (C * B, D)."""
        pooled = torch.cat([self.backbone(view) for view in views])
        return functional.normalize(self.projector(pooled), dim=1)

    @torch.no_grad()
    def renormalise(self) -> None:
        """Puts every prototype back on the unit sphere; called before each step."""
        weight = self.prototypes.weight
        weight.copy_(functional.normalize(weight, dim=1))


def assign(
    z: Tensor,
    weight: Tensor,
    queue: Tensor | None,
    *,
    epsilon: float,
    iterations: int,
    group: dist.ProcessGroup | None = None,
) -> Tensor:
    """Codes of one crop's unit vectors (B, D) against prototypes (K, D): (B, K).

    ``queue``: (Q, D) earlier vectors of the same crop, assigned together with the batch and then
    left out, for batches smaller than the number of prototypes.
    """
    with torch.no_grad():
        known = z if queue is None else torch.cat([queue, z])
        codes = sinkhorn(known @ weight.T, epsilon=epsilon, iterations=iterations, group=group)
        return codes[-len(z) :]
