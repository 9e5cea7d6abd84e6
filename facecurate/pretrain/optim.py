"""LARC and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Larc(torch.optim.SGD):
    """SGD with momentum whose rate is scaled for each parameter (You et al. 2017), no clipping.

    A parameter p with gradient g moves along ``trust |p| / (|g| + weight_decay |p|)`` times
    ``g + weight_decay p``. One whose norm or gradient is zero is left unscaled, so that biases
    which start at zero take the full rate; no weight decay acts on it in that step.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust: float = 1e-3,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum)
        self.decay = weight_decay
        self.trust = trust

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Scales the gradients in place, then makes a plain SGD step."""
        moving = [p for g in self.param_groups for p in g["params"] if p.grad is not None]
        with torch.no_grad():
            self._scale(moving)
        return super().step(closure)

    def _scale(self, params: list[Tensor]) -> None:
        grads = [p.grad for p in params if p.grad is not None]
        if not grads:
            return
        sizes = torch.stack(list(torch._foreach_norm(params)))
        slopes = torch.stack(list(torch._foreach_norm(grads)))
        live = (sizes > 0) & (slopes > 0)
        below = torch.where(live, slopes + self.decay * sizes, 1.0)
        scale = torch.where(live, self.trust * sizes / below, 1.0)
        decay = torch.where(live, self.decay, 0.0)
        torch._foreach_add_(grads, torch._foreach_mul(params, list(decay.unbind())))
        torch._foreach_mul_(grads, list(scale.unbind()))


def learning_rate(
    step: int, *, steps: int, warmup: int, lr: float, start: float, end: float
) -> float:
    """Rate of the 0-based ``step``: linear from ``start`` to ``lr``, then a cosine to ``end``."""
    if step < warmup:
        return start + (lr - start) * step / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return end + 0.5 * (lr - end) * (1 + math.cos(math.pi * min(1.0, done)))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """All parameters; those of one dimension (BatchNorm, biases) without weight decay."""
    params = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]
