"""Strings from outside."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecurate.text import markdown, printable, storable

ANY = st.text(st.characters(), max_size=60)  # surrogates too
HOSTILE = "a\x1b[31mb\u202ec\u200bd\0e\nf\u2028g"


def test_hidden_characters_are_seen_to_have_been_there():
    assert printable(HOSTILE) == "a�[31mb�c�d�e�f�g"


@given(ANY)
def test_what_is_printed_is_one_line_that_can_be_encoded(text):
    shown = printable(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in shown)


@pytest.mark.parametrize("length", [0, 9, 10, 11, 10_000])
def test_long_text_is_cut_at_the_limit(length):
    shown = printable("x" * length, 10)
    assert shown == ("x" * length if length <= 10 else "x" * 9 + "…")


def test_values_that_are_no_strings_are_shown():
    assert (printable(None), printable(1.5)) == ("None", "1.5")


def test_markdown_keeps_no_character_its_meaning():
    signs = "\\`*_{}[]()<>#+-.!|~&$:@^=\"'"
    assert markdown(signs) == "".join("\\" + c for c in signs)
    assert markdown("www.example.com") == r"www\.example\.com"  # else a link


def test_markdown_is_one_line():
    assert "\n" not in markdown("a\n# b")


def test_a_name_that_utf8_holds_is_stored_as_it_is():
    assert storable("çä 📷\u202e") == "çä 📷\u202e"


def test_undecodable_bytes_are_stored_readably():
    assert storable(b"caf\xe9.jpg".decode("utf-8", "surrogateescape")) == r"caf\xe9.jpg"


@given(ANY)
def test_anything_can_be_stored(text):
    storable(text).encode()
