"""The limits of a comparison as settings that a table names, and as the rules they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate.similar import register, verify
from facecurate.similar.judging import Rules


def limits(
    hash_distance: int, photo_distance: int, face_distance: int, registrations: int
) -> dict[str, Any]:
    """What decides whether two pictures are one: bits of the two hashes, and registration."""
    return {
        "hash_distance": hash_distance,
        "verified_distance": {"photo": photo_distance, "face": face_distance},
        "registered": {
            "distance": verify.DOUBT_BITS,
            "middle_distance": verify.MIDDLE_DOUBT_BITS,
            "agreement": register.SAME,
            "at_most": registrations,
        },
    }


def rules(settings: Mapping[str, Any], level: str) -> Rules:
    """The same as rules for one level; what is kept, if the settings say that too."""
    return Rules(
        keep=settings.get("keep", "largest"),
        candidate_bits=settings["hash_distance"],
        verified_bits=settings["verified_distance"][level],
        budget=settings["registered"]["at_most"],
    )
