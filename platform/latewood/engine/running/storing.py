"""Storing results by IO: a place gets what is going to be head and nothing else, so checks are asked before."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latewood.decide.judge import retraction
from latewood.decide.nodes import Node
from latewood.decide.plan import Step
from latewood.decide.state import State, VersionFacts
from latewood.engine.running.asks import Script
from latewood.engine.running.attempt import Made, refused
from latewood.engine.running.calls import Raised
from latewood.engine.running.checking import NOTHING_KNOWN, Checks, Judged
from latewood.engine.running.placing import Places, Put
from latewood.engine.running.recorder import Recorder
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore, Staged
from latewood.engine.values.values import GIVEN, Examined, StagedOutput, Values
from latewood.errors import StoreError, ValueRefused
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import RunId, version_id


class Storing:
    """Stores what the tasks of one run make for places of their own."""

    def __init__(
        self,
        state: State,
        run: RunId,
        places: Places,
        values: Values,
        checks: Checks,
        recorder: Recorder,
    ) -> None:
        self._state = state
        self._run = run
        self._places = places
        self._values = values
        self._checks = checks
        self._recorder = recorder

    def stored(
        self, step: Step, made: Made, inputs: str, key: str
    ) -> Script[tuple[Made | Raised, Mapping[str, Judged]]]:
        """The results, stored, and what their checks said by output; or the failure of an IO.

        What equals a retracted version, and what a blocking check refuses, is kept in the artifact store. Nothing is
        stored by a run that another process has taken over: raises what the log answers it.
        """
        node = step.task.node
        outputs, printed = dict(made.outputs), ""
        judged: dict[str, Judged] = {}
        try:
            for index, asset in enumerate(node.assets):
                if (examined := made.unplaced.get(asset.output)) is None:
                    continue
                facts = self._facts(step, node, index, made, examined, inputs, key)
                found = retraction(node, index, facts, self._state)
                if found is None and asset.blocking_checks:
                    judged[asset.output] = yield from self._judged(step, asset, facts, examined)
                if found is not None or not judged.get(asset.output, _NOT_ASKED).passes:
                    outputs[asset.output] = self._values.stage_examined(examined)
                    continue
                put = self._put(step, asset, examined)
                if isinstance(put, Raised):
                    output = made.returned.output + printed + put.output
                    return replace(put, duration_ms=made.returned.duration_ms, output=output), {}
                outputs[asset.output] = _at_its_place(examined, put)
                printed += put.output
            logs = self._values.stage_logs(made.returned.output + printed) if printed else made.logs
        except (ValueRefused, StoreError) as error:
            failed = replace(refused(error), duration_ms=made.returned.duration_ms, output=made.returned.output)
            return failed, {}
        return replace(made, outputs=outputs, unplaced={}, logs=logs), judged

    def copied(self, step: Step, asset: AssetDefinition, facts: VersionFacts, annotation: Any) -> str | None:
        """The address of a copy of the version at the step's place; None where none of the same content gets there."""
        try:
            value = self._values.load(asset.key, facts, annotation)
            examined = self._values.examine(value, annotation, subject=f'"{asset.key}"')
            if examined.data_version != facts.data_version and not facts.data_version.startswith(GIVEN):
                with examined.encoded.scratch:
                    return None
            put = self._put(step, asset, examined)
        except (ValueRefused, StoreError):
            return None  # computing it anew tells what the matter is
        return None if isinstance(put, Raised) else put.address.written

    def _put(self, step: Step, asset: AssetDefinition, examined: Examined) -> Put | Raised:
        timeout = asset.task.timeouts.running
        with examined.encoded.scratch:
            self._recorder.still_held()
            return self._places.put(asset, step.partition, self._state.environment, examined, timeout)

    def _judged(self, step: Step, asset: AssetDefinition, facts: VersionFacts, examined: Examined) -> Script[Judged]:
        """What the checks say of a value that lies nowhere yet."""
        with TemporaryDirectory(prefix="latewood-") as folder:
            aside = ArtifactStore(Path(folder), "checked")
            staged = aside.stage(examined.encoded.content, examined.encoded.extension)
            found = facts._replace(artifact=staged.address)
            return (
                yield from self._checks.judge(step, asset, found, NOTHING_KNOWN, variant=False, values=Values(aside))
            )

    def _facts(
        self, step: Step, node: Node, index: int, made: Made, examined: Examined, inputs: str, key: str
    ) -> VersionFacts:
        return VersionFacts(
            asset=node.ids[index],
            partition=step.partition,
            version=version_id(self._run, step.number),
            position=0,  # not recorded yet; nothing in this run asks
            made_at=self._state.now,
            duration_ms=made.returned.duration_ms,
            data_version=examined.data_version,
            artifact="",
            code=node.task.code.version,
            logic=node.logic,
            inputs=inputs,
            reuse_key=key,
            accepted=False,
        )


_NOT_ASKED = Judged()


def _at_its_place(examined: Examined, put: Put) -> StagedOutput:
    content = examined.encoded.content
    size = 0 if isinstance(content, Path) else memoryview(content).nbytes
    return examined.as_staged(Staged(address=ArtifactAddress(put.address.written), size=size, temporary=""))
