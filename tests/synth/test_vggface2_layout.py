"""The rendered VGGFace2: its plan, its files against its truth, and the import of it."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from facecurate import images
from facecurate.datasets.vggface2 import VGGFACE2
from facecurate.datasets.vggface2_files import identities
from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.prepare import prepare
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import synthesise, truth, vggface2
from facecurate.synthesise.vggface2 import items, loose_crop, render
from facecurate.workspace import Dataset, links

COUNT, SEED = 14, 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    dataset = Dataset(str(tmp_path_factory.mktemp("w")), "faces")
    synthesise(dataset, layout="vggface2", count=COUNT, seed=SEED, workers=1)
    return dataset


@pytest.fixture(scope="module")
def root(dataset):
    return dataset.path("files")


# -- the plan --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [6, 7, 24, 100, 1200])
def test_people_have_about_a_dozen_pictures_and_stay_in_one_part(count):
    plan = items(count, 0)
    people = {item.subject: item for item in plan}
    assert len(plan) == count and len(people) == max(3, round(count / 12))
    splits = Counter(item.split for item in people.values())
    assert splits["train"] >= 2 and splits["test"] >= 1
    assert all({i.split for i in plan if i.subject == s} == {p.split} for s, p in people.items())
    assert len({item.identity for item in people.values()}) == len(people)
    assert all(item.identity in IDENTITIES[item.split] for item in people.values())
    assert all(re.fullmatch(r"n9\d{5}/\d{4}_\d{2}\.jpg", item.picture) for item in plan)
    assert len({item.picture for item in plan}) == count


def test_too_few_pictures_are_refused():
    with pytest.raises(FacecurateError, match="vggface2 needs 6 pictures"):
        items(5, 0)


def test_everybody_has_several_sessions_and_a_session_is_one_room():
    rooms, people = defaultdict(set), defaultdict(set)
    for item in items(240, 1):
        photo = item.photo()
        face = photo.faces[0]
        rooms[item.person, item.session].add(
            (
                photo.seed,
                photo.noise,
                photo.blur,
                photo.quality,
                face.light,
                face.seed,
                face.glasses,
            )
        )
        people[item.person].add(item.session)
        assert face.identity == item.identity
    assert all(len(sessions) >= 2 for sessions in people.values())
    assert all(len(seen) == 1 for seen in rooms.values())
    assert len({room for seen in rooms.values() for room in seen}) == len(rooms)


@pytest.mark.parametrize(("count", "seed"), [(36, 0), (240, 1), (1200, 2)])
def test_the_same_room_stands_behind_different_people(count, seed):
    behind = defaultdict(set)
    for item in items(count, seed):
        photo = item.photo()
        light = photo.faces[0].light
        behind[item.split, photo.seed, photo.noise, photo.blur, photo.quality, light].add(
            item.person
        )
    people = Counter(split for split, _ in {(i.split, i.person) for i in items(count, seed)})
    shared = [len(who) for (split, *_), who in behind.items() if people[split] > 1]
    assert min(shared) >= 2
    for split, number in people.items():
        rooms = [room for room in behind if room[0] == split]
        assert 2 <= len(rooms) <= max(2, number // 3)
    assert len({room[1:] for room in behind}) == len(behind)  # none is in both parts


def test_a_person_s_pictures_differ_in_pose_expression_and_size():
    first = [item.photo() for item in items(48, 2) if item.person == 0]
    faces = [photo.faces[0] for photo in first]
    assert len(first) > 4
    for values in (
        [face.yaw for face in faces],
        [face.size_px for face in faces],
        [(photo.width, photo.height) for photo in first],
    ):
        assert len(set(values)) == len(first)


# -- the crop --------------------------------------------------------------------------------


def test_a_crop_has_twice_the_box_s_sides_where_the_picture_allows():
    ratios = []
    for item in items(24, 4):
        photo = item.photo()
        image, (labels,) = render_photo(photo)
        crop, known = loose_crop(image, labels)
        x0, y0, x1, y1 = known.box
        w, h = x1 - x0, y1 - y0
        height, width = crop.shape[:2]
        assert width <= 2 * w + 1 and height <= 2 * h + 1
        left, top = np.array(labels.box[:2]) - known.box[:2]  # of the crop in the picture
        assert left == round(left) and top == round(top)
        assert left == 0 or x0 == pytest.approx(w / 2 - 0.5, abs=0.51)
        assert top == 0 or y0 == pytest.approx(h / 2 - 0.5, abs=0.51)
        assert left + width == photo.width or width - x1 == pytest.approx(w / 2 + 0.5, abs=0.51)
        ratios.append(width / w)
        part = image[int(top) : int(top) + height, int(left) : int(left) + width]
        assert (part == crop).all()
    assert np.median(ratios) == pytest.approx(2, abs=0.1) and min(ratios) < 1.7


# -- the files -------------------------------------------------------------------------------


def test_every_label_of_the_lists_is_the_truth(dataset, root):
    read = {photo.source: photo for photo in VGGFACE2.annotations(root)}
    rows = truth(dataset)
    assert sorted(read) == sorted(row["file"] for row in rows) and len(rows) == COUNT
    who = {f"{i.split}/{i.picture}": i for i in items(COUNT, SEED)}
    for row in rows:
        photo, item = read[row["file"]], who[row["file"]]
        (face,) = photo.faces
        assert photo.split == row["split"] == item.split
        assert photo.subject == face.label_identity == row["subject"] == item.subject
        assert row["identity"] == [str(item.identity)] and row["session"] == str(item.session)
        assert face.landmarks == pytest.approx(row["landmarks"][0], abs=1e-4)
        assert face.box == pytest.approx(row["boxes"][0], abs=0.501)
        assert all(value % 1 == 0.5 for value in face.box)


def test_the_traps_are_there(root):
    for split in ("train", "test"):
        place = Path(root) / "bb_landmark"
        boxes = (place / f"loose_bb_{split}.csv").read_text().splitlines()[1:]
        assert all(re.fullmatch(r'"n9\d{5}/\d{4}_\d{2}"(,-?\d+){4}', line) for line in boxes)
        assert any(int(line.split(",")[1]) < 0 for line in boxes)
        marks = (place / f"loose_landmark_{split}.csv").read_text().splitlines()[1:]
        assert all(re.fullmatch(r'"n9\d{5}/\d{4}_\d{2}"(,-?\d+\.\d{5}){10}', m) for m in marks)
    table = (Path(root) / "meta" / "identity_meta.csv").read_text().splitlines()[1:]
    commas = [line for line in table if ",_Jr." in line]
    assert len(commas) == 1 and not commas[0].endswith(",")
    assert all(line.endswith(",") for line in table if line not in commas)
    assert any("," in person.name for person in identities(root))


def test_a_rendered_copy_passes_its_check(root):
    assert VGGFACE2.check(root, rendered=True) == []


def test_the_table_of_people_counts_their_pictures(dataset, root):
    listed = Counter((row["subject"], row["split"]) for row in truth(dataset))
    flags = {"1": "train", "0": "test"}
    assert listed == {(p.id, flags[p.flag]): p.pictures for p in identities(root)}


def test_the_same_plan_gives_the_same_bytes(root, tmp_path):
    (row,) = render(str(tmp_path), items(COUNT, SEED)[4])
    written = (Path(root) / row["file"]).read_bytes()
    assert (tmp_path / row["file"]).read_bytes() == written
    assert images.inspect(written).format == "JPEG"


def test_the_lists_are_the_same_when_they_are_written_again(dataset, root):
    files = [path for name in ("meta", "bb_landmark") for path in (Path(root) / name).iterdir()]
    before = [file.read_bytes() for file in files]
    assert len(files) == 7
    vggface2.complete(root, truth(dataset))
    assert [file.read_bytes() for file in files] == before


# -- on its way ------------------------------------------------------------------------------


def test_it_is_linked_and_its_people_arrive_at_the_faces(dataset):
    (link,) = links(dataset.workspace)["vggface2"]
    assert link.rendered
    into = Dataset(dataset.workspace, "vggface2")
    prepare(into, link, shards=False, workers=1)
    photos = Pool(into.path("photos")).tables(PHOTO_SCHEMA)
    faces = Pool(into.path("faces")).tables(FACE_SCHEMA)
    assert faces["label_identity"].to_pylist() == photos["subject"].to_pylist()
    assert set(faces["status"].to_pylist()) == {"ok"} and faces.num_rows == COUNT
