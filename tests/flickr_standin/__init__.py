"""A stand-in for Flickr's API and image host, for tests and for trying without a key."""

from .faults import Fault
from .rate import Rate
from .search import EXACT, Behaviour
from .server import Standin
from .world import World

__all__ = ["EXACT", "Behaviour", "Fault", "Rate", "Standin", "World"]
