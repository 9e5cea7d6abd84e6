"""What all tests share: the folder of real photos, and a home that is not the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long checks run only when they are asked for."""
    if "soak" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="long: run 'make soak'")
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real photos and broken images; see the project's CONTRIBUTING."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FACECURATE_TEST_DATA", beside))
    if not (folder / "photos").is_dir():
        pytest.skip("no test data: set FACECURATE_TEST_DATA to the folder that holds photos/")
    return folder


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, caches and state of a test stay in the test."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("FACECURATE_CONFIG", str(home / "facecurate.toml"))
    monkeypatch.delenv("FACECURATE_WORKSPACE", raising=False)


@pytest.fixture
def memory() -> Iterator[str]:
    """An empty workspace in ``memory://``."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield "memory://workspace"
    files.store.clear()
    files.pseudo_dirs[:] = [""]
