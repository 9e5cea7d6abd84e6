"""Takes named photos and faces out of a workspace: every file that holds them, and their way back.

The one core of ``takedown``, of ``recheck`` and of what ``crawl`` settles. The order makes it safe
to be killed in: tombstones, then a note of what is to be done (``pending``), then shards, spools,
parts from the last derived one back to the photos, tables, reports; the certificate comes last.
"""

from facecurate.erase.burying import bury, stones_for
from facecurate.erase.shards import concerned
from facecurate.erase.targets import Gone
from facecurate.erase.work import Order, Outcome, begin, finish, unfinished

__all__ = [
    "Gone",
    "Order",
    "Outcome",
    "begin",
    "bury",
    "concerned",
    "finish",
    "stones_for",
    "unfinished",
]
