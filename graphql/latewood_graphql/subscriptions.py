"""What can be followed as it happens."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import graphene

from latewood.commands.run_progress import TaskProgress
from latewood.commands.views import known_key
from latewood.errors import UsageError
from latewood.model.keys import AssetKey
from latewood_graphql.calls import Call
from latewood_graphql.fields import given, many
from latewood_graphql.live.channels import Followed
from latewood_graphql.live.sources import AssetChanges, Changes, Cursor, Events, Printed, Progress, ProgressAt
from latewood_graphql.nodes.events import Event, checked_types
from latewood_graphql.nodes.graphs import AssetColumns, columns_of
from latewood_graphql.nodes.log_pages import stream_of
from latewood_graphql.nodes.logs import LogLine, cursor_given
from latewood_graphql.nodes.runs import Run, as_it_was
from latewood_graphql.pages import cursor_of
from latewood_graphql.scalars import PositionScalar, Texts


class StepCount(graphene.ObjectType):
    """Steps that stand alike."""

    status = graphene.String(required=True, description="How they stand.")
    count = graphene.Int(required=True, description="How many there are.")
    partitions = graphene.String(
        required=True, description="Of which partitions they are, the first ranges; empty where there are none."
    )
    is_cut = graphene.Boolean(required=True, description="Whether there are more ranges than those.")


class TaskSteps(graphene.ObjectType):
    """The steps of one task of a run."""

    assets = many(graphene.String, "Keys of the assets that it makes.")
    total = graphene.Int(required=True, description="How many steps there are.", resolver=given("steps.total"))
    ended = graphene.Int(required=True, description="How many of them have ended.", resolver=given("steps.ended"))
    trials = graphene.Int(
        required=True,
        description="In a sweep how many variants are made of each; else 1.",
        resolver=given("steps.trials"),
    )
    steps = many(StepCount, "The steps by how they stand.")

    def resolve_steps(self: TaskProgress, _info: Any) -> Iterator[dict[str, Any]]:
        """In the order of a step's life."""
        for status, count in self.steps.counts.items():
            yield {
                "status": status,
                "count": count,
                "partitions": self.partitions(status, _RANGES_MAX),
                "is_cut": self.is_cut(status, _RANGES_MAX),
            }


class FailedStep(graphene.ObjectType):
    """A step that failed for good."""

    step = graphene.Int(required=True, description="Its number.")
    asset = graphene.String(required=True, description="The first asset that it makes.")
    partition = graphene.String(required=True, description="Partition; empty where there is none.")
    error = graphene.String(required=True, description="The type of the exception, or what it is called.")
    message = graphene.String(required=True, description="What it says.")


class RunProgressNode(graphene.ObjectType):
    """How far a run is."""

    class Meta:
        """Its name in the schema."""

        name = "RunProgress"

    run = graphene.Field(Run, required=True, description="The run as it stands.")
    total = graphene.Int(required=True, description="How many steps it has.", resolver=given("progress.total"))
    ended = graphene.Int(required=True, description="How many of them have ended.", resolver=given("progress.ended"))
    rate = graphene.Float(required=True, description="How many end in a second now.", resolver=given("progress.rate"))
    seconds_left = graphene.Float(description="How long the rest takes at that pace; null where nobody knows.")
    tasks = many(TaskSteps, "Its tasks, in the order of the plan.", resolver=given("progress.tasks"))
    failures = many(FailedStep, "The first steps that failed.")

    def resolve_run(self: ProgressAt, _info: Any) -> Any:
        """Of the same snapshot."""
        return as_it_was(self.project, self.progress.row)

    def resolve_seconds_left(self: ProgressAt, _info: Any) -> float | None:
        """As a number."""
        return None if self.progress.left is None else self.progress.left.total_seconds()

    def resolve_failures(self: ProgressAt, _info: Any) -> Iterator[dict[str, Any]]:
        """In the order of the log."""
        for key, fact in self.progress.failures:
            yield {
                "step": fact.step,
                "asset": key,
                "partition": fact.partition,
                "error": fact.failure.error,
                "message": fact.failure.message,
            }


