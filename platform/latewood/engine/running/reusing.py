"""Reuse: what a run may take in place of computing it, and what is recorded of that."""

from collections import ChainMap
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime

from latewood.decide.actions import reusable
from latewood.decide.judge import absent_outputs, has_expired, retraction
from latewood.decide.keys import reuse_key
from latewood.decide.plan import Plan, Step
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Board, Boarded, Look, Script, UnderWay, seen
from latewood.engine.running.recorder import Recorder
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.events import OutputMade, ReusedOutput, ReuseSourceLost, StepReused
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey, RunId, version_id
from latewood.places import Address

Taken = tuple[VersionFacts | None, ...]
"""Versions to take in place of running a step, by output; None for an optional output that was absent."""


Versions = Callable[[Collection[str]], Iterable[tuple[str, VersionFacts]]]
"""The versions of reuse keys that there are by now, each with its output's name, what is to be taken last."""


class Reusable:
    """The versions that a run's steps may take: those of the past, and those that the run itself has made.

    And those that others make meanwhile of what it would compute: `versions` finds them. Of one in another system it is
    asked whether it `is_there`, None where that cannot be reached: then the step runs, and tells what the matter is.
    """

    def __init__(
        self,
        plan: Plan,
        run: RunId,
        recorder: Recorder,
        store: ArtifactStore,
        versions: Versions,
        is_there: Callable[[VersionFacts], Script[bool | None]],
    ) -> None:
        self._is_there = is_there
        # What this run makes may be reused by its later steps: the same task under another asset's name.
        self._made_here: dict[tuple[str, str], VersionFacts] = {}
        self._state = replace(plan.state, reusable=ChainMap(self._made_here, dict(plan.state.reusable)))
        self._force = plan.request.force
        self._run = run
        self._recorder = recorder
        self._store = store
        self._versions = versions
        self._lost: set[tuple[int, AssetId]] = set()

    def made(self, output: str, facts: VersionFacts) -> None:
        """The run made this version; later steps may take it."""
        if facts.reuse_key:
            self._made_here[facts.reuse_key, output] = facts

    def look_up(self, keys: Collection[str]) -> None:
        """Know what there is of these reuse keys by now."""
        for output, facts in self._versions(keys):
            self._made_here[facts.reuse_key, output] = facts

    def find(
        self, step: Step, inputs: str, *, patient: bool = True, until: datetime | None = None
    ) -> Script[Taken | None]:
        """What to take instead of running the step, known to exist; None = run it: nobody else does by then.

        What turns out to be lost is recorded. Raises UnderWay where somebody else runs it, unless it is `patient`, and
        where somebody still does `until` then.
        """
        node = step.task.node
        if self._force or step.is_forced or node.task.reuse.is_off:
            return None
        taken = yield from self._known(step, inputs)
        if taken is not None:
            return taken
        if node.task.each:  # its elements are computed once, each by itself, and putting them together is little
            return None
        key = reuse_key(node.logic, inputs, step.partition)
        boarded: Boarded = yield Board(key, patient, until)
        if boarded is Boarded.UNDER_WAY:
            raise UnderWay
        if boarded is Boarded.FIRST:
            return None
        self.look_up([key])
        return (yield from self._known(step, inputs))

    def _known(self, step: Step, inputs: str) -> Script[Taken | None]:
        node = step.task.node
        taken = self._heads_of_this_key(step, inputs) or reusable(node, step.partition, inputs, self._state)
        for key, facts in zip(node.keys, taken or (), strict=False):
            if facts is not None and not (exists := (yield from self._exists(key, facts))):
                if exists is not None:
                    self.lost(step, facts)
                return None
        return taken

    def lost(self, step: Step, facts: VersionFacts) -> None:
        """Record that the version cannot be taken after all, once."""
        if (step.number, facts.asset) in self._lost:
            return
        self._lost.add((step.number, facts.asset))
        fact = ReuseSourceLost(
            run=self._run,
            step=step.number,
            asset=facts.asset,
            version=facts.version,
            artifact=facts.artifact,
            partition=step.partition,
        )
        self._recorder.tell((fact, ("lost", step.number, facts.asset)))

    def _exists(self, key: AssetKey, facts: VersionFacts) -> Script[bool | None]:
        """Whether the version can be read: it is in the store, or still at its place. None where nobody can say."""
        address = Address.of(facts.artifact)
        if address is None:
            return self._store.exists(ArtifactAddress(facts.artifact))
        if address.connector:
            return (yield from self._is_there(facts))
        return (yield from seen(Look(key, facts))) == address.fingerprint

    def _heads_of_this_key(self, step: Step, inputs: str) -> Taken | None:
        """The step's own heads, if they are what it would compute: only their checks or what it reads made it due.

        The state does not list them among the reusable: nobody else can reuse them.
        """
        node, state = step.task.node, self._state
        key = reuse_key(node.logic, inputs, step.partition)
        heads = [state.heads.get(id_, {}).get(step.partition) for id_ in node.ids]
        absent = absent_outputs(node, heads, inputs, state)
        equal = all(
            index in absent
            or (
                head is not None
                and head.reuse_key == key
                and not state.is_gone(head.artifact)
                and not has_expired(head, node.task.reuse, state)
                and retraction(node, index, head, state) is None
            )
            for index, head in enumerate(heads)
        )
        return tuple(None if index in absent else head for index, head in enumerate(heads)) if equal else None

    def own(self, step: Step, id_: AssetId, facts: VersionFacts) -> VersionFacts:
        """The version as one of this asset: another asset's gets a version of its own here, with the same content."""
        if facts.asset == id_:
            return facts
        return facts._replace(asset=id_, version=version_id(self._run, step.number), accepted=False)

    def output(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, result: VersionFacts, *, head: bool
    ) -> ReusedOutput:
        """What is recorded of one version that is taken, `facts`, and becomes `result`, which may lie elsewhere."""
        now = self._state.heads.get(result.asset, {}).get(step.partition)
        moves = now is None or now.version != result.version
        made = None
        if facts.asset != result.asset:
            made = OutputMade(
                asset=result.asset,
                output=asset.output,
                data_version=facts.data_version,
                artifact=facts.artifact,
                size=self._store.size_of(ArtifactAddress(facts.artifact)),
                accepted=result.accepted,
                head=False,
            )
        return ReusedOutput(
            asset=result.asset,
            version=result.version,
            head=head and moves,
            made=made,
            made_at=None if made is None else facts.made_at,
            source=None if made is None else (facts.asset, facts.version),
            placed="" if result.artifact == facts.artifact else result.artifact,
        )

    def fact(self, step: Step, inputs: str, outputs: tuple[ReusedOutput, ...]) -> StepReused:
        """The step's end."""
        node = step.task.node
        return StepReused(
            run=self._run,
            step=step.number,
            environment=self._state.environment,
            reuse_key=reuse_key(node.logic, inputs, step.partition),
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            outputs=outputs,
            partition=step.partition,
        )
