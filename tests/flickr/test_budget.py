"""Budgets: no sliding hour has more than its limit, whatever restarts, races and clocks do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate.errors import DamagedError, FacecurateError
from facecurate.flickr import budget
from facecurate.flickr.budget import (
    API_LIMIT,
    DAY,
    HOUR,
    SLACK,
    Budgets,
    BudgetSpent,
    Limit,
    api_bucket,
    image_bucket,
    image_limit,
    state_folder,
)
from facecurate.flickr.clock import FakeClock, RealClock
from facecurate.flickr.ledger import FORGOTTEN, NAME

ROOT = Path(__file__).resolve().parents[2]
START = FakeClock().now


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "state")


def opened(folder, clock, **limits):
    budgets = Budgets(folder, clock)
    for name, limit in limits.items():
        budgets.limit(name, limit)
    return budgets


def places(folder):
    """(time, cost) of every grant."""
    with closing(sqlite3.connect(Path(folder) / NAME)) as db:
        return db.execute("SELECT place, after - before FROM grants ORDER BY before").fetchall()


def busiest(times, seconds):
    """The most that any window of so many seconds holds; both its ends count."""
    times = sorted(times)
    return max(
        (sum(cost for at, cost in times if start <= at <= start + seconds) for start, _ in times),
        default=0,
    )


# -- places ------------------------------------------------------------------------------------


def test_places_are_as_far_apart_as_the_rate_says(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_second=4))
    assert [budgets.take("a") for _ in range(4)] == [0, 0.25, 0.5, 0.75]
    clock.sleep(10)
    assert budgets.take("a") == 0


def test_what_exceeds_an_hour_waits_until_the_oldest_is_older(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=3))
    assert [budgets.take("a") for _ in range(2)] == [0, 0]
    clock.sleep(100)
    assert [budgets.take("a") for _ in range(3)] == [0, HOUR + SLACK - 100, HOUR + SLACK - 100]
    assert budgets.take("a") == HOUR + SLACK


def test_a_cost_counts_as_so_many_requests(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=10))
    assert [budgets.take("a", 4), budgets.take("a", 4)] == [0, 0]
    assert budgets.take("a", 3) == HOUR + SLACK
    assert budgets.recorded("a", HOUR) == 8
    clock.sleep(HOUR + SLACK)
    assert budgets.recorded("a", HOUR) == 3


def test_buckets_do_not_know_each_other(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=1), b=Limit(per_hour=1))
    assert [budgets.take("a"), budgets.take("b")] == [0, 0]
    assert budgets.take("a") > HOUR


def test_the_limit_of_a_key_stays_below_what_flickr_asks(folder, clock):
    budgets = opened(folder, clock, a=API_LIMIT)
    start, gone = clock.now, 0
    while clock.now < start + 1.3 * HOUR:
        clock.sleep(budgets.take("a"))
        gone += 1
    assert gone == pytest.approx(3000 + 0.3 * HOUR - SLACK, abs=2)
    kept = places(folder)
    assert max(sum(1 for at, _ in kept if s <= at <= s + HOUR) for s, _ in kept[::50]) == 3000
    assert min(b[0] - a[0] for a, b in pairwise(kept)) == 1.0


def test_a_bucket_without_a_limit_and_a_cost_beyond_it_are_bugs(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=3, per_day=9))
    for call in (lambda: budgets.take("b"), lambda: budgets.take("a", 4)):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError, match="per_hour must be above 0"):
        Limit(per_hour=0)


def test_many_grants_of_a_second_share_a_row(folder, clock):
    budgets = opened(folder, clock, a=Limit())
    for _ in range(1000):
        clock.sleep(budgets.take("a"))
    assert places(folder) == [(START, 1000)]


def test_old_grants_are_forgotten_and_the_law_holds(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=30))
    for _ in range(2000):
        clock.sleep(budgets.take("a") + 60)
    kept = places(folder)
    assert len(kept) < 24 * 30 + 300
    assert busiest(kept, HOUR) <= 30


# -- days --------------------------------------------------------------------------------------


def test_a_spent_day_says_when_it_ends(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_day=2))
    assert [budgets.take("a"), budgets.take("a")] == [0, 0]
    clock.sleep(HOUR)
    with pytest.raises(BudgetSpent, match=r"budget of 2 of a is used.* in 23\.0 hours") as caught:
        budgets.take("a")
    assert caught.value.exit_code == 75
    assert caught.value.seconds == DAY + SLACK - HOUR
    clock.sleep(caught.value.seconds)
    assert budgets.take("a") == 0


def test_what_was_refused_is_not_counted(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_day=5))
    budgets.take("a", 3)
    with pytest.raises(BudgetSpent):
        budgets.take("a", 3)
    assert budgets.take("a", 2) == 0


# -- restarts, blocks --------------------------------------------------------------------------


def test_a_restart_forgets_nothing(folder, clock):
    for wait in (0, 0, 0, HOUR + SLACK):
        with closing(opened(folder, clock, a=Limit(per_hour=3))) as budgets:
            assert budgets.take("a") == wait


def test_a_block_holds_for_all_and_is_never_shortened(folder, clock):
    one, other = (opened(folder, clock, a=Limit(per_second=1)) for _ in range(2))
    one.block("a", 600, "429")
    other.block("a", 60, "429")
    assert one.blocked("a") == other.blocked("a") == 600
    assert [other.take("a"), one.take("a")] == [600, 601]
    clock.sleep(600)
    assert Budgets(folder, clock).blocked("a") == 0


def test_a_block_set_while_one_waits_is_waited_for(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_second=0.1))
    budgets.acquire("a")
    sleep, clock_type = FakeClock.sleep, FakeClock

    class Interrupted(clock_type):
        def sleep(self, seconds):
            if self.now == START:
                other = Budgets(folder, FakeClock(START + 1))
                other.block("a", 100, "429")
                other.close()
            sleep(self, seconds)

    waiting = opened(folder, Interrupted(), a=Limit(per_second=0.1))
    waiting.acquire("a")
    assert waiting._clock.time() == START + 101


def test_one_who_overslept_takes_a_new_place(folder, clock):
    class Sleepy(FakeClock):
        def sleep(self, seconds):
            self.now += seconds + (7200 if seconds and self.now < START + 10 else 0)

    budgets = opened(folder, Sleepy(), a=Limit(per_second=1))
    budgets.acquire("a")
    budgets.acquire("a")
    assert [cost for _, cost in places(folder)] == [1, 1, 1]
    assert budgets.recorded("a", 5) == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 3)),
        st.tuples(st.just("sleep"), st.floats(0, 3000)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("block"), st.floats(0, 5000)),
        st.tuples(st.just("slower"), st.just(0)),
        st.tuples(st.just("back"), st.floats(0, 20_000)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(3, 9), st.sampled_from([None, 0.01, 1.0]))
@settings(max_examples=40, deadline=None)
def test_no_hour_has_more_than_its_limit(steps, per_hour, per_second):
    """Also when the clock is set back: the true time is kept beside it."""
    limit = Limit(per_hour=per_hour, per_second=per_second)
    clock, ahead, sent = FakeClock(), 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        budgets = opened(folder, clock, a=limit)
        for step, value in steps:
            if step == "take":
                wait = budgets.take("a", value)
                sent.append((clock.now + ahead + wait, value))
            elif step == "sleep":
                clock.sleep(value)
            elif step == "restart":
                budgets.close()
                budgets = opened(folder, clock, a=limit)
            elif step == "block":
                budgets.block("a", value, "429")
            elif step == "slower":
                budgets.slower("a")
            else:
                clock.now -= value
                ahead += value
        budgets.close()
    assert busiest(sent, HOUR) <= per_hour
    assert [at for at, _ in sent] == sorted(at for at, _ in sent)


# -- processes ---------------------------------------------------------------------------------

TAKER = """
import sys, time
from facecurate.flickr.budget import Budgets, Limit

