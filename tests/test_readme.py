"""The README's file tree is the house's, and its commands run and print what it shows."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from facecurate.cli import run

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()

FOLDERS = {
    "manifests/": "One TOML a dataset and published.toml: data, never code.",
    "tests/": "Mirrors facecurate/; formats/ holds a file of every old format.",
    "docs/": "Formats and responsible use.",
}


def summary(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def tree() -> str:
    """One line a file of the programs: its path and the first sentence of its docstring."""
    lines = []
    for folder in ("facecurate", "pipelines", "trainers", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            told = summary(path)
            if told:
                lines.append((str(path.relative_to(ROOT)), told))
    lines += FOLDERS.items()
    width = max(len(path) for path, _ in lines) + 2
    return "\n".join(f"{path:<{width}}{told}" for path, told in lines)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.S)


def shape(text: str) -> list[str]:
    """Lines with every number as #, so that timings and small differences do not count."""
    return [re.sub(r"[\d,.]*\d", "#", line).strip() for line in text.strip().splitlines()]


def tour() -> list[str]:
    (block,) = (b for b in blocks("sh") if "facecurate synth" in b)
    return block.strip().splitlines()


def test_no_output_is_still_to_be_filled_in() -> None:
    assert not re.findall(r"[A-Z]+_(?:OUTPUT|TREE)", README)


def test_the_prose_quotes_the_numbers_of_the_demo_it_shows() -> None:
    (demo,) = (b for b in blocks("text") if "the whole chain took" in b)
    rows = [line for line in demo.splitlines() if line.startswith("50 of 300")]
    scratch, swav = (re.findall(r"(\d+\.\d+) \[", row)[0] for row in rows)
    assert f"({swav} against {scratch} over four paired" in README


def test_the_tree_is_the_house() -> None:
    assert tree() in README, "README needs this tree:\n" + tree()


def test_the_tour_runs_and_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dlib", reason="the tour's detector needs: pip install -e '.[dlib]'")
    monkeypatch.chdir(tmp_path)
    printed = []
    for line in tour():
        assert run(shlex.split(line)[1:]) == 0, capsys.readouterr().err
        printed.append(capsys.readouterr().out)
    (shown,) = (b for b in blocks("text") if b.startswith("practice:"))
    assert shape("".join(printed)) == shape(shown)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset's file
def test_the_python_example_reads_the_shards(tmp_path: Path) -> None:
    from facecurate.detect import detect
    from facecurate.prepare import import_rendered
    from facecurate.shard import shard
    from facecurate.synthesise import synthesise
    from facecurate.workspace import Workspace

    dataset = Workspace(str(tmp_path)).dataset("practice")
    synthesise(dataset, count=4)
    import_rendered(dataset)
    detect(dataset, detector="given")
    kept = shard(dataset).counts["faces"].kept
    (example,) = blocks("python")
    seen: list[str] = []
    code = (
        example.replace("data/practice", f"{tmp_path}/practice") + "    seen.append(row['key'])\n"
    )
    exec(compile(code, "README.md", "exec"), {"seen": seen})
    assert len(seen) == kept
