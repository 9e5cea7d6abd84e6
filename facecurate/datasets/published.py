"""The published numbers of ``manifests/published.toml``, one record a number."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from facecurate.datasets.facts import NormaliserId, Task

Adapt = Literal["finetune", "linear", "unknown"]


@dataclass(frozen=True, slots=True)
class Arm:
    """A row of the published tables; ``weights`` in the grammar of ``--weights``, if it has one."""

    title: str
    method: Literal["supervised", "swav", "mocov2"] | None = None
    data: str | None = None
    weights: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A trap or a contradiction of the published tables (no tables: of the whole paper)."""

    id: str
    tables: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """One published number: ``value``, and ``printed`` with the decimals of its source.

    ``unit`` is ``percent`` or ``raw``. ``split`` is ``not named`` where the source is silent;
    ``adapt`` is ``unknown`` for another method's number that the source quotes.
    """

    table: str
    source: str
    task: Task
    dataset: str
    split: str
    normaliser: NormaliserId | None
    metric: str
    unit: Literal["percent", "raw"]
    fraction: str
    arm: str
    adapt: Adapt
    value: float
    printed: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a table: arm, fraction, then one value for each metric, decimals as printed."""

    table: str
    source: str
    task: Task
    dataset: str
    split: str
    metrics: tuple[str, ...]
    unit: Literal["percent", "raw"]
    adapt: Adapt
    values: dict[str, dict[str, tuple[Decimal, ...]]]
    normaliser: NormaliserId | None = None
    note: str | None = None

    def number(self, metric: str, fraction: str, arm: str, value: Decimal) -> Number:
        """The record of one value of this block."""
        return Number(
            table=self.table,
            source=self.source,
            task=self.task,
            dataset=self.dataset,
            split=self.split,
            normaliser=self.normaliser,
            metric=metric,
            unit=self.unit,
            fraction=fraction,
            arm=arm,
            adapt=self.adapt,
            value=float(value),
            printed=str(value),
            note=self.note,
        )


@dataclass(frozen=True, slots=True)
class Published:
    """The whole file."""

    sources: dict[str, str]
    arms: dict[str, Arm]
    blocks: tuple[Block, ...]
    notes: tuple[Note, ...]

    def numbers(self) -> Iterator[Number]:
        """Every number, in the order of the file."""
        for block in self.blocks:
            for arm, fractions in block.values.items():
                for fraction, values in fractions.items():
                    for metric, value in zip(block.metrics, values, strict=True):
                        yield block.number(metric, fraction, arm, value)
