"""``detect``: photos in, faces out: boxes, points, quality and crops that can be undone."""

from __future__ import annotations

from facecurate.detect.run import detect

__all__ = ["detect"]
