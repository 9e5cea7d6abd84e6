"""Flickr's seventeen licenses, and which of them are taken.

The ids, names and addresses are those of ``flickr.photos.licenses.getInfo`` as recorded in June
2025; before that month the list ended at 10 and most names were longer, so nothing is keyed on a
name.
All rights reserved and no derivatives are never taken: a crop is an adaptation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from facecurate.errors import FacecurateError, UsageError
from facecurate.text import printable

_CC = "https://creativecommons.org/"


@dataclass(frozen=True, slots=True)
class License:
    """One license: Flickr's id, the SPDX id or ``LicenseRef-...``, and what it asks."""

    id: int
    spdx: str
    name: str
    url: str
    nc: bool = False  # not for commercial use
    nd: bool = False  # no derivatives
    sa: bool = False  # derivatives under the same license

    @property
    def usable(self) -> bool:
        """Whether a crop may be made of such a photo at all."""
        return self.id != 0 and not self.nd


def _creative_commons(id: int, terms: str, version: str) -> License:
    return License(
        id,
        f"CC-{terms}-{version}",
        f"CC {terms} {version}",
        f"{_CC}licenses/{terms.lower()}/{version}/",
        nc="NC" in terms,
        nd="ND" in terms,
        sa="SA" in terms,
    )


_ALL = (
    License(
        0,
        "LicenseRef-flickr-all-rights-reserved",
        "All Rights Reserved",
        "https://www.flickrhelp.com/hc/en-us/articles/"
        "10710266545556-Using-Flickr-images-shared-by-other-members",
    ),
    _creative_commons(1, "BY-NC-SA", "2.0"),
    _creative_commons(2, "BY-NC", "2.0"),
    _creative_commons(3, "BY-NC-ND", "2.0"),
    _creative_commons(4, "BY", "2.0"),
    _creative_commons(5, "BY-SA", "2.0"),
    _creative_commons(6, "BY-ND", "2.0"),
    License(
        7,
        "LicenseRef-flickr-commons",
        "No known copyright restrictions",
        "https://www.flickr.com/commons/usage/",
    ),
    License(
        8,
        "LicenseRef-us-gov",
        "United States Government Work",
        "http://www.usa.gov/copyright.shtml",
    ),
    License(9, "CC0-1.0", "Public Domain Dedication (CC0)", f"{_CC}publicdomain/zero/1.0/"),
    License(10, "CC-PDM-1.0", "Public Domain Mark", f"{_CC}publicdomain/mark/1.0/"),
    _creative_commons(11, "BY", "4.0"),
    _creative_commons(12, "BY-SA", "4.0"),
    _creative_commons(13, "BY-ND", "4.0"),
    _creative_commons(14, "BY-NC", "4.0"),
    _creative_commons(15, "BY-NC-SA", "4.0"),
    _creative_commons(16, "BY-NC-ND", "4.0"),
)
LICENSES: dict[int, License] = {one.id: one for one in _ALL}

SETS: dict[str, frozenset[int]] = {
    "open": frozenset({4, 5, 7, 8, 9, 10, 11, 12}),
    "open-strict": frozenset({4, 8, 9, 10, 11}),
    "ffhq": frozenset({2, 4, 8, 9, 10}),  # those of FFHQ (Karras et al., 2019)
    "research": frozenset({2, 4, 8, 9, 10, 11, 14}),
}

_BY_SPDX = {one.spdx.lower(): one for one in _ALL}


def parse(text: str) -> frozenset[int]:
    """The ids behind words like ``open``, ``ffhq,11,14`` or ``CC-BY-4.0``.

    Raises UsageError for a word that is none, for all rights reserved and for no derivatives.
    """
    found: set[int] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        found |= _of_word(word)
    if not found:
        raise UsageError(f"no license is named: give {_choices()}")
    return frozenset(found)


def _of_word(word: str) -> frozenset[int]:
    if word.lower() in SETS:
        return SETS[word.lower()]
    known = _BY_SPDX.get(word.lower())
    if known is None and word.isascii() and word.isdigit() and len(word) < 4:
        known = LICENSES.get(int(word))
    if known is None:
        raise UsageError(f"'{printable(word, 40)}' is no license: give {_choices()}")
    if not known.usable:
        raise UsageError(f"{known.id} ({known.name}) is never taken: {_why_not(known)}")
    return frozenset({known.id})


def _choices() -> str:
    usable = ",".join(str(one.id) for one in _ALL if one.usable)
    return f"{', '.join(SETS)}, or some of the ids {usable}"


def _why_not(known: License) -> str:
    if known.nd:
        return "it allows no derivatives, and a crop is one"
    return "its owner allows no use"


def read(reply: Mapping[str, Any]) -> tuple[dict[int, License], list[str]]:
    """What ``flickr.photos.licenses.getInfo`` says, and one line for each difference from ours.

    Returns the licenses by id on which both agree: an id that is new to us, or that now means
    another license, is left out, so that no photo under it is taken. Raises FacecurateError if
    the reply has no list.
    """
    agreed: dict[int, License] = {}
    differences = []
    for id, name, url in _listed(reply):
        ours = LICENSES.get(id)
        told = f"{id} ('{printable(name, 60)}', {printable(url, 100) or 'no address'})"
        if ours is None:
            differences.append(f"license {told} is new: no photo under it is taken")
        elif not _same(ours, name, url):
            differences.append(f"license {told} was {ours.name}: no photo under it is taken")
        else:
            agreed[id] = ours
    missing = sorted(LICENSES.keys() - {id for id, _, _ in _listed(reply)})
    differences += [f"license {id} ({LICENSES[id].name}) is no longer listed" for id in missing]
    return agreed, differences


def _listed(reply: Mapping[str, Any]) -> Iterator[tuple[int, str, str]]:
    try:
        for one in reply["licenses"]["license"]:
            yield int(one["id"]), str(one.get("name") or ""), str(one.get("url") or "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FacecurateError(
            "Flickr's list of licenses has another form than before: nothing is taken without it"
        ) from error


def _same(ours: License, name: str, url: str) -> bool:
    """Creative Commons by address alone; the others by address or name, which both changed once."""
    if ours.id == 0:
        return True
    same_url = _plain(url) == _plain(ours.url)
    return same_url if ours.url.startswith(_CC) else same_url or name == ours.name


def _plain(url: str) -> str:
    bare = url.strip().lower().removeprefix("https://").removeprefix("http://")
    bare = bare.removeprefix("www.").rstrip("/")
    for page in ("/deed.en", "/deed", "/legalcode"):
        bare = bare.removesuffix(page)
    return bare
