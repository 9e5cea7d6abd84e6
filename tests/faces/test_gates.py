import math

import pytest

from facecurate.errors import UsageError
from facecurate.faces import gates
from facecurate.faces.gates import GATES
from facecurate.records import FACE_SCHEMA, REASONS

GOOD = {
    "score": 0.9, "outside": 0.1, "yaw": -10.0, "pitch": 5.0, "roll": 3.0, "brightness": 120.0,
    "contrast": 40.0, "sharpness": 15.0, "other_colour": 0.1, "asymmetry": 0.2,
}  # fmt: skip


def test_no_gate_is_on_by_itself():
    assert gates.checked({gate.option: None for gate in GATES}) == {}
    assert gates.failing({column: math.nan for column in GOOD}, {}) is None


def test_every_gate_has_a_column_a_reason_of_the_list_and_a_word_of_help():
    for gate in GATES:
        assert gate.column in FACE_SCHEMA.names and gate.reason in REASONS
        assert gate.flag in REASONS[gate.reason] and gate.help.endswith(".")
    assert (
        len({gate.reason for gate in GATES}) == len({gate.option for gate in GATES}) == len(GATES)
    )
    assert REASONS.keys() >= gates.REASONS


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.option)
def test_the_limit_itself_passes_and_beyond_it_nothing_does(gate):
    limit = 10.0 if not gate.share else 0.3
    worse = limit - 0.01 if gate.least else limit + 0.01
    for sign in (1, -1) if gate.magnitude else (1,):
        assert gates.failing({**GOOD, gate.column: sign * limit}, {gate.option: limit}) is None
        failed = gates.failing({**GOOD, gate.column: sign * worse}, {gate.option: limit})
        assert failed == gate.reason


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.option)
def test_what_is_not_known_does_not_pass(gate, value):
    limits = {gate.option: gate.low if gate.least else gate.high}
    assert gates.failing({**GOOD, gate.column: value}, limits) == "not_measured"


def test_the_first_gate_that_fails_gives_the_reason():
    limits = {gate.option: gate.high if gate.least else gate.low for gate in GATES}
    failed = []
    while (reason := gates.failing(GOOD, limits)) is not None:
        gate = next(gate for gate in GATES if gate.reason == reason)
        failed.append(gate.option)
        del limits[gate.option]
    assert failed == [gate.option for gate in GATES]


def test_the_limits_come_in_the_order_of_the_gates_whatever_order_they_are_given_in():
    given = {"min_sharpness": 5.0, "max_yaw": 30, "min_score": None}
    assert list(gates.checked(given)) == ["max_yaw", "min_sharpness"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_yaw": -1}, "--max-yaw -1 .* give 0 to 180"),
        ({"max_yaw": math.nan}, "--max-yaw nan"),
        ({"max_outside": 2.0}, "--max-outside 200% .* give 0% to 100%"),
        ({"min_brightness": 300}, "--min-brightness 300"),
        ({"max_size": 3}, "no gate 'max_size': choose among min_score"),
        ({"min_brightness": 200, "max_brightness": 100}, "no face would be kept"),
    ],
)
def test_an_impossible_limit_is_named(limits, message):
    with pytest.raises(UsageError, match=message):
        gates.checked(limits)
