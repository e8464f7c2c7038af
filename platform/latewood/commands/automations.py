"""What happens by itself in an environment: finding it, turning it on and off, what came of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from latewood.commands.reading import Judged, Read, reading, select_keys, verdicts_on
from latewood.commands.views import refuse_never
from latewood.commands.workspace import Workspace, append_of
from latewood.decide.automation import Standing, is_on
from latewood.decide.conditions import Facts, Told, explained
from latewood.errors import NotFound, UsageError
from latewood.events import AutomationEvaluated, AutomationSwitched, Executor, SensorEvaluated, from_json
from latewood.model.automations import Automation, RuleDefinition
from latewood.model.conditions import text_of, uses
from latewood.model.definitions import Origin
from latewood.model.keys import AssetKey
from latewood.model.partitions import describe
from latewood.projections.automations import DefinedAutomation, Slot, automations_of, standings
from latewood.projections.catalog import deployed
from latewood.projections.environments import existing
from latewood.projections.past_automations import evaluation_positions, standing_positions
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, Verdict
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, Position, RecordedEvent

_EVENTS_MAX = 1_000
"""Events of an environment's stream that are looked through for what became of one automation."""


Evaluated = AutomationEvaluated | SensorEvaluated
"""What came of looking at an automation, or of asking a sensor."""

_Fact = AutomationSwitched | Evaluated


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An automation as an environment's deployments have it, and where it stands."""

    environment: str
    location: str
    definition: Automation
    standing: Standing

    @property
    def name(self) -> str:
        """Its name, which is its own in its location."""
        return self.definition.name

    @property
    def slot(self) -> Slot:
        """Its location and name."""
        return self.location, self.name

    @property
    def is_on(self) -> bool:
        """Whether it does anything in the environment."""
        return is_on(self.definition, self.environment, self.standing)


def stream_of(environment: str) -> str:
    """The stream of what happens by itself in an environment."""
    return f"automation/{environment}"


def automations_here(workspace: Workspace, as_of: Position = NOW) -> list[Found]:
    """Those of the workspace's environment, by name, as they were at a position."""
    with snapshot(workspace.log) as connection:
        if as_of >= NOW:
            return list(_of(connection, workspace.project, workspace.environment))
        defined = _defined(connection, workspace.project, workspace.environment, as_of)
        known = standings_at(connection, workspace, as_of) if defined else {}
    return list(_found(workspace.environment, defined, known))


def standings_at(connection: Snapshot, workspace: Workspace, as_of: Position) -> dict[Slot, Standing]:
    """Where those of the workspace's environment stood at a position. Cost: now one query, else O(events of them)."""
    if as_of >= NOW:
        return standings(connection, workspace.project, workspace.environment)
    stream = stream_of(workspace.environment)
    known = standing_positions(connection, workspace.project, workspace.environment, stream, as_of)
    return stood(workspace.log.read_positions(known))


def stood(events: Iterable[RecordedEvent]) -> dict[Slot, Standing]:
    """How automations stood after these events, oldest first: what the projection makes of them."""
    found: dict[Slot, Standing] = {}
    for event in events:
        fact = from_json(event.type, event.data)
        assert isinstance(fact, _Fact), "no other events are of automations"
        slot = fact.location, fact.name
        found[slot] = _moved(found.get(slot), fact, event.position)
    return found


def _moved(before: Standing | None, fact: _Fact, position: Position) -> Standing:
    standing = before or Standing()
    match fact:
        case AutomationSwitched(on=True):
            return standing._replace(switched=True, until=fact.at, seen=position, failures=0)
        case AutomationSwitched() if before is None:
            return standing._replace(switched=False, until=fact.at, seen=position)
        case AutomationSwitched():
            return standing._replace(switched=False)
        case AutomationEvaluated():
            dealt_with = standing._replace(timing=fact.timing, until=fact.until, position=position)
            return dealt_with._replace(problem=fact.problem, asked=fact.asked, overdue=fact.overdue)
        case SensorEvaluated():
            dealt_with = standing._replace(timing=fact.timing, until=fact.at, position=position, seen=fact.seen)
            last_run = fact.requests[-1].run if fact.requests else standing.last_run
            return dealt_with._replace(
                problem=fact.problem,
                cursor=fact.cursor,
                skipped=fact.skipped,
                failures=fact.failures,
                last_run=last_run,
            )


def automations_everywhere(workspace: Workspace) -> list[Found]:
    """Those of all of the project's environments. Cost: three queries an environment."""
    with snapshot(workspace.log) as connection:
        names = [found.environment for found in existing(connection, workspace.project, NOW)]
        return [found for name in names for found in _of(connection, workspace.project, name)]


