"""Lists of labelled pairs: what is read, and one clear line for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from facecurate.errors import FacecurateError
from facecurate.review.pairs import DIFFERENT, SAME, Pair, read_pairs


def read(folder: Path, text: str | bytes) -> list[Pair]:
    file = folder / "pairs.tsv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_pairs(str(file))


def test_three_columns_need_no_header(tmp_path: Path) -> None:
    found = read(tmp_path, "a.jpg\tb.jpg\tsame\n\nc\td\tDifferent\r\n")
    assert found == [Pair(1, "a.jpg", "b.jpg", True), Pair(3, "c", "d", False)]


@pytest.mark.parametrize(
    "header",
    ["first\tsecond\tlabel", "a\tb\tclass", "x\ty\tverdict", "\ufefffirst\tsecond\tlabel"],
)
def test_a_header_may_name_the_columns(tmp_path: Path, header: str) -> None:
    assert read(tmp_path, f"{header}\np\tq\tno\n") == [Pair(2, "p", "q", False)]


def test_further_columns_may_stand_anywhere(tmp_path: Path) -> None:
    text = (
        "person\tfirst_image\tsecond_image\tclass\tcosine\n"
        "P1\timages/1.jpg\timages/2.jpg\tmirrored_duplicate\t0.98\n"
        "P2\timages/3.jpg\timages/4.jpg\tsame_person_different_photo\t0.61\n"
    )
    assert read(tmp_path, text) == [
        Pair(2, "images/1.jpg", "images/2.jpg", True),
        Pair(3, "images/3.jpg", "images/4.jpg", False),
    ]


@pytest.mark.parametrize("word", [*SAME, *DIFFERENT])
def test_every_word_for_a_verdict_is_taken(tmp_path: Path, word: str) -> None:
    (pair,) = read(tmp_path, f"a\tb\t{word}\n")
    assert pair.same == (word in SAME)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a\tb\tsame\na b same\n",
            "pairs.tsv, line 2 has 1 column and 3 are needed: give two pictures",
        ),
        ("a\tb\n", "pairs.tsv, line 1 has 2 columns"),
        ("a\tb\tperhaps\n", "pairs.tsv, line 1 says 'perhaps': say 'same' or 'different'"),
        ("a\t\tsame\n", "pairs.tsv, line 1 names no picture"),
        ("x\ta\ta\tsame\n", "pairs.tsv, line 1 says 'a'"),
        ("a\ta\tsame\n", "pairs.tsv, line 1 names one picture twice"),
        (b"a\tb\t\xff\xfe\x1b[31m\n", "pairs.tsv, line 1 says '��"),
    ],
    ids=["spaces", "no label", "word", "empty", "shifted", "twice", "no text"],
)
def test_what_cannot_be_read_is_named_by_its_line(
    tmp_path: Path, text: str | bytes, told: str
) -> None:
    with pytest.raises(FacecurateError) as raised:
        read(tmp_path, text)
    assert str(raised.value).startswith(told) and "\x1b" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FacecurateError, match=r"no file .*none\.tsv"):
        read_pairs(str(tmp_path / "none.tsv"))
