"""Pages with rows to filter: one script, known by its hash, and nothing from outside runs."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from facecurate.report.page import Section
from facecurate.report.rows import Picture, Row, RowsSection, render_rows_page

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</script><script>alert(1)//",
    "</title></style><b>",
    "javascript:alert(1)",
    "\u202egpj.exe\0\x1b[31m",
]
JPEG = "data:image/jpeg;base64,/9j/"


class Reader(html.parser.HTMLParser):
    """The tags and attributes of a page, in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


def row(level: str, *copies: tuple[str, bool, float | None], text: str = "x") -> Row:
    shown = [Picture(JPEG, "kept", "the kept one")]
    shown += [Picture(JPEG, m, f"{m} {d}", m, mirrored, d) for m, mirrored, d in copies]
    return Row(level, text, shown)


def page(text: str = "plain") -> bytes:
    picture = Picture('data:image/jpeg;base64,"<b>', text, text, text, True, 3.0)
    shown = RowsSection(text, [text], rows=[Row(text, text, [picture, picture])])
    return render_rows_page(
        text, lead=text, sections=[Section(text), shown], banner=text, footer=text
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_string_adds_no_tag_and_no_attribute(text: str) -> None:
    made, plain = Reader(page(text)), Reader(page())
    assert made.tags == plain.tags
    assert [a[:2] for a in made.attributes] == [a[:2] for a in plain.attributes]
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", page(text))


def test_the_policy_allows_the_one_script_of_the_page_and_nothing_else() -> None:
    made = page().decode()
    (script,) = re.findall(r"<script>(.*?)</script>", made, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', made)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["script-src"] == f"'sha256-{digest}'"
    assert not re.search(r"https?://|//[a-z]|url\(|@import|\bimport\b|fetch|eval", made)
    assert not [a for a in Reader(page()).attributes if a[1].startswith("on")]


def test_without_javascript_every_row_is_there_and_the_form_is_not() -> None:
    rows = [row("photo", ("phash", False, 3.0)), row("face", ("exact", False, None))]
    made = render_rows_page("t", lead="", sections=[RowsSection("s", rows=rows)])
    hidden = [tag for tag, name, _ in Reader(made).attributes if name == "hidden"]
    assert hidden == ["form"] and made.count(b'class="row"') == 2


def test_the_form_offers_the_levels_and_methods_that_there_are() -> None:
    rows = [row("face", ("phash", False, 3.0)), row("face", ("exact", True, None))]
    made = render_rows_page("t", lead="", sections=[RowsSection("s", rows=rows)]).decode()
    offered = re.findall(r"<option>([^<]*)</option>", made)
    assert offered == ["face", "exact", "phash"]


def test_a_page_without_rows_has_no_form() -> None:
    made = render_rows_page("t", lead="", sections=[Section("s"), RowsSection("empty")])
    assert "form" not in Reader(made).tags


# -- in a browser --------------------------------------------------------------------------------

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install -y chromium"
)

ROWS = [
    row("photo", ("phash", False, 12.0), ("exact", False, 0.0)),
    row("photo", ("phash", True, 30.0)),
    row("face", ("photo", False, 2.0), ("phash", False, 10.0)),
]


def shown(folder: Path, asked: str) -> tuple[list[str], list[str], str]:
    """Titles of the pictures left, headings of the sections left, and what the form says."""
    sections = [
        RowsSection("mixed", rows=ROWS[1:]),
        RowsSection("photos", rows=ROWS[:1]),
        Section("words"),
    ]
    file = folder / "page.html"
    file.write_bytes(render_rows_page("t", lead="", sections=sections))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    place = [f"--user-data-dir={folder / 'profile'}", f"{file.as_uri()}#{asked}"]
    run = subprocess.run([*command, *place], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    dom = Visible(run.stdout)
    return dom.titles, dom.headings, dom.told


class Visible(html.parser.HTMLParser):
    """What of a dumped page is not hidden."""

    VOID = ("img", "meta", "input", "link", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.headings: list[str] = []
        self.told = ""
        self.stack: list[tuple[str, bool]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        hidden = "hidden" in values or any(hidden for _, hidden in self.stack)
        if tag == "img" and not hidden:
            self.titles.append(str(values["title"]))
        if tag not in self.VOID:
            self.stack.append((tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        while self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, hidden = self.stack[-1] if self.stack else ("", False)
        if tag == "h2" and not hidden:
            self.headings.append(data)
        if tag == "output" and not hidden:
            self.told += data


KEPT = "the kept one"


@in_a_browser
@pytest.mark.parametrize(
    ("asked", "left", "headings"),
    [
        (
            "",
            [KEPT, "phash 30.0", KEPT, "photo 2.0", "phash 10.0", KEPT, "phash 12.0", "exact 0.0"],
            ["mixed", "photos", "words"],
        ),
        ("level=face", [KEPT, "photo 2.0", "phash 10.0"], ["mixed", "words"]),
        ("method=exact", [KEPT, "exact 0.0"], ["photos", "words"]),
        ("mirrored=yes", [KEPT, "phash 30.0"], ["mixed", "words"]),
        ("low=10&high=12", [KEPT, "phash 10.0", KEPT, "phash 12.0"], ["mixed", "photos", "words"]),
        ("level=photo&method=photo", [], ["words"]),
        (
            "level=<script>&elements=x&submit=1&low=none",
            [KEPT, "phash 30.0", KEPT, "photo 2.0", "phash 10.0", KEPT, "phash 12.0", "exact 0.0"],
            ["mixed", "photos", "words"],
        ),
    ],
    ids=["all", "level", "method", "mirrored", "distance", "none", "nonsense"],
)
def test_the_filters_leave_what_is_asked_for(
    tmp_path: Path, asked: str, left: list[str], headings: list[str]
) -> None:
    titles, found, told = shown(tmp_path, asked)
    assert titles == left and found == headings
    rows = sum(title == KEPT for title in left)
    assert told == f"{rows} of 3 rows, {len(left) - rows} of 5 pictures"
