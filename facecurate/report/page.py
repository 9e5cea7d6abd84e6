"""The one page that all reports use: plain HTML, everything inside, nothing fetched, no script."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from facecurate.text import printable


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a head; numbers are set to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Strip:
    """A line of text and small pictures beside each other; ``title`` is told on pointing at one."""

    text: str
    pictures: Sequence[Mapping[str, str]]  # {"src": data URL, "text": caption, "title": name}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with paragraphs, a figure (SVG of our own making), pictures and a table.

    ``sheets`` are pictures as wide as the page, ``pictures`` small ones beside each other,
    ``strips`` several rows of these.
    """

    heading: str
    paragraphs: Sequence[str] = ()
    svg: str = ""
    caption: str = ""
    pictures: Sequence[Mapping[str, str]] = ()  # {"src": data URL, "text": caption}
    sheets: Sequence[Mapping[str, str]] = ()
    strips: Sequence[Strip] = ()
    table: Table | None = None


def render_page(
    title: str, *, lead: str, sections: Sequence[Section], banner: str = "", footer: str = ""
) -> bytes:
    """The page as UTF-8. Every string is escaped; only ``svg`` goes in as it is."""
    page = environment().get_template("page.html")
    text = page.render(title=title, lead=lead, sections=sections, banner=banner, footer=footer)
    return str(text).encode()


@cache
def environment() -> Any:
    """The Jinja2 environment of all pages: everything is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("facecurate.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda value: printable(value, 500)
    environment.tests["numeric"] = _is_numeric
    return environment


_NUMBER = re.compile(r"[-+−]?[\d,]+(\.\d+)?( ?%)?( [\[(].*[\])])?")


def _is_numeric(value: Any) -> bool:
    """A number, perhaps with a percent sign or an interval behind it."""
    return bool(_NUMBER.fullmatch(str(value).strip()))


@contextmanager
def figure(width: float = 7.0, height: float = 3.2) -> Iterator[tuple[Any, list[str]]]:
    """Axes to draw on; afterwards the list holds the SVG text. Sizes in inches.

    The same drawing gives the same text: no date, and ids from a fixed salt.
    """
    import matplotlib

    style: Any = {
        "svg.hashsalt": "facecurate",
        "svg.fonttype": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 9,
        "font.family": "sans-serif",
    }
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out: list[str] = []
    with matplotlib.rc_context(style):
        drawing = Figure(figsize=(width, height), layout="constrained")
        yield drawing.subplots(), out
        sink = io.StringIO()
        canvas: Any = FigureCanvasSVG(drawing)
        canvas.print_svg(sink, metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    out.append(text[text.index("<svg") :])
