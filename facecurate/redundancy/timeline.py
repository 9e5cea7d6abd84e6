"""A picture of sequences in time: a line each, runs of near duplicates shaded."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.text import printable

MOST = 30  # sequences
WIDTH, LEFT, RIGHT, ROW, HEAD = 900, 130, 70, 16, 22
_BAR = 10
_FAINT, _RUN, _NEXT, _MARK, _LOUD, _INK = (
    "#e6edf3", "#2f6f9f", "#7fb0d3", "#b5482f", "#e0a33a", "#1c2430",
)  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One sequence.

    runs: (R, 2) begin and end of runs of two frames and more, in frames or seconds from its
    beginning; loud: (E, 2) the same of what was coded as strong; marks: (M,) the frames of a
    subset; note: what stands behind it.
    """

    name: str
    length: float
    runs: Floats
    loud: Floats
    marks: Floats
    note: str


def timeline(lines: Sequence[Line], unit: str) -> str:
    """The picture as SVG text; names are escaped. unit: of the axis, frames or seconds."""
    longest = max(line.length for line in lines)
    scale = (WIDTH - LEFT - RIGHT) / max(longest, 1e-9)
    height = HEAD + ROW * len(lines) + 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" font-family="sans-serif" font-size="10" fill="{_INK}">',
        *_axis(longest, scale, height, unit),
    ]
    for k, line in enumerate(lines):
        parts += _row(line, HEAD + ROW * k, scale)
    return "".join([*parts, "</svg>"])


def _axis(longest: float, scale: float, height: int, unit: str) -> list[str]:
    parts = []
    for tick in _ticks(longest):
        x = LEFT + tick * scale
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 4}" y2="{height - 4}" stroke="#c9ced6"/>'
            f'<text x="{x:.1f}" y="{HEAD - 8}" text-anchor="middle">{tick:,g}</text>'
        )
    parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{HEAD - 8}">{unit}</text>')
    return parts


def _ticks(longest: float) -> list[float]:
    rough = longest / 6
    power = 10 ** np.floor(np.log10(max(rough, 1e-9)))
    step = float(power * next(m for m in (1, 2, 5, 10) if power * m >= rough))
    return [float(step * k) for k in range(int(longest / step) + 1)]


def _row(line: Line, top: int, scale: float) -> list[str]:
    name, note = (html.escape(printable(text, 60)) for text in (line.name, line.note))
    shown = name if len(line.name) <= 20 else html.escape(printable(line.name, 20))
    return [
        f'<text x="{LEFT - 6}" y="{top + _BAR - 1}" text-anchor="end">{shown}'
        f"<title>{name}</title></text>",
        f'<rect x="{LEFT}" y="{top}" width="{line.length * scale:.1f}" height="{_BAR}" '
        f'fill="{_FAINT}"/>',
        _bars(line.runs[::2], top, _BAR, scale, _RUN),
        _bars(line.runs[1::2], top, _BAR, scale, _NEXT),
        _bars(line.loud, top + _BAR, 2, scale, _LOUD),
        _marks(line.marks, top, scale),
        f'<text x="{LEFT + line.length * scale + 5:.1f}" y="{top + _BAR - 1}" '
        f'fill="#5b6675">{note}</text>',
    ]


def _bars(spans: Floats, top: int, height: int, scale: float, colour: str) -> str:
    """Spans as one path; a gap narrower than a third of a pixel is left away, a bar never is."""
    if not len(spans):
        return ""
    begin, end = spans[:, 0] * scale, spans[:, 1] * scale
    opens = np.append(True, begin[1:] - end[:-1] > 1 / 3)
    begin, end = begin[opens], end[np.append(np.flatnonzero(opens)[1:] - 1, len(end) - 1)]
    path = "".join(
        f"M{LEFT + a:.1f} {top}h{max(b - a, 0.3):.1f}v{height}h{-max(b - a, 0.3):.1f}z"
        for a, b in zip(begin.tolist(), end.tolist(), strict=True)
    )
    return f'<path d="{path}" fill="{colour}"/>'


def _marks(marks: Floats, top: int, scale: float) -> str:
    if not len(marks):
        return ""
    places = np.unique(np.round(marks * scale, 1)).tolist()
    path = "".join(f"M{LEFT + x:.1f} {top - 1}v{_BAR + 2}" for x in places)
    return f'<path d="{path}" stroke="{_MARK}" stroke-width="1.4"/>'
