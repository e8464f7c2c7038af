"""What a schedule asks for at a tick, and a sensor by a run request."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from latewood.commands.launching import launched
from latewood.commands.planning import Asked
from latewood.commands.reading import read, select_keys
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.context import RunRequest
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.errors import UsageError
from latewood.model.automations import ScheduleDefinition, SensorDefinition
from latewood.model.definitions import Origin
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey
from latewood.model.partitions import keys_of, last_window
from latewood.projections.launchables import launchables_of
from latewood.projections.snapshots import snapshot


def asked_at(workspace: Workspace, view: View, location: str, schedule: ScheduleDefinition, tick: datetime) -> Asked:
    """What the location's schedule asks for. Raises UsageError for what is not defined by now."""
    asked = _of_target(workspace, view, location, schedule, {})
    asked = replace(asked, partition=schedule.partition, values={**asked.values, **schedule.parameters})
    asked = replace(asked, automation=schedule.name)
    return _of_last_window(workspace, view, asked, tick) if schedule.last_window else asked


def asked_by(workspace: Workspace, view: View, location: str, sensor: SensorDefinition, request: RunRequest) -> Asked:
    """What the location's sensor asks for by this request. Raises UsageError."""
    asked = _of_target(workspace, view, location, sensor, request.parameters)
    return replace(asked, partition=request.partition, automation=sensor.name, run_key=request.run_key)


def _of_target(
    workspace: Workspace,
    view: View,
    location: str,
    automation: ScheduleDefinition | SensorDefinition,
    values: Mapping[str, Any],
) -> Asked:
    """What is selected, or launched, with these values by what users call them."""
    if not automation.launch:
        return Asked(selection=automation.selection, values=values)
    with snapshot(workspace.log) as connection:
        found = launchables_of(connection, workspace.project, {location: view.deployments[location]})
    there = [each for entries in found.values() for _, _, each in entries]
    return launched(there, automation.launch, (), values=values)


def _of_last_window(workspace: Workspace, view: View, asked: Asked, tick: datetime) -> Asked:
    """The same of the windows that ended last at the tick, and of what has no partitions."""
    places: dict[AssetKey, tuple[PartitionKey, ...]] = {}
    windows: set[PartitionKey] = set()
    for key in _selected(workspace, view, asked.selection):
        scheme = view.catalog[key].partitions
        if view.catalog[key].origin is not Origin.MADE:
            continue
        if scheme is None:
            places[key] = (UNPARTITIONED,)
        elif partitions := keys_of(scheme, last_window(scheme, tick)):
            places[key] = partitions
            windows.update(partitions)
    if not windows:
        raise UsageError(f'"{asked.selection}": expected an asset with a window of time that ended before {tick}')
    return replace(asked, places=places, partition=", ".join(sorted(windows)))


def _selected(workspace: Workspace, view: View, selection: str) -> Sequence[AssetKey]:
    if uses_status(parse(selection)):
        return select_keys(read(workspace), selection)
    return select(parse(selection), view.catalog.graph, view.catalog.assets)
