import numpy as np
import pytest

from facecurate.synth.affect import (
    BASE_RATES,
    EXPRESSIONS,
    OFFSETS,
    PROTOTYPES,
    expression_of,
    random_expression,
    shown,
    valence_arousal,
)
from facecurate.synth.facs import ACTION_UNITS, REST, checked, strengths


def mean_affect(name: str) -> np.ndarray:
    """Valence and arousal of an expression's first variant over many people."""
    return np.mean([valence_arousal(PROTOTYPES[name][0], who, 0) for who in range(300)], axis=0)


@pytest.mark.parametrize("name", EXPRESSIONS[1:])
def test_each_expression_is_named_as_what_it_is(name: str) -> None:
    for variant in PROTOTYPES[name]:
        assert EXPRESSIONS[expression_of(variant)] == name
        half = tuple(0.6 * value for value in variant)
        assert EXPRESSIONS[expression_of(half)] in (name, "neutral")


def test_a_face_at_rest_is_neutral_and_so_is_a_blink() -> None:
    assert expression_of(REST) == expression_of(strengths(au43=5)) == 0
    assert expression_of(strengths(au12=0.8)) == 0
    asleep = np.mean([valence_arousal(strengths(au43=5), k, 0)[1] for k in range(200)])
    assert asleep < mean_affect("happy")[1] - 0.3


def test_valence_and_arousal_lie_where_the_circumplex_has_them() -> None:
    happy, sad, surprise, fear, anger = (
        mean_affect(n) for n in ("happy", "sad", "surprise", "fear", "anger")
    )
    assert happy[0] > 0.5 and max(sad[0], fear[0], anger[0], mean_affect("disgust")[0]) < -0.2
    assert min(surprise[1], fear[1], happy[1], anger[1]) > 0.15 and sad[1] < 0.05
    rest = np.array([valence_arousal(REST, who, 0) for who in range(2000)])
    assert np.abs(rest.mean(axis=0)) == pytest.approx([0, 0.05], abs=0.01)
    assert rest.std(axis=0) == pytest.approx(np.hypot(*OFFSETS) * np.ones(2), rel=0.1)


def test_people_and_sessions_have_their_own_offset_within_the_range() -> None:
    same = valence_arousal(REST, 1, 1)
    assert same == valence_arousal(REST, 1, 1)
    assert same != valence_arousal(REST, 1, 2) and same != valence_arousal(REST, 2, 1)
    both = np.array([valence_arousal(PROTOTYPES["happy"][0], k, k) for k in range(500)])
    assert np.abs(both).max() <= 1


def test_the_same_smile_is_worth_more_with_the_eyes_than_with_a_frown() -> None:
    plain, eyes, frown = (
        valence_arousal(units, 3, 4)[0]
        for units in (strengths(au12=3), strengths(au6=3, au12=3), strengths(au4=3, au12=3))
    )
    assert frown < plain < eyes


def test_affect_cannot_be_read_off_the_action_units_alone() -> None:
    rng = np.random.default_rng(0)
    units = np.array([random_expression(rng) for _ in range(3000)])
    affect = np.array([valence_arousal(tuple(u), k, k) for k, u in enumerate(units)])
    inputs = np.column_stack([units, units**2, np.ones(len(units))])
    left = affect - inputs @ np.linalg.lstsq(inputs, affect, rcond=None)[0]
    explained = 1 - left.var(axis=0) / affect.var(axis=0)
    assert (explained > 0.4).all() and (explained < 0.85).all()


def test_half_of_the_faces_show_little_and_all_are_possible() -> None:
    rng = np.random.default_rng(1)
    units = np.array([checked(random_expression(rng)) for _ in range(4000)])
    names = np.array([expression_of(tuple(u)) for u in units])
    assert (names == 0).mean() == pytest.approx(0.5, abs=0.12)
    assert (np.bincount(names, minlength=8) > 80).all()
    assert (units == 0).mean() > 0.75
    rates = (units > 0).mean(axis=0)
    order = [ACTION_UNITS.index(n) for n in (20, 25)]
    assert rates[order[0]] < 0.15 < rates[order[1]]
    assert all(rates[ACTION_UNITS.index(n)] > share for n, share in BASE_RATES.items())


def test_what_is_shown_grows_with_its_strength() -> None:
    weak, strong = (
        np.mean([shown("anger", s, np.random.default_rng(k)) for k in range(50)], axis=0)
        for s in (0.4, 0.9)
    )
    assert (weak <= strong).all() and strong.sum() > 2 * weak.sum()
    assert (shown("neutral", 1.0, np.random.default_rng(0)) == 0).all()
