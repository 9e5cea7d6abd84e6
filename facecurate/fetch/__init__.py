"""Everything that comes over the network but answers of Flickr's API: single files, and images.

``download`` stores one file that is known by its digest. ``ImageFetcher`` takes any number of
images from strangers' servers politely, and lets nothing through that is not the image asked for.
"""

from facecurate.fetch.files import USER_AGENT, FetchError, cause, download
from facecurate.fetch.images import ImageFetcher
from facecurate.fetch.kinds import REASONS, Failure, Got, Kind, Wanted, final_reason, retry_after
from facecurate.fetch.pace import Budgets, HostClosedError, LocalBudgets
from facecurate.fetch.repeats import Repeats
from facecurate.fetch.robots import Robots
from facecurate.fetch.settings import FetchSettings, user_agent

__all__ = [
    "REASONS",
    "USER_AGENT",
    "Budgets",
    "Failure",
    "FetchError",
    "FetchSettings",
    "Got",
    "HostClosedError",
    "ImageFetcher",
    "Kind",
    "LocalBudgets",
    "Repeats",
    "Robots",
    "Wanted",
    "cause",
    "download",
    "final_reason",
    "retry_after",
    "user_agent",
]
