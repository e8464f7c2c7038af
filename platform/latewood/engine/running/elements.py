"""Mapped steps: each becomes as many steps as its list has elements, and then the list of what these made.

The steps of elements are steps like others, numbered behind all that there were, with attempts and logs of their own.
What is not known when the run is planned is recorded when it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from latewood.decide.nodes import Node, element_node
from latewood.decide.plan import Plan, PlannedTask, Step
from latewood.decide.progress import StepProgress
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Collect, Script, Split, Together, collected, split
from latewood.engine.running.attempt import Made, refused
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.ranged import Due
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.reports import Tally
from latewood.engine.running.worker_protocol import Elements
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.engine.values.recordable import text
from latewood.errors import StoreError
from latewood.events import Action, Failure, FailureKind, SkipReason, StepExpanded
from latewood.mapping import enough
from latewood.model.definitions import TaskDefinition
from latewood.model.elements import ElementAddress
from latewood.model.keys import UNPARTITIONED, AssetKey, RunId

EXTENSION: Final = "elements"
"""Of the artifacts that list elements."""

_TOLD_MAX: Final = 5
"""Failed elements that the failure of their list names."""

encode_elements: Final = msgspec.json.Encoder().encode
decode_elements: Final = msgspec.json.Decoder(Elements).decode


class ElementScripts(Protocol):
    """The scripts of one list's elements: what becomes of each, told apart from what becomes of the run's steps."""

    tally: Tally
    failures: list[tuple[Step, Failure]]

    def recall(self, steps: Sequence[Step]) -> None:
        """Know what there is by now that these steps may take. Cost: a look for each of them, in one question."""
        ...

    def begun_until(self, task: TaskDefinition, since: datetime | None) -> datetime | None:
        """Until when scripts may wait to be begun whose attempts could begin `since`, or from now on."""
        ...

    def whole(self, step: Step, until: datetime | None = None) -> Script[None]:
        """A step from where it was left, or from its beginning, to its end. It may wait `until` then to begin."""
        ...


class MakesScripts(Protocol):
    """Whoever has scripts for steps that read something else."""

    def of_elements(self, bindings: "ElementBindings") -> ElementScripts:
        """The scripts of steps that read elements."""
        ...


class ElementBindings:
    """What the steps of one list's elements read, and what has become of them: `results`, None for nothing."""

    def __init__(self, bound: Sequence[Bound], each: Sequence[str], elements: Elements, event: UUID) -> None:
        self._bound = bound
        self._each = {name: number for number, name in enumerate(each)}
        self._versions = elements.versions
        self._event = event
        self.results: list[VersionFacts | None] = [None] * len(elements.versions)

    def bind(self, _: Node, index: int) -> list[Bound]:
        """What this element's step reads: as its list's, of what is mapped the element."""
        return [self._element(b, index) if b.input.name in self._each else b for b in self._bound]

    def _element(self, bound: Bound, index: int) -> Bound:
        ((partition, facts),) = bound.versions
        element = facts._replace(
            artifact=str(ElementAddress(facts.artifact, index)),
            data_version=self._versions[index][self._each[bound.input.name]],
        )
        return Bound(bound.input, bound.ordinals, ((partition, element),))

    def made(self, step: Step, _key: AssetKey, facts: VersionFacts, _event: UUID) -> None:
        """The step of an element made this."""
        self.results[step.ordinal] = facts

    def failed(self, step: Step, _key: AssetKey, _reason: SkipReason, _because: int) -> None:
        """The step of an element made nothing."""
        self.results[step.ordinal] = None

    def cause(self, _: Sequence[Bound]) -> UUID:
        """What led to the step of an element: that its list was expanded."""
        return self._event


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """The steps of a list's elements, their scripts, and what has become of them; since when they could begin."""

    task: TaskDefinition
    steps: Sequence[Step]
    elements: Elements
    scripts: ElementScripts
    bindings: ElementBindings
    since: datetime | None = None


