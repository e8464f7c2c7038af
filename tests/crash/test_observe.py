"""An observation may die before or after any of its effects: what it had recorded is a beginning, and stands."""

import json
import os
from pathlib import Path

import pytest
from forks import forks

from crash.invariants import heads_by_project
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.events import AssetObserved, ObservationFailed, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("observe")


@pytest.fixture(scope="module")
def swept(root, module_url) -> dict[str, dict]:
    environ = {**os.environ, "LATEWOOD_DATABASE_URL": module_url.reveal()}
    done = forks().run_script(Path(__file__).with_name("observe.py"), root, environ=environ)
    assert done.code == 0, done.err
    return {line["project"]: line for line in map(json.loads, done.out.splitlines())}


@pytest.fixture(scope="module")
def log(swept, module_url):
    log = EventLog(connect(module_url, role="engine"), PROJECTIONS, UPCASTERS)
    yield log
    log.engine.dispose()


@pytest.fixture(scope="module")
def whole(swept) -> list:
    return looks(swept["undisturbed"]["after"])


def looks(recorded: list) -> list:
    """Without verdicts of checks: those that stand are not asked for again."""
    return [row for row in recorded if row[0] != "checked"]


def test_it_was_crashed_before_and_after_every_effect(swept, whole):
    assert len(whole) == 11, "5 tills, 3 stocks, one that failed, one that added, and what that added"
    for when in ("before", "after"):
        at = {int(project.rpartition("-")[2]) for project in swept if project.startswith(f"{when}-")}
        assert at == set(range(1, max(at) + 1))
        assert len(at) >= 12  # the deployment, what was printed, four appends with a commit of artifacts each
    assert len({len(line["died"]) for line in swept.values() if "died" in line}) > 3


def test_what_was_recorded_is_a_beginning_and_what_an_observer_added_goes_with_its_look(swept, whole):
    for project, line in swept.items():
        if project != "undisturbed":
            died = looks(line["died"])
            assert died == whole[: len(died)], project
            assert looks(line["after"]) == died + whole, project
            assert (["added", "x", "y"] in died) == (["observed", "", "given:two", ""] in died), project


def test_a_verdict_goes_with_its_look_and_none_is_made_twice(swept):
    for project, line in swept.items():
        for recorded in filter(None, (line.get("died"), line["after"])):
            judged = [row[1] for row in recorded if row[0] == "checked"]
            seen = {row[1] for row in recorded if row[0] == "observed" and row[2].startswith("file1:")}
            assert len(judged) == len(set(judged)), project
            assert set(judged) == seen, project
    assert {len([row for row in line["after"] if row[0] == "checked"]) for line in swept.values()} == {3}


def test_the_heads_are_those_of_an_undisturbed_observation(swept, log):
    heads = heads_by_project(log.engine)
    data = {project: sorted((partition, version) for _, partition, version in heads[project]) for project in swept}
    assert len(data["undisturbed"]) == 9
    assert {project for project in swept if data[project] != data["undisturbed"]} == set()


def test_what_was_printed_is_there_and_whole(swept, log, root):
    logs = 0
    for event in log.read_all(limit=10_000):
        fact = from_json(event.type, event.data)
        if isinstance(fact, AssetObserved | ObservationFailed) and fact.logs:
            logs += 1
            text = ArtifactStore(root / "store", event.project).read(ArtifactAddress(fact.logs)).decode()
            assert text == f"looking at {fact.partition}\n"
    assert logs >= 5 * len(swept)


def test_the_log_and_its_projections_are_whole(log):
    verify(log.engine, PROJECTIONS, UPCASTERS)
