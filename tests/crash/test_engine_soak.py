"""Five minutes in which engines, workers and their database are killed and stopped at random; nothing is lost by it."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

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
from latewood.events import RunStatus, StepFailed
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog

_SECONDS = float(os.environ.get("LATEWOOD_SOAK_S", "300"))
_SEED = int(os.environ.get("LATEWOOD_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


@pytest.mark.soak
def test_backfills_of_two_engines_end_as_if_nobody_had_disturbed_them(server, platform_url, tmp_path):
    print(f"again: LATEWOOD_SOAK_SEED={_SEED}")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("engine_soak.py"), tmp_path, str(_SECONDS), str(_SEED)],
        env={**os.environ, "LATEWOOD_DATABASE_URL": platform_url.reveal(), "LATEWOOD_TEST_SERVER": str(server)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    backfills = json.loads(done.stdout.splitlines()[-1])["backfills"]
    engine = connect(platform_url, role="engine")
    log = EventLog(engine, PROJECTIONS, UPCASTERS)
    facts = facts_by_project(log)["soak"]
    given_up = [fact for fact in facts if isinstance(fact, StepFailed) and fact.retry_at is None]
    assert ends_of_runs(facts) == backfills * [RunStatus.SUCCEEDED], given_up
    assert len(heads_by_project(engine)["soak"]) == 400 * backfills + 1
    require_nothing_made_again({"soak": facts})
    require_one_end_each(facts)
    require_recorded_before_acting(facts, tmp_path / "outside" / "soak" / "outside")
    require_nothing_late(log)
    require_whole_artifacts(engine, tmp_path / "store")
    require_nothing_held(engine, ["soak"])
    verify(engine, PROJECTIONS, UPCASTERS)
    engine.dispose()
