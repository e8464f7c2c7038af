"""Pinned parameters: what an environment takes in place of their defaults."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

from latewood.commands.environments import append_to_environment
from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis
from latewood.commands.parameters import from_shell, require_recordable
from latewood.commands.views import PRESENT, View, known_parameter, parameter_meant, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.canonical import are_equal
from latewood.decide.keys import parameters_of
from latewood.decide.state import Pin
from latewood.decide.sweep import Sweep, split_values
from latewood.engine.loading.signature import parse_parameter
from latewood.engine.values.recorded_types import annotation_of
from latewood.errors import Conflict, NotFound, UsageError
from latewood.events import Event, ParameterPinned, ParameterUnpinned
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.snapshots import snapshot
from latewood_eventlog.records import Position

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A parameter and the values that the environment had and has for it."""

    asset: AssetKey
    parameter: str
    before: Any
    after: Any
    pinned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Repinned:
    """What was changed, as of a position; what was so already is not among it."""

    changed: tuple[Changed, ...]
    position: Position


def pins(workspace: Workspace) -> list[tuple[AssetKey, Pin]]:
    """What the environment pins, with the first asset of each step, in order."""
    with snapshot(workspace.log) as connection:
        return pins_in(read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={}))


def pins_in(view: View) -> list[tuple[AssetKey, Pin]]:
    """The same of what was read."""
    own = [(key, pin) for key, by_name in view.pins.items() for pin in by_name.values() if view.ids[key] == pin.asset]
    return sorted((key, pin) for key, pin in own if pin.pinned)


def pin(workspace: Workspace, texts: Sequence[str]) -> Repinned:
    """Fix `ASSET.NAME=VALUE` in the environment and its later branches.

    Raises UsageError and ValueRefused for what is no parameter or no value of it; then nothing is pinned.
    """
    return _repin(workspace, texts, _wanted)


def pin_values(workspace: Workspace, values: Sequence[tuple[str, Any]]) -> Repinned:
    """Fix each `ASSET.NAME` at a value as JSON; paths in it are so to the project's root. Raises as `pin` does."""
    return _repin(workspace, values, lambda view, said: _pinning(view, *said, None))


def unpin(workspace: Workspace, texts: Sequence[str]) -> Repinned:
    """Give `ASSET.NAME` its default again. Raises UsageError for what is not pinned; then nothing is changed."""
    return _repin(workspace, texts, _pinned)


def _repin(
    workspace: Workspace, said: Sequence[T], read: Callable[[View, T], tuple[AssetKey, str, bool, Any]]
) -> Repinned:
    environment = workspace.environment
    for _ in range(ATTEMPTS):
        with snapshot(workspace.log) as connection:
            view = read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={})
        facts: list[Event] = []
        changed: list[Changed] = []
        steps: set[AssetId] = set()
        for key, name, pinned, value in (read(view, each) for each in said):
            now = view.pins.get(key, {}).get(name)
            if now is not None and now.pinned == pinned and are_equal(now.value, value):
                continue
            before = parameters_of(view.catalog[key].task, {}).get(name)
            changed.append(Changed(asset=key, parameter=name, before=before, after=value, pinned=pinned))
            step = view.ids[view.catalog[key].task.outputs[0].asset]
            steps.add(step)
            if pinned:
                facts.append(ParameterPinned(environment=environment, asset=step, parameter=name, value=value))
            else:
                facts.append(ParameterUnpinned(environment=environment, asset=step, parameter=name))
        if not facts:
            return Repinned(changed=(), position=view.position)
        try:
            basis = Basis(position=view.position, environments=(environment,), assets=steps)
            done = append_to_environment(workspace, environment, facts, ("pinned", view.position), basis=basis)
        except OVERTAKEN:
            continue
        return Repinned(changed=tuple(changed), position=done.last)
    raise Conflict(f"{environment} was changed by others in each of {ATTEMPTS} attempts; nothing was pinned")


def _wanted(view: View, text: str) -> tuple[AssetKey, str, bool, Any]:
    target, value = pin_said(text)
    return _pinning(view, target, value, lambda path: from_shell(path, view.root))


def pin_said(text: str) -> tuple[str, Any]:
    """What `ASSET.NAME=VALUE` says: `ASSET.NAME`, and the value as JSON. Raises UsageError."""
    target, equals, written = text.partition("=")
    if not equals or "." not in target:
        raise UsageError(f'"{text}": expected ASSET.NAME=VALUE')
    values = split_values(written)
    if len(values) > 1:
        raise UsageError(
            f'"{text}": expected one value, found {len(values)}; text with a comma stands in double quotes'
        )
    return target, values[0]


def _pinning(
    view: View, target: str, given: Any, place: Callable[[PurePath], PurePath] | None
) -> tuple[AssetKey, str, bool, Any]:
    key, parameter = known_parameter(view, target)
    value = parse_parameter(parameter.name, annotation_of(parameter), given, place)
    require_recordable(Sweep.of({key: {parameter.name: value}}))
    return key, parameter.name, True, value


def _pinned(view: View, text: str) -> tuple[AssetKey, str, bool, Any]:
    key, name = parameter_meant(view, text)
    pinned = [name for name, pin in view.pins.get(key, {}).items() if pin.pinned]
    if name not in pinned:
        near = difflib.get_close_matches(name, pinned, n=3)
        hint = f"near: {', '.join(near)}" if near else f"pinned there: {', '.join(pinned) or 'nothing'}"
        raise NotFound("parameter", f'"{key}" has "{name}" not pinned in this environment; {hint}')
    return key, name, False, None