print("ready", flush=True)
start = float(sys.stdin.readline())

class Fast:
    '''{speed} seconds in one.'''
    def time(self):
        return start + (time.time() - start) * {speed}
    def sleep(self, seconds):
        time.sleep(seconds / {speed})

clock = Fast()
budgets = Budgets(sys.argv[1], clock)
budgets.limit("a", Limit(per_hour={per_hour}))
while clock.time() < start + {seconds}:
    budgets.acquire("a")
    print(clock.time(), flush=True)
"""


def takers(folder, count, **words):
    """Processes that take as fast as they may, begun at one moment; they print when."""
    script = TAKER.format(**words)
    command = [sys.executable, "-c", script, folder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [subprocess.Popen(command, text=True, env=environment, **pipes) for _ in range(count)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    start = time.time()
    for process in started:
        process.stdin.write(f"{start}\n")
        process.stdin.flush()
    return started


def test_two_processes_keep_one_limit(folder):
    started = takers(folder, 2, speed=1500, per_hour=40, seconds=1.6 * HOUR)
    told = [process.communicate(timeout=60)[0].split() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert all(len(lines) > 10 for lines in told)
    granted, sent = places(folder), [(float(t), 1) for lines in told for t in lines]
    assert busiest(granted, HOUR) == 40
    assert sum(cost for _, cost in granted) >= len(sent)
    assert busiest(sent, HOUR - 2 * SLACK) <= 40  # a busy machine delays what is printed


def test_a_killed_process_leaves_what_it_took(folder):
    (process,) = takers(folder, 1, speed=1, per_hour=10_000, seconds=600)
    seen = [process.stdout.readline() for _ in range(50)]
    process.kill()
    seen += process.communicate()[0].splitlines(keepends=True)
    whole = [line for line in seen if line.endswith("\n")]
    with closing(Budgets(folder, RealClock())) as budgets:
        assert len(whole) <= budgets.recorded("a", HOUR) <= len(whole) + 2


# -- image hosts -------------------------------------------------------------------------------


def test_a_refusal_halves_the_rate_once_for_all_that_were_out(folder, clock):
    budgets = opened(folder, clock, a=image_limit(4.0))
    assert budgets.rate("a") == 1.0
    for rate in (0.5, 0.25):
        clock.sleep(budgets.take("a"))
        budgets.slower("a")
        budgets.block("a", 60, "429")
        budgets.take("a")  # waits for the end of the block
        budgets.slower("a")  # the answer of one that went out before
        assert budgets.rate("a") == rate
        clock.sleep(120)
    for _ in range(20):
        clock.sleep(budgets.take("a"))
        budgets.slower("a")
    assert budgets.rate("a") == 1 / 60


def test_five_hundred_clean_ones_raise_the_rate_by_a_twentieth(folder, clock):
    budgets = opened(folder, clock, a=image_limit(1.08))
    for rate in (1.0, 1.05, 1.08, 1.08):
        assert budgets.rate("a") == pytest.approx(rate)
        for _ in range(500):
            budgets.clean("a")
    assert Budgets(folder, clock).rate("a") is None
    assert opened(folder, clock, a=image_limit(9.0)).rate("a") == pytest.approx(1.08)


def test_a_refusal_ends_the_clean_run(folder, clock):
    budgets = opened(folder, clock, a=image_limit(8.0))
    for _ in range(499):
        budgets.clean("a")
    clock.sleep(budgets.take("a"))
    budgets.slower("a")
    for _ in range(499):
        budgets.clean("a")
    assert budgets.rate("a") == 0.5
    budgets.clean("a")
    assert budgets.rate("a") == pytest.approx(0.525)


def test_a_low_ceiling_of_one_run_is_none_for_the_next(folder, clock):
    low = opened(folder, clock, a=image_limit(0.1))
    for _ in range(600):
        low.clean("a")
    assert low.rate("a") == 0.1
    assert opened(folder, clock, a=image_limit(1.0)).rate("a") == 1.0


# -- names -------------------------------------------------------------------------------------


def test_the_key_is_in_no_file(folder, clock):
    key = "0123456789abcdef0123456789abcdef"
    assert api_bucket(key) != api_bucket(key[::-1]) and key not in api_bucket(key)
    budgets = opened(folder, clock, **{api_bucket(key): API_LIMIT})
    budgets.take(api_bucket(key))
    for file in Path(folder).iterdir():
        assert key.encode() not in file.read_bytes()


def test_hosts_are_one_bucket_in_any_case():
    assert image_bucket("Live.StaticFlickr.com") == "img:live.staticflickr.com"


def test_the_folder_is_the_users_unless_told(monkeypatch, tmp_path):
    assert state_folder().startswith(os.environ["XDG_STATE_HOME"])
    monkeypatch.setenv("FACECURATE_STATE", str(tmp_path))
    assert state_folder() == str(tmp_path)


# -- damage ------------------------------------------------------------------------------------


def damaged(folder, how):
    """A file with grants, spoiled; closed, so that nothing of it is in a log."""
    with closing(opened(folder, FakeClock(time.time()), a=Limit(per_hour=9))) as budgets:
        budgets.take("a")
    file = Path(folder) / NAME
    data = file.read_bytes()
    spoiled = {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "garbage": b"x" * 8192,
        "pages": data[:4096] + b"\xff" * (len(data) - 4096),
        "foreign": foreign(),
    }
    file.write_bytes(spoiled[how])
    return file


def foreign():
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE t (x)")
        return db.serialize()


DAMAGES = ["empty", "cut", "garbage", "pages", "foreign"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_of_today_stops_everything(folder, how):
    file = damaged(folder, how)
    before = file.read_bytes()
    with pytest.raises(DamagedError, match=r"budgets\.sqlite is damaged.* in 25 hours.* remove"):
        Budgets(folder, RealClock())
    assert file.read_bytes() == before


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_that_can_no_longer_matter_is_set_aside(folder, how):
    file = damaged(folder, how)
    before = file.read_bytes()
    with closing(opened(folder, FakeClock(time.time() + FORGOTTEN + 60), a=Limit())) as budgets:
        assert budgets.take("a") == 0
    assert (Path(folder) / f"{NAME}.damaged").read_bytes() == before


def test_damage_while_it_is_open_is_told(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=9))
    for _ in range(300):
        clock.sleep(budgets.take("a") + 400)
    budgets._ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    budgets._ledger.db.execute("PRAGMA cache_size = 0")
    file = Path(folder) / NAME
    with file.open("r+b") as opened_file:
        opened_file.seek(4096)
        opened_file.write(b"\xff" * (file.stat().st_size - 4096))
    with pytest.raises(DamagedError, match="damaged"):
        for _ in range(3):
            budgets.take("a")


def test_a_log_left_of_a_removed_file_is_not_read_into_the_new_one(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=1))
    budgets.take("a")
    file = Path(folder) / NAME
    left = (Path(folder) / f"{NAME}-wal").read_bytes()
    budgets.close()
    file.unlink()
    (Path(folder) / f"{NAME}-wal").write_bytes(left)
    assert opened(folder, clock, a=Limit(per_hour=1)).take("a") == 0


def test_a_file_removed_while_in_use_is_noticed(folder, clock):
    budgets = opened(folder, clock, a=Limit(per_hour=1))
    budgets.take("a")
    (Path(folder) / NAME).unlink()
    with pytest.raises(DamagedError, match="removed or replaced while it was in use"):
        budgets.take("a")


def test_a_newer_file_is_left_alone(folder, clock):
    Budgets(folder, clock).close()
    with closing(sqlite3.connect(Path(folder) / NAME)) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(FacecurateError, match=r"newer facecurate \(format 2"):
        Budgets(folder, clock)


def test_others_cannot_read_the_folder(folder, clock):
    Budgets(folder, clock).close()
    assert Path(folder).stat().st_mode & 0o077 == 0


def test_a_take_costs_less_than_two_milliseconds(folder, clock):
    budgets = opened(folder, clock, a=API_LIMIT)
    for _ in range(50):
        clock.sleep(budgets.take("a"))
    began = time.process_time()
    for _ in range(500):
        clock.sleep(budgets.take("a"))
    assert (time.process_time() - began) / 500 < 0.002
    assert budget.CLEAN_RUN == 500