class Expansions:
    """Expands and collects the mapped steps of one run."""

    def __init__(self, plan: Plan, run: RunId, recorder: Recorder, store: ArtifactStore) -> None:
        self._state = plan.state
        self._run = run
        self._recorder = recorder
        self._store = store
        self._progress: Mapping[int, StepProgress] = {}
        self._next = plan.length
        self._expanded: dict[tuple[int, str], Expanded] = {}

    def take_up(self, progress: Mapping[int, StepProgress]) -> None:
        """Go on with a run of whose steps this is recorded."""
        self._progress = progress
        recorded = [past.expanded for past in progress.values() if past.expanded is not None]
        self._next = max([self._next, *(found.first + found.count for found in recorded)])

    def attempted(self, scripts: MakesScripts, due: Due, cause: UUID) -> Script[Sequence[Made] | Raised]:
        """What comes of an attempt of a mapped step: the list, or why there is none.

        Elements that an earlier attempt has brought to their ends are not begun again.
        """
        key = due.step.number, due.inputs
        if key not in self._expanded:
            try:
                found = self._recorded(scripts, due, cause) or (yield from self._expand(scripts, due, cause))
            except StoreError as error:
                return refused(error)
            if isinstance(found, Raised):
                return found
            found.scripts.recall(found.steps)
            until = found.scripts.begun_until(found.task, found.since)
            yield Together(_lanes(found, until, reuse=not due.step.task.node.task.reuse.is_off), until)
            self._expanded[key] = found
        expanded = self._expanded[key]
        task, results = due.step.task.node.task, expanded.bindings.results
        failed = results.count(None)
        if not enough(len(results) - failed, len(results), task.min_success_ratio):
            return _too_few(expanded)
        made = yield from collected(Collect(due, results))
        return made if isinstance(made, Raised) else [_counted(made, expanded, self._run)]

    def _recorded(self, scripts: MakesScripts, due: Due, cause: UUID) -> Expanded | None:
        """The steps that the list was expanded to when the run was left, if it was this list.

        They have waited since then if that attempt goes on.
        """
        past = self._progress.get(due.step.number)
        if past is None or past.expanded is None or past.expanded.inputs_digest != due.inputs:
            return None
        assert past.expansion is not None, "the event that says so"
        elements = decode_elements(self._store.read(ArtifactAddress(past.expanded.elements)))
        since = past.expanded_at if cause == past.event else None
        return replace(self._of(scripts, due, elements, past.expanded.first, past.expansion), since=since)

    def _expand(self, scripts: MakesScripts, due: Due, cause: UUID) -> Script[Expanded | Raised]:
        elements = yield from split(Split(due))
        if isinstance(elements, Raised):
            return elements
        first, count = self._next, len(elements.versions)
        staged = self._store.stage(encode_elements(elements), EXTENSION)
        fact = StepExpanded(
            run=self._run,
            step=due.step.number,
            inputs_digest=due.inputs,
            first=first,
            count=count,
            elements=staged.address,
        )
        self._next += count
        (event,) = self._recorder.tell((fact, ("expanded", due.step.number, first)), cause=cause, needs=[staged])
        return self._of(scripts, due, elements, first, event)

    def _of(self, scripts: MakesScripts, due: Due, elements: Elements, first: int, event: UUID) -> Expanded:
        node = due.step.task.node
        task = PlannedTask(element_node(node, self._state), ())
        bindings = ElementBindings(due.bound, node.task.each, elements, event)
        steps = [
            Step(
                number=first + index,
                task=task,
                ordinal=index,
                partition=UNPARTITIONED,
                action=Action.RUN,
                reasons=(),
            )
            for index in range(len(elements.versions))
        ]
        return Expanded(
            task=task.node.task,
            steps=steps,
            elements=elements,
            scripts=scripts.of_elements(bindings),
            bindings=bindings,
        )


def _lanes(expanded: Expanded, until: datetime | None, *, reuse: bool) -> Iterator[Script[None]]:
    """A script for each element; those that are equal go one after the other, since all take what the first makes."""
    lanes: dict[Any, list[Step]] = {}
    for step, versions in zip(expanded.steps, expanded.elements.versions, strict=True):
        lanes.setdefault(versions if reuse else step.number, []).append(step)
    return (_lane(expanded.scripts, lane, until) for lane in lanes.values())


def _lane(scripts: ElementScripts, steps: Sequence[Step], until: datetime | None) -> Script[None]:
    yield from scripts.whole(steps[0], until)
    for step in steps[1:]:
        yield from scripts.whole(step)


def _counted(made: Made, expanded: Expanded, run: RunId) -> Made:
    """The list with what it took. What some element lacks is tried again by the next run, so it is not reused."""
    results = expanded.bindings.results
    found = [facts for facts in results if facts is not None]
    reused, failed = expanded.scripts.tally.reused, len(results) - len(found)
    no_reuse = "some of its elements failed" if failed else ""
    if not all(facts.reuse_key for facts in found):
        no_reuse = no_reuse or "some of its elements are not to be reused"
    counts = {"elements": len(results), "reused": reused, "failed": failed}
    spent = sum((facts.duration_ms for facts in found if facts.version.startswith(f"{run}.")), 0.0)
    return replace(
        made,
        metadata={name: count for name, count in counts.items() if count or name == "elements"},
        returned=replace(made.returned, duration_ms=round(spent, 3)),
        no_reuse=no_reuse,
    )


def _too_few(expanded: Expanded) -> Raised:
    """Why there is no list: which elements failed, and how."""
    results, labels = expanded.bindings.results, expanded.elements.labels
    told = {step.ordinal: failure for step, failure in expanded.scripts.failures}
    failed = [index for index, facts in enumerate(results) if facts is None]
    lines = []
    for index in failed[:_TOLD_MAX]:
        failure = told.get(index)
        said = "skipped" if failure is None else f"{failure.error}: {failure.message}"
        lines.append(f"element {index} ({labels[index]}): {said}")
    more = f"; and {len(failed) - len(lines):,} more" if failed[_TOLD_MAX:] else ""
    message = f"{len(failed):,} of {len(results):,} elements failed: {'; '.join(lines)}{more}"
    first = told.get(failed[0])
    failure = Failure(
        kind=FailureKind.ELEMENTS,
        error="ElementsFailed",
        message=text(message),
        traceback="" if first is None else first.traceback,
    )
    return Raised(failure=failure, duration_ms=0.0, output="")
