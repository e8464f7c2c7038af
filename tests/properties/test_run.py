"""Any history of runs: edited code, steps that fail, checks that refuse, lost artifacts, and processes that die.

The executor and the planner are the real ones. The log, the store and user code are models: facts in a list, of which a
crash keeps some first part; artifacts in a dict; tasks that add up what they read. What every partition ought to hold
follows from the code as it stands, so that a wrong reuse, a stale head or a head that was refused cannot hide.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import NOW, catalog, changed, code, id_of, number
from latewood.commands.planning import lost_artifacts
from latewood.context import CheckResult, Partitioned
from latewood.decide.keys import check_key
from latewood.decide.plan import Request, plan
from latewood.decide.progress import progress_of
from latewood.decide.state import Refusal, State, VersionFacts
from latewood.decide.sweep import Sweep
from latewood.decide.versions import expand
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.signature import LiveTask
from latewood.engine.running.drive import Drive
from latewood.engine.running.inline import InlineRun
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.workers import Workers
from latewood.engine.storage.store import Artifact, ArtifactMissing, Staged
from latewood.engine.values.codecs import encode
from latewood.events import (
    Action,
    CheckEvaluated,
    FailureKind,
    ReuseSourceLost,
    RunRequested,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    VersionAccepted,
)
from latewood.model.definitions import Catalog, CheckDefinition, TaskDefinition
from latewood.model.keys import RunId, version_id
from latewood.model.mappings import upstream_ordinals
from latewood.model.policies import Retry, Reuse
from latewood.model.relations import All

CHECK = "is_allowed"


class Died(BaseException):
    """The process is gone."""


class Store:
    """Artifacts in memory: staged ones die with the process."""

    def __init__(self):
        self.committed, self.staged = {}, {}

    def stage(self, content, extension):
        address = f"{sha256(content).hexdigest()}.{extension}"
        self.staged[address] = bytes(content)
        return Staged(address=address, size=len(content), temporary="")

    def commit(self, batch):
        for staged in batch:
            if staged.address in self.staged:
                self.committed[staged.address] = self.staged.pop(staged.address)

    def exists(self, address):
        return address in self.staged or address in self.committed

    def size_of(self, address):
        return len(self.read(address))

    def open(self, address):
        return Artifact(store=self, address=address)

    def read(self, address, *, size=None):
        if not self.exists(address):
            raise ArtifactMissing("read", address, "it is not there", "")
        return self.staged[address] if address in self.staged else self.committed[address]


class Past:
    """The facts that are durable, and what they say."""

    def __init__(self):
        self.facts = []
        self.versions, self.heads, self.verdicts = {}, defaultdict(dict), defaultdict(dict)
        self.started, self.outputs, self.refusals = {}, {}, defaultdict(tuple)

    def add(self, fact):
        self.facts.append(fact)
        match fact:
            case StepStarted():
                self.started[fact.run, fact.step, fact.attempt] = fact
            case StepSucceeded():
                for output in fact.outputs:
                    self._made(fact, output, version_id(fact.run, fact.step))
                    self._head(fact, output, version_id(fact.run, fact.step))
            case StepReused():
                for output in fact.outputs:
                    if output.made is not None:
                        self._made(fact, output.made, output.version)
                    self._head(fact, output, output.version)
            case VersionAccepted():
                slot = (fact.asset, fact.partition, fact.version)
                self.versions[slot] = self.versions[slot]._replace(accepted=True)
                self._head(fact, fact, fact.version)
            case CheckEvaluated():
                self._judged(fact)

    def _made(self, fact, output, version):
        self.versions[output.asset, fact.partition, version] = VersionFacts(
            asset=output.asset,
            partition=fact.partition,
            version=version,
            position=len(self.facts),
            made_at=NOW,
            duration_ms=0.0,
            data_version=output.data_version,
            artifact=output.artifact,
            code=fact.code,
            logic=fact.logic,
            inputs=fact.inputs_digest,
            reuse_key=fact.reuse_key,
            accepted=output.accepted,
        )
        self.outputs[output.asset] = output.output

    def _judged(self, fact):
        """A check that raised leaves no verdict; of equal checks of equal data the newest counts."""
        assert bool(fact.check_key) == (fact.failure is None)
        if not fact.check_key:
            return
        slot = (fact.asset, fact.partition)
        self.verdicts[slot][fact.check, fact.check_key] = CheckResult(fact.passed, fact.metadata, fact.message)
        others = [r for r in self.refusals[slot] if r.check_key != fact.check_key]
        new = [] if fact.passed else [Refusal(fact.check, fact.check_key, len(self.facts))]
        self.refusals[slot] = (*new, *others)

    def _head(self, fact, claim, version):
        if claim.head:
            self.heads[claim.asset][fact.partition] = version

    def state(self, defined):
        heads = {
            id_: {partition: self.versions[id_, partition, version] for partition, version in by_partition.items()}
            for id_, by_partition in self.heads.items()
        }
        return State(
            environment="prod",
            position=len(self.facts),
            now=NOW,
            ids={key: id_of(key) for key in defined},
            heads=heads,
            reusable=self.reusable(defined),
            logics=frozenset(facts.logic for facts in self.versions.values()),
            checked=frozenset((*slot, key) for slot, verdicts in self.verdicts.items() for _, key in verdicts),
            refusals=dict(self.refusals),
        )

    def reusable(self, defined=None):
        """Of each key and output the newest version that was accepted, else the newest.

        Those of a catalog leave out the heads that only their own step could reuse, as the state of a real run does.
        """
        found = {}
        for facts in self.versions.values():
            slot = (facts.reuse_key, self.outputs[facts.asset])
            own = defined and len(defined[facts.asset.removeprefix("#")].task.outputs) == 1
            if own and self.heads[facts.asset].get(facts.partition) == facts.version:
                continue
            if facts.reuse_key and (slot not in found or facts.accepted or not found[slot].accepted):
                found[slot] = facts
        return found


class Recorder:
    """Facts on their way to the log; `dies_at` is the number of the telling in which the process dies."""

    project = "default"

    def __init__(self, past, store, *, dies_at, kept, names=()):
        self._past, self._store = past, store
        self._dies_at, self._kept = dies_at, kept
        self._waiting, self._tellings, self._names, self.recorded = [], 0, set(names), set(names)

    def tell(self, *facts, cause=None, needs=(), then=None):
        self._tellings += 1
        if self._tellings == self._dies_at:
            self._record(self._waiting[: self._kept])
            raise Died
        slots = {(type(fact), *name) for fact, name in facts}
        assert len(slots) == len(facts), "two facts of one name would be taken for one"
        assert not slots & self._names, "two facts of one name would be taken for one"
        self._names |= slots
        self._waiting.append((facts, needs, slots))
        return tuple(UUID(int=self._tellings) for _ in facts)

    def told(self):
        self._record(self._waiting)
        self._waiting = []

    def _record(self, waiting):
        for facts, needs, slots in waiting:
            self._store.commit(needs)
            self.recorded |= slots
            for fact, _ in facts:
                self._past.add(fact)


@lru_cache
def data_version(value):
    return encode(value, int).version


keys = st.integers(0, 3)
selections = st.none() | st.sets(keys, min_size=1)


def is_interrupted(fact):
    return isinstance(fact, StepFailed) and fact.failure.kind is FailureKind.INTERRUPTED


def envelopes(facts):
    """The facts of a run as its events tell them, behind its request."""
    requested = RunRequested(run=RunId("run"), environment="prod", selection="*", deployments={})
    for position, fact in enumerate([requested, *facts]):
        yield SimpleNamespace(event_id=UUID(int=position), occurred_at=NOW, position=position), fact


def execute_in_any_order(run, made, catalog_, order):
    """Everything that can be under way is, and is answered in any order; what reads it waits."""
    drive, outstanding = Drive(made, catalog_, run.scripts), []
    while not drive.is_over:
        while (asked := drive.next()) is not None:
            outstanding.append(asked)
        if outstanding:  # the last of them may have ended without asking anything
            asked = outstanding.pop(order.randrange(len(outstanding)))
            drive.answer(asked.number, run.answer(asked.ask))


class Runs(RuleBasedStateMachine):
    """A project whose code, luck and disk change between runs."""

    @initialize(
        refused=st.sampled_from([frozenset(), frozenset(), frozenset({0, 1})]),
        shapes=st.lists(
            st.tuples(
                st.booleans(), st.sets(keys, max_size=2), st.booleans(), st.sampled_from([True, True, True, False])
            ),
            min_size=4,
            max_size=4,
        ),
    )
    def define(self, shapes, refused):
        self.past, self.store, self.runs, self.checked = Past(), Store(), 0, 0
        self.salt, self.refused = defaultdict(int), {}
        self.failing, self.flaky, self.tried = set(), set(), Counter()
        lines = []
        for n, (partitioned, reads, twice, _) in enumerate(shapes):
            names = f"a{n} b{n}" if twice and n == 1 else f"a{n}"
            inputs = " ".join(f"a{m}" for m in sorted(reads) if m < n)
            lines.append(f"{names}{'[abc]' if partitioned else ''} <- {inputs}")
        self.catalog = catalog(*lines)
        for key in list(self.catalog):
            asset = self.catalog[key]
            inputs = tuple(msgspec.structs.replace(i, lazy=isinstance(i.mapping, All)) for i in asset.task.inputs)
            reuse = Reuse.of(shapes[int(key[1])][3])
            retries = Retry(1, backoff=timedelta(0))
            self.catalog = changed(
                self.catalog, key, inputs=inputs, reuse=reuse, retries=retries, parameters=(number("p", 0),)
            )
        self.edits = Counter()
        for key in ("a0", "a2"):
            self.refused[key] = (refused, False)
            self._define_check(key)

    def _define_check(self, key):
        self.edits[key, CHECK] += 1
        task = TaskDefinition(name=f"assets:{key}_{CHECK}", code=code(f"{key}-{self.edits[key, CHECK]}"), outputs=())
        check = CheckDefinition(name=CHECK, task=task, blocking=True)
        assets = [
            msgspec.structs.replace(asset, checks=(check,)) if asset.key == key else asset
            for asset in self.catalog.assets.values()
        ]
        self.catalog = Catalog.of(assets)

    # ── what user code does, and what every partition ought to hold ───────────────────────────────────

    def _values(self, key, read, parameter):
        outputs = self.catalog[key].task.outputs
        return {o.name: sum(read) + self.salt[key] + int(parameter) + n for n, o in enumerate(outputs)}

    def _call(self, key, read, *, p, partition):
        number_ = self.tried[key, partition] = self.tried[key, partition] + 1
        if key in self.failing or (key in self.flaky and number_ == 1):
            raise ConnectionError(key)
        parts = [[v for _, v in value] if isinstance(value, Partitioned) else [value] for value in read.values()]
        values = self._values(key, [part for several in parts for part in several], p)
        return values if len(values) > 1 else values["result"]

    def _allows(self, key, value):
        residues, raises = self.refused[key]
        if raises and value % 3 in residues:
            raise ValueError(value)
        return value % 3 not in residues

    def _expected(self, key, ordinal):
        """The value that the code as it stands gives this partition."""
        asset = self.catalog[key]
        first = asset.task.outputs[0].asset
        read = [
            self._expected(i.asset, o)
            for i in asset.task.inputs
            for o in upstream_ordinals(i.mapping, self.catalog[i.asset].partitions, asset.partitions, ordinal, NOW)
        ]
        return self._values(first, read, 0)[asset.output]

    def _loaded(self):
        tasks = {}
        for key, asset in self.catalog.assets.items():
            first = asset.task.outputs[0].asset
            tasks[key] = LiveTask(
                function=lambda *, p, partition, key=first, **read: self._call(key, read, p=p, partition=partition),
                inputs={i.name: Partitioned[int] if i.lazy else int for i in asset.task.inputs},
                parameters={"p": float},
                receives={"partition": "key"},
                returns=int,
                outputs={o.name: int for o in asset.task.outputs},
            )
        checks = {
            (key, CHECK): LiveTask(
                function=lambda value, key=key: self._allows(key, value),
                inputs={"value": int},
                parameters={},
                receives={},
                returns=bool,
                outputs={},
            )
            for key in self.refused
        }
        return Loaded(
            location="x",
            root=Path(),
            assets=tuple(self.catalog.assets.values()),
            sources={},
            tasks=tasks,
            checks=checks,
        )

    # ── what changes ──────────────────────────────────────────────────────────────────────────────────

    @rule(n=keys, salt=st.integers(0, 2), rewritten=st.sampled_from([0, 0, 1]))
    def edit(self, n, salt, rewritten):
        """New code, old code again, or other code to the same effect: equal code has an equal version."""
        key = f"a{n}"
        self.salt[key] = salt
        self.edits[key] += rewritten
        self.catalog = changed(self.catalog, key, code=code(f"{key}-{salt}-{self.edits[key]}"))

    @rule(
        key=st.sampled_from(["a0", "a2"]), residues=st.frozensets(st.integers(0, 2), max_size=2), raises=st.booleans()
    )
    def edit_check(self, key, residues, raises):
        self.refused[key] = (residues, raises)
        self._define_check(key)

    @rule(failing=st.sets(keys, max_size=1), flaky=st.sets(keys, max_size=2))
    def luck_changes(self, failing, flaky):
        self.failing, self.flaky = {f"a{n}" for n in failing}, {f"a{n}" for n in flaky}

    @precondition(lambda self: self.store.committed)
    @rule(data=st.data())
    def lose_an_artifact(self, data):
        del self.store.committed[data.draw(st.sampled_from(sorted(self.store.committed)))]

    # ── runs ──────────────────────────────────────────────────────────────────────────────────────────

    @rule(some=selections, force=st.sampled_from([False, False, False, True]))
    def run(self, some, force):
        self._run(some, force=force)

    @rule(some=selections, force=st.booleans(), order=st.randoms(use_true_random=False))
    def run_many_steps_at_once(self, some, force, order):
        self._run(some, force=force, order=order)

    @rule(
        some=selections,
        force=st.booleans(),
        order=st.randoms(use_true_random=False),
        dies_at=st.integers(1, 25),
        kept=st.integers(0, 25),
    )
    def run_and_die_and_be_taken_up(self, some, force, order, dies_at, kept):
        self._run(some, force=force, order=order, dies_at=dies_at, kept=kept)

    @rule(some=selections, variant=keys)
    def run_a_variant(self, some, variant):
        self._run(some, variant=variant)

    @rule(some=selections, dies_at=st.integers(1, 25), kept=st.integers(0, 25))
    def run_and_die(self, some, dies_at, kept):
        self._run(some, dies_at=dies_at, kept=kept)

    @rule()
    def run_everything_with_luck(self):
        self.failing, self.flaky = set(), set()
        self._run(None)
        if self.refused_here or self.skipped_here:
            return
        for task in self._plan(Request(selected=frozenset(self.catalog))).tasks:
            if not self._reads_outside(task.node.keys[0]):
                assert [group.action for group in task.groups] == [Action.FRESH]

    def _reads_outside(self, key):
        """True for what is never fresh, since it or what it reads gives up reuse."""
        task = self.catalog[key].task
        return task.reuse.is_off or any(self._reads_outside(i.asset) for i in task.inputs)

    def _plan(self, request):
        """As `prepare` does it: what seems fresh, but has lost its artifact, is planned anew."""
        made = plan(self.catalog, request, self.past.state(self.catalog))
        lost = lost_artifacts(SimpleNamespace(store=self.store), made)
        return plan(self.catalog, request, replace(made.state, lost=lost)) if lost else made

    def _run(self, some, *, force=False, variant=None, dies_at=0, kept=0, order=None):
        selected = frozenset(self.catalog) if some is None else frozenset(f"a{n}" for n in some)
        parameters = Sweep() if variant is None else Sweep.of({f"a{variant}": {"p": 1.0}})
        made = self._plan(Request(selected=selected, parameters=parameters, force=force))
        self._nothing_is_planned_to_stay_that_is_wrong(made)
        self.runs += 1
        self.tried.clear()
        known, present, first = self.past.reusable(), set(self.store.committed), len(self.past.facts)
        lost = made.state.lost
        names, progress, taken, lives = set(), {}, {}, 0
        while True:
            recorder = Recorder(self.past, self.store, dies_at=0 if lives else dies_at, kept=kept, names=names)
            run = InlineRun(
                made,
                catalog=self.catalog,
                loaded=self._loaded(),
                resources=OpenResources({}),
                workers=Workers((), {}, {}.__getitem__),
                run=RunId(f"run{self.runs}"),
                recorder=recorder,
                store=self.store,
                verdicts=lambda asset, partition: dict(self.past.verdicts[asset, partition]),
                clock=lambda: NOW,
            )
            try:
                if order is None:
                    run.execute()
                else:
                    run.scripts.take_up(progress, taken)
                    execute_in_any_order(run, made, self.catalog, order)
                    recorder.told()
                break
            except Died:
                self.store.staged.clear()
                if order is None:
                    return
                lives += 1
                names = recorder.recorded
                made = replace(made, state=self.past.state(self.catalog))
                progress = progress_of(envelopes(self.past.facts[first:])).steps
                taken = {(asset, version): facts for (asset, _, version), facts in self.past.versions.items()}
        facts = self.past.facts[first:]
        self.refused_here = {
            (there.asset, there.partition)
            for fact in facts
            if isinstance(fact, StepSucceeded | StepReused)
            for there, _ in self._claims(fact)
            if self._refuses(there)
        }
        self.skipped_here = [f for f in facts if isinstance(f, StepSkipped)]
        self._every_step_ends_once(made, facts)
        self._what_was_made_is_right_and_there(made, facts)
        self._what_is_below_a_failure_is_skipped(made, facts)
        self._attempts_count_up(facts)
        self._nobody_reads_what_was_refused_before(made, facts)
        if not force:
            self._nothing_is_made_that_was_there(made, facts, known, present, lost)
        self._variants_are_no_heads(made, facts)
        assert run.tally.ran == sum(isinstance(f, StepSucceeded) for f in facts)
        assert run.tally.reused == sum(isinstance(f, StepReused) for f in facts)
        assert run.tally.skipped == len(self.skipped_here)

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def heads_are_accepted_whole_versions(self):
        for id_, heads in self.past.heads.items():
            for partition, version in heads.items():
                assert self.past.versions[id_, partition, version].accepted

    @invariant()
    def facts_name_only_what_was_recorded_before_them(self):
        facts, checked = self.past.facts, self.checked
        for fact in facts[checked:]:
            match fact:
                case StepSucceeded() | StepFailed():
                    assert (fact.run, fact.step, fact.attempt) in self.past.started
                case StepStarted():
                    for read in fact.inputs.values():
                        for version in expand(read.versions):
                            assert any(v == version and a == read.asset for a, _, v in self.past.versions)
        self.checked = len(facts)

    def _nothing_is_planned_to_stay_that_is_wrong(self, made):
        """What is called fresh holds what the code as it stands would make of what is selected and above it."""
        state, selected = made.state, made.request.selected
        for task in made.tasks:
            if task.node.parameters["p"]:
                continue
            for ordinal in task.ordinals(Action.FRESH):
                wanted = [pair for pair in zip(task.node.assets, task.node.ids, strict=True) if pair[0].key in selected]
                for asset, id_ in wanted:
                    head = state.heads[id_][task.node.partition_key(ordinal)]
                    assert head.artifact not in state.lost
                    if selected >= self._above(asset.key) and not made.request.parameters.axes:
                        assert head.data_version == data_version(self._expected(asset.key, ordinal))

    def _what_was_made_is_right_and_there(self, made, facts):
        steps = {step.number: step for step in made.steps()}
        for fact in facts:
            for there, head in self._claims(fact):
                key, ordinal = there.asset.removeprefix("#"), steps[fact.step].ordinal
                assert there.artifact in self.store.committed
                assert not (head and self._refuses(there))
                if made.request.selected >= self._above(key) and not made.request.parameters.axes:
                    assert there.data_version == data_version(self._expected(key, ordinal))

    def _claims(self, fact):
        """The versions that the fact speaks of, and whether it makes them heads."""
        match fact:
            case StepSucceeded():
                found = [(o.asset, version_id(fact.run, fact.step), o.head) for o in fact.outputs]
            case StepReused():
                found = [(o.asset, o.version, o.head) for o in fact.outputs]
            case VersionAccepted():
                found = [(fact.asset, fact.version, fact.head)]
            case _:
                found = []
        return [(self.past.versions[asset, fact.partition, version], head) for asset, version, head in found]

    def _refuses(self, there):
        residues, _ = self.refused.get(there.asset.removeprefix("#"), ((), False))
        return int(self.store.read(there.artifact)) % 3 in residues

    def _above(self, key):
        task = self.catalog[key].task
        return {o.asset for o in task.outputs}.union(*(self._above(i.asset) for i in task.inputs))

    def _every_step_ends_once(self, made, facts):
        ends = Counter(
            fact.step
            for fact in facts
            if isinstance(fact, StepSucceeded | StepReused | StepSkipped)
            or (isinstance(fact, StepFailed) and fact.retry_at is None)
        )
        assert ends == Counter(step.number for step in made.steps())

    def _what_is_below_a_failure_is_skipped(self, made, facts):
        skipped = {fact.step for fact in self.skipped_here}
        failed = {f.step for f in facts if isinstance(f, StepFailed) and f.retry_at is None}
        bad = set()
        for step in made.steps():
            node = step.task.node
            below = any(
                (i.asset, o) in bad
                for i in node.task.inputs
                for o in upstream_ordinals(
                    i.mapping, self.catalog[i.asset].partitions, node.assets[0].partitions, step.ordinal, NOW
                )
            )
            assert (step.number in skipped) == below
            for key, id_ in zip(node.keys, node.ids, strict=True):
                if below or step.number in failed or (id_, step.partition) in self.refused_here:
                    bad.add((key, step.ordinal))

    def _nobody_reads_what_was_refused_before(self, made, facts):
        for fact in facts:
            for read in fact.inputs.values() if isinstance(fact, StepStarted) else ():
                asset = self.catalog[read.asset.removeprefix("#")]
                for facts_read in (f for (a, _, v), f in self.past.versions.items() if a == read.asset):
                    if facts_read.version in expand(read.versions):
                        keys = {r.check_key for r in made.state.refusals.get((read.asset, facts_read.partition), ())}
                        for check in asset.checks:
                            key = check_key(check, facts_read.data_version, facts_read.partition, {}, asset.partitions)
                            assert key not in keys

    def _attempts_count_up(self, facts):
        told = defaultdict(list)
        for fact in facts:
            if isinstance(fact, StepStarted | StepSucceeded | StepFailed):
                told[fact.step].append((type(fact), fact.attempt))
        for step, events in told.items():
            assert [attempt for _, attempt in events] == [n // 2 + 1 for n in range(len(events))]
            interrupted = sum(fact.step == step and is_interrupted(fact) for fact in facts)
            assert len(events) <= 2 * (2 + interrupted), "one attempt and one retry"
            assert [kind for kind, _ in events[::2]] == [StepStarted] * (len(events) // 2)
            assert all(kind is StepFailed for kind, _ in events[1:-1:2])
            assert events[-1][0] is not StepStarted

    def _nothing_is_made_that_was_there(self, made, facts, known, present, lost):
        steps = {step.number: step for step in made.steps()}
        gone = defaultdict(set)  # when the step looked for it; another one may have made the like before it began
        for fact in facts:
            match fact:
                case ReuseSourceLost():
                    gone[fact.step].add(fact.artifact)
                case StepStarted(attempt=1) if fact.reuse_key:
                    outputs = [asset.output for asset in steps[fact.step].task.node.assets]
                    found = [known.get((fact.reuse_key, output)) for output in outputs]
                    there = present - lost - gone[fact.step]
                    assert any(f is None or f.artifact not in there for f in found)
                case StepSucceeded():
                    for output in fact.outputs:
                        version = version_id(fact.run, fact.step)
                        known[fact.reuse_key, output.output] = self.past.versions[output.asset, fact.partition, version]
                        present.add(output.artifact)

    def _variants_are_no_heads(self, made, facts):
        variants = set()
        for task in made.tasks:
            if task.node.parameters["p"] or any(i.asset in variants for i in task.node.task.inputs):
                variants.update(task.node.keys)
        below = {id_of(key) for key in variants}
        assert not any(head and there.asset in below for fact in facts for there, head in self._claims(fact))


Runs.TestCase.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
TestRuns = Runs.TestCase
