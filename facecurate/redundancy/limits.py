"""What the report cannot say, in plain words: what a careful reader will ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def limits(result: Mapping[str, Any]) -> list[str]:
    """One sentence or two each."""
    people = result["people"]
    found = [
        "Another encoder counts other frames. Both tolerances are measured anew for each, so that "
        "counts can be compared; where several were asked for, their range stands beside the "
        "interval and is no part of it.",
        "Another tolerance counts other frames: read the curve, not one point of it. tau_copy "
        "asks what a re-compression could have made, tau_label what a coder could have seen.",
    ]
    if result["unit"] == "subject":
        found.append(
            "Frames of one person are no independent observations. The interval is over "
            f"{people:,} people; it says how the count would vary with as many others, and with "
            "few people it is wide."
        )
    else:
        found.append(
            "Nothing says who is in a frame, so there is no interval over people, and nothing here "
            f"is a statement about people. Frames were compared within each {result['unit']}."
        )
    found += [
        "Few distinct frames do not mean that a network learns as much from fewer: that is what "
        "the learning curve asks, and it asks it of a probe, which reads less than fine-tuning "
        "does. People who are missing are not replaced by frames of those who are there.",
        "The share of near duplicates grows with the frame rate without anything being less "
        "varied; N_eff does not. Vendi scores are bounded by the encoder's numbers.",
        "Coders differ, blink and lag: labels that flicker make runs short. The levels from 3 on "
        "are rare, and what is said of them rests on few people.",
    ]
    if result["rendered"]:
        found.append(
            "These faces are rendered: their motion, light and labels are simpler than anybody's. "
            "Nothing here is evidence about a real dataset."
        )
    return found
