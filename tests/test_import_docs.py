"""The commands of docs/import.md run, one after the other, and print what the page shows."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "import.md").read_text()
PORT = 8000  # as the page has it


def blocks(kind: str) -> str:
    return "".join(re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_the_page_s_commands_print_what_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="not installed: run 'make test'")
    words = f'set -e\nfacecurate() {{ "{sys.executable}" -m facecurate "$@"; }}\n'
    words += f'python() {{ "{sys.executable}" "$@"; }}\nset -m\n'
    script = words + blocks("sh").replace(str(PORT), str(free_port()))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "FACECURATE_STATE": str(tmp_path / "state")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == blocks("text")
