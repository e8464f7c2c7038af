"""Storing results by IO: a place gets what is going to be head and nothing else, so checks are asked before."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latewood.decide.plan import Step
from latewood.decide.state import VersionFacts
from latewood.engine.running.attempt import Evaluated, Made, refused
from latewood.engine.running.calls import Raised
from latewood.engine.running.check_calls import CheckCalls
from latewood.engine.running.placing import Places, Put
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore, Staged
from latewood.engine.values.values import GIVEN, Examined, StagedOutput, Values
from latewood.errors import StoreError, ValueRefused
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, PartitionKey, VersionId

MayPlace = Callable[[Step, str, str, str], bool]
"""Whether this output of a step, of that data version and with that cause for no reuse, may be stored at its place.

Asked right before, and not answered to a run that another process has taken over: it raises what the log says.
"""


class Storing:
    """Stores what tasks make for places of their own, for an environment.

    `may_copy` is asked as `may_place`, for a version that was head before. `around` is entered for IO whose time is
    limited, with that.
    """

    def __init__(
        self,
        places: Places,
        values: Values,
        check_calls: CheckCalls,
        environment: str,
        may_place: MayPlace,
        may_copy: Callable[[], bool],
        *,
        around: Callable[[timedelta | None], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self._around = around
        self._places = places
        self._values = values
        self._check_calls = check_calls
        self._environment = environment
        self._may_place = may_place
        self._may_copy = may_copy

    def stored(self, step: Step, made: Made) -> Made | Raised:
        """The results, stored, with what their checks said before; or the failure of an IO.

        What may not be stored at its place, and what a blocking check refuses, is kept in the artifact store.
        """
        outputs, printed = dict(made.outputs), ""
        verdicts = dict(made.verdicts)
        try:
            for asset in step.task.node.assets:
                if (examined := made.unplaced.get(asset.output)) is None:
                    continue
                if asset.blocking_checks:
                    given = verdicts.get(asset.output, {})
                    verdicts[asset.output] = {**given, **self._asked(step, asset, examined, given)}
                put = self._put(step, asset, examined, made.no_reuse, verdicts.get(asset.output, {}))
                if isinstance(put, Raised):
                    output = made.returned.output + printed + put.output
                    return replace(put, duration_ms=made.returned.duration_ms, output=output)
                if put is None:
                    outputs[asset.output] = self._values.stage_examined(examined)
                else:
                    outputs[asset.output] = _at_its_place(examined, put)
                    printed += put.output
            logs = self._values.stage_logs(made.returned.output + printed) if printed else made.logs
        except (ValueRefused, StoreError) as error:
            return replace(refused(error), duration_ms=made.returned.duration_ms, output=made.returned.output)
        returned = replace(made.returned, output=made.returned.output + printed)
        return replace(made, outputs=outputs, unplaced={}, returned=returned, logs=logs, verdicts=verdicts)

    def copied(self, step: Step, asset: AssetDefinition, facts: VersionFacts, annotation: Any) -> str | None:
        """The address of a copy of the version at the step's place; None where none of the same content gets there."""
        try:
            value = self._values.load(asset.key, facts, annotation)
            examined = self._values.examine(value, annotation, subject=f'"{asset.key}"')
            with examined.encoded.scratch:
                if examined.data_version != facts.data_version and not facts.data_version.startswith(GIVEN):
                    return None
                put = self._stored_at(asset, step, examined) if self._may_copy() else None
        except (ValueRefused, StoreError):
            return None  # computing it anew tells what the matter is
        return put.address.written if isinstance(put, Put) else None

    def _put(
        self,
        step: Step,
        asset: AssetDefinition,
        examined: Examined,
        no_reuse: str,
        verdicts: Mapping[str, Evaluated],
    ) -> Put | Raised | None:
        """What came of storing the value at its place; None where it does not get there."""
        if not all(verdicts[check.name].result.passed for check in asset.blocking_checks):
            return None
        with ExitStack() as scratch:
            scratch.enter_context(examined.encoded.scratch)
            if not self._may_place(step, asset.output, examined.data_version, no_reuse):
                scratch.pop_all()
                return None
            return self._stored_at(asset, step, examined)

    def _stored_at(self, asset: AssetDefinition, step: Step, examined: Examined) -> Put | Raised:
        limit = asset.task.timeouts.once
        with nullcontext() if limit is None else self._around(limit):
            return self._places.put(asset, step.partition, self._environment, examined, limit)

    def _asked(
        self, step: Step, asset: AssetDefinition, examined: Examined, given: Collection[str]
    ) -> dict[str, Evaluated]:
        """What the checks say of a value that lies nowhere yet, but for those of which the verdict was given."""
        with TemporaryDirectory(prefix="latewood-") as folder:
            aside = ArtifactStore(Path(folder), "checked")
            staged = aside.stage(examined.encoded.content, examined.encoded.extension)
            facts, values = unrecorded(step.partition, staged.address, examined.data_version), Values(aside)
            verdicts = {}
            for check in [check for check in asset.checks if check.name not in given]:
                verdicts[check.name] = self._check_calls.evaluate(step, asset, check, facts, values=values)
            return verdicts


def unrecorded(partition: PartitionKey, artifact: str, data_version: str = "") -> VersionFacts:
    """A version of which nothing but its artifact is needed."""
    return VersionFacts(
        asset=AssetId(""),
        partition=partition,
        version=VersionId(""),
        position=0,
        made_at=datetime.min,  # noqa: DTZ901 - nobody asks
        duration_ms=0.0,
        data_version=data_version,
        artifact=artifact,
        code="",
        logic="",
        inputs="",
        reuse_key="",
        accepted=True,
    )


def _at_its_place(examined: Examined, put: Put) -> StagedOutput:
    content = examined.encoded.content
    size = 0 if isinstance(content, Path) else memoryview(content).nbytes
    return examined.as_staged(Staged(address=ArtifactAddress(put.address.written), size=size, temporary=""))
