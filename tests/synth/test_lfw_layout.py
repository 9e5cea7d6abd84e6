from __future__ import annotations

import collections
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facecurate import images, storage
from facecurate.datasets.lfw import LFW, LISTS
from facecurate.errors import FacecurateError
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import LAYOUTS, layout_of, lfw

COUNT, SEED = 50, 9
Rows = list[dict[str, Any]]


def draw(files: str, items: Any) -> Rows:
    return [dict(row) for item in items for row in lfw.render(files, item)]


def plan_rows(count: int, seed: int) -> Rows:
    """The rows' columns that the lists are made of, without drawing."""
    return [{"split": item.split, "subject": item.name} for item in lfw.items(count, seed)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Rows]:
    files = str(tmp_path_factory.mktemp("lfw"))
    rows = draw(files, lfw.items(COUNT, SEED))
    lfw.complete(files, rows)
    return files, rows


def test_a_copy_has_as_many_pictures_as_asked_for_and_passes_its_own_check(
    made: tuple[str, Rows],
) -> None:
    files, rows = made
    assert LFW.check(files, rendered=True) == []
    assert len(rows) == len(list(LFW.annotations(files))) == COUNT
    for row in rows:
        header = images.inspect(storage.read(storage.join(files, *row["file"].split("/"))))
        assert (header.format, header.width, header.height) == ("JPEG", 250, 250)


def test_every_label_comes_back_through_the_reader(made: tuple[str, Rows]) -> None:
    files, rows = made
    read = {photo.source: photo for photo in LFW.annotations(files)}
    people = set()
    for row in rows:
        photo = read[row["file"]]
        assert photo.faces[0].label_identity == photo.subject == row["subject"]
        assert photo.split == row["split"]
        people.add((row["subject"], row["identity"][0]))
        x0, y0, x1, y1 = photo.faces[0].box or ()
        u0, v0, u1, v1 = row["boxes"][0]
        both = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
        assert both / ((x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - both) > 0.5
    names, identities = zip(*people, strict=True)
    assert len(set(names)) == len(set(identities)) == len(people)


def test_pairs_are_true_and_name_pictures_that_are_there(made: tuple[str, Rows]) -> None:
    files, rows = made
    who = {row["file"]: row["identity"][0] for row in rows}
    for split in LISTS:
        asked = LFW.protocol(files, split)
        for a, b, same in zip(asked.first, asked.second, asked.same, strict=True):
            one, two = asked.faces.sources[a], asked.faces.sources[b]
            assert one != two and (who[one] == who[two]) == same


def test_nobody_is_in_two_splits_or_two_folds(tmp_path: Path) -> None:
    plan = lfw.items(600, 2)
    lfw.complete(str(tmp_path), plan_rows(600, 2))
    splits, ranges = collections.defaultdict(set), {"view2": "test", "dev-train": "train"}
    for item in plan:
        splits[item.identity].add(item.split)
        assert item.identity in IDENTITIES[ranges.get(item.split, "val")]
    assert all(len(s) == 1 for s in splits.values())
    folds = collections.defaultdict(set)
    for pair in LFW.pairs(str(tmp_path)):
        folds[pair.first[0]].add(pair.fold)
        folds[pair.second[0]].add(pair.fold)
    assert all(len(f) == 1 for f in folds.values())
    listed = {person.name: person.fold for person in LFW.people(str(tmp_path))}
    assert all(folds[name] == {listed[name]} for name in folds)
    assert listed.keys() == {item.name for item in plan if item.split == "view2"}


@pytest.mark.parametrize("count", [48, 49, 200, 1000])
def test_the_header_is_honest_and_grows_with_the_pictures(tmp_path: Path, count: int) -> None:
    lfw.complete(str(tmp_path), plan_rows(count, 1))
    header, *lines = (tmp_path / "pairs.txt").read_bytes().decode().splitlines()
    folds, size = map(int, header.split("\t"))
    assert folds == 10 and len(lines) == 20 * size
    pairs = LFW.pairs(str(tmp_path))
    assert len({(pair.first, pair.second) for pair in pairs}) == len(pairs)
    assert size >= {48: 2, 49: 2, 200: 8, 1000: 60}[count]
    assert len(LFW.pairs(str(tmp_path), "dev-test")) >= 4


def test_no_fold_has_more_pairs_than_lfw_s(tmp_path: Path) -> None:
    lfw.complete(str(tmp_path), plan_rows(6000, 1))
    assert (tmp_path / "pairs.txt").read_bytes().startswith(b"10\t300\n")
    people = (tmp_path / "people.txt").read_bytes().decode().splitlines()
    assert people[0] == "10"
    names = (tmp_path / "lfw-names.txt").read_bytes().decode().splitlines()
    assert sum(int(line.split("\t")[1]) for line in names) == 6000
    assert len({line.split("\t")[0] for line in names}) == len(names) > 2000
    assert any(line.split("\t")[0].count("_") == 2 for line in names)  # initials
    assert not any(" " in line for line in names)


def test_the_picture_does_not_depend_on_who_is_in_it() -> None:
    for item in lfw.items(60, 1):
        one = lfw.photo_of(item)
        two = lfw.photo_of(replace(item, identity=7, name="Else", number=3, split="view2"))
        assert replace(two, faces=(replace(two.faces[0], identity=item.identity),)) == one


def test_every_picture_has_its_own_room_and_poses_reach_35_degrees() -> None:
    specs = [lfw.photo_of(item) for item in lfw.items(300, 1)]
    assert len({spec.seed for spec in specs}) == len({s.faces[0].light for s in specs}) == 300
    yaws = [spec.faces[0].yaw for spec in specs]
    assert max(yaws) <= 35 and min(yaws) >= -35 and max(yaws) > 30 and min(yaws) < -30


def test_names_and_initials_are_each_once() -> None:
    import numpy as np

    names = lfw._names(np.random.default_rng(0), 60_000)
    assert len(set(names)) == 60_000
    assert lfw._initials(0) == [] and lfw._initials(1) == ["A"] and lfw._initials(26) == ["Z"]
    assert lfw._initials(27) == ["A", "A"]


def test_too_few_pictures_are_refused_with_the_least_number() -> None:
    with pytest.raises(FacecurateError, match="ask for at least 48 pictures"):
        lfw.items(47, 0)


def test_the_same_seed_is_the_same_bytes_in_any_order(
    made: tuple[str, Rows], tmp_path: Path
) -> None:
    files, rows = made
    plan = lfw.items(COUNT, SEED)
    assert plan == lfw.items(COUNT, SEED) != lfw.items(COUNT, SEED + 1)
    again = draw(str(tmp_path), reversed(plan[:3]))
    assert list(reversed(again)) == rows[:3]
    lfw.complete(str(tmp_path), list(reversed(rows)))
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (Path(files) / path.relative_to(tmp_path)).read_bytes()


_SEVERAL = {"video", "disfa", "300w-lp"}  # an item is a film, or a picture and those made from it


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - _SEVERAL))
@pytest.mark.parametrize("count", [48, 49, 50, 53, 64, 200])
def test_as_many_pictures_are_planned_as_were_asked_for(layout: str, count: int) -> None:
    assert len(layout_of(layout).items(count, 3)) == count
