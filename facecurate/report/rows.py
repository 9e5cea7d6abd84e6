"""A page whose rows of pictures can be filtered: the one script that any page has, by its hash.

Without JavaScript every row is there; with it a form above them hides what is not asked for. The
policy of the page lets this script run and no other, and still nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from facecurate.report.page import Section, environment


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture of a row. ``method`` is empty for the one that the others are compared with.

    ``distance``: a number to filter by, None where the method measures none.
    """

    src: str
    text: str
    title: str
    method: str = ""
    mirrored: bool = False
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Pictures beside each other under a line of text."""

    level: str
    text: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class RowsSection(Section):
    """A section with rows that the form filters."""

    rows: Sequence[Row] = ()


def render_rows_page(
    title: str,
    *,
    lead: str,
    sections: Sequence[Section],
    banner: str = "",
    footer: str = "",
) -> bytes:
    """The page as UTF-8; the form stands before the first section that has rows."""
    shown = [s for s in sections if isinstance(s, RowsSection)]
    rows = [row for section in shown for row in section.rows]
    script = page_script()
    page = environment().get_template("rows.html")
    text = page.render(
        title=title,
        lead=lead,
        sections=sections,
        banner=banner,
        footer=footer,
        first=next((s for s in shown if s.rows), None),
        levels=list(dict.fromkeys(row.level for row in rows)),
        methods=sorted({p.method for row in rows for p in row.pictures if p.method}),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return str(text).encode()


def page_script() -> str:
    """The script as it stands in every such page."""
    source, _, _ = environment().loader.get_source(environment(), "rows.js")
    return "\n" + str(source).strip() + "\n"