def automation_named(workspace: Workspace, text: str) -> Found:
    """The environment's automation of that name, or of `LOCATION:NAME`. Raises UsageError with near matches."""
    everything = automations_here(workspace)
    found = [each for each in everything if text in (each.name, f"{each.location}:{each.name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f'"{text}": expected one of {", ".join(f"{each.location}:{each.name}" for each in found)}')
    if not everything:
        refuse_never(workspace, workspace.environment)
    names = [each.name for each in everything]
    near = get_close_matches(text, names, n=3)
    hint = f"near: {', '.join(near)}" if near else f"there are {', '.join(names)}" if names else "there are none"
    raise NotFound("automation", f'nothing that happens by itself is called "{text}"; {hint}')


def switch(workspace: Workspace, found: Found, *, on: bool) -> bool:
    """Turn it on or off; False where it is so already. Once it is on, what is due counts from now."""
    while found.is_on is not on:
        version = workspace.log.version(workspace.project, stream_of(found.environment))
        try:
            _switch(workspace, found, version, on=on)
            return True
        except (WrongExpectedVersion, EventConflict):
            found = stands_now(workspace, found)
    return False


def _switch(workspace: Workspace, found: Found, version: int, *, on: bool) -> None:
    stream, at = stream_of(found.environment), workspace.clock()
    fact = AutomationSwitched(environment=found.environment, location=found.location, name=found.name, on=on, at=at)
    append = append_of(workspace, fact, stream=stream, name=(*found.slot, version), at=at, expected=version)
    workspace.log.append(Batch(appends=(append,)))


def evaluations(workspace: Workspace, found: Found, *, limit: int) -> list[tuple[RecordedEvent, Evaluated]]:
    """What last came of looking at it, newest first. Cost: of the environment's last thousand such events."""
    said = evaluations_of(replace(workspace, environment=found.environment), [found.slot], limit=limit)[found.slot]
    facts = ((event, from_json(event.type, event.data)) for event in said)
    return [(event, fact) for event, fact in facts if isinstance(fact, Evaluated)]


def evaluations_of(
    workspace: Workspace, slots: Collection[Slot], *, limit: int, as_of: Position = NOW
) -> dict[Slot, list[RecordedEvent]]:
    """What by a position last came of looking at each of the environment's, newest first. Cost: as `evaluations`."""
    stream = stream_of(workspace.environment)
    with snapshot(workspace.log) as connection:
        found = evaluation_positions(
            connection, workspace.project, stream, slots, limit=limit, among=_EVENTS_MAX, as_of=as_of
        )
    places = sorted(position for positions in found.values() for position in positions)
    events = {event.position: event for event in workspace.log.read_positions(places)}
    return {slot: [events[position] for position in positions] for slot, positions in found.items()}


def stands_now(workspace: Workspace, found: Found) -> Found:
    """The same with where it stands by now."""
    with snapshot(workspace.log) as connection:
        now = standings(connection, workspace.project, found.environment)
    return replace(found, standing=now.get(found.slot, Standing()))


def read_facts(workspace: Workspace, rules: Iterable[RuleDefinition] = ()) -> tuple[Read, Facts]:
    """What these rules of the workspace's environment are judged by. Cost: as `reading`."""
    with reading(workspace) as (connection, found):
        rows = unfinished_runs(connection, workspace.project, Executor.PROCESSES)
        checked: frozenset[Verdict] | None = None
        if any(uses(rule.condition, "checks passed") for rule in rules):
            judged = list(_judged(found))
            checked = verdicts_on(connection, workspace, judged, found.state, found.view.as_of)
    facts = Facts(
        catalog=found.view.catalog,
        state=replace(found.state, checked=checked),
        assessed=found.assessed,
        failed=found.failed,
        running=found.running,
        going_on=frozenset(row.run for row in rows),
    )
    return found, facts


def _judged(found: Read) -> Iterator[Judged]:
    """Each check with each head of its asset."""
    state = found.state
    for asset in found.view.catalog.assets.values():
        for id_ in (state.ids[asset.key],) if asset.checks and asset.key in state.ids else ():
            yield from (
                (check, asset, id_, head) for head in state.heads.get(id_, {}).values() for check in asset.checks
            )


def ruled(found: Read, rule: RuleDefinition) -> list[AssetKey]:
    """The assets that a rule is about, in topological order: of those selected the ones that are made."""
    keys = select_keys(found, rule.selection)
    return [key for key in keys if found.view.catalog[key].origin is Origin.MADE]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPart:
    """A part of a condition, as deep in it, and the partitions of which it is true, in words where there are any."""

    depth: int
    text: str
    is_true: bool
    partitions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a rule says of an asset now: part by part, the whole first."""

    key: AssetKey
    verdict: str
    lines: tuple[ExplainedPart, ...]


def explanations(workspace: Workspace, found: Found, rule: RuleDefinition) -> list[Explanation]:
    """Of each asset that the rule is about, what is true of which partitions. Raises UsageError. Cost: as `reading`."""
    read, facts = read_facts(workspace, [rule])
    return [_explanation(key, rule, facts, found.standing) for key in ruled(read, rule)]


def _explanation(key: AssetKey, rule: RuleDefinition, facts: Facts, standing: Standing) -> Explanation:
    told, held = explained(rule, key, facts, standing)
    scheme = facts.catalog[key].partitions

    def lines(each: Told, depth: int) -> Iterator[ExplainedPart]:
        which = describe(scheme, each.true) if each.true and scheme is not None else ""
        yield ExplainedPart(depth=depth, text=text_of(each.condition), is_true=bool(each.true), partitions=which)
        for part in each.parts:
            yield from lines(part, depth + 1)

    if not told.true:
        verdict = "nothing to ask for"
    elif held == told.true:
        verdict = "asked for already; nothing is new since"
    else:
        verdict = "is asked for"
    return Explanation(key=key, verdict=verdict, lines=tuple(lines(told, 0)))


def _of(connection: Snapshot, project: str, environment: str) -> Iterator[Found]:
    defined = _defined(connection, project, environment, NOW)
    if defined:
        yield from _found(environment, defined, standings(connection, project, environment))


def _defined(connection: Snapshot, project: str, environment: str, as_of: Position) -> Mapping[Slot, DefinedAutomation]:
    return automations_of(connection, project, deployed(connection, project, environment, as_of))


def _found(
    environment: str, defined: Mapping[Slot, DefinedAutomation], standing: Mapping[Slot, Standing]
) -> Iterator[Found]:
    for slot, (_, definition) in defined.items():
        yield Found(
            environment=environment,
            location=slot[0],
            definition=definition,
            standing=standing.get(slot, Standing()),
        )
