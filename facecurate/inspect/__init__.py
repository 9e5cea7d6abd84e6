"""``verify``, ``status`` and ``why``: what is there, whether it is whole, and how it came about."""

from facecurate.inspect.status import Stage, status
from facecurate.inspect.verify import verify
from facecurate.inspect.why import why

__all__ = ["Stage", "status", "verify", "why"]
