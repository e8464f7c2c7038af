"""Reuse keys: what would be computed, as digests of their parts.

    reuse key = logic + inputs + partition
    logic     = task, code version, parameters, and what else the task is told: asset keys, the kind of window;
                behind a `+`, what the resources are configured to that it asks for
    inputs    = the data version read through each input, by input name

The parts are kept beside the key, so that two keys can be compared part by part. Digests are 32 hexadecimal
digits of sha256 over length-prefixed parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from latewood.decide.canonical import canonical
from latewood.decide.canonical import digest as canonical_digest
from latewood.model.definitions import AssetDefinition, CheckDefinition, Input, TaskDefinition, UsedResource
from latewood.model.keys import PartitionKey
from latewood.model.schemes import Scheme, time_of
from latewood.model.types import TypeSpec


def digest(*parts: str) -> str:
    """32 hex digits over the parts, each prefixed by its length: no two lists of parts read the same."""
    return sha256("".join([f"{len(part)}:{part}" for part in parts]).encode()).hexdigest()[:32]


def parameters_of(task: TaskDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every parameter: given for this run, else fixed with the asset, else the default."""
    return {p.name: given.get(p.name, task.fixed.get(p.name, p.default)) for p in task.parameters}


def logic_digest(
    task: TaskDefinition, parameters: Mapping[str, Any], contents: Mapping[str, str], scheme: Scheme | None
) -> str:
    """What the task would do, whatever it reads. The same for every partition.

    A path in a parameter enters by content: `contents` has the hash of the file or folder, by the path's text.
    Resources enter by a digest of their own: then it is known later whether they are what changed.
    """
    keyed = keyed_parameters(task, parameters, contents)
    # A version that its author gave is a promise about this file's function, not about others of the same name.
    file = task.code.file if task.code.given else ""
    told = _told(task, scheme) if task.receives else ()
    mapped = [f"each {name}" for name in task.each]  # what is done with a list as a whole is something else
    logic = digest(task.name, file, task.code.version, _hex(keyed), *told, *mapped)
    return f"{logic}+{_configured(task.uses)}" if task.uses else logic


def _hex(values: Mapping[str, Any]) -> str:
    return canonical(values).hex() if values else _NO_VALUES


_NO_VALUES: Final = canonical({}).hex()


def _configured(uses: Iterable[UsedResource]) -> str:
    """Equal for equal configurations of equal resources; secrets are no part of them, nor are their names."""
    parts = ((use.parameter, use.resource, canonical(use.keyed).hex()) for use in uses)
    return digest(*[part for use in parts for part in use])


def configuration_digest(resource: str, values: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]]) -> str:
    """What a configuration is recorded under, secrets' references included."""
    return digest(resource, canonical(values).hex(), canonical(secrets).hex())


def keyed_parameters(
    task: TaskDefinition, parameters: Mapping[str, Any], contents: Mapping[str, str]
) -> dict[str, Any]:
    """The parameters that decide a result, by name, with contents in place of paths."""
    keyed = {p.name: parameters[p.name] for p in task.parameters if p.in_key}
    for parameter in task.parameters if contents else ():
        if parameter.in_key and _names_paths(parameter.type):
            keyed[parameter.name] = _by_content(keyed[parameter.name], contents)
    return keyed


def _told(task: TaskDefinition, scheme: Scheme | None) -> Iterator[str]:
    """What a task hears of its asset besides the partition's key, which is a part of the reuse key itself."""
    kinds = {kind for _, kind in task.receives}
    if "context" in kinds:
        yield from (output.asset for output in task.outputs)
    windows = time_of(scheme)
    if not kinds.isdisjoint(("window", "range")) and windows is not None:
        # `2013-01-07` is another stretch of time as a week, as a day and in another zone.
        yield f"{windows.every} in {windows.timezone}"


def path_texts(task: TaskDefinition, parameters: Mapping[str, Any]) -> Iterator[str]:
    """The texts in a task's parameters that may be paths, so that their contents can be hashed."""
    for parameter in task.parameters:
        if parameter.in_key and _names_paths(parameter.type):
            yield from texts_in(parameters[parameter.name])


def may_name_paths(asset: AssetDefinition) -> bool:
    """Whether `asset_paths` can be any; of ten thousand assets few have parameters that are paths."""
    tasks = (asset.task, *[check.task for check in asset.checks]) if asset.checks else (asset.task,)
    return any(p.in_key and _names_paths(p.type) for task in tasks for p in task.parameters)


def asset_paths(asset: AssetDefinition, parameters: Mapping[str, Any]) -> Iterator[str]:
    """The same of the asset's task, with these parameters, and of its checks."""
    yield from path_texts(asset.task, parameters)
    for check in asset.checks:
        yield from path_texts(check.task, parameters_of(check.task, {}))


def _names_paths(type_: TypeSpec) -> bool:
    if type_.kind == "path":
        return True
    within = (*type_.args, *[field.type for field in type_.fields]) if type_.args or type_.fields else ()
    return bool(within) and any(map(_names_paths, within))


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value but the names in it."""
    match value:
        case str():
            yield value
        case list() | tuple():
            for item in value:
                yield from texts_in(item)
        case dict():
            for item in value.values():
                yield from texts_in(item)


def _by_content(value: Any, contents: Mapping[str, str]) -> Any:
    match value:
        case str():
            return contents.get(value, value)
        case list() | tuple():
            return [_by_content(item, contents) for item in value]
        case dict():
            return {key: _by_content(item, contents) for key, item in value.items()}
    return value


def truth(holds: bool) -> str:  # noqa: FBT001 - the value itself
    """The data version of a condition that holds, or does not."""
    return f"json1:{canonical_digest(holds)}"


def inputs_digest(read: Iterable[tuple[str, str]]) -> str:
    """What the task would read: (input name, data version) pairs, in the order of the task's inputs."""
    return digest(*[part for pair in read for part in pair])


def read_version(input_: Input, read: Sequence[tuple[PartitionKey, str]]) -> str:
    """What is read through one input as one data version: (partition, data version) pairs, in order.

    Of one partition it is that version itself, unless the task sees the keys of what it reads; nothing at all
    (before the first partition) is a content too.
    """
    if len(read) == 1 and not input_.lazy:
        return read[0][1]
    if not read:
        return "none1:"
    return "range1:" + digest(*[part for pair in read for part in pair])


def seen_version(where: str, fingerprint: str, uses: Iterable[UsedResource]) -> str:
    """The data version of what an IO says is at a place: fingerprints of others, and elsewhere, may be the same."""
    return f"io1:{digest(where, fingerprint, _configured(uses))}"


def virtual_version(logic: str, inputs: str) -> str:
    """The data version of a virtual asset: what it says of what it is a view of, and the content of that."""
    return f"virtual1:{digest(logic, inputs)}"


def reuse_key(logic: str, inputs: str, partition: PartitionKey) -> str:
    """The key under which a version may be found again."""
    return digest(logic, inputs, partition)


def check_key(
    check: CheckDefinition,
    data_version: str,
    partition: PartitionKey,
    contents: Mapping[str, str],
    scheme: Scheme | None,
) -> str:
    """Equal for equal verdicts: what the check does, what it looks at, and what it is told of the partition.

    `contents` as for `logic_digest`; `scheme` is that of the asset.
    """
    logic = logic_digest(check.task, parameters_of(check.task, {}), contents, scheme)
    return digest(check.name, logic, data_version, partition)
