"""``takedown``: named photos and faces, and their copies, leave the whole workspace for good."""

from facecurate.takedown.finding import find
from facecurate.takedown.found import Found, Match, Request
from facecurate.takedown.run import complete, is_buried, takedown, told

__all__ = ["Found", "Match", "Request", "complete", "find", "is_buried", "takedown", "told"]
