"""The manifests as data: every word known, every number consistent with the others."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from facecurate.datasets import manifest
from facecurate.datasets.manifest import load, names, notes, parse, parse_published, published
from facecurate.errors import FacecurateError

ROOT = Path(__file__).parents[2]

SMALL = """
id = "toy"
title = "Toy"
kind = "evaluation"
source = "real"
status = "open"
terms = "None."
terms_certainty = "reported"
how = "Make it."
labels = ["box"]
identity_labels = "none"
traps = []
"""


def value(**words: str) -> float:
    """The one published number that these words name."""
    (number,) = published(**words)  # type: ignore[arg-type]
    return number.value


@pytest.mark.parametrize("name", names())
def test_every_file_is_a_manifest_of_its_own_name(name: str) -> None:
    assert load(name).id == name
    assert load(name).source == "real"


def test_names_are_the_files_of_the_folder() -> None:
    files = {path.stem for path in (ROOT / "manifests").glob("*.toml")}
    assert set(names()) == files - {"published"}
    assert list(names()) == sorted(names())


def test_an_unknown_name_proposes_similar_ones() -> None:
    with pytest.raises(FacecurateError, match=r"'300-w'; did you mean 300w"):
        load("300-w")
    with pytest.raises(FacecurateError, match=r"known are 300w, "):
        load("\x1b[31mzzzz")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('colour = "red"', r"toy\.toml: unknown key 'colour'"),
        ('staus = "open"', r"unknown key 'staus'; did you mean status"),
        ('tasks = ["cooking"]', r"tasks\[0\]: 'cooking' is not one of: recognition, "),
        ("tasks = 3", r"tasks: expected a list, found '3'"),
        ("thresholds = [true]", r"thresholds\[0\]: expected a whole number, found 'True'"),
        ("[points]\ncount = 5", r"points: the key 'origin' is missing"),
        ('scored_split = "test"', r"scored_split 'test' is no split"),
        ('[withdrawn]\nsource = "x"\ncertainty = "unsure"', r"withdrawn stands with the status"),
        ("id = ", r"toy\.toml: not TOML"),
        ('[[folds]]\nscheme = "s"\nname = "1"\ntest = ["A"]', r"folds name subjects"),
        ('[[normalisers]]\nid = "box"\ndefault = true', r"a normaliser needs"),
        ('[[normalisers]]\nid = "box"\nbox = "tight"', r"one normaliser is the default"),
    ],
)
def test_a_wrong_line_is_named(line: str, message: str) -> None:
    parse(SMALL, "toy")
    with pytest.raises(FacecurateError, match=message):
        parse(SMALL + line, "toy")


def test_a_file_under_another_name_is_an_error() -> None:
    with pytest.raises(FacecurateError, match=r"id is 'toy', the file's name says 'boat'"):
        parse(SMALL, "boat")


def test_a_split_that_is_not_there_is_an_error_with_the_names_there_are() -> None:
    assert load("300w").split("full").count == 689
    with pytest.raises(FacecurateError, match="train, common, challenge, full, test"):
        load("300w").split("private")


@pytest.mark.parametrize("name", names())
def test_sums_of_splits_hold(name: str) -> None:
    counts = {split.name: split.count for split in load(name).splits}
    for split in load(name).splits:
        if split.made_of:
            assert split.count == sum(counts[part] for part in split.made_of)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("300w", "train common challenge test"),
        ("aflw", "train full"),
        ("aflw2000", "yaw-0-30 yaw-30-60 yaw-60-90"),
        ("celeba", "train validation test"),
        ("celebamask-hq", "train validation test"),
        ("cofw", "train test"),
        ("wflw", "train test"),
        ("wider-face", "train validation test"),
    ],
)
def test_parts_make_the_whole(name: str, parts: str) -> None:
    whole = load(name)
    assert sum(whole.split(part).count for part in parts.split()) == whole.size[0].count


def test_disfa_has_a_frame_less_for_one_of_its_27_people() -> None:
    assert [size.count for size in load("disfa").size] == [26 * 4845 + 4844, 27]


@pytest.mark.parametrize(
    ("name", "scheme"), [("disfa", "sanchez3"), ("disfa", "jaa3"), ("bp4d", "graphau3")]
)
def test_three_folds_test_every_person_once(name: str, scheme: str) -> None:
    folds = [fold for fold in load(name).folds if fold.scheme == scheme]
    assert len(folds) == 3
    tested = Counter(person for fold in folds for person in fold.test)
    assert tested == Counter(load(name).subjects)
    assert all(not set(fold.test) & set(fold.validation) for fold in folds)


def test_people_are_counted_as_often_as_listed() -> None:
    for name in names():
        for size in load(name).size:
            if size.unit == "subject" and load(name).subjects:
                assert size.count == len(set(load(name).subjects)) == len(load(name).subjects)


def test_fera_2015_develops_on_the_even_numbers() -> None:
    (fold,) = [fold for fold in load("bp4d").folds if fold.scheme == "fera2015"]
    assert set(fold.test) == {one for one in load("bp4d").subjects if int(one[1:]) % 2 == 0}
    assert len(fold.test) == load("bp4d").split("development").count


def test_an_overlap_is_told_by_both_datasets_and_names_real_splits() -> None:
    pairs = {(name, overlap.dataset) for name in names() for overlap in load(name).overlaps}
    assert pairs == {(other, name) for name, other in pairs}
    for name in names():
        for overlap in load(name).overlaps:
            for split in overlap.test_splits:
                load(overlap.dataset).split(split)


def test_known_contamination_is_stated() -> None:
    seen = {
        (name, overlap.dataset): set(overlap.test_splits)
        for name in names()
        for overlap in load(name).overlaps
    }
    assert {"common", "challenge"} <= seen["300w-lp", "300w"]
    assert "test" in seen["wider-face", "wflw"]
    assert "test" in seen["aflw", "aflw2000"]


def test_parts_of_a_mixture_are_datasets() -> None:
    for name in names():
        assert set(load(name).parts) <= set(names()) - {name}
    assert load("large-scale-face").parts_may_be_missing


def test_withdrawn_sets_have_date_and_source() -> None:
    dates = {name: one.date for name in names() if (one := load(name).withdrawn)}
    janus = dict.fromkeys(("ijb-a", "ijb-b", "ijb-c"), "2023-03-14")
    assert dates == {"vggface2": "2020-12", **janus, "ms-celeb-1m": None, "megaface": None}
    assert all("no mirrors" in load(name).how for name in dates)


def test_identity_labels_are_licensed_only_for_recognition_sets() -> None:
    licensed = {name for name in names() if load(name).identity_labels == "licensed"}
    assert licensed == {"vggface2", "ijb-b", "ijb-c", "lfw"}
    assert all(load(name).tasks == ("recognition",) for name in licensed)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [("300w", 36, 45), ("cofw68", 36, 45), ("wflw", 60, 72), ("cofw", 8, 9)],
)
def test_landmark_errors_are_divided_by_the_outer_eye_corners(
    name: str, left: int, right: int
) -> None:
    (default,) = [one for one in load(name).normalisers if one.default]
    assert (default.id, default.left, default.right) == ("inter-ocular", (left,), (right,))


def test_normalisers_use_points_that_exist() -> None:
    for name in names():
        points = load(name).points
        for one in load(name).normalisers:
            assert points is not None
            assert all(0 <= index < points.count for index in one.left + one.right)


def test_sizes_read_as_a_phrase() -> None:
    size = load("vgg-face").size[0]
    assert str(size) == "about 3,310,000 images"
    assert str(load("bp4d").size[2]) == "41 subjects"
    assert str(load("lfw").size[1]) == "5,749 identities"


def test_a_published_number_is_found_by_its_words() -> None:
    (number,) = published(table=5, dataset="300w", split="test", fraction="2%", arm="vgg-face")
    assert (number.value, number.normaliser, number.metric) == (4.97, "inter-ocular", "nme")
    assert number.unit == "percent"
    assert published(table="5", dataset="disfa") == ()


def test_decimals_are_kept_as_printed() -> None:
    (number,) = published(table=5, dataset="300w", fraction="100%", arm="scratch")
    assert (number.value, number.printed) == (4.5, "4.50")
    (number,) = published(
        table=4, dataset="ijb-c", fraction="10%", arm="scratch", metric="tar@1e-5"
    )
    assert number.printed == "0.7671"


def test_each_published_number_is_of_a_known_dataset_split_and_normaliser() -> None:
    for number in published():
        data = load(number.dataset)
        assert number.split == "not named" or data.split(number.split)
        assert number.normaliser in {None, *(one.id for one in data.normalisers)}
        assert number.task in data.tasks
        assert number.metric.split("@")[0].split("_")[0] in data.metrics
        assert number.metric.startswith("nme") <= (number.normaliser is not None)


def test_no_number_is_there_twice() -> None:
    cells = Counter(
        (n.table, n.dataset, n.split, n.normaliser, n.metric, n.fraction, n.arm, n.adapt)
        for n in published()
    )
    assert max(cells.values()) == 1


def test_every_table_of_the_paper_is_there_in_full() -> None:
    counts = Counter(number.table for number in published())
    assert counts == {
        "1": 4 * 2,
        "2": 4 * 3 * 3,
        "3": 3 * 3,
        "4": 2 * (4 * 3 * 5 + 5),
        "5": 5 * 3 * 4 + 4 + 2,
        "6": 10 + 9 + 8,
        "7": 2 * (5 * 3 + 4 * 3 + 1),
        "8": 5 * 2,
        "9": 4 * 3 * 4 + 4,
        "10": 5 * 3 + 1,
        "farl": 6 + 3 + 4 + 2,
    }


@pytest.mark.parametrize("fraction", ["100%", "10%", "2%"])
@pytest.mark.parametrize("arm", ["vgg-face", "flickr-face"])
def test_table_2_repeats_tables_4_5_and_7(arm: str, fraction: str) -> None:
    words = {"arm": arm, "fraction": fraction}
    nme = {"dataset": "300w", "metric": "nme", **words}
    assert value(table="2", **nme) == value(table="5", **nme)
    tar = {"dataset": "ijb-b", "metric": "tar@1e-4", **words}
    assert value(table="2", **tar) == value(table="4", **tar)
    low = {**words, "fraction": "1%" if fraction == "2%" else fraction}
    icc = value(table="2", dataset="disfa", **words)
    assert icc == value(table="7", dataset="disfa", adapt="finetune", **low)


@pytest.mark.parametrize("fraction", ["100%", "10%", "1%"])
@pytest.mark.parametrize("arm", ["imagenet", "vgg-face-supervised"])
def test_table_3_repeats_table_7(arm: str, fraction: str) -> None:
    words = {"dataset": "disfa", "arm": arm, "fraction": fraction, "adapt": "finetune"}
    assert value(table="3", **words) == value(table="7", **words)


def test_table_1_repeats_table_2() -> None:
    for dataset in ("300w", "disfa"):
        words = {"dataset": dataset, "fraction": "2%"}
        assert value(table="1", arm="swav", **words) == value(table="2", arm="vgg-face", **words)


def test_more_false_accepts_never_accept_less() -> None:
    rates: dict[tuple[str, str, str], list[float]] = {}
    for number in published(table=4):  # metrics are listed from 1e-6 to 1e-2
        key = (number.dataset, number.arm, number.fraction)
        rates.setdefault(key, []).append(number.value)
    assert all(row == sorted(row) and len(row) == 5 for row in rates.values())


def test_arms_that_pre_train_name_known_data() -> None:
    assert {arm.data for arm in manifest.arms().values()} - {None} <= set(names())
    assert set(manifest.arms()) == {number.arm for number in published()}


def test_notes_are_found_by_table() -> None:
    assert "disfa-low-regime" in {note.id for note in notes(7)}
    assert "disfa-low-regime" not in {note.id for note in notes("9")}
    tables = {number.table for number in published()}
    assert {table for note in notes() for table in note.tables} <= tables


PUBLISHED = """
[sources]
toy-2026 = "Toy"
[arms]
scratch = { title = "none" }
[[blocks]]
table = "1"
source = "toy-2026"
task = "au"
dataset = "disfa"
split = "not named"
metrics = ["icc"]
unit = "raw"
adapt = "finetune"
[blocks.values]
scratch = { "2%" = [0.30] }
[[notes]]
id = "n"
tables = ["1"]
text = "t"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[0.30]", "[0.30, 0.1]", r"scratch at 2% has 2 values for 1 metrics"),
        ('"2%"', '"0.02"', r"'0\.02' is no percentage"),
        ('scratch = { "2', 'scrtch = { "2', r"unknown arm 'scrtch'; did you mean scratch"),
        ("[0.30]", "[true]", r"expected a decimal number, found 'True'"),
        ('source = "toy', 'source = "boy', r"blocks\[0\]: unknown source"),
    ],
)
def test_a_wrong_published_line_is_named(old: str, new: str, message: str) -> None:
    (number,) = parse_published(PUBLISHED).numbers()
    assert number.printed == "0.30"
    with pytest.raises(FacecurateError, match=message):
        parse_published(PUBLISHED.replace(old, new))


def run(code: str, path: Path) -> str:
    """The output of a fresh interpreter that imports facecurate from ``path``."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(path)},
        cwd=path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_reading_manifests_loads_nothing_heavy() -> None:
    code = (
        "import sys; from facecurate.datasets.manifest import load; load('300w');"
        "print(sorted({'torch', 'pyarrow', 'cv2', 'numpy', 'fsspec'} & set(sys.modules)))"
    )
    assert run(code, ROOT) == "[]"


def test_an_installed_package_reads_the_manifests_inside_it(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "facecurate", tmp_path / "facecurate", ignore=ignore)
    inside, beside = tmp_path / "facecurate/manifests", tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", inside)
    shutil.copytree(ROOT / "manifests", beside)
    (inside / "lfw.toml").unlink()
    assert run("from facecurate.datasets.manifest import names; print(*names())", tmp_path) == (
        " ".join(name for name in names() if name != "lfw")
    )
