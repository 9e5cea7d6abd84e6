"""``pretrain``, ``finetune`` and ``evaluate``."""

from __future__ import annotations

COMMANDS: list[object] = []
