from __future__ import annotations

import collections
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facecurate import images, storage
from facecurate.datasets.ijb import IJB_C
from facecurate.errors import FacecurateError
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import ijb, ijb_tables

COUNT, SEED = 56, 4
Rows = list[dict[str, Any]]


def draw(files: str, items: Any) -> Rows:
    return [dict(row) for item in items for row in ijb.render(files, item)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Rows]:
    files = str(tmp_path_factory.mktemp("ijb"))
    rows = draw(files, ijb.items(COUNT, SEED))
    ijb.complete(files, rows)
    return files, rows


def test_a_copy_has_as_many_faces_as_asked_for_and_passes_its_own_check(
    made: tuple[str, Rows],
) -> None:
    files, rows = made
    assert IJB_C.check(files, rendered=True) == []
    assert len(rows) == len(list(IJB_C.annotations(files))) == COUNT


def test_every_label_comes_back_through_the_reader(made: tuple[str, Rows]) -> None:
    files, rows = made
    asked = IJB_C.protocol(files)
    missed = 0
    for i, (photo, row) in enumerate(zip(IJB_C.annotations(files), rows, strict=True)):
        assert photo.source == row["file"] == asked.faces.sources[i]
        assert photo.subject == photo.faces[0].label_identity == row["subject"]
        assert f"{asked.faces.template[i]}-{asked.faces.medium[i]}" == row["sequence"]
        assert photo.split == row["split"]
        exact = photo.faces[0].landmarks == pytest.approx(row["landmarks"][0], abs=6e-4)
        assert exact == (asked.faces.score[i] > 0.5)
        missed += not exact
    assert missed == len([k for k in range(1, COUNT + 1) if k % 45 == 11]) > 0


def test_subjects_and_identities_are_one_to_one_and_nobody_is_for_training(
    made: tuple[str, Rows],
) -> None:
    pairs = {(row["subject"], row["identity"][0]) for row in made[1]}
    subjects, identities = zip(*pairs, strict=True)
    assert len(set(subjects)) == len(set(identities)) == len(pairs) == 4
    assert all(int(who) in IDENTITIES["test"] for who in identities)


