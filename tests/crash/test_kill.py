"""Processes that are killed at random moments, again and again, for a minute."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crash.invariants import (
    ends_of_runs,
    facts_by_project,
    heads_by_project,
    require_nothing_made_again,
    require_recorded_before_acting,
    require_whole_artifacts,
)
from latewood.events import RunStatus
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify


@pytest.mark.soak
def test_a_minute_of_random_kills_loses_nothing_and_repeats_nothing(workspace, platform_url, tmp_path):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("kill.py"), tmp_path, "60"],
        env={**os.environ, "LATEWOOD_DATABASE_URL": platform_url.reveal()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["ended"] for line in lines} == {0}
    assert sum(line["kills"] for line in lines) > 50

    engine = workspace.log.engine
    facts, heads = facts_by_project(workspace.log), heads_by_project(engine)
    require_nothing_made_again(facts)
    for line in lines:
        project = line["project"]
        require_recorded_before_acting(facts[project], tmp_path / "outside" / project / "outside")
        assert ends_of_runs(facts[project])[-1] is RunStatus.SUCCEEDED
        assert heads[project] == heads[lines[0]["project"]]
        assert len(heads[project]) == 401
    require_whole_artifacts(engine, tmp_path / "store")
    verify(engine, PROJECTIONS, UPCASTERS)
