"""Detectors that were trained on photos of people find rendered ones (issue 02's bars)."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))  # at the end: a test's own modules come first

import _counts  # noqa: E402
import _recall  # noqa: E402

from facecurate.synth.render import render_photo  # noqa: E402
from facecurate.workers import single_thread, usual_workers  # noqa: E402

FEW, MANY = 40, 1500
RISK = 1e-4  # chance that a renderer at the bar fails the small test


@pytest.fixture(scope="module")
def few() -> list[tuple[np.ndarray, tuple[float, ...]]]:
    """Pictures, and the box of the one face on each."""
    drawn = [render_photo(_recall.picture(5, _recall.BARRED, k)) for k in range(FEW)]
    return [(image, labels[0].box) for image, labels in drawn]


@pytest.fixture(params=list(_recall.DETECTORS))
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A detector's name, or a skip that says what is needed."""
    if _recall.DETECTORS[request.param] is not None:
        folder = request.getfixturevalue("test_data")
        monkeypatch.setenv("FACECURATE_TEST_DATA", str(folder))
    elif not find_spec("dlib"):
        pytest.skip("needs: pip install 'facecurate[dlib]'")
    return str(request.param)


def test_strangers_find_a_few_faces(name, few):
    _recall.detector(name)  # what it imports is loaded before the threads are counted
    with single_thread():
        seen = [_recall.shown(name, image, box) for image, box in few]
    assert sum(hit for hit, _ in seen) >= _counts.least(FEW, _counts.BAR, RISK)
    assert sum(more for _, more in seen) <= 1


@pytest.mark.soak
def test_strangers_find_95_of_100_of_everybody_and_nobody_twice(test_data, monkeypatch):
    monkeypatch.setenv("FACECURATE_TEST_DATA", str(test_data))
    assert _recall.missing() == {}
    names = list(_recall.DETECTORS)
    faces = _recall.measure(MANY, 6, names, beyond=False, workers=usual_workers())
    rows = _counts.table(faces, names)
    for row in rows:
        print(f"{row.factor:14} {row.group:16} {row.detector:18} {row.faces:5} {row.recall:.3f}")
    failed = [f"{b.detector}: {b.figure} {b.value:.3f}" for b in _counts.bars(rows) if not b.holds]
    assert failed == []


def test_a_hit_overlaps_the_face_or_holds_its_centre_at_its_scale():
    face = (0.0, 0.0, 100.0, 100.0)
    assert _recall.matches((0, 0, 100, 40), face) and not _recall.matches((0, 0, 100, 39), face)
    assert _recall.matches((20, 30, 75, 80), face)  # IoU 0.275, about the centre
    assert not _recall.matches((45, 45, 55, 55), face)  # an eye is no face
    assert not _recall.matches((-300, -300, 400, 400), face)  # nor is a room
    assert not _recall.matches((60, 60, 160, 160), face)


def test_the_least_count_is_missed_as_rarely_as_it_says():
    draws = np.random.default_rng(0).binomial(FEW, 0.95, 10**6)
    least = _counts.least(FEW, 0.95, 1e-3)
    assert (draws < least).mean() <= 1.1e-3 < (draws < least + 1).mean()
    assert _counts.least(10, 1.0, 0.5) == 10


def test_pictures_do_not_depend_on_the_workers_and_nobody_is_on_two():
    alone = _recall.measure(6, 0, [])
    assert alone == _recall.measure(6, 0, [], workers=2)
    people = [_recall.picture(0, _recall.BARRED, k).faces[0].identity for k in range(300)]
    assert len(set(people)) == 300


def test_each_picture_is_of_its_kind():
    for kind in (_recall.BARRED, *_recall.BEYOND):
        faces = [_recall.picture(1, kind, k).faces[0] for k in range(50)]
        assert {face.occluder for face in faces} == {kind.occluder}
        assert all(kind.yaw[0] <= abs(face.yaw) <= kind.yaw[1] for face in faces)
    styles = [_recall.picture(1, _recall.BARRED, k).style for k in range(400)]
    assert 70 <= styles.count("second") <= 130