def test_the_derived_box_is_about_the_face(made: tuple[str, Rows]) -> None:
    overlaps = []
    for photo, row in zip(IJB_C.annotations(made[0]), made[1], strict=True):
        x0, y0, x1, y1 = photo.faces[0].box or ()
        u0, v0, u1, v1 = row["boxes"][0]
        both = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
        overlaps.append(both / ((x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - both))
    assert np.median(overlaps) > 0.55


def test_each_probe_meets_its_own_gallery_template_once_and_others(made: tuple[str, Rows]) -> None:
    asked = IJB_C.protocol(made[0])
    known = IJB_C.identification(made[0])
    assert sorted(known.galleries) == ["G1", "G2"]
    enrolled = {
        t: s
        for part in known.galleries.values()
        for t, s in zip(part.template.tolist(), part.subject.tolist(), strict=True)
    }
    probes = dict(zip(known.probes.template.tolist(), known.probes.subject.tolist(), strict=True))
    assert all(len(part.template) == 2 for part in known.galleries.values())
    assert set(enrolled.values()) == set(probes.values())
    assert min(collections.Counter(probes.values()).values()) >= 2
    assert set(asked.first.tolist()) == set(enrolled)
    assert collections.Counter(asked.second[asked.same].tolist()) == dict.fromkeys(probes, 1)
    pairs = zip(asked.first.tolist(), asked.second.tolist(), strict=True)
    truth = [enrolled[a] == probes[b] for a, b in pairs]
    assert asked.same.tolist() == truth and len(truth) == 4 * len(probes)


def test_impostors_have_a_limit(
    made: tuple[str, Rows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ijb_tables, "IMPOSTORS", 2)
    ijb.complete(str(tmp_path), made[1])
    first, second, same = ijb_tables.ijb_lists.read_pairs(str(tmp_path), ijb_tables.WHERE)
    assert set(collections.Counter(second.tolist()).values()) == {3}
    assert same.sum() * 3 == len(same)
    assert len({*zip(first.tolist(), second.tolist(), strict=True)}) == len(same)


def test_both_arrangements_of_nist_ask_what_the_packaging_asks(
    made: tuple[str, Rows], tmp_path: Path
) -> None:
    ijb.complete(str(tmp_path), made[1])
    plain = IJB_C.protocol(made[0])
    usual = IJB_C.nist(str(tmp_path))
    storage.delete(str(tmp_path / "IJB-C/protocols/ijbc_11_G1_G2_matches.csv"))
    tests = IJB_C.nist(str(tmp_path))
    for other in (usual, tests):
        for name in ("first", "second", "same"):
            assert (getattr(other, name) == getattr(plain, name)).all()
        media = {*zip(other.faces.template.tolist(), other.faces.medium.tolist(), strict=True)}
        assert media == {
            *zip(plain.faces.template.tolist(), plain.faces.medium.tolist(), strict=True)
        }
    assert (usual.faces.medium == tests.faces.medium).all()


def test_nist_s_boxes_are_the_rendered_ones(made: tuple[str, Rows]) -> None:
    files, rows = made
    asked = IJB_C.nist(files)
    assert asked.faces.boxes is not None
    found = sorted(map(tuple, asked.faces.boxes.round().tolist()))
    expected = sorted(tuple(float(round(v)) for v in row["boxes"][0]) for row in rows)
    assert found == expected


def test_the_traps_are_there(made: tuple[str, Rows]) -> None:
    files, rows = made
    places = collections.defaultdict(list)
    for i, row in enumerate(rows):
        places[row["sequence"]].append(i)
        assert (row["frame"] is not None) == (
            sum(r["sequence"] == row["sequence"] for r in rows) > 1
        )
    videos = [at for at in places.values() if len(at) > 1]
    assert videos and any(at[-1] - at[0] >= len(at) for at in videos)  # frames lie apart
    sizes = [
        images.inspect(storage.read(storage.join(files, *row["file"].split("/")))) for row in rows
    ]
    assert 2 <= sum((s.width, s.height) == (640, 480) for s in sizes) <= 8  # whole photos
    assert len({(s.width, s.height) for s in sizes}) > 20
    table = storage.read(storage.join(files, "IJB-C", "protocols", "ijbc_1N_gallery_G1.csv"))
    header, *lines = table.decode().splitlines()
    assert len(header.split(",")) == 34 and all(line.endswith("," * 18) for line in lines)


# -- the plan ------------------------------------------------------------------------------------


def test_the_scene_does_not_depend_on_who_is_in_it() -> None:
    for item in ijb.items(100, 1)[:40]:
        one = ijb.photo_of(item)
        two = ijb.photo_of(replace(item, identity=IDENTITIES["test"][7], subject=99, template=1))
        same = replace(two.faces[0], identity=item.identity)
        assert replace(two, faces=(same,)) == one


def test_frames_of_a_medium_share_the_scene_and_media_of_a_person_do_not() -> None:
    plan = ijb.items(400, 2)
    rooms, lights = collections.defaultdict(set), collections.defaultdict(set)
    people = collections.defaultdict(set)
    for item in plan:
        photo = ijb.photo_of(item)
        key = (item.template, item.medium)
        rooms[key].add(photo.seed)
        face = photo.faces[0]
        lights[key].add((face.light, face.seed, face.centre, photo.noise, photo.width))
        people[item.subject].add(photo.seed)
    assert all(len(seen) == 1 for seen in (*rooms.values(), *lights.values()))
    assert min(map(len, people.values())) >= 3
    assert sum(map(len, people.values())) == len(rooms)  # nobody shares a room


def test_poses_reach_sixty_degrees_and_frames_differ() -> None:
    plan = ijb.items(400, 2)
    faces = [ijb.photo_of(item).faces[0] for item in plan]
    yaws = np.array([face.yaw for face in faces])
    assert abs(yaws).max() <= 60 and yaws.max() > 50 and yaws.min() < -50
    frames = collections.defaultdict(set)
    for item, face in zip(plan, faces, strict=True):
        frames[item.medium].add((face.yaw, face.units))
    sizes = collections.Counter(item.medium for item in plan)
    assert all(len(frames[medium]) == n for medium, n in sizes.items())


def test_numbers_do_not_tell_the_person() -> None:
    plan = ijb.items(800, 3)
    assert [item.number for item in plan] == list(range(1, 801))
    neighbours = sum(a.subject == b.subject for a, b in itertools.pairwise(plan))
    assert neighbours < 40  # of 799, for 50 people
    owners = collections.defaultdict(set)
    for item in plan:
        owners[item.template].add(item.subject)
    assert all(len(subjects) == 1 for subjects in owners.values())
    subjects = np.array([min(owners[t]) for t in sorted(owners)])
    assert abs(np.corrcoef(np.arange(len(subjects)), subjects)[0, 1]) < 0.25


@pytest.mark.parametrize("count", [48, 49, 63, 64, 1000])
def test_the_plan_has_exactly_as_many_faces(count: int) -> None:
    plan = ijb.items(count, 0)
    assert len(plan) == count and len({item.identity for item in plan}) == max(4, count // 16)


def test_too_few_faces_are_refused_with_the_least_number() -> None:
    with pytest.raises(FacecurateError, match="ask for at least 48 faces"):
        ijb.items(47, 0)


def test_the_same_seed_is_the_same_bytes_in_any_order(
    made: tuple[str, Rows], tmp_path: Path
) -> None:
    files, rows = made
    plan = ijb.items(COUNT, SEED)
    assert plan == ijb.items(COUNT, SEED) != ijb.items(COUNT, SEED + 1)
    again = draw(str(tmp_path), reversed(plan[:4]))
    assert list(reversed(again)) == rows[:4]
    ijb.complete(str(tmp_path), list(reversed(rows)))
    ijb.complete(str(tmp_path), rows)
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (Path(files) / path.relative_to(tmp_path)).read_bytes()
