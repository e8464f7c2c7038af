"""A run as it is told in plain lines: a line for each task, failures at once, no long silence."""

import io
import threading
from datetime import timedelta

import pytest

from builders import World, catalog
from latewood.cli.lines import Lines
from latewood.engine.running.reports import Begun, DatabaseBack, Report
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood.model.ordinals import Ordinals

DEFINED = catalog("d[days]", "t <- d")
DAYS = 59
"""Partitions of `d` (the builders' days)."""


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lines(told, clock):
    return Lines(World().plan(DEFINED), told, clock=clock)


def report(key, status="succeeded", *, partition="", message="", **metadata):
    return Report(
        assets=(AssetKey(key),),
        partition=PartitionKey(partition),
        status=status,
        duration_ms=10.0,
        metadata=metadata,
        message=message,
    )


def test_many_partitions_are_one_line_that_comes_with_the_last_of_them(lines, told):
    lines.notice(Begun(run=RunId("7fc3"), steps=DAYS + 1))
    for _ in range(DAYS - 1):
        lines.report(report("d"))
    assert told.getvalue() == f"run 7fc3  {DAYS + 1} steps\n"
    lines.report(report("d", "reused"))
    lines.report(report("t", rows=3))
    assert told.getvalue().splitlines()[1:] == ["d  58 run, 1 reused in 590 ms", "t  1 run in 10 ms  3 rows"]


def test_where_a_table_follows_the_tasks_are_left_to_it(told):
    lines = Lines(World().plan(DEFINED), told, table=True)
    with lines:
        lines.notice(Begun(run=RunId("7fc3"), steps=DAYS + 1))
        lines.report(report("t", "warned", message="check soft failed", rows=3))
        lines.report(report("t"))
        lines.report(report("d", "failed", partition="p1", message="ValueError: bad\nand more"))
    assert told.getvalue().splitlines() == [
        f"run 7fc3  {DAYS + 1} steps",
        "warned: t: check soft failed (3 rows)",
        "failed: d p1: ValueError: bad",
        "  and more",
    ]


def test_what_fails_is_told_at_once_in_one_line_and_not_a_hundred_times(lines, told):
    lines.notice(Begun(run=RunId("7fc3"), steps=DAYS + 1))
    for number in range(DAYS):
        lines.report(report("d", "failed", partition=f"p{number}", message="ValueError: bad\nand more"))
    lines.report(report("t", "skipped", message="upstream failed"))
    assert told.getvalue().splitlines()[1:] == [
        *(f"failed: d p{number}: ValueError: bad …" for number in range(3)),
        "failed: d: more of it; see `latewood run 7fc3`",
        "d  59 failed in 590 ms",
        "t  1 skipped in 10 ms",
    ]


def test_half_a_minute_without_a_line_is_broken_by_how_far_it_is(lines, told, clock):
    lines.report(report("d"))
    clock.now = 29.0
    assert (lines.beat(), told.getvalue()) == (1.0, "")
    clock.now = 30.0
    assert lines.beat() == 30.0
    assert told.getvalue() == "1 of 60 steps have ended after 30.0 s; d 1 of 59\n"
    clock.now = 50.0
    assert lines.beat() == 10.0, "counted from the last line"


def test_silence_is_broken_while_user_code_runs():
    heard = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            heard.set()
            return super().write(text)

    stream = Stream()
    with Lines(World().plan(DEFINED), stream, silence=0.001):
        assert heard.wait(60)
    assert "0 of 60 steps have ended after " in stream.getvalue()


def test_what_a_cancelled_run_had_begun_is_told_in_the_end(told):
    with Lines(World().plan(DEFINED), told) as lines:
        lines.report(report("d"))
    assert told.getvalue() == "d  1 run in 10 ms, of 59\n"


def test_that_nobody_listens_ends_no_run(clock):
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    lines = Lines(World().plan(DEFINED), Gone(), clock=clock)
    lines.report(report("t"))
    clock.now = 30.0
    assert lines.beat() == 30.0


def test_what_was_fresh_counts_as_reused_and_has_no_line_of_its_own(told):
    world = World()
    world.run(DEFINED, "d", partitions={"d": Ordinals.of_ranges([(0, 9)])})
    lines = Lines(world.plan(DEFINED), told)
    for _ in range(DAYS - 9):
        lines.report(report("d"))
    assert told.getvalue() == "d  50 run, 9 reused in 500 ms\n"


def test_other_notices_are_told_too(lines, told):
    lines.notice(DatabaseBack(after=timedelta(seconds=2)))
    assert told.getvalue() == "the database is back after 2.0 s; the run goes on\n"
