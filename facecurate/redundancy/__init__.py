"""``redundancy-report``: how many different frames a set of faces holds, and how that is known."""

from facecurate.redundancy.run import Options, redundancy_report

__all__ = ["Options", "redundancy_report"]
