"""Killed at any moment, the same take-down again ends as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import worlds

from facecurate import storage
from facecurate.embed import embed
from facecurate.errors import LockedError, StoppedError
from facecurate.inspect import verify
from facecurate.takedown import Request, complete, find, takedown
from facecurate.workspace import Dataset, pending, tombstones

NOW = 1.7e9
ASKED = Request(photos=frozenset(["mine-0000000000000003", "mine-0000000000000006"]))


class Killed(BaseException):
    """No handler of the tool catches it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    worlds.world(folder, 40, part=15, shard_size="60KB")
    return folder / "work"


@contextmanager
def killed_at(moment: int | str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Raises before the ``moment``-th change of the disk, or the first of the file of that name.

    Tells how many changes there were.
    """
    count = [0]

    def stopping(real: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **options: Any) -> Any:
            count[0] += 1
            named = isinstance(moment, str) and str(args[0]).endswith(moment)
            if named or (isinstance(moment, int) and count[0] >= moment):
                raise Killed
            return real(*args, **options)

        return changed

    with monkeypatch.context() as patched:
        for name in ("writing", "delete"):
            patched.setattr(storage, name, stopping(getattr(storage, name)))
        yield count


def run(workspace: str) -> Any:
    """What the command does."""
    complete(workspace)
    return takedown(workspace, ASKED, find(workspace, ASKED), reason="person", now=NOW)


def state(root: Path) -> dict[str, bytes]:
    """Every file but locks."""
    return {n: d for n, d in worlds.haystack(root).items() if ".lock" not in n}


def check_at(moment: int | str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    root = tmp_path / "root"
    shutil.copytree(made, root)
    mine = Dataset(str(root), "mine")
    with killed_at(moment, monkeypatch) as count:
        try:
            run(str(root))
        except Killed:
            gone = {("photo", d) for k, d in tombstones(str(root)) if k == "photo"}
            assert gone or not pending(str(root)), "tombstones come first"
    run(str(root))
    whole = tmp_path / "whole"
    if not whole.exists():
        shutil.copytree(made, whole)
        run(str(whole))
    assert state(root) == state(whole)
    assert verify(mine)[1] == [] and not pending(str(root))
    shutil.rmtree(root)
    return count[0]


def test_a_take_down_that_is_killed_is_finished_by_the_next(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = check_at(10**9, made, tmp_path, monkeypatch)
    assert changes > 40
    for moment in range(1, changes + 1, max(1, changes // 6)):
        check_at(moment, made, tmp_path, monkeypatch)


@pytest.mark.parametrize("file", ["mine/photos/00000.json", "shards/dataset.json"])
def test_a_kill_before_the_file_that_says_finished_is_made_good(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    check_at(file, made, tmp_path, monkeypatch)


@pytest.mark.soak
def test_a_take_down_may_be_killed_before_every_change(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = check_at(10**9, made, tmp_path, monkeypatch)
    for moment in range(1, changes + 1):
        check_at(moment, made, tmp_path, monkeypatch)


def test_nothing_is_made_of_a_dataset_while_a_take_down_waits_to_be_finished(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path / "work")
    mine = Dataset(str(tmp_path / "work"), "mine")
    with killed_at(12, monkeypatch), pytest.raises(Killed):
        run(mine.workspace)
    with pytest.raises(StoppedError, match="finish it with 'facecurate takedown'"):
        embed(mine)
    complete(mine.workspace)
    assert "up to date" in str(embed(mine))


def test_a_dataset_that_is_being_written_stops_it_before_anything_changes(
    made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path / "work")
    mine = Dataset(str(tmp_path / "work"), "mine")
    before = state(tmp_path / "work")
    with mine.lock("shard"), pytest.raises(LockedError, match="'shard'"):
        run(mine.workspace)
    assert state(tmp_path / "work") == before
