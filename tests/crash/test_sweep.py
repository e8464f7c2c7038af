"""A run may die before or after any of its effects: the next run ends with the same facts, none of them made twice."""

import json
import os
from pathlib import Path

import pytest
from forks import forks
from sweep import EFFECTS

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
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog

_CRASHED = 9


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sweep")


@pytest.fixture(scope="module")
def swept(root, module_url) -> dict[str, dict]:
    """What became of each project: crashed and started again, or not disturbed."""
    environ = {**os.environ, "LATEWOOD_DATABASE_URL": module_url.reveal()}
    done = forks().run_script(Path(__file__).with_name("sweep.py"), root, environ=environ)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["ended"] for line in lines} == {0, _CRASHED}, done.err
    return {line["project"]: line for line in lines}


@pytest.fixture(scope="module")
def engine(swept, module_url):
    engine = connect(module_url, role="engine")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def facts(swept, engine) -> dict[str, list]:
    return facts_by_project(EventLog(engine, PROJECTIONS, UPCASTERS))


@pytest.fixture(scope="module")
def crashed(swept) -> list[str]:
    return [project for project, line in swept.items() if line["ended"] == _CRASHED]


@pytest.mark.parametrize(("pace", "when"), EFFECTS)
def test_every_effect_was_crashed_at(swept, crashed, pace, when):
    first, step = EFFECTS[pace, when]
    effects = swept[f"{pace}-undisturbed"]["effects"]
    at = {int(project.rpartition("-")[2]) for project in crashed if project.startswith(f"{pace}-{when}-")}
    assert effects >= 22
    # Which facts share a commit depends on timing, so that the number of effects is not always quite the same.
    assert at >= set(range(first, effects // 2, step))
    assert len(at) >= effects * 2 // 3 // step


def test_the_heads_are_those_of_an_undisturbed_run(swept, engine):
    heads = heads_by_project(engine)
    expected = heads["fast-undisturbed"]
    assert len(expected) == 11
    assert {project: heads[project] ^ expected for project in swept if heads[project] != expected} == {}


def test_nothing_recorded_is_made_again(facts):
    require_nothing_made_again(facts)


def test_what_acts_outside_was_recorded_before_it_acted(swept, facts, root):
    for project in swept:
        require_recorded_before_acting(facts[project], root / "outside" / project / "outside")


def test_every_run_has_one_end_and_those_that_died_are_interrupted(crashed, facts):
    interrupted = 0
    for project in crashed:
        *died, again, later = ends_of_runs(facts[project])
        # The check that never passes fails each run that reaches its end.
        assert {again, later} == {RunStatus.FAILED}
        assert set(died) <= {RunStatus.INTERRUPTED, RunStatus.FAILED}
        interrupted += RunStatus.INTERRUPTED in died
    assert interrupted > len(crashed) // 2


def test_every_recorded_artifact_is_there_and_whole(engine, root):
    require_whole_artifacts(engine, root / "store")


def test_the_log_and_its_projections_are_whole(swept, engine):
    assert verify(engine, PROJECTIONS, UPCASTERS).position > 25 * len(swept)
