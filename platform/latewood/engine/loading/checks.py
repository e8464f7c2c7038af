"""Checks of a module: which asset each judges, and its definition."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from latewood.authoring import Check
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.commands import reported_code, require_known
from latewood.engine.loading.inputs import faults_of_receiving
from latewood.engine.loading.jobs import require_no_job
from latewood.engine.loading.naming import RESULT, Directory
from latewood.engine.loading.options import documented, faults_of_check
from latewood.engine.loading.problems import Consequence, Problems
from latewood.engine.loading.signature import LiveTask, Signature, read_signature
from latewood.engine.loading.tasks import bare_task, live_task
from latewood.engine.values.annotations import type_spec
from latewood.errors import DefinitionError
from latewood.model.definitions import AssetDefinition, CheckDefinition, Origin, Severity, TaskDefinition
from latewood.model.keys import AssetKey
from latewood.model.types import fits


def define_checks(
    checks: Iterable[Check[..., Any]],
    assets: Mapping[AssetKey, AssetDefinition],
    directory: Directory,
    inspector: Inspector,
    problems: Problems,
) -> dict[tuple[AssetKey, str], tuple[CheckDefinition, LiveTask]]:
    """Definitions and live functions by asset and name; what is wrong with a check is added to the problems."""
    defined: dict[tuple[AssetKey, str], tuple[CheckDefinition, LiveTask]] = {}
    for check in checks:
        name = check.options.get("name", check.function.__name__)
        faults = faults_of_check(check.options)
        for fault in faults:
            problems.add(check.function, f'check "{name}": {fault}')
        if faults:
            continue
        try:
            require_known(check.function, check.options)
            require_no_job(check.function)
            signature = read_signature(check.function)
            key = _checked_asset(check, signature, assets, directory)
            if (key, name) in defined:
                raise DefinitionError(f'"{key}" has another check of this name; give one of them name=…')
            bare = bare_task(check.function, check.options, signature, inspector, {RESULT: signature.returns})
            bare = replace(bare, code=reported_code(check.function, inspector) or bare.code)
            task = _loading(bare, key, directory, inspector)
        except Consequence:
            continue
        except DefinitionError as error:
            problems.add(check.function, f'check "{name}": {error.message}')
            continue
        definition = CheckDefinition(
            name=name,
            task=task,
            blocking=check.options.get("blocking", False),
            severity=Severity(check.options.get("severity", "error")),
            description=check.options.get("description", documented(check.function)),
        )
        defined[key, name] = (definition, live_task(check.function, signature, {}))
    return defined


def _loading(task: TaskDefinition, key: AssetKey, directory: Directory, inspector: Inspector) -> TaskDefinition:
    """The check's task; what loads an external asset decides what it is given, as if it did so itself."""
    io = directory.readable.get(key)
    if io is None:
        return task
    code = inspector.with_io(task.code, {"value": (type(io.io), io.reading)})
    return replace(task, code=code, uses=(*task.uses, *io.uses("value")))


def _checked_asset(
    check: Check[..., Any], signature: Signature, assets: Mapping[AssetKey, AssetDefinition], directory: Directory
) -> AssetKey:
    key = directory.by_upstream(check.asset, AssetKey(""))
    if key not in assets:
        if key in directory.own:
            raise Consequence(f'"{key}" has errors of its own')
        raise DefinitionError(f'"{key}" belongs to another location; define the check there')
    if assets[key].origin is not Origin.MADE and key not in directory.readable:
        by_io = "; say what does, io=…" if assets[key].origin is Origin.EXTERNAL else ""
        raise DefinitionError(f'"{key}" is {assets[key].origin.value}: nothing here loads its value{by_io}')
    if len(signature.inputs) != 1:
        found = ", ".join(signature.inputs) or "none"
        raise DefinitionError(f"expected one parameter for the asset's value, found {found}")
    for fault in faults_of_receiving(signature.receives, assets[key].partitions):
        raise DefinitionError(fault)
    ((parameter, annotation),) = signature.inputs.items()
    misfit = fits(assets[key].type, type_spec(annotation))
    if misfit:
        raise DefinitionError(f'parameter "{parameter}" cannot take what "{key}" produces: {misfit}')
    return key
