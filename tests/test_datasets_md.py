"""DATASETS.md and the manifests say the same."""

import re
from pathlib import Path

import pytest

from facecurate.datasets.manifest import load, names

PAGE = (Path(__file__).parents[1] / "DATASETS.md").read_text(encoding="utf-8")
SECTIONS = {
    part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in re.split(r"^## ", PAGE, flags=re.M)
}
PROSE = {
    "What the tool does with them, and what it never does",
    "How sure a number is",
    "Rendered stand-ins",
    "All of them",
}


def rows() -> dict[str, list[str]]:
    """The cells of the table on top, by dataset id."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in SECTIONS["All of them"].splitlines()
        if line.startswith("| [`")
    ]
    return {re.sub(r"\[`(.*)`\]\(#\1\)", r"\1", row[0]): row[1:] for row in cells}


def test_every_dataset_has_a_row_and_a_section_and_no_other_has() -> None:
    assert sorted(rows()) == list(names())
    assert sorted(set(SECTIONS) - PROSE - {"# Datasets"}) == list(names())


@pytest.mark.parametrize("name", names())
def test_the_table_has_the_manifests_counts(name: str) -> None:
    data = load(name)
    assert rows()[name] == [
        data.title,
        ", ".join(map(str, data.size)) or "not recorded",
        data.status,
        ", ".join(data.tasks) or "-",
        "yes" if data.layout else "-",
    ]


@pytest.mark.parametrize("name", names())
def test_the_section_says_what_the_manifest_says(name: str) -> None:
    data, section = load(name), SECTIONS[name]
    assert f"Terms ({data.terms_certainty}): {data.terms}\n" in section
    assert f"How to get it: {data.how}" in section
    assert f"- Status: {data.status}" in section
    assert (data.page or "") in section
    assert data.tree.strip("\n") in section
    for archive in data.archives:
        assert f"`{archive.name}`" in section
        assert (archive.md5 or "") in section
    for overlap in data.overlaps:
        assert (
            f"- `{overlap.dataset}`, {overlap.of} ({overlap.certainty}): {overlap.what}" in section
        )
    listed = section.split("Traps:\n\n")[1].strip().splitlines()
    assert listed == [f"- {trap}" for trap in data.traps]


@pytest.mark.parametrize("name", names())
def test_the_section_has_every_split_with_its_count(name: str) -> None:
    found = re.findall(
        r"^\| ([\w:-]+)(?: \(.*?\))? \| (\w+) \| ([\d,]+) \w+ \| (\w+)", SECTIONS[name], re.M
    )
    assert found == [
        (split.name, split.role, f"{split.count:,}", split.certainty) for split in load(name).splits
    ]


def test_no_mirror_is_promised() -> None:
    for name in names():
        if load(name).status == "withdrawn by its owners":
            assert "we name no mirrors" in SECTIONS[name]
