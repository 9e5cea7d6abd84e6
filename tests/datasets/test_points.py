import numpy as np
import pytest

from facecurate.datasets.points import POINT_SETS, landmarks, permutation, tight_box
from facecurate.synth.points import MIRRORS, SETS

SIXTY_EIGHT = POINT_SETS["68"]


@pytest.mark.parametrize("name", POINT_SETS)
def test_the_mirror_pairs_are_those_of_a_symmetric_head(name: str) -> None:
    assert permutation(POINT_SETS[name]) == MIRRORS[name]


@pytest.mark.parametrize("name", POINT_SETS)
def test_the_named_points_lie_where_they_say(name: str) -> None:
    p, layout = SETS[name], POINT_SETS[name]
    assert p.shape == (layout.count, 2)
    for eye, side in ((layout.left_eye, -1), (layout.right_eye, 1)):
        assert p[list(eye)].mean(axis=0) == pytest.approx([side * 0.45, -0.01], abs=0.02)
    assert [p[i, 0] for i in layout.outer_eyes] == pytest.approx([-0.66, 0.66])
    assert [p[i, 0] for i in layout.mouth] == pytest.approx([-0.36, 0.36])
    assert p[layout.nose] == pytest.approx([0.0, 0.56])


@pytest.mark.parametrize("name", POINT_SETS)
def test_mirroring_twice_changes_nothing(name: str) -> None:
    order = permutation(POINT_SETS[name])
    assert sorted(order) == list(range(POINT_SETS[name].count))
    assert [order[i] for i in order] == list(range(len(order)))


def test_eyes_nose_and_mouth_are_swapped_like_their_points() -> None:
    order = permutation(SIXTY_EIGHT)
    assert {order[i] for i in SIXTY_EIGHT.left_eye} == set(SIXTY_EIGHT.right_eye)
    assert order[SIXTY_EIGHT.outer_eyes[0]] == SIXTY_EIGHT.outer_eyes[1]
    assert order[SIXTY_EIGHT.nose] == SIXTY_EIGHT.nose
    assert order[SIXTY_EIGHT.mouth[0]] == SIXTY_EIGHT.mouth[1]


def test_landmarks_and_box_of_points() -> None:
    points = np.arange(136.0).reshape(68, 2)
    assert landmarks(points, SIXTY_EIGHT) == [77, 78, 89, 90, 60, 61, 96, 97, 108, 109]
    assert tight_box(points.ravel()) == [0, 1, 134, 135]
