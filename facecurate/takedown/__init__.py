"""``takedown``: named photos and faces, and their copies, leave the whole workspace for good."""

from facecurate.takedown.finding import Found, Match, Request, find
from facecurate.takedown.run import complete, takedown

__all__ = ["Found", "Match", "Request", "complete", "find", "takedown"]
