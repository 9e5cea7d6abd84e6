"""The options of ``detect`` that set limits of quality, made from the table of gates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from facecurate.faces.gates import GATES, Gate
from facecurate.text import printable

F = TypeVar("F", bound=Callable[..., Any])


def _share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """``20%`` as 0.2; a bare number has two readings and is refused."""
    if value is None:
        return None
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip()):
        return float(match[1]) / 100
    if re.fullmatch(r"\d*\.?\d+", value):
        other = f" or {100 * float(value):g}%" if float(value) <= 1 else ""
        raise click.BadParameter(f"write the percent sign: {value}%{other}")
    raise click.BadParameter(f"'{printable(value, 40)}' is no share: write for example 20%")


def gate_options(function: F) -> F:
    """One option a gate, in their order; all are off unless given."""
    for gate in reversed(GATES):
        more: dict[str, Any] = {"callback": _share} if gate.share else {"type": float}
        function = click.option(gate.flag, metavar=_metavar(gate), help=gate.help, **more)(function)
    return function


def taken(options: dict[str, Any]) -> dict[str, float | None]:
    """Takes the limits out of a command's options."""
    return {gate.option: options.pop(gate.option) for gate in GATES}


def _metavar(gate: Gate) -> str:
    return "PERCENT" if gate.share else "DEGREES" if gate.magnitude else "NUMBER"
