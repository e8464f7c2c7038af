"""What tests assert on: a plan, a run, the reasons of one asset; as plain texts by asset key.

Where the partitions of an asset differ, a text says which: `run 2026-03-02, fresh 2026-03-03..2026-03-08`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from latewood.commands.sightings import Unseen
from latewood.context import CheckResult
from latewood.decide.findings import Explanation
from latewood.decide.nodes import Node
from latewood.decide.plan import Plan as DecidedPlan
from latewood.decide.plan import Step
from latewood.errors import LatewoodError, UsageError
from latewood.events import (
    Action,
    CheckEvaluated,
    Event,
    StepExpanded,
    StepFailed,
    StepReused,
    StepSkipped,
    StepSucceeded,
)
from latewood.model.elements import element_named
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId, version_id
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe


class RunFailed(LatewoodError, AssertionError):
    """A run in which something failed, was refused by a blocking check, or skipped; `run` says what."""

    def __init__(self, run: "Run", detail: str) -> None:
        super().__init__(detail)
        self.run = run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `materialize` would do, by asset, and why.

    actions   fresh, run, reuse, depends, skip, blocked, or waiting for values of parameters
    reasons   causes, with the asset that they are about: `upstream orders`
    """

    actions: Mapping[str, str]
    reasons: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """How an asset (partition) stands, `fresh`, `stale` or `missing`, and its root causes: `orders: code`."""

    status: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run did; `run["turnover"]` and `run["sales", "2026-03-02"]` are values.

    outcomes   by asset: ran, reused, fresh, failed, skipped or blocked
    failures   by asset, with its partition if it has one: `ValueError: no orders`
    checks     verdicts, by `asset.check`, with the partition if there is one: `sales.not_negative 2026-03-02`
    metadata   what was recorded with the versions that were made, by asset and partition as above
    elements   of what a mapped task made the outcome of each element, in their order: `("ran", "reused")`
    """

    outcomes: Mapping[str, str]
    failures: Mapping[str, str]
    checks: Mapping[str, CheckResult]
    metadata: Mapping[str, Mapping[str, Any]]
    elements: Mapping[str, Sequence[str]]
    _values: Callable[[str, str], Any] = field(repr=False)

    def __getitem__(self, key: str | tuple[str, str]) -> Any:
        """The value that this run made or found up to date; of a partitioned asset all of them, by partition."""
        return self._values(*((key, "") if isinstance(key, str) else key))


def plan_of(made: DecidedPlan) -> Plan:
    """The plan as texts."""
    actions = _by_asset((task.node, group.action.value, group.ordinals) for task in made.tasks for group in task.groups)
    reasons: dict[str, dict[str, None]] = {}
    for task in made.tasks:
        for group in task.groups:
            for key in task.node.keys if group.reasons else ():
                texts = (f"{r.cause.value} {r.subject}".rstrip() for r in group.reasons)
                reasons.setdefault(key, {}).update(dict.fromkeys(texts))
    for key in made.awaiting:
        actions[key] = "waiting"
    return Plan(actions=actions, reasons={key: tuple(texts) for key, texts in reasons.items()})


def why_of(explanation: Explanation) -> Why:
    """The explanation as texts."""
    causes = (f"{'.'.join(filter(None, (f.asset, f.subject)))}: {f.cause.value}" for f in explanation.findings)
    return Why(status=explanation.status.value, causes=tuple(dict.fromkeys(causes)))


@dataclass(slots=True)
class Told:
    """What the facts of a run say of its steps, by asset and partition."""

    plan: DecidedPlan
    outcomes: dict[int, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)
    checks: dict[str, CheckResult] = field(default_factory=dict)
    metadata: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: dict[AssetKey, dict[PartitionKey, VersionId]] = field(default_factory=dict)
    elements: dict[str, list[str]] = field(default_factory=dict)
    expanded: dict[int, tuple[AssetKey, int]] = field(default_factory=dict)

    @classmethod
    def by(cls, plan: DecidedPlan, facts: Iterable[Event]) -> "Told":
        """All that these facts say."""
        told = cls(plan)
        steps = {step.number: step for step in plan.steps()}
        keys = {id_: key for key, id_ in plan.state.ids.items()}
        for fact in facts:
            told._hear(fact, steps, keys)
        return told

    def by_asset(self) -> dict[str, str]:
        """Outcomes by asset, with those of what was no step."""
        ended: dict[tuple[int, str], list[int]] = {}
        nodes = {id(step.task.node): step.task.node for step in self.plan.steps()}
        for step in self.plan.steps():
            outcome = self.outcomes.get(step.number, "not reached")
            ended.setdefault((id(step.task.node), outcome), []).append(step.ordinal)
        still = (
            (task.node, group.action.value, group.ordinals)
            for task in self.plan.tasks
            for group in task.groups
            if group.action in (Action.FRESH, Action.BLOCKED)
        )
        found = ((nodes[node], outcome, Ordinals.from_sorted(sorted(o))) for (node, outcome), o in ended.items())
        return _by_asset([*found, *still])

    def _hear(self, fact: Event, steps: Mapping[int, Step], keys: Mapping[AssetId, AssetKey]) -> None:
        match fact:
            case StepExpanded():
                (key,) = steps[fact.step].task.node.keys
                self.elements[key] = ["not reached"] * fact.count
                self.expanded |= {fact.first + index: (key, index) for index in range(fact.count)}
            case StepSucceeded() | StepReused() | StepFailed() if fact.step in self.expanded:
                self._hear_of_element(fact, *self.expanded[fact.step])
            case StepSucceeded():
                self.outcomes[fact.step] = "ran"
                for output in fact.outputs:
                    key = keys[output.asset]
                    self.metadata[named(key, fact.partition)] = output.metadata
                    self.versions.setdefault(key, {})[fact.partition] = version_id(fact.run, fact.step)
            case StepReused():
                self.outcomes[fact.step] = "reused"
                for reused in fact.outputs:
                    self.versions.setdefault(keys[reused.asset], {})[fact.partition] = reused.version
            case StepFailed(retry_at=None):
                self.outcomes[fact.step] = "failed"
                for key in steps[fact.step].task.node.keys:
                    self.failures[named(key, fact.partition)] = f"{fact.failure.error}: {fact.failure.message}"
                self.tracebacks.append(fact.failure.traceback)
            case StepSkipped():
                self.outcomes[fact.step] = "skipped"
            case CheckEvaluated():
                verdict = CheckResult(fact.passed, fact.metadata, fact.message)
                self.checks[named(f"{keys[fact.asset]}.{fact.check}", fact.partition)] = verdict
            case _:
                pass

    def _hear_of_element(self, fact: StepSucceeded | StepReused | StepFailed, key: AssetKey, index: int) -> None:
        match fact:
            case StepSucceeded():
                self.elements[key][index] = "ran"
            case StepReused():
                self.elements[key][index] = "reused"
            case StepFailed(retry_at=None):
                self.elements[key][index] = "failed"
                self.failures[element_named(key, index)] = f"{fact.failure.error}: {fact.failure.message}"
            case _:
                pass


def _by_asset(found: Iterable[tuple[Node, str, Ordinals]]) -> dict[str, str]:
    by_key: dict[str, dict[str, Ordinals]] = {}
    schemes = {}
    for node, word, ordinals in found:
        for asset in node.assets:
            schemes[asset.key] = asset.partitions
            words = by_key.setdefault(asset.key, {})
            words[word] = words.get(word, Ordinals()) | ordinals
    return {key: ", ".join(_words(words, schemes[AssetKey(key)])) for key, words in by_key.items()}


def _words(words: Mapping[str, Ordinals], scheme: Any) -> Iterator[str]:
    for word, ordinals in words.items():
        if ordinals:
            yield word if len(words) == 1 or scheme is None else f"{word} {describe(scheme, ordinals)}"


def observers_failed(unseen: Sequence[Unseen]) -> RunFailed:
    """What to raise where observers failed, with the user's own tracebacks."""
    failures = {named(each.key, each.partition): f"{each.failure.error}: {each.failure.message}" for each in unseen}
    lines = [*(f"{name}: {message}" for name, message in failures.items()), *(e.failure.traceback for e in unseen)]
    outcomes: dict[str, str] = {each.key: "failed" for each in unseen}
    run = Run(outcomes=outcomes, failures=failures, checks={}, metadata={}, elements={}, _values=_nothing_made)
    return RunFailed(run, "\n".join(lines))


def _nothing_made(key: str, partition: str) -> Any:
    raise UsageError(f'no value of "{named(key, partition)}": observers make none')


def named(key: str, partition: str) -> str:
    """How an asset's partition is called in texts."""
    return f"{key} {partition}" if partition else key


def failure_text(told: Told) -> str:
    """What went wrong in a run, with the user's own tracebacks."""
    refused = [f"{name}: {check.message or 'not passed'}" for name, check in told.checks.items() if not check.passed]
    lines: Sequence[str] = [
        *(f"{name}: {message}" for name, message in told.failures.items()),
        *(f"check {line}" for line in refused),
        *(f"{key}: {text}" for key, text in told.by_asset().items() if "skipped" in text or "blocked" in text),
        *told.tracebacks,
    ]
    return "\n".join(lines)
