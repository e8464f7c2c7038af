"""Reuse keys: what would be computed, as digests of their parts.

    reuse key = logic + inputs + partition
    logic     = task, code version, parameters, and the asset keys where the task reads its context
    inputs    = the data version read through each input, by input name

The parts are kept beside the key, so that two keys can be compared part by part. Digests are 32 hexadecimal
digits of sha256 over length-prefixed parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from latewood.decide.canonical import canonical
from latewood.model.definitions import CheckDefinition, TaskDefinition
from latewood.model.keys import PartitionKey


def digest(*parts: str) -> str:
    """32 hex digits over the parts, each prefixed by its length: no two lists of parts read the same."""
    return sha256("".join([f"{len(part)}:{part}" for part in parts]).encode()).hexdigest()[:32]


def parameters_of(task: TaskDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every parameter: given for this run, else fixed with the asset, else the default."""
    return {p.name: given.get(p.name, task.fixed.get(p.name, p.default)) for p in task.parameters}


def logic_digest(task: TaskDefinition, parameters: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """What the task would do, whatever it reads. The same for every partition.

    A Path parameter enters by content: `contents` has the hash of the file or folder, by the path's text.
    """
    keyed = {
        p.name: contents.get(parameters[p.name], parameters[p.name]) if p.type.kind == "path" else parameters[p.name]
        for p in task.parameters
        if p.in_key
    }
    reads_context = any(kind == "context" for _, kind in task.receives)
    outputs = [output.asset for output in task.outputs] if reads_context else []
    return digest(task.name, task.code.version, canonical(keyed).hex(), *outputs)


def inputs_digest(read: Iterable[tuple[str, str]]) -> str:
    """What the task would read: (input name, data version) pairs, in the order of the task's inputs."""
    return digest(*[part for pair in read for part in pair])


def read_version(read: Sequence[tuple[PartitionKey, str]]) -> str:
    """What is read through one input as one data version: (partition, data version) pairs, in order.

    Of one partition it is that version itself; nothing at all (before the first partition) is a content too.
    """
    if len(read) == 1:
        return read[0][1]
    if not read:
        return "none1:"
    return "range1:" + digest(*[part for pair in read for part in pair])


def reuse_key(logic: str, inputs: str, partition: PartitionKey) -> str:
    """The key under which a version may be found again."""
    return digest(logic, inputs, partition)


def check_key(check: CheckDefinition, data_version: str, partition: PartitionKey) -> str:
    """Equal for equal verdicts: what the check does and what it looks at."""
    return digest(check.name, check.task.code.version, data_version, partition)
