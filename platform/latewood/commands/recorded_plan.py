"""What a run was asked for and planned, as it was recorded, and the definitions that this is about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

from latewood.commands.explaining import run_events
from latewood.commands.runs import request_of
from latewood.commands.views import AsOf, View, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.sweep import Sweep
from latewood.events import PlannedSteps, RunPlanned, RunRequested
from latewood.model.elements import elements_of, is_elements, list_of
from latewood.model.keys import AssetId, AssetKey
from latewood.model.schemes import Scheme
from latewood.projections.runs import RunRow
from latewood.projections.snapshots import snapshot, uncollected
from latewood.projections.states import NOW
from latewood_eventlog.records import Position

_AT_ONCE = 10
"""Events of a run that are looked at for its plan, which is the first of them: mostly one, seldom more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPlan:
    """A run's request and plan. `made_from` is the position whose state it was made from; None before there is one."""

    requested: RunRequested
    steps: tuple[PlannedSteps, ...]
    fresh: int
    made_from: Position | None
    view: View
    keys: Mapping[AssetId, AssetKey]

    def knows(self, id_: AssetId) -> bool:
        """Whether the run's deployments define it."""
        return list_of(id_) in self.keys

    def key(self, id_: AssetId) -> AssetKey:
        """What the asset was called then; of the elements of a list what these are."""
        key = self.keys.get(list_of(id_), AssetKey(id_))
        return elements_of(key) if is_elements(id_) else key

    def scheme(self, id_: AssetId) -> Scheme | None:
        """How it was partitioned."""
        asset = self.view.catalog.assets.get(self.key(id_))
        return None if asset is None else asset.partitions


def given_of(requested: RunRequested) -> Sweep:
    """The parameters as they were asked for."""
    fixed = tuple(
        ({key: {name: value}},) for key, values in requested.parameters.items() for name, value in values.items()
    )
    return Sweep(axes=(*fixed, *requested.sweep), zipped=requested.zipped)


def recorded_plan(workspace: Workspace, row: RunRow, up_to: Position = NOW) -> RecordedPlan:
    """What a run was asked for and planned, as far as it was by a position. Cost: O(the plan's ranges, definitions)."""
    requested = request_of(workspace, row)
    steps: list[PlannedSteps] = []
    at, position, fresh, made_from = row.requested_at, row.requested_position, 0, None
    for event, fact in takewhile(
        lambda pair: isinstance(pair[1], RunRequested | RunPlanned), run_events(workspace, row.run, _AT_ONCE)
    ):
        if isinstance(fact, RunPlanned) and event.position <= up_to:
            steps += fact.steps
            at, position, fresh, made_from = event.occurred_at, event.position, fact.fresh, fact.position
    there = replace(workspace, environment=row.environment)
    with uncollected(), snapshot(workspace.log) as connection:
        as_of = AsOf(position, at)
        view = read_view(connection, there, as_of=as_of, loaded=None, ids={}, pinned=requested.deployments)
    return RecordedPlan(
        requested=requested,
        steps=tuple(steps),
        fresh=fresh,
        made_from=made_from,
        view=view,
        keys={id_: key for key, id_ in view.ids.items()},
    )
