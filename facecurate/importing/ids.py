"""What an imported picture is called, and under which licence id it stands."""

from __future__ import annotations

import hashlib
import os
import re

SPDX = frozenset(
    f"CC-BY{terms}-{version}"
    for terms in ("", "-SA", "-NC", "-NC-SA", "-ND", "-NC-ND")
    for version in ("2.0", "2.5", "3.0", "4.0")
) | {"CC0-1.0", "CC-PDDC", "PDDL-1.0", "Apache-2.0", "MIT"}

_DEED = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(by(?:-nc)?(?:-sa|-nd)?)/(\d\.\d)|publicdomain/(zero)/1\.0)"
    r"(?:/[a-z.]*)?/?"
)
_LONGEST = 80  # characters of a licence that somebody wrote in words


def license_id(text: str | None) -> str | None:
    """An SPDX id as it is, a Creative Commons address as its SPDX id, else ``LicenseRef-...``."""
    if text is None or text in SPDX:
        return text
    if deed := _DEED.fullmatch(text.strip().lower()):
        found = "CC0-1.0" if deed[3] else f"CC-{deed[1].upper()}-{deed[2]}"
        return found if found in SPDX else f"LicenseRef-{found}"
    words = re.sub(r"[^A-Za-z0-9.-]+", "-", text.removeprefix("LicenseRef-")).strip("-")
    return "LicenseRef-" + (words[:_LONGEST] or "unnamed")


def photo_id(name: str, source: str) -> str:
    """The id of a picture that is not Flickr's: dataset name and a hash of ``source``.

    ``source``: the path relative to what was imported, an address, or a tar's name and a key.
    """
    return f"{name}-{hashlib.sha256(os.fsencode(source)).hexdigest()[:16]}"


def number_of(photo_id: str) -> int:
    """The hash in an id as a number of 64 bits; ids of one dataset differ in nothing else."""
    return int(photo_id[-16:], 16)
