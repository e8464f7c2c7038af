"""A run may die at any of its effects, before it or after it: the next run ends with the same facts, none made twice."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from latewood.engine.store import ArtifactAddress, ArtifactStore
from latewood.events import CheckEvaluated, RunEnded, RunRequested, StepReused, StepStarted, StepSucceeded, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog

HEADS = text(
    "SELECT h.project, h.asset, h.partition, v.data_version, v.artifact, v.size "
    "FROM heads h JOIN versions v USING (project, asset, partition, version)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """One process that died and the one after it: the lines of their project."""

    project: str
    facts: list
    outside: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What all crashes have left."""

    lines: list[dict]
    engine: Engine
    store: Path
    crashes: list[Crash]
    undisturbed: Crash


@pytest.fixture(scope="module")
def swept(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("sweep")
    url = request.getfixturevalue("module_url")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("sweep.py"), root],
        env={**os.environ, "LATEWOOD_DATABASE_URL": url.reveal()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    engine = connect(url, role="engine")
    facts: dict[str, list] = {}
    log, after = EventLog(engine, PROJECTIONS, UPCASTERS), 0
    while page := log.read_all(after=after, limit=5_000):
        for event in page:
            facts.setdefault(event.project, []).append(from_json(event.type, event.data))
        after = page[-1].position
    crashes = {p: Crash(project=p, facts=found, outside=_outside(root, p)) for p, found in facts.items()}
    undisturbed = crashes.pop("undisturbed")
    crashes = {f"{line['when']}-{line['effect']}": None for line in lines if line["ended"] == 9} and crashes
    yield Swept(
        lines=lines, engine=engine, store=root / "store", crashes=list(crashes.values()), undisturbed=undisturbed
    )
    engine.dispose()
