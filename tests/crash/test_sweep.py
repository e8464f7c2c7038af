"""A run may die before or after any of its effects: the next run ends with the same facts, none of them made twice."""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from latewood.events import RunEnded, RunRequested, RunStatus, StepStarted, StepSucceeded, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog

_CRASHED = 9

_HEADS = text(
    "SELECT h.project, h.asset, h.partition, v.data_version "
    "FROM heads h JOIN versions v USING (project, asset, partition, version)"
)
_ARTIFACTS = text("SELECT DISTINCT project, artifact, size FROM versions")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sweep")


@pytest.fixture(scope="module")
def swept(root, module_url) -> dict[str, dict]:
    """What became of each project: crashed and started again, or not disturbed."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("sweep.py"), root],
        env={**os.environ, "LATEWOOD_DATABASE_URL": module_url.reveal()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["ended"] for line in lines} == {0, _CRASHED}, done.stderr
    return {line["project"]: line for line in lines}


@pytest.fixture(scope="module")
def engine(swept, module_url):
    engine = connect(module_url, role="engine")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def facts(swept, engine) -> dict[str, list]:
    """Facts by project, in the order of the log."""
    log, found, after = EventLog(engine, PROJECTIONS, UPCASTERS), defaultdict(list), 0
    while page := log.read_all(after=after, limit=5_000):
        for event in page:
            found[event.project].append(from_json(event.type, event.data))
        after = page[-1].position
    return found


@pytest.fixture(scope="module")
def crashed(swept) -> list[str]:
    return [project for project, line in swept.items() if line["ended"] == _CRASHED]


@pytest.mark.parametrize("pace", ["fast", "slow"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_effect_was_crashed_at(swept, crashed, pace, when):
    effects = swept[f"{pace}-undisturbed"]["effects"]
    at = {int(project.rpartition("-")[2]) for project in crashed if project.startswith(f"{pace}-{when}-")}
    assert effects >= 20
    # Which facts share a commit depends on timing, so that the number of effects is not always quite the same.
    assert at >= set(range(1, effects * 3 // 4))


def test_the_heads_are_those_of_an_undisturbed_run(swept, crashed, engine):
    heads = defaultdict(set)
    with engine.connect() as connection:
        for project, *head in connection.execute(_HEADS):
            heads[project].add(tuple(head))
    expected = heads["fast-undisturbed"]
    assert len(expected) == 9
    assert {project: heads[project] ^ expected for project in swept if heads[project] != expected} == {}


def test_nothing_recorded_is_made_again(facts):
    made = Counter(
        (project, output.asset, fact.partition, fact.reuse_key)
        for project, told in facts.items()
        for fact in told
        if isinstance(fact, StepSucceeded) and fact.reuse_key
        for output in fact.outputs
    )
    assert made
    assert {what: times for what, times in made.items() if times > 1} == {}


def test_what_acts_outside_was_recorded_before_it_acted(swept, facts, root):
    for project in swept:
        acted = (root / "outside" / project / "outside").read_text().splitlines()
        started = {f"{fact.run} {fact.attempt}" for fact in facts[project] if isinstance(fact, StepStarted)}
        assert acted
        assert len(acted) == len(set(acted))
        assert set(acted) <= started


def test_every_run_has_one_end_and_those_that_died_are_interrupted(crashed, facts):
    interrupted = 0
    for project in crashed:
        requested = [fact.run for fact in facts[project] if isinstance(fact, RunRequested)]
        ends = {fact.run: fact.status for fact in facts[project] if isinstance(fact, RunEnded)}
        assert len(ends) == sum(isinstance(fact, RunEnded) for fact in facts[project])
        assert sorted(ends) == sorted(requested)
        # The check that never passes fails each run that reaches its end.
        assert {ends[run] for run in requested[-2:]} == {RunStatus.FAILED}
        assert {ends[run] for run in requested[:-2]} <= {RunStatus.INTERRUPTED, RunStatus.FAILED}
        interrupted += RunStatus.INTERRUPTED in ends.values()
    assert interrupted > len(crashed) // 2


def test_every_recorded_artifact_is_there_and_whole(engine, root):
    with engine.connect() as connection:
        artifacts = connection.execute(_ARTIFACTS).all()
    assert artifacts
    for project, address, size in artifacts:
        content = (root / "store" / project / address[:2] / address).read_bytes()
        assert (len(content), sha256(content).hexdigest()) == (size, address.partition(".")[0])


def test_the_log_and_its_projections_are_whole(swept, engine):
    assert verify(engine, PROJECTIONS, UPCASTERS).position > 100 * len(swept) // 4
