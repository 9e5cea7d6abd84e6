"""The seventeen licenses, the words for them, and what the site's own list may change."""

from __future__ import annotations

import pytest

from facecurate.errors import FacecurateError, UsageError
from facecurate.flickr import licenses
from facecurate.flickr.licenses import LICENSES, SETS, parse

# id: SPDX, name, non-commercial, no derivatives, share alike; as recorded on 2025-06-19.
TABLE = {
    0: ("LicenseRef-flickr-all-rights-reserved", "All Rights Reserved", ""),
    1: ("CC-BY-NC-SA-2.0", "CC BY-NC-SA 2.0", "nc sa"),
    2: ("CC-BY-NC-2.0", "CC BY-NC 2.0", "nc"),
    3: ("CC-BY-NC-ND-2.0", "CC BY-NC-ND 2.0", "nc nd"),
    4: ("CC-BY-2.0", "CC BY 2.0", ""),
    5: ("CC-BY-SA-2.0", "CC BY-SA 2.0", "sa"),
    6: ("CC-BY-ND-2.0", "CC BY-ND 2.0", "nd"),
    7: ("LicenseRef-flickr-commons", "No known copyright restrictions", ""),
    8: ("LicenseRef-us-gov", "United States Government Work", ""),
    9: ("CC0-1.0", "Public Domain Dedication (CC0)", ""),
    10: ("CC-PDM-1.0", "Public Domain Mark", ""),
    11: ("CC-BY-4.0", "CC BY 4.0", ""),
    12: ("CC-BY-SA-4.0", "CC BY-SA 4.0", "sa"),
    13: ("CC-BY-ND-4.0", "CC BY-ND 4.0", "nd"),
    14: ("CC-BY-NC-4.0", "CC BY-NC 4.0", "nc"),
    15: ("CC-BY-NC-SA-4.0", "CC BY-NC-SA 4.0", "nc sa"),
    16: ("CC-BY-NC-ND-4.0", "CC BY-NC-ND 4.0", "nc nd"),
}


def test_the_table_is_the_recorded_one():
    assert list(LICENSES) == list(range(17))
    for id, (spdx, name, flags) in TABLE.items():
        one = LICENSES[id]
        assert (one.id, one.spdx, one.name) == (id, spdx, name)
        assert [f for f in ("nc", "nd", "sa") if getattr(one, f)] == flags.split()
        assert one.url.startswith("http")
    assert LICENSES[15].url == "https://creativecommons.org/licenses/by-nc-sa/4.0/"


def test_the_sets_are_those_of_the_specification():
    expected = {
        "open": {4, 5, 7, 8, 9, 10, 11, 12},
        "open-strict": {4, 8, 9, 10, 11},
        "ffhq": {2, 4, 8, 9, 10},
        "research": {2, 4, 8, 9, 10, 11, 14},
    }
    assert expected == SETS


def test_no_set_takes_what_may_not_be_cropped():
    for ids in SETS.values():
        assert all(LICENSES[id].usable for id in ids)
    assert [id for id, one in LICENSES.items() if not one.usable] == [0, 3, 6, 13, 16]


@pytest.mark.parametrize(
    "text, ids",
    [("open-strict", {4, 8, 9, 10, 11}), ("4", {4}), (" 4 , 11 ", {4, 11}),
     ("FFHQ,11,14", {2, 4, 8, 9, 10, 11, 14}), ("CC-BY-4.0,cc0-1.0", {9, 11}), ("4,,4,", {4})],
)  # fmt: skip
def test_sets_ids_and_spdx_names_are_words_for_licenses(text, ids):
    assert parse(text) == ids


@pytest.mark.parametrize("word", ["0", "3", "6", "13", "16", "CC-BY-ND-4.0", "open,3", "4,0"])
def test_what_may_not_be_cropped_is_refused_with_the_reason(word):
    with pytest.raises(UsageError, match=r"is never taken: (it allows no deriv|its owner allows)"):
        parse(word)


@pytest.mark.parametrize("word", ["17", "-1", "opn", "4.0", "", " , ", "all", "٤", "4;5", "1e1"])
def test_an_unknown_word_is_refused_with_the_choices(word):
    with pytest.raises(
        UsageError, match="open, open-strict, ffhq, research, or some of the ids 1,2"
    ):
        parse(word)


# -- what the site says ------------------------------------------------------------------------


def listed(**changes):
    """A reply of licenses.getInfo; ``_4=("name", "url")`` changes an entry, None removes it."""
    entries = {id: (one.name, one.url) for id, one in LICENSES.items()}
    for name, entry in changes.items():
        entries[int(name[1:])] = entry
    return {
        "licenses": {
            "license": [
                {"id": str(id), "name": entry[0], "url": entry[1]}
                for id, entry in entries.items()
                if entry
            ]
        },
        "stat": "ok",
    }


def test_the_recorded_list_agrees_with_ours():
    assert licenses.read(listed()) == (LICENSES, [])


def test_the_names_of_before_june_2025_are_the_same_licenses():
    old = listed(
        _0=("All Rights Reserved", ""),
        _4=("Attribution License", "http://creativecommons.org/licenses/by/2.0/"),
        _6=("Attribution-NoDerivs License", "https://creativecommons.org/licenses/by-nd/2.0"),
    )
    assert licenses.read(old) == (LICENSES, [])


def test_the_list_of_before_june_2025_lacks_the_newer_ones():
    agreed, differences = licenses.read(listed(**{f"_{id}": None for id in range(11, 17)}))
    assert sorted(agreed) == list(range(11))
    assert len(differences) == 6 and differences[0] == "license 11 (CC BY 4.0) is no longer listed"


def test_a_new_license_is_reported_and_never_taken():
    agreed, differences = licenses.read(listed(_17=("CC BY 5.0", "https://x.example/\x1b[1m")))
    assert agreed == LICENSES
    assert len(differences) == 1 and differences[0].startswith("license 17 ('CC BY 5.0', https://x")
    assert (
        differences[0].endswith("is new: no photo under it is taken")
        and "\x1b" not in differences[0]
    )


@pytest.mark.parametrize(
    "id, entry",
    [(4, ("CC BY 2.0", "https://creativecommons.org/licenses/by-nd/2.0/")),
     (4, ("CC BY 2.0", "")), (9, ("Public Domain Dedication (CC0)", "https://example.org/")),
     (8, ("Work for hire", "https://example.org/"))],
)  # fmt: skip
def test_an_id_that_means_something_else_now_is_taken_no_more(id, entry):
    agreed, differences = licenses.read(listed(**{f"_{id}": entry}))
    assert id not in agreed and len(agreed) == 16
    assert len(differences) == 1 and f"was {LICENSES[id].name}" in differences[0]


def test_the_commons_may_move_their_page():
    moved = listed(_7=("No known copyright restrictions", "https://www.flickr.org/commons/"))
    assert licenses.read(moved) == (LICENSES, [])


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"licenses": []},
        {"licenses": {"license": [{"id": "x"}]}},
        {"licenses": {"license": [1]}},
    ],
)
def test_a_reply_of_another_form_is_an_error(reply):
    with pytest.raises(FacecurateError, match="another form"):
        licenses.read(reply)
