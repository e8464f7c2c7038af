"""Functions that stand for jobs of a connector: what is wrong with them, and their code versions."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from latewood.decide.fingerprint import computed_version
from latewood.engine.loading.signature import Signature
from latewood.errors import DefinitionError
from latewood.model.code import CodePart, CodeVersion
from latewood.model.jobs import RunsOn
from latewood.plugin import what_runs

_BYTES_MAX: Final = 32_768
"""Most bytes of what a task says of its job: a definition is part of an event."""

_DIGITS: Final = 32


def faults_of_job(
    job: RunsOn, signature: Signature, outputs: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong with it."""
    if outputs is None:
        yield "a job of a connector can be an asset or a task"
    if "partition_column" in options:
        yield "a job is run for one partition: partition_column is of tasks that are called here"
    if signature.resources:
        yield f'parameter "{next(iter(signature.resources))}": a job receives no resource; its connector is configured'
    try:
        size = len(_encoded(job))
    except (TypeError, OverflowError) as error:
        yield f"runs_on: expected options and settings that JSON can say, {error}"
    else:
        if size > _BYTES_MAX:
            yield f"runs_on: expected at most {_BYTES_MAX:,} bytes of options and settings, found {size:,}"


def job_code(job: RunsOn, code: CodeVersion) -> CodeVersion:
    """The version of the function, with what the job is; a given one is a promise about that, too."""
    if code.given:
        return code
    keyed = RunsOn(connector=job.connector, options=job.options)
    part = CodePart(name=f"{code.file}:{code.qualname}[job]", digest=sha256(_encoded(keyed)).hexdigest()[:_DIGITS])
    return computed_version(
        code.version, {*code.parts, part}, code.packages, code.uncovered, file=code.file, qualname=code.qualname
    )


def require_no_job(function: object) -> None:
    """Raise DefinitionError for a job where only what is called here will do."""
    if what_runs(function) is not None:
        raise DefinitionError("a job of a connector can be an asset or a task, and is never called here")


def _encoded(job: RunsOn) -> bytes:
    return msgspec.json.encode(job, order="deterministic")
