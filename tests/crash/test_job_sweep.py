"""An engine may be killed at any effect while jobs run elsewhere: the other system has run each exactly once.

`make soak` kills at every effect, `make test` at some, and at one of each kind that connectors are asked. What is
asserted names the kill as WHEN-EFFECT or WHEN-KIND-EFFECT; `job_sweep.py` does that one again.
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from forks import forks
from job_sweep import KINDS

from crash.invariants import (
    ends_of_runs,
    facts_by_project,
    heads_by_project,
    require_nothing_held,
    require_nothing_late,
    require_nothing_made_again,
    require_one_end_each,
    require_whole_artifacts,
)
from databases import copied
from latewood.events import RunStatus
from latewood.model.jobs import JobState
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.testing.jobs import history
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog

_CRASHED = 9
_SOME = 9
"""Of so many effects it is killed before one and after another one."""


def swept(url, root: Path, stride: int) -> dict[str, dict]:
    """What became of each kill."""
    script = Path(__file__).with_name("job_sweep.py")
    print(f"again, with an empty database: {sys.executable} {script} FOLDER WHEN-EFFECT")
    environ = {**os.environ, "LATEWOOD_DATABASE_URL": url.reveal()}
    done = forks().run_script(script, root, stride, environ=environ)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["project"]: line["ended"] for line in lines if line["ended"] not in (0, _CRASHED)} == {}, done.err
    return {line["project"]: line for line in lines}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "every"])
def test_each_job_ran_once_wherever_its_engine_was_killed_and_none_is_left(server, platform_template, tmp_path, every):
    with copied(server, platform_template) as url:
        found = swept(url, tmp_path, 1 if every else _SOME)
        engine = connect(url, role="engine")
        log = EventLog(engine, PROJECTIONS, UPCASTERS)
        facts, heads = facts_by_project(log), heads_by_project(engine)
        assert set(facts) == set(found)
        killed = [project for project, line in found.items() if line["ended"] == _CRASHED]
        assert len(killed) >= (50 if every else 5), "it depends on the time that is taken how often a job is looked at"
        spared = {f"{when}-{kind}-1" for kind in KINDS for when in ("before", "after")}.difference(killed)
        assert not spared, "what connectors are asked is asked of them here"
        for project in found:
            require_one_end_each(facts[project])
            assert ends_of_runs(facts[project]) == [RunStatus.FAILED, RunStatus.CANCELLED], project
            require_each_ran_once(project, tmp_path)
            assert heads[project] == heads["never-0"], project
        require_nothing_made_again(facts)
        require_nothing_late(log)
        require_whole_artifacts(engine, tmp_path / "store")
        require_nothing_held(engine, found)
        verify(engine, PROJECTIONS, UPCASTERS)
        engine.dispose()


def require_each_ran_once(project: str, root: Path) -> None:
    """By the other system's own history."""
    ran = history(root / "jobs" / project)
    assert {key: times for key, times in Counter(one.key for one in ran).items() if times > 1} == {}, project
    times = Counter(one.labels["asset"] for one in ran)
    assert times.pop("endless", 0) <= 1, project
    assert times == {"first": 1, "second": 1, "failing": 2, "days": 1, "counted": 1}, project
    left = [one.key for one in ran if not one.state(time.time()).is_over]
    assert left == [], project
    states = {one.labels["asset"]: one.state(time.time()) for one in ran}
    assert states.get("endless", JobState.CANCELLED) is JobState.CANCELLED, project
