"""How two versions of an asset differ: in code, in what it was told, in what it read, and in what came of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from latewood.decide.canonical import are_equal
from latewood.decide.definition_changes import Part, differing
from latewood.decide.state import VersionFacts
from latewood.events import InputRead, StepStarted
from latewood.model.code import CodeChange
from latewood.model.definitions import AssetDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: its definition as it was deployed then, and how it was computed, as far as these are known."""

    facts: VersionFacts
    definition: AssetDefinition | None
    started: StepStarted | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Changed(NamedTuple):
    """A value by its name; None where there is none."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChanges:
    """What the later one has otherwise. `parts` is what its definition says; `configurations` are of resources.

    `inputs` are of what was read by each, also where other versions had the same content.
    """

    code: tuple[CodeChange, ...]
    parts: tuple[Part, ...]
    parameters: tuple[Changed, ...]
    configurations: tuple[Changed, ...]
    inputs: tuple[Changed, ...]
    metadata: tuple[Changed, ...]


def version_changes(before: Side, after: Side) -> VersionChanges:
    """What differs between two versions of an asset; nothing but that. Each list is in the order of names."""
    code, parts = _of_definitions(before, after)
    old, new = before.started, after.started
    return VersionChanges(
        code=code,
        parts=parts,
        parameters=tuple(_changed(old.parameters if old else {}, new.parameters if new else {})),
        configurations=tuple(_changed(old.configurations if old else {}, new.configurations if new else {})),
        inputs=tuple(_changed(old.inputs if old else {}, new.inputs if new else {})),
        metadata=tuple(_changed(before.metadata, after.metadata)),
    )


def _of_definitions(before: Side, after: Side) -> tuple[tuple[CodeChange, ...], tuple[Part, ...]]:
    old, new = before.facts.code, after.facts.code
    if before.definition is not None and after.definition is not None:
        code, parts = differing(before.definition, after.definition)
        if code or old == new:
            return code, parts
    else:
        parts = ()
    if old == new:
        return (), parts
    return (CodeChange(subject="version", name="", before=old or None, after=new or None),), parts


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Changed]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new or not _are_same(old[name], new[name]):
            yield Changed(name, old.get(name), new.get(name))


def _are_same(old: Any, new: Any) -> bool:
    return old == new if isinstance(old, InputRead) else are_equal(old, new)
