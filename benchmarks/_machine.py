"""The machine that figures hold for."""

import os
import platform
import sys
from pathlib import Path


def machine(used: str = "1") -> str:
    """Processor, how many cores were ``used``, and the Python version."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{model}, {used} of {os.cpu_count()} cores, Python {platform.python_version()}"


def peak_gib() -> float:
    """The most memory that this program has held, mapped files with it."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage's figure is inherited from the process that started this one
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    import resource

    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
