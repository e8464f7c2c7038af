"""A run outlives its database's absence: it waits, goes on, and nothing is lost or recorded twice."""

import random
import time
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from crash.conftest import facts_of, head_keys, workspace_on
from databases import execute
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.engine.running.reports import DatabaseAway, DatabaseBack
from latewood.engine.running.run_log import PATIENCE, Absences, RunLog, patiently
from latewood.events import RunEnded, RunStatus, StepStarted, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server as embedded
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import DatabaseUnreachable, LeaseLost
from latewood_eventlog.log import EventLog
from postgres.ledger import meanwhile

_STEPS = 60
_EVERYTHING = Asked(selection="*")


def _many(tmp_path, pause_s):
    return f"""
    @asset(partitions=Static([f"p{{n:02}}" for n in range({_STEPS - 1})]))
    def many(context: Context) -> str:
        Path("{tmp_path}/started").touch()
        time.sleep({pause_s})
        return context.partition

    @check(many, blocking=True)
    def is_named(many: str) -> bool:
        return many.startswith("p")

    @asset(reuse=False)
    def together(many: Partitioned[str]) -> int:
        return len(list(many))
    """


def _require_all(workspace, result):
    assert (result.status, result.tally.ran) == (RunStatus.SUCCEEDED, _STEPS)
    facts = facts_of(workspace.log)
    for kind in (StepStarted, StepSucceeded):
        assert sorted(fact.step for fact in facts if isinstance(fact, kind)) == list(range(_STEPS))
    assert head_keys(workspace) == {"many": _STEPS - 1, "together": 1}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_connections_that_are_cut_all_the_time_lose_nothing(workspace, superuser_url, load, tmp_path):
    cuts = 0

    def cut(over):
        nonlocal cuts
        with closing(psycopg2.connect(superuser_url.libpq())) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not over.wait(random.uniform(0.01, 0.15)):
                if (tmp_path / "started").exists():
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND application_name LIKE 'latewood%'"
                    )
                    cuts += cursor.rowcount

    prepared = prepare(workspace, load(_many(tmp_path, 0.005)), _EVERYTHING)
    with meanwhile(cut):
        result = materialize(workspace, prepared)
    assert cuts >= 3
    workspace.log.engine.dispose()
    _require_all(workspace, result)


def test_a_server_that_restarts_is_waited_for_and_that_is_said(workspace, server, load, tmp_path):
    notices = []

    def restart(_over):
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        embedded.stop(server)
        while len(notices) < 2:  # that it begins, and that the database is away
            time.sleep(0.01)
        embedded.ensure_started(server)

    prepared = prepare(workspace, load(_many(tmp_path, 0.01)), _EVERYTHING)
    with meanwhile(restart):
        result = materialize(workspace, prepared, notice=notices.append)
    begun, away, back = notices
    assert begun.run == result.run
    assert away.patience == PATIENCE
    assert "expected a connection" in away.reason
    assert timedelta(seconds=1) <= back.after < PATIENCE
    workspace.log.engine.dispose()
    _require_all(workspace, result)


class _Leaving(EventLog):
    """A log whose database cannot be reached any more after some commits, for a number of appends."""

    def __init__(self, log, *, after, times):
        super().__init__(log.engine, log.projections, log.upcasters)
        self._calls = 0
        self._away = range(after, after + times)

    def append_many(self, batches):
        self._calls += 1
        if self._calls in self._away:
            raise DatabaseUnreachable("away")
        return super().append_many(batches)


def test_when_patience_ends_nothing_is_recorded_any_more_even_if_the_database_returns(workspace, load, tmp_path):
    loaded = load(_many(tmp_path, 0.002))
    prepared = prepare(workspace, loaded, _EVERYTHING)
    leaving = workspace_on(_Leaving(workspace.log, after=6, times=2), workspace.store)
    with pytest.raises(DatabaseUnreachable):
        materialize(leaving, prepared, patience=timedelta(0))
    facts = facts_of(workspace.log)
    assert facts[-1] == RunEnded(run=facts[-1].run, status=RunStatus.INTERRUPTED)
    steps = [fact.step for fact in facts if isinstance(fact, StepSucceeded)]
    assert steps == list(range(len(steps)))

    again = materialize(workspace, prepare(workspace, loaded, _EVERYTHING))
    assert (again.status, again.tally.ran) == (RunStatus.SUCCEEDED, _STEPS - len(steps))
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_full_disk_of_the_database_ends_the_run_with_its_cause_and_the_next_one_goes_on(
    workspace, superuser_url, load, tmp_path
):
    prepared = prepare(workspace, load(_many(tmp_path, 0)), _EVERYTHING)
    execute(
        superuser_url,
        "CREATE FUNCTION latewood.no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; "
        "CREATE TRIGGER no_room BEFORE INSERT ON latewood.events FOR EACH ROW "
        f"WHEN (NEW.type = 'step.succeeded' AND NEW.position > {workspace.log.position() + 50}) "
        "EXECUTE FUNCTION latewood.no_room()",
    )
    with pytest.raises(DatabaseUnreachable, match="No space left on device; what was recorded before stays"):
        materialize(workspace, prepared, patience=timedelta(0))
    facts = facts_of(workspace.log)
    kept = [fact.step for fact in facts if isinstance(fact, StepSucceeded)]
    assert kept == list(range(len(kept)))
    assert facts[-1] == RunEnded(run=facts[-1].run, status=RunStatus.INTERRUPTED)  # for that there was room

    execute(superuser_url, "DROP TRIGGER no_room ON latewood.events; DROP FUNCTION latewood.no_room()")
    again = materialize(workspace, prepare(workspace, load(_many(tmp_path, 0)), _EVERYTHING))
    assert (again.status, again.tally.ran) == (RunStatus.SUCCEEDED, _STEPS - len(kept))
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_refusal_closes_a_runs_log_for_good(workspace):
    class Refusing(EventLog):
        def append_many(self, batches):
            return [LeaseLost(lease="run/x", epoch=1, found=2) for _ in batches]

    log = RunLog(Refusing(workspace.log.engine), workspace.store)
    (first,) = log.append_many([None])
    assert log.append_many([None, None]) == [first, first]
    with pytest.raises(LeaseLost):
        log.make_durable([])


def test_patience_repeats_an_act_until_it_finds_a_database():
    answers = iter([DatabaseUnreachable("away"), DatabaseUnreachable("away"), 7])

    def act():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(act, timedelta(seconds=5)) == 7


def test_an_absence_is_told_once_however_many_wait_and_not_at_all_if_it_is_short():
    notices = []
    absences = Absences(notices.append)
    away = DatabaseUnreachable("away")
    for _ in range(3):
        with absences.during(away, PATIENCE):
            pass
    assert notices == []

    with absences.during(away, PATIENCE):
        with absences.during(away, PATIENCE):
            while not notices:
                time.sleep(0.01)
        with pytest.raises(DatabaseUnreachable), absences.during(away, PATIENCE):
            raise away
    assert [type(notice) for notice in notices] == [DatabaseAway, DatabaseBack]

    def in_vain():
        while len(notices) < 3:
            time.sleep(0.01)
        raise away

    with pytest.raises(DatabaseUnreachable), absences.during(away, PATIENCE):
        in_vain()
    assert [type(notice) for notice in notices[2:]] == [DatabaseAway]
