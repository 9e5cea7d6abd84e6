"""The rendered AffectNet: its plan, its files against its truth, and the import of it."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facecurate import images
from facecurate.datasets import affectnet2017, affectnet2021
from facecurate.datasets.affectnet import AFFECTNET
from facecurate.datasets.affectnet2017 import Values
from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.prepare import prepare
from facecurate.records import FACE_SCHEMA
from facecurate.synth import affect
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import affectnet, synthesise, truth
from facecurate.synthesise.affectnet import NO_FACE, NONE, UNCERTAIN, items, render
from facecurate.workspace import Dataset, links

LISTS = "Manually_Annotated_file_lists"
COUNT, SEED = 24, 5


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    dataset = Dataset(str(tmp_path_factory.mktemp("w")), "faces")
    synthesise(dataset, layout="affectnet", count=COUNT, seed=SEED, workers=1)
    return dataset


@pytest.fixture(scope="module")
def root(dataset):
    return dataset.path("files")


def faces_by_file(root):
    return {photo.source: photo.faces for photo in AFFECTNET.annotations(root)}


# -- the plan --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [12, 13, 100, 1000])
def test_about_15_percent_are_validation(count):
    splits = Counter(item.split for item in items(count, 0))
    assert splits.total() == count and splits["validation"] == round(0.15 * count)


def test_too_few_pictures_are_refused():
    with pytest.raises(FacecurateError, match="affectnet needs 12 pictures"):
        items(11, 0)


@pytest.mark.parametrize("count", [100, 500, 2000])
def test_validation_classes_are_equally_many(count):
    codes = Counter(item.code for item in items(count, 0) if item.split == "validation")
    eight = [codes[code] for code in range(8)]
    assert max(eight) - min(eight) <= 1
    assert sum(eight) >= 0.9 * codes.total()


def test_training_classes_are_as_unequal_as_planned_and_every_code_is_there():
    codes = Counter(item.code for item in items(4000, 1) if item.split == "train")
    assert set(codes) == set(range(11))
    assert all(20 < codes[code] < 90 for code in (NONE, UNCERTAIN, NO_FACE))
    shares = np.array([codes[code] for code in range(8)]) / sum(codes[c] for c in range(8))
    assert np.abs(shares - affectnet._SHARES).max() < 0.025


def test_nobody_is_in_both_parts_and_no_name_is_used_twice():
    plan = items(200, 2)
    people = {
        split: {f.identity for i in plan if i.split == split for f in i.photo().faces}
        for split in ("train", "validation")
    }
    assert people["train"] <= set(IDENTITIES["train"]) and len(people["train"]) > 150
    assert all(person in IDENTITIES["test"] for person in people["validation"])
    assert len({item.picture for item in plan}) == 200
    assert all(re.fullmatch(r"\d+/[0-9a-f]{56}\.(jpg|JPG|png|jpeg)", i.picture) for i in plan)


def test_the_drawn_units_show_the_planned_class():
    plan = [item for item in items(600, 3) if item.code < 8]
    shown = [affect.expression_of(item.photo().faces[0].units) == item.code for item in plan]
    assert np.mean(shown) == 1.0


def test_nobody_is_on_a_no_face_picture_and_an_uncertain_face_is_hidden():
    by_code = {item.code: item.photo() for item in items(60, 4)}
    assert by_code[NO_FACE].faces == () and len(by_code[NONE].faces) == 1
    assert by_code[UNCERTAIN].faces[0].occluder != "none" and by_code[UNCERTAIN].blur >= 2


# -- the files -------------------------------------------------------------------------------


def test_every_label_of_the_lists_is_the_truth(dataset, root):
    read = faces_by_file(root)
    rows = truth(dataset)
    assert sorted(read) == sorted(row["file"] for row in rows) and len(rows) == COUNT
    for row in rows:
        if row["kind"] == "no_face":
            continue
        (face,) = read[row["file"]]
        assert list(face.points) == pytest.approx(row["points"][0], abs=0.0051)
        assert face.label_expression == row["expression"][0]
        graded = [row["valence"][0], row["arousal"][0]]
        assert [face.label_valence, face.label_arousal] == pytest.approx(graded, abs=1e-6)
        assert all(value is None for value in graded) == (row["expression"][0] == UNCERTAIN)
        _square_of(face.box, row["boxes"][0])


def _square_of(square, exact):
    """A box around the truth's centre whose side is the truth's longer one, in whole pixels."""
    (a, b, c, d), (x0, y0, x1, y1) = square, exact
    side = max(x1 - x0, y1 - y0)
    assert c - a == d - b == pytest.approx(side, abs=0.51)
    assert [(a + c) / 2, (b + d) / 2] == pytest.approx([(x0 + x1) / 2, (y0 + y1) / 2], abs=0.76)
    assert all(value % 1 == 0.5 for value in square)


def test_expression_valence_and_arousal_are_the_documented_functions(dataset):
    rows = [r for r in truth(dataset) if r["kind"] == "render" and r["valence"][0] is not None]
    assert len(rows) > COUNT / 2
    by_file = {f"Manually_Annotated_Images/{item.picture}": item for item in items(COUNT, SEED)}
    assert NONE in {by_file[row["file"]].code for row in rows}
    for row in rows:
        item = by_file[row["file"]]
        spec = item.photo().faces[0]
        code = NONE if item.code == NONE else affect.expression_of(spec.units)
        assert row["expression"] == [code]
        graded = affect.valence_arousal(spec.units, spec.identity, spec.seed)
        assert [row["valence"][0], row["arousal"][0]] == pytest.approx(graded, abs=1e-6)


def test_the_traps_are_there(dataset, root):
    training = (Path(root) / LISTS / "training.csv").read_text().splitlines()
    validation = (Path(root) / LISTS / "validation.csv").read_text().splitlines()
    assert training[0] == ",".join(affectnet2017.COLUMNS)
    assert re.fullmatch(r"-?\d+", validation[0].split(",")[1])  # no header
    assert re.fullmatch(r"-?\d+\.0", training[1].split(",")[1])
    words = [line.split(",") for line in training[1:]]
    assert {int(w[6]) for w in words if w[7] == w[8] == "-2"} == {UNCERTAIN, NO_FACE}
    assert {int(w[6]) for w in words if "-2" not in w[7:9]} >= {NONE}
    assert [w[6] for w in words if w[3].startswith("-")] == ["10"]  # a width below 0
    assert any(w[0].endswith(".JPG") for w in words)
    assert all((Path(root) / "Manually_Annotated_Images" / w[0]).is_file() for w in words)


def test_a_later_no_face_row_has_a_false_alarm(tmp_path):
    def row(at, kind):
        truth = {"file": f"x/1/{at}.jpg", "kind": kind, "split": "train", "boxes": [[1, 1, 9, 9]]}
        labels = {"points": [[float(at)] * 136], "expression": [1]}
        return truth | labels | {"valence": [0.5], "arousal": [0.25]}

    kinds = ["render", "no_face", "render", "no_face"]
    affectnet.complete(str(tmp_path), [row(at, kind) for at, kind in enumerate(kinds)])
    lines = (tmp_path / LISTS / "training.csv").read_text().splitlines()[1:]
    words = [line.split(",") for line in lines]
    assert [w[3] for w in words] == ["8.0", "-1.0", "8.0", "8.0"]
    assert [w[6:] for w in words[1::2]] == [["10", "-2", "-2"]] * 2
    assert words[3][5].startswith("2.00;")


def test_pictures_vary_in_size_and_their_format_is_their_extension_s(dataset, root):
    sizes = set()
    for row in truth(dataset):
        header = images.inspect((Path(root) / row["file"]).read_bytes())
        sizes.add((header.width, header.height))
        assert header.format == ("PNG" if row["file"].endswith(".png") else "JPEG")
    assert len(sizes) > COUNT / 2 and all(224 <= side <= 320 for size in sizes for side in size)


def test_a_rendered_copy_passes_its_check_but_for_the_row_without_a_face(root):
    findings = AFFECTNET.check(root, rendered=True)
    assert len(findings) == 1 and "1 row with a negative width" in findings[0]


def test_the_same_plan_gives_the_same_bytes(root, tmp_path):
    item = items(COUNT, SEED)[3]
    (row,) = render(str(tmp_path), item)
    assert (tmp_path / row["file"]).read_bytes() == (Path(root) / row["file"]).read_bytes()


def test_the_lists_are_the_same_when_they_are_written_again(dataset, root):
    files = [Path(root) / LISTS / name for name in ("training.csv", "validation.csv")]
    before = [file.read_bytes() for file in files]
    affectnet.complete(root, truth(dataset))
    assert [file.read_bytes() for file in files] == before


def test_rendered_pictures_make_a_copy_of_2021_too(dataset, root, tmp_path):
    rows = [r for r in truth(dataset) if r["kind"] == "render"][:4]
    for number, row in enumerate(rows):
        pixels = images.decode((Path(root) / row["file"]).read_bytes()).pixels
        scale = 224 / np.array([pixels.shape[1], pixels.shape[0]])
        points = (np.reshape(row["points"][0], (68, 2)) + 0.5) * scale - 0.5
        graded = [-2.0 if row[n][0] is None else row[n][0] for n in ("valence", "arousal")]
        image = images.resize(pixels, 224, 224)
        said = Values(row["expression"][0], *graded, points)
        affectnet2021.write_sample(str(tmp_path), "train", number, image, said)
    photos = list(AFFECTNET.annotations(str(tmp_path)))
    assert [p.faces[0].label_expression for p in photos] == [r["expression"][0] for r in rows]
    valences = [p.faces[0].label_valence for p in photos]
    assert valences == pytest.approx([r["valence"][0] for r in rows], abs=1e-6)
    assert AFFECTNET.check(str(tmp_path), True) == [
        "warning: val_set: not in this copy (validation)"
    ]


# -- on its way ------------------------------------------------------------------------------


def test_it_is_linked_and_nothing_is_lost_on_the_way_into_faces(dataset):
    (link,) = links(dataset.workspace)["affectnet"]
    assert link.rendered
    into = Dataset(dataset.workspace, "affectnet")
    prepare(into, link, shards=False, workers=1)
    photos, faces = Pool(into.path("photos")), Pool(into.path("faces"))
    assert photos.stats().counts["photos"].taken == COUNT
    assert faces.stats().counts["photos"].dropped == {"no_face": 1}
    table = faces.tables(FACE_SCHEMA)
    known = [row["expression"][0] for row in truth(dataset) if row["kind"] == "render"]
    assert Counter(table["label_expression"].to_pylist()) == Counter(known)
