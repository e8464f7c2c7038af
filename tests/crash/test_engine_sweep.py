"""An engine, a worker, or the database server may be killed at any effect: its runs end as if nothing had been.

What is asserted names the kill it is about as KIND-WHEN-EFFECT; `engine_sweep.py` does that one again.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from forks import forks

from crash.invariants import (
    ends_of_runs,
    facts_by_project,
    heads_by_project,
    require_nothing_held,
    require_nothing_late,
    require_nothing_made_again,
    require_one_end_each,
    require_recorded_before_acting,
    require_whole_artifacts,
)
from databases import copied
from latewood.events import RunStatus, StepFailed
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog

_CRASHED = 9
_LONG_LEASE = timedelta(seconds=20)
_HEADS = 6  # of the run that is not cancelled; what it maps is one of them


def swept(server, url, root: Path, kind: str, stride: int) -> dict[str, dict]:
    """What became of each kill."""
    script = Path(__file__).with_name("engine_sweep.py")
    print(f"again, with an empty database: {sys.executable} {script} FOLDER KIND-WHEN-EFFECT")
    environ = {**os.environ, "LATEWOOD_DATABASE_URL": url.reveal(), "LATEWOOD_TEST_SERVER": str(server)}
    done = forks().run_script(script, root, kind, stride, environ=environ)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["project"]: line["ended"] for line in lines if line["ended"] not in (0, _CRASHED)} == {}, done.err
    return {line["project"]: line for line in lines}


def require_as_if_nothing_had_been(engine, swept: dict[str, dict], root: Path) -> None:
    log = EventLog(engine, PROJECTIONS, UPCASTERS)
    facts, heads = facts_by_project(log), heads_by_project(engine)
    assert set(facts) == set(swept)
    wrong = {
        project: ends
        for project in swept
        if (ends := ends_of_runs(facts[project])) != [RunStatus.SUCCEEDED, RunStatus.CANCELLED]
    }
    failures = {project: [fact for fact in facts[project] if isinstance(fact, StepFailed)] for project in wrong}
    assert wrong == {}, failures
    expected = heads[next(iter(swept))]
    assert len(expected) == _HEADS
    assert {project: heads[project] ^ expected for project in swept if heads[project] != expected} == {}
    require_nothing_made_again(facts)
    for project in swept:
        require_one_end_each(facts[project])
        require_recorded_before_acting(facts[project], root / "outside" / project / "outside")
    require_nothing_late(log)
    require_whole_artifacts(engine, root / "store")
    verify(engine, PROJECTIONS, UPCASTERS)


@pytest.mark.parametrize("kind", ["engine", "worker"])
def test_a_process_that_is_killed_at_every_effect(server, platform_template, tmp_path, kind):
    with copied(server, platform_template) as url:
        found = swept(server, url, tmp_path, kind, 1)
        engine = connect(url, role="engine")
        killed = [project for project, line in found.items() if line["ended"] == _CRASHED]
        assert len(killed) >= 30, "what shares a commit varies, and with it the number of effects"
        require_as_if_nothing_had_been(engine, found, tmp_path)
        require_nothing_held(engine, found)
        engine.dispose()


def test_a_server_that_is_killed_before_and_after_every_append(server, platform_template, tmp_path):
    with copied(server, platform_template) as url:
        found = swept(server, url, tmp_path, "server", 1)
        engine = connect(url, role="engine")
        assert [line["ended"] for line in found.values()] == [_CRASHED] * 3
        assert sum(line["effects"] for line in found.values()) >= 20, "kills"
        require_as_if_nothing_had_been(engine, found, tmp_path)
        # That a lease was given back is not waited for on the disk: what a crash has undone of it ends by itself.
        require_nothing_held(engine, found, in_=_LONG_LEASE)
        engine.dispose()
