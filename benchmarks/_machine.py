"""The machine that figures hold for."""

import os
import platform
from pathlib import Path


def machine(used: str = "1") -> str:
    """Processor, how many cores were ``used``, and the Python version."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{model}, {used} of {os.cpu_count()} cores, Python {platform.python_version()}"