class AssetChangesNode(graphene.ObjectType):
    """Assets that stand otherwise than before, as columns like those of `assetGraph`, and keys that are gone."""

    class Meta:
        """Its name in the schema, and the columns of how they stand."""

        name = "AssetChanges"
        interfaces = (AssetColumns,)

    position = graphene.Field(PositionScalar, required=True, description="The position that they stand so at.")
    keys = graphene.Field(Texts, required=True, description="Keys of the assets, also of those that are new.")
    removed = graphene.Field(Texts, required=True, description="Keys of assets that are defined no more.")


_RANGES_MAX: Final = 20
_PROJECT: Final = {"project": graphene.String(required=True, default_value="default", description="In which project.")}
_AFTER: Final = "Only what is behind this position, as an item before or a query had it; by default from now on."


def _itself(root: Any, _info: Any, **_: Any) -> Any:
    return root


class Subscription(graphene.ObjectType):
    """What can be followed, by server-sent events or graphql-transport-ws.

    The extensions of each item say what `after` takes to go on behind it, so that who was cut off misses nothing and
    has nothing twice. Who takes items too slowly is cut off with the error TOO_SLOW, which says the same.
    """

    events = graphene.Field(
        Event,
        required=True,
        description="Events of the log, one by one; those of tokens are for admins alone.",
        resolver=_itself,
        types=graphene.List(graphene.NonNull(graphene.String), description="Only those of these types, at least one."),
        asset=graphene.ID(description="Only those about this asset, by its key in `environment`."),
        environment=graphene.String(required=True, default_value="prod", description="Where `asset` is called so."),
        run=graphene.ID(description="Only those of this run."),
        stream=graphene.String(description="Only those of this stream, as events name it."),
        after=graphene.Argument(PositionScalar, description=_AFTER),
        **_PROJECT,
    )
    run_progress = graphene.Field(
        RunProgressNode,
        required=True,
        description="How far a run is, at once and whenever that changes, until it has ended.",
        resolver=_itself,
        run=graphene.ID(required=True, description="The run, or the beginning of its id."),
        **_PROJECT,
    )
    logs = graphene.Field(
        LogLine,
        required=True,
        description="What a step prints, line by line from the first, also while it runs, until it has ended.",
        resolver=_itself,
        run=graphene.ID(required=True, description="The run, or the beginning of its id."),
        step=graphene.Int(required=True, description="The number of the step."),
        after=graphene.String(description="Only lines behind the one with this cursor."),
        **_PROJECT,
    )
    asset_changes = graphene.Field(
        AssetChangesNode,
        required=True,
        description="Assets of an environment that stand otherwise than before.",
        resolver=lambda changes, _info, **_: _columns(changes),
        environment=graphene.String(required=True, default_value="prod", description="Which one."),
        after=graphene.Argument(PositionScalar, description=_AFTER),
        **_PROJECT,
    )


def _columns(changes: Changes) -> dict[str, Any]:
    told = {"position": changes.position, "keys": changes.keys, "removed": changes.removed}
    return {**told, **columns_of(changes.rows)}


def _position(after: Any) -> Cursor:
    text = str(after)
    if not text.isdecimal():
        raise UsageError(f"expected the position of an item, found {after!r}")
    return (int(text),)


def _events(call: Call, project: str, environment: str, **asked: Any) -> Followed:
    there = call.project(project, None)
    types, asset = checked_types(asked.get("types")), asked.get("asset")
    view = there.environment(environment).view if asset is not None else None
    source = Events(
        project=project,
        types=None if types is None else frozenset(types),
        asset=None if view is None else view.ids[known_key(view, AssetKey(str(asset)))],
        stream=stream_of(there.workspace, asked.get("run"), asked.get("stream")),
    )
    return Followed(source=source, told=lambda cursor: cursor[0], meant=_position)


def _progress(call: Call, project: str, run: str) -> Followed:
    return Followed(source=Progress(call, project, run), told=lambda _: None, meant=lambda _: ())


def _printed(call: Call, project: str, run: str, step: int) -> Followed:
    return Followed(
        source=Printed(call, project, run, step),
        told=lambda cursor: cursor_of(list(cursor)),
        meant=lambda after: cursor_given(after, of_step=True) or (),
        begin=(),
    )


def _changes(call: Call, project: str, environment: str) -> Followed:
    source = AssetChanges(call, project, environment)
    return Followed(source=source, told=lambda cursor: cursor[0], meant=_position)


SOURCES: Final[Mapping[str, Any]] = {
    "events": _events,
    "runProgress": _progress,
    "logs": _printed,
    "assetChanges": _changes,
}
"""By field what is followed."""
