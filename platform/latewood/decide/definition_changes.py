"""How two deployments of a location differ: what came and went, and what changed of each definition. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from latewood.decide.fingerprint import changed_parts, changed_task
from latewood.model.automations import Automation
from latewood.model.code import CodeChange, CodeVersion
from latewood.model.conditions import Condition, text_of
from latewood.model.definitions import (
    AssetDefinition,
    BareTask,
    CheckDefinition,
    Input,
    Output,
    Parameter,
    TaskDefinition,
    TaskInput,
)
from latewood.model.keys import AssetId
from latewood.model.policies import Resources, Retry, Reuse, Timeouts
from latewood.model.schemes import DynamicKeys, GridScheme, StaticKeys, TimeWindows, title
from latewood.model.types import Field, TypeSpec, display
from latewood.model.workflows import Launchable


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """All that a deployment defines: assets by their ids, and the rest by name."""

    assets: Mapping[AssetId, AssetDefinition] = field(default_factory=dict)
    launchables: Mapping[str, Launchable] = field(default_factory=dict)
    tasks: Mapping[str, BareTask] = field(default_factory=dict)
    automations: Mapping[str, Automation] = field(default_factory=dict)


class Part(NamedTuple):
    """One thing that a definition says otherwise, `parameter scale` say; None where it said nothing of it."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedDefinition:
    """A definition that both have: what is other in it, its code by name, and all else it says."""

    kind: str
    name: str
    code: tuple[CodeChange, ...]
    parts: tuple[Part, ...]


class Named(NamedTuple):
    """A definition by what it is, an asset say, and its name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What the later of two deployments has more, no longer, and otherwise. Order: assets first, then by name."""

    added: tuple[Named, ...] = ()
    removed: tuple[Named, ...] = ()
    changed: tuple[ChangedDefinition, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether both define the same."""
        return not (self.added or self.removed or self.changed)


def difference(before: Definitions, after: Definitions) -> Difference:
    """What becomes of the definitions from one deployment to another. Cost: O(definitions).

    An asset is one whatever it is called: under another name it has changed, and is neither removed nor added.
    """
    added: list[Named] = []
    removed: list[Named] = []
    changed: list[ChangedDefinition] = []
    for kind, old, new in _kinds(before, after):
        added += sorted(Named(kind, _name(new[id_])) for id_ in new.keys() - old.keys())
        removed += sorted(Named(kind, _name(old[id_])) for id_ in old.keys() - new.keys())
        both = (id_ for id_ in old.keys() & new.keys() if old[id_] != new[id_])
        for id_ in sorted(both, key=lambda id_: _name(new[id_])):
            code, parts = differing(old[id_], new[id_])
            changed.append(ChangedDefinition(kind=kind, name=_name(new[id_]), code=code, parts=parts))
    return Difference(added=tuple(added), removed=tuple(removed), changed=tuple(changed))


def _kinds(before: Definitions, after: Definitions) -> Iterator[tuple[str, Mapping[Any, Any], Mapping[Any, Any]]]:
    yield "asset", before.assets, after.assets
    yield "task", before.tasks, after.tasks
    yield "launch", before.launchables, after.launchables
    yield "automation", before.automations, after.automations


def _name(definition: Any) -> str:
    return str(definition.key if isinstance(definition, AssetDefinition) else definition.name)


def differing(old: Any, new: Any) -> tuple[tuple[CodeChange, ...], tuple[Part, ...]]:
    """What differs in code, of a definition's task and its checks, and in what it says."""
    if type(old) is not type(new):
        return (), (Part("kind", _kind(old), _kind(new)),)
    code: tuple[CodeChange, ...] = ()
    for before, after in ((getattr(old, name), getattr(new, name)) for name in type(old).__struct_fields__):
        if isinstance(before, TaskDefinition) and isinstance(after, TaskDefinition):
            code += changed_task(before, after)
    if isinstance(old, AssetDefinition):
        checks = {check.name: check for check in new.checks}
        for check in old.checks:
            if check.name in checks:
                code += changed_parts(check.task.code, checks[check.name].task.code)
    return tuple(dict.fromkeys(code)), tuple(_parts(old, new, ""))


def _kind(definition: Any) -> str:
    return str(type(definition).__struct_config__.tag)


_WORDS: Final = {"inputs": "input", "parameters": "parameter", "outputs": "output", "checks": "check", "key": "name"}
"""What people call what is in a field, where that is not the field's name."""


def _parts(old: msgspec.Struct, new: msgspec.Struct, within: str) -> Iterator[Part]:
    """What two definitions of one type say otherwise, field by field; code aside, of which each part is named."""
    for name in type(old).__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        word = f"{within}{_WORDS.get(name, name)}"
        if before == after or isinstance(before, CodeVersion):
            continue
        if isinstance(before, TaskDefinition) and isinstance(after, TaskDefinition):
            yield from _parts(before, after, within)
        elif isinstance(before, dict):
            yield from _by_name(before, after, word)
        elif name in _WORDS and isinstance(before, tuple):
            yield from _by_name({each.name: each for each in before}, {each.name: each for each in after}, word)
        elif isinstance(before, Reuse | Retry | Timeouts | Resources):
            yield from _parts(before, after, f"{word}.")
        else:
            yield Part(word, _text(before), _text(after))


def _by_name(old: Mapping[str, Any], new: Mapping[str, Any], word: str) -> Iterator[Part]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, _NAMED) and isinstance(after, _NAMED):
            yield from _parts(before, after, f"{word} {name}: ")
        else:
            yield Part(f"{word} {name}", _text(before), _text(after))


_NAMED: Final = (Input, Output, Parameter, TaskInput, Field, CheckDefinition)


def _text(value: Any) -> str | None:
    """A value as people read it, of a part what tells most of it; None for what is not said."""
    match value:
        case None | () | "" | {}:
            return None
        case str():
            return value
        case TypeSpec():
            return display(value)
        case Input():
            return f"{display(value.type)} of {value.asset}"
        case Output() | Parameter() | TaskInput() | Field():
            return display(value.type)
        case CheckDefinition():
            return "blocking" if value.blocking else value.severity.value
        case TimeWindows() | StaticKeys() | DynamicKeys() | GridScheme():
            return title(value)
        case Condition():
            return text_of(value)  # type: ignore[arg-type]  # each of its kinds is one that a definition may have
        case _:
            return msgspec.json.encode(value).decode()
