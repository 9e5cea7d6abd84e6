"""Pages and cards: what came from outside stays text."""

import html.parser
import re

import pytest

from facecurate.report.page import Section, Table, figure, render_page

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "[red]\x1b[31m\0",
    "\u202egpj.exe",
    "../../etc/passwd",
    "</title></style><b>",
    "javascript:alert(1)",
    "x" * 10_000,
    "\ud800 half a character",
    "a | b\n| c | d\n# heading\n---",
    "![i](http://127.0.0.1/x) [l](http://127.0.0.1)",
]


class Reader(html.parser.HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def page(text, **options):
    section = Section(
        text, [text, text], caption=text, svg="<svg><title>ours</title></svg>",
        pictures=[{"src": 'data:image/jpeg;base64,"<b>', "text": text}],
        table=Table([text, text], [[text, 1.5], [text, None]]),
    )  # fmt: skip
    return render_page(text, lead=text, sections=[section], banner=text, footer=text, **options)


PLAIN = Reader(page("plain"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_string_adds_no_tag_and_no_attribute(text):
    made = page(text)
    read = Reader(made)
    assert read.tags == PLAIN.tags
    assert [a[:2] for a in read.attributes] == [a[:2] for a in PLAIN.attributes]
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", made)
    assert "\u202e" not in made.decode()
    assert max(map(len, re.findall(r"x+", read.text)), default=0) <= 500


def test_a_page_brings_everything_and_runs_nothing():
    made = page("plain").decode()
    ((policy),) = [v for t, n, v in PLAIN.attributes if n == "content" and "default-src" in v]
    assert "default-src 'none'" in policy and "script" not in policy
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & set(PLAIN.tags)
    assert not [a for a in PLAIN.attributes if a[1].startswith("on")]
    assert not re.search(r"https?://|//|url\(|@import", made)


def test_the_policy_stands_before_anything_from_outside():
    made = page("<b>").decode()
    assert made.index("Content-Security-Policy") < made.index("&lt;b&gt;")


def test_numbers_are_set_to_the_right_and_words_are_not():
    table = Table(["what", "n"], [["1,234", "-5.0%"], ["a 1", "nan"], ["", None]])
    made = render_page("t", lead="", sections=[Section("s", table=table)]).decode()
    cells = re.findall(r"<td( class=\"number\")?>([^<]*)</td>", made)
    assert [(bool(number), text) for number, text in cells] == [
        (True, "1,234"), (True, "-5.0%"), (False, "a 1"), (False, "nan"), (False, ""),
        (False, "None"),
    ]  # fmt: skip


def test_the_same_page_has_the_same_bytes():
    assert page("a") == page("a")


# -- figures -----------------------------------------------------------------------------------


def drawn(label):
    with figure(2, 1) as (axes, out):
        axes.plot([0, 1], [1, 0], label="line")
        axes.set_title(label, parse_math=False)
    return out[0]


def test_the_same_drawing_has_the_same_text():
    assert drawn("a") == drawn("a")
    assert drawn("a").startswith("<svg") and not re.search(r"<dc:date|<\?xml", drawn("a"))


def test_a_label_is_text_in_a_figure():
    svg = drawn("</text><script>alert(1)</script> $\\frac$")
    assert "<script" not in svg and "&lt;script&gt;" in svg
    read = Reader(render_page("t", lead="", sections=[Section("s", svg=svg)]))
    assert "script" not in read.tags
