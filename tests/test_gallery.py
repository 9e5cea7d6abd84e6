"""The gallery: one page, complete, the same for the same seed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from facecurate import gallery, storage
from facecurate.gallery import sheets
from facecurate.synth.facs import ACTION_UNITS, NAMES
from facecurate.synth.points import NAMES as POINT_SETS


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = str(tmp_path_factory.mktemp("gallery") / "gallery.html")
    stats = gallery.gallery(url, seed=2)
    assert stats.counts["sheets"].taken == 12
    return storage.read(url).decode()


def test_the_page_stands_alone_and_runs_nothing(page: str) -> None:
    assert "default-src 'none'" in page and "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)


def test_every_unit_every_point_set_and_every_factor_is_shown(page: str) -> None:
    for number in ACTION_UNITS:
        assert f"{number} {NAMES[number]}: 0, 2.5 and 5" in page
    for name in POINT_SETS:
        assert f"{name} points; green is seen" in page
    for heading in ("People", "Skin", "Pose", "Light", "Things in the way", "Mesh", "At random"):
        assert f"<h2>{heading}</h2>" in page
    assert "Nobody on this page exists" in page


def test_a_sheet_sets_its_pictures_in_rows_with_white_between() -> None:
    cells = [np.full((4, 6, 3), 10 * k, np.uint8) for k in range(5)]
    sheet = sheets.sheet(cells, 3)
    assert sheet.shape == (10, 22, 3)
    assert (sheet[:4, 8:14] == 10).all() and (sheet[6:, :6] == 30).all()
    assert (sheet[4:6] == 255).all() and (sheet[6:, 16:] == 255).all()


def test_the_command_writes_the_page_into_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from facecurate.cli import cli

    monkeypatch.setattr(gallery, "_SECTIONS", (gallery._unit_chart,))
    result = CliRunner().invoke(cli, ["synth", "--gallery", "--workspace", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "gallery.html").is_file()
    bare = CliRunner().invoke(cli, ["synth", "--workspace", str(tmp_path)])
    assert bare.exit_code == 2 and "facecurate synth practice" in bare.output
