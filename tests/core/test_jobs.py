"""What to do next about a job: it is submitted only where the log and its system both say that there is none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from latewood.decide.jobs import (
    Attach,
    Look,
    Submit,
    after_finding,
    ask_again_after,
    failure_of,
    fault_of,
    first,
    job_key,
    poll_after,
    ran_too_long,
)
from latewood.model.jobs import Absent, Elsewhere, Found, JobState, JobStatus, UnknownUntil
from latewood.model.tables import parse_columns
from latewood.model.types import TypeSpec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_job_that_nobody_has_prepared_is_submitted():
    assert first(was_prepared=False, handle="", now=NOW) == Submit()


def test_one_that_somebody_may_have_submitted_is_looked_for_first():
    assert first(was_prepared=True, handle="", now=NOW) == Look(NOW)


def test_one_whose_handle_is_known_is_neither():
    assert first(was_prepared=True, handle="job-7", now=NOW) == Attach("job-7")


def test_what_is_found_is_gone_on_with_and_only_what_is_absent_is_submitted():
    assert after_finding(Found("job-7"), NOW) == Attach("job-7")
    assert after_finding(Absent(), NOW) == Submit()


def test_as_long_as_its_system_does_not_know_it_is_asked_again_and_nothing_is_submitted():
    assert after_finding(UnknownUntil(NOW + 0.3 * SECOND), NOW) == Look(NOW + 0.3 * SECOND)
    assert after_finding(UnknownUntil(NOW + 30 * SECOND), NOW) == Look(NOW + SECOND), "it may appear before that"
    assert after_finding(UnknownUntil(NOW - SECOND), NOW) == Look(NOW)


def test_each_attempt_of_each_step_of_each_run_has_a_key_that_systems_take():
    keys = {job_key(project, run, step, 1) for project in ("a", "a.b") for run in ("r1", "r2") for step in (1, 11)}
    assert len(keys | {job_key("a", "r1", 1, 2)}) == 9
    assert job_key("a.b", "r1", 1, 2) == "latewood-a_b-r1-1-2"


@pytest.mark.parametrize(
    ("age_s", "least_s", "most_s"), [(0, 0.24, 0.36), (5, 0.4, 0.6), (60, 4.8, 7.2), (9e5, 24, 36)]
)
def test_the_older_a_job_is_the_more_rarely_it_is_looked_at(age_s, least_s, most_s):
    waits = [poll_after(age_s * SECOND, luck / 100).total_seconds() for luck in range(100)]
    assert least_s <= min(waits) < max(waits) <= most_s


def test_a_system_that_is_away_is_asked_ever_more_rarely_and_for_ever():
    waits = [ask_again_after(failures, 0.5) for failures in range(2_000)]
    assert waits == sorted(waits)
    assert waits[-1] == 30 * SECOND


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED])
def test_what_goes_on_or_went_well_is_no_failure(state):
    assert failure_of(JobStatus(state=state, message="whatever")) is None


def test_a_failure_says_what_its_system_said_and_where_to_read_more():
    failed = failure_of(JobStatus(state=JobState.FAILED, message="no table t", links={"job": "http://x/7"}))
    assert (failed.error, failed.message) == ("JobFailed", "no table t\njob: http://x/7")


def test_a_job_that_could_not_be_ended_is_not_said_to_have_been():
    assert "was cancelled" in ran_too_long(SECOND, is_ended=True).message
    assert ran_too_long(SECOND, is_ended=False).message == (
        "still running after 1 s; its system did not say that the job has ended, which may go on"
    )


def test_who_was_cancelled_elsewhere_is_told_so():
    assert failure_of(JobStatus(state=JobState.CANCELLED)).message == "cancelled in the other system"


LEFT = Elsewhere(address="db.days", data_version="1a", columns={"day": "string", "flights": "int64?"}, rows=2)
TABLE = TypeSpec(kind="table", columns=parse_columns("day: string, flights: int64?"))


@pytest.mark.parametrize(
    "declared",
    [
        TABLE,
        TypeSpec(kind="table"),
        TypeSpec(kind="dataframe"),
        TypeSpec(kind="any"),
        TypeSpec(kind="union", args=(TypeSpec(kind="none"), TABLE)),
    ],
)
def test_a_table_that_stays_in_its_system_is_what_was_to_be_made(declared):
    assert fault_of(LEFT, declared) is None


@pytest.mark.parametrize(
    ("left", "declared", "fault"),
    [
        (replace(LEFT, columns={"day": "string", "flights": "double?"}), TABLE, "column flights: expected int64"),
        (replace(LEFT, columns={"day": "string?", "flights": "int64"}), TABLE, "column day: expected no nulls"),
        (replace(LEFT, columns={"day": "varchar"}), TABLE, "expected an Arrow type"),
        (LEFT, TypeSpec(kind="int"), "expected int, found what stays in another system"),
        (replace(LEFT, address="a\nb"), TABLE, "expected an address of one line"),
        (replace(LEFT, data_version=""), TABLE, "expected a data version of 1 to 200 printable characters"),
        (replace(LEFT, fingerprint="a#b"), TABLE, "expected a fingerprint of 1 to 200 printable characters"),
    ],
)
def test_what_it_cannot_be_is_said(left, declared, fault):
    assert fault in fault_of(left, declared)


def test_a_system_that_does_not_say_what_columns_there_are_is_believed():
    assert fault_of(replace(LEFT, columns={}), TABLE) is None
