"""What a command is given: inputs as files, the rest as variables, in arguments, and in the document of its context."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from latewood.context import Partitioned
from latewood.engine.code.commands import Command
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.signature import Signature, parse_parameter
from latewood.engine.processes.environment import environment_of
from latewood.engine.processes.folders import Folder
from latewood.engine.processes.messages import PROTOCOL
from latewood.engine.processes.told import StepTold
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.formats import hand_over, usual_suffix
from latewood.model.grids import GridKey
from latewood.model.keys import PartitionKey
from latewood.model.partitions import PartitionRange, TimeWindow
from latewood.model.types import display
from latewood.places import segment

_PREFIX: Final = "LATEWOOD_"


@dataclass(frozen=True, slots=True)
class Given:
    """What is said to one call, in three ways: in place of placeholders, as variables, and in the context's document.

    `outputs` is where it is to write what it makes, by output.
    """

    texts: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)


def give(
    command: Command,
    signature: Signature,
    arguments: Mapping[str, Any],
    outputs: Mapping[str, Any],
    folder: Folder,
    told: StepTold | None,
) -> Given:
    """Hand over the arguments, and say where `outputs`, by their annotations, are to be written.

    Raises ValueRefused for a value that cannot be handed over as the command asks for it.
    """
    given = Given()
    given.document.update(
        {
            "protocol": PROTOCOL,
            "run": told.run if told else None,
            "step": told.step if told else None,
            "attempt": told.attempt if told else 1,
            "partition": (told.partition or None) if told else None,
            "inputs": {},
            "parameters": {},
            "outputs": {},
        }
    )
    if told and told.partition:
        given.variables[f"{_PREFIX}PARTITION"] = told.partition
    for name, value in arguments.items():
        if name in signature.inputs:
            _give_input(given, command, name, value, signature.inputs[name], folder, told)
        elif name in signature.annotations:
            _give_parameter(given, name, value, signature.annotations[name])
        else:
            _give_received(given, name, value, told)
    for name, annotation in outputs.items():
        _give_output(given, command, name, annotation, folder, single=set(outputs) == {RESULT})
    folder.context.write_text(json.dumps(given.document, indent=1), encoding="utf-8")
    given.variables[f"{_PREFIX}CONTEXT"] = str(folder.context)
    given.variables[f"{_PREFIX}MESSAGES"] = str(folder.messages)
    return given


def environment(command: Command, given: Given, told: StepTold | None) -> dict[str, str]:
    """All variables of the process: those of this one but for what it is not to see, its own, and what it is given.

    Raises SecretUnavailable.
    """
    configured = told.loaded.resources.values() if told else ()
    own = [reference["env"] for each in configured for reference in each.secrets.values() if "env" in reference]
    found = environment_of(os.environ, hidden=told.hidden if told else (), own=own)
    for name, value in command.environ.items():
        if isinstance(value, str):
            found[name] = command.filled(value, given.texts)
        else:
            found[name] = (replace(value, root=told.loaded.root) if told else value).reveal()
    return found | given.variables


def _give_input(
    given: Given, command: Command, name: str, value: Any, annotation: Any, folder: Folder, told: StepTold | None
) -> None:
    named = command.reads.get(name, "")
    read = told.read.get(name, ()) if told else ()
    if isinstance(value, Partitioned):
        inner = annotation.__args__[0]
        path, parts = _give_partitions(folder, name, named, value, inner)
        versions = dict(read)
        said: dict[str, Any] = {
            "partitions": [{"partition": k, "path": str(p), "data_version": versions.get(k)} for k, p in parts]
        }
    else:
        path = hand_over(
            value, annotation, lambda suffix: folder.handed(f"{name}{suffix}", named=named), linked=bool(named)
        )
        inner = annotation
        said = {"data_version": read[0][1]} if len(read) == 1 else {}
        if len(read) > 1:
            said["read"] = [{"partition": key, "data_version": version} for key, version in read]
    given.document["inputs"][name] = {"path": str(path), "type": display(type_spec(inner)), **said}
    given.texts[name] = given.variables[f"{_PREFIX}INPUT_{name.upper()}"] = str(path)


def _give_partitions(
    folder: Folder, name: str, named: str, values: Partitioned[Any], annotation: Any
) -> tuple[Path, list[tuple[PartitionKey, Path]]]:
    """A folder with a file for each partition, by its key; as `NAME/*.SUFFIX` asks for, if it does."""
    pattern = PurePosixPath(named)
    home = folder.handed(name, named=str(pattern.parent) if named else "")
    home.mkdir(parents=True, exist_ok=True)

    def place(key: PartitionKey, suffix: str) -> Path:
        return home / f"{segment(key)}{pattern.suffix or suffix}"

    parts = [(key, hand_over(value, annotation, partial(place, key), linked=True)) for key, value in values]
    return home, parts


def _give_parameter(given: Given, name: str, value: Any, annotation: Any) -> None:
    plain = parse_parameter(name, annotation, value)
    given.document["parameters"][name] = plain
    given.texts[name] = given.variables[f"{_PREFIX}PARAM_{name.upper()}"] = _text(plain)


def _text(plain: Any) -> str:
    """A JSON value as one argument: texts as they are, nothing as nothing."""
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain)


def _give_received(given: Given, name: str, value: Any, told: StepTold | None) -> None:
    match value:
        case TimeWindow(start=start, end=end):
            ends = {"start": start.isoformat(), "end": end.isoformat()}
            given.document["window"] = ends
            given.texts.update({f"{name}.{which}": text for which, text in ends.items()})
            given.variables.update({f"{_PREFIX}WINDOW_{which.upper()}": text for which, text in ends.items()})
        case PartitionRange(first=first, last=last):
            ends = {"first": first, "last": last}
            given.document["range"] = ends
            given.texts.update({f"{name}.{which}": text for which, text in ends.items()})
            given.variables.update({f"{_PREFIX}RANGE_{which.upper()}": text for which, text in ends.items()})
        case str():
            given.document["partition"] = given.texts[name] = given.variables[f"{_PREFIX}PARTITION"] = str(value)
            if isinstance(value, GridKey):
                given.texts.update({f"{name}.{dimension}": key for dimension, key in value.parts.items()})
        case _:
            given.document["assets"] = list(told.assets) if told else []


def _give_output(given: Given, command: Command, name: str, annotation: Any, folder: Folder, *, single: bool) -> None:
    spec = type_spec(annotation)
    if spec.kind == "none":
        return
    path = folder.made(f"{name}{usual_suffix(spec)}", named=command.writes.get(name, ""))
    given.outputs[name] = path
    given.document["outputs"][name] = {"path": str(path), "type": display(spec)}
    if single:
        given.texts["output"] = given.variables[f"{_PREFIX}OUTPUT"] = str(path)
    else:
        given.texts[f"output.{name}"] = given.variables[f"{_PREFIX}OUTPUT_{name.upper()}"] = str(path)
