"""What must be true of every project however often its processes died; the log is read once for all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from sqlalchemy import Engine, text

from latewood.events import (
    Event,
    RunEnded,
    RunRequested,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    from_json,
)
from latewood_eventlog.log import EventLog

_HEADS = text(
    "SELECT h.project, h.asset, h.partition, v.data_version "
    "FROM heads h JOIN versions v USING (project, asset, partition, version)"
)
_ARTIFACTS = text("SELECT DISTINCT project, artifact, size FROM versions WHERE artifact NOT LIKE 'io:%'")
_HELD = text(
    "SELECT project, name FROM leases WHERE project = ANY (:projects) AND expires_at > clock_timestamp() + :in_"
)


def facts_by_project(log: EventLog) -> dict[str, list[Event]]:
    """Facts in the order of the log."""
    found, after = defaultdict(list), 0
    while page := log.read_all(after=after, limit=5_000):
        for event in page:
            found[event.project].append(from_json(event.type, event.data))
        after = page[-1].position
    return found


def heads_by_project(engine: Engine) -> dict[str, set[tuple[str, str, str]]]:
    """Asset, partition and data version of every head."""
    heads = defaultdict(set)
    with engine.connect() as connection:
        for project, *head in connection.execute(_HEADS):
            heads[project].add(tuple(head))
    return heads


def require_nothing_made_again(facts: dict[str, list[Event]]) -> None:
    """A result that was recorded is not computed a second time."""
    made = Counter(
        (project, output.asset, fact.partition, fact.reuse_key)
        for project, told in facts.items()
        for fact in told
        if isinstance(fact, StepSucceeded) and fact.reuse_key
        for output in fact.outputs
    )
    assert made
    again = {what: times for what, times in made.items() if times > 1}
    assert not again, again


def require_recorded_before_acting(told: list[Event], acted: Path) -> None:
    """Whatever acted outside (it left its run and attempt in the file) had its start in the log by then."""
    lines = acted.read_text().splitlines()
    started = {f"{fact.run} {fact.attempt}" for fact in told if isinstance(fact, StepStarted)}
    assert lines
    assert len(lines) == len(set(lines))
    assert set(lines) <= started


def ends_of_runs(told: list[Event]) -> list[str]:
    """How each run ended, in the order of their requests; every one has exactly one end."""
    requested = [fact.run for fact in told if isinstance(fact, RunRequested)]
    ended = [fact.run for fact in told if isinstance(fact, RunEnded)]
    assert sorted(ended) == sorted(requested)
    statuses = {fact.run: fact.status for fact in told if isinstance(fact, RunEnded)}
    return [statuses[run] for run in requested]


def require_whole_artifacts(engine: Engine, store: Path) -> None:
    """Every artifact that a version names is there, with the recorded size and content."""
    with engine.connect() as connection:
        artifacts = connection.execute(_ARTIFACTS).all()
    assert artifacts
    for project, address, size in artifacts:
        content = (store / project / address[:1] / address).read_bytes()
        assert (len(content), sha256(content).hexdigest()) == (size, address.partition(".")[0])


def require_one_end_each(told: list[Event]) -> None:
    """No attempt has two ends and no step more than one that is final; attempts count up from the first."""
    attempts, ends, finals = defaultdict(list), Counter(), Counter()
    for fact in told:
        match fact:
            case StepStarted():
                attempts[fact.run, fact.step].append(fact.attempt)
            case StepSucceeded() | StepFailed():
                ends[fact.run, fact.step, fact.attempt] += 1
                finals[fact.run, fact.step] += isinstance(fact, StepSucceeded) or fact.retry_at is None
            case StepReused() | StepSkipped():
                finals[fact.run, fact.step] += 1
    assert {step: found for step, found in attempts.items() if found != list(range(1, len(found) + 1))} == {}
    assert {attempt: times for attempt, times in ends.items() if times > 1} == {}
    assert {step: times for step, times in finals.items() if times > 1} == {}


def require_nothing_late(log: EventLog) -> None:
    """Once another engine has driven a run, the one before it records nothing of it."""
    actors, after = defaultdict(list), 0
    while page := log.read_all(after=after, limit=5_000):
        for event in page:
            if event.actor.startswith("engine "):
                actors[event.project, event.stream].append(event.actor)
        after = page[-1].position
    turns = {run: [actor for actor, _ in groupby(found)] for run, found in actors.items()}
    assert turns
    assert {run: found for run, found in turns.items() if len(found) > len(set(found))} == {}


def require_nothing_held(engine: Engine, projects: Iterable[str], in_: timedelta = timedelta()) -> None:
    """No lease of these projects is held after that time: of no run, slot or flight, and of nobody who is here."""
    with engine.connect() as connection:
        held = connection.execute(_HELD, {"projects": list(projects), "in_": in_}).all()
    assert held == []
