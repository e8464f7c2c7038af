"""What a job in another system has made, as the values that a task would have returned."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from latewood.decide.jobs import columns_of, fault_of
from latewood.engine.loading.naming import RESULT
from latewood.engine.running.worker_protocol import JobMade
from latewood.engine.storage.store import ArtifactAddress, Staged
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.file_io import Json
from latewood.engine.values.formats import read_back
from latewood.engine.values.values import StagedOutput, recorded_columns
from latewood.errors import ValueRefused
from latewood.model.definitions import Output
from latewood.model.jobs import Elsewhere
from latewood.model.types import FOREIGN, display
from latewood.places import Address


def made_by(job: JobMade, outputs: Mapping[str, Any], optional: Collection[str]) -> Any:
    """The one result, or those of several outputs by name, without optional ones that it has not made.

    Raises ValueRefused for what it was to make and has not, and for what is not of its type.
    """
    found: dict[str, Any] = {}
    for name, annotation in outputs.items():
        spec, path = type_spec(annotation), Path(job.files.get(name, ""))
        if name in job.elsewhere:
            found[name] = job.elsewhere[name]
        elif name in job.values and spec.kind not in FOREIGN:
            found[name] = Json("").read(bytes(job.values[name]), annotation)
        elif name in job.files and path.exists():
            found[name] = read_back(path, annotation)
        elif spec.kind == "none" or (spec.kind == "union" and any(arm.kind == "none" for arm in spec.args)):
            found[name] = None
        elif name not in optional:
            raise ValueRefused(
                f'the job ended well without what it was to make: no {display(spec)} for "{name}", '
                f"neither told as a value nor written to {path}"
            )
    if unknown := sorted((job.values.keys() | job.elsewhere.keys()) - outputs.keys()):
        raise ValueRefused(f'the job made "{unknown[0]}", which is no output; there is {", ".join(outputs)}')
    return found[RESULT] if set(outputs) == {RESULT} else found


def left_there(found: Elsewhere, connector: str, output: Output, *, outputs: int) -> StagedOutput:
    """What is recorded of one of so many `outputs` that a job has left in its system. Raises ValueRefused."""
    if fault := fault_of(found, output.type):
        raise ValueRefused(f'output of "{output.asset}": {fault}')
    if output.stored is not None:
        raise ValueRefused(f'output of "{output.asset}": it has an IO, but its job has left it at {found.address}')
    columns = columns_of(found)
    sizes = {"rows": found.rows, "columns": len(columns) or None}
    address = Address.in_system(connector, found.address, found.fingerprint or found.data_version)
    return StagedOutput(
        staged=Staged(address=ArtifactAddress(address.written), size=found.bytes or 0, temporary=""),
        data_version=f"@{connector}:{found.data_version}",
        metadata={**{name: size for name, size in sizes.items() if size is not None}, **found.metadata},
        columns=recorded_columns(columns, outputs),
    )
