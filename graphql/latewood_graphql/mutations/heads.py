"""What counts as the current version of things: set by hand, taken back, reported by others."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import graphene

from latewood.commands.heads import Moved, Promoted, promote_version, rollback
from latewood.commands.observing import report
from latewood.commands.pinning import Repinned, pin_values, unpin
from latewood.commands.retracting import retract, undo
from latewood.commands.sightings import Observed
from latewood.commands.workspace import Workspace
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import is_partition, ordinal_of
from latewood_graphql.fields import given, many
from latewood_graphql.mutations.acting import Done, mutation, success
from latewood_graphql.nodes.assets import Asset, AssetAt
from latewood_graphql.nodes.changes import ParameterChanged
from latewood_graphql.nodes.partitions import Chosen, PartitionSet
from latewood_graphql.scalars import Json, Moment


def _asset(self: Done, _info: Any) -> AssetAt:
    return AssetAt(environment=self.environment, key=self.done.key)


def _chosen(self: Done, keys: Any) -> Chosen:
    scheme = self.environment.view.catalog[self.done.key].partitions
    ordinals = Ordinals.of(ordinal_of(scheme, key) for key in keys if is_partition(scheme, key))
    return Chosen(scheme=scheme, ordinals=ordinals)


RolledBack: Final = success(
    "RolledBack",
    "The environment points to earlier versions; nothing was computed or lost.",
    asset=graphene.Field(Asset, required=True, description="The asset.", resolver=_asset),
    moved=graphene.Field(
        PartitionSet,
        required=True,
        description="Partitions whose head was moved; none where all were so already.",
        resolver=lambda self, _info: _chosen(self, self.done.moves),
    ),
    kept=graphene.Field(
        PartitionSet,
        required=True,
        description="Partitions that had no version to go back to.",
        resolver=lambda self, _info: _chosen(self, self.done.kept),
    ),
)

VersionPromoted: Final = success(
    "VersionPromoted",
    "All that a step made is head now.",
    version=graphene.ID(required=True, description="The version.", resolver=given("done.version")),
    partition=graphene.String(
        required=True, description="Its partition; empty where there is none.", resolver=given("done.partition")
    ),
    moved=many(
        graphene.String,
        "Keys of the assets whose head it was not before.",
        resolver=lambda self, _info: list(self.done.moves),
    ),
    replaced=graphene.List(
        graphene.ID,
        required=True,
        description="The version that was head of each of them until then; null where there was none.",
        resolver=lambda self, _info: list(self.done.moves.values()),
    ),
    parameters=graphene.Field(
        Json,
        required=True,
        description="Parameters, by `ASSET.NAME`, that the environment has other values of.",
        resolver=given("done.others"),
    ),
)

_MENDED_MAX: Final = 100


class Mending(graphene.ObjectType):
    """What a run of all that is stale in an environment would do, in steps."""

    environment = graphene.String(required=True, description="The environment.")
    run = graphene.Int(required=True, description="Steps that would be run.")
    depends = graphene.Int(required=True, description="Steps of which their inputs decide whether they are.")
    reuse = graphene.Int(required=True, description="Steps of which an earlier result would be taken.")
    blocked = graphene.Int(
        required=True, description="Steps that would make just what was retracted, or would read that."
    )


Corrected: Final = success(
    "Corrected",
    "Versions were retracted, or that was taken back.",
    versions_count=graphene.Int(
        required=True,
        description="How many versions are meant.",
        resolver=lambda self, _info: len(self.done.chosen.versions),
    ),
    unchanged_count=graphene.Int(
        required=True, description="How many of them were so already.", resolver=given("done.chosen.unchanged")
    ),
    downstream_count=graphene.Int(
        required=True,
        description="How many versions were made from them, or from what equals them.",
        resolver=lambda self, _info: sum(len(made.versions) for made in self.done.reach.made),
    ),
    mending=many(
        Mending,
        "What mends it: a run of all that is stale, by environment in which any of it is head, the first hundred.",
        resolver=lambda self, _info: [
            {"environment": name, **{action.name.lower(): count for action, count in plan.counts.items()}}
            for name, plan in islice(self.done.reach.plans.items(), _MENDED_MAX)
        ],
    ),
)

ParametersPinned: Final = success(
    "ParametersPinned",
    "What an environment takes for parameters are these values, or the defaults again.",
    changed=many(
        ParameterChanged,
        "Those that were otherwise before; `after` is null for a default.",
        resolver=lambda self, _info: [
            {"asset": each.asset, "name": each.parameter, "before": each.before, "after": each.after}
            for each in self.done.changed
        ],
    ),
)


class ParameterValue(graphene.InputObjectType):
    """A parameter, and the value that it is to have."""

    name = graphene.String(required=True, description="`ASSET.NAME`.")
    value = graphene.InputField(Json, required=True, description="The value.")


MaterializationReported: Final = success(
    "MaterializationReported",
    "What a tool outside has made is recorded as versions of an external asset.",
    id=graphene.ID(
        required=True, description="The report, by which they are named.", resolver=given("done.observation")
    ),
    asset=graphene.Field(
        Asset,
        required=True,
        description="The asset.",
        resolver=lambda self, _info: AssetAt(environment=self.environment, key=self.done.seen[0].key),
    ),
    versions_count=graphene.Int(
        required=True,
        description="How many versions, one for each partition.",
        resolver=lambda self, _: len(self.done.seen),
    ),
)

_VERSION: Final = "The version, `RUN.STEP`."
_MADE: Final = "The version, `RUN.STEP`; or a run, for all that it made."


def _roll_back(workspace: Workspace, *, asset: str, partition: str, version: str, to: Any = None) -> Moved:
    return rollback(workspace, asset, partition=partition, version=version, to=to)


def _promote(workspace: Workspace, *, version: str) -> Promoted:
    return promote_version(workspace, version)


def _retract(workspace: Workspace, *, version: str, **given_: Any) -> Any:
    return retract(workspace, version, **given_)


def _undo(workspace: Workspace, *, version: str, **given_: Any) -> Any:
    return undo(workspace, version, **given_)


def _pin(workspace: Workspace, *, parameters: Sequence[Mapping[str, Any]]) -> Repinned:
    return pin_values(workspace, [(each["name"], each["value"]) for each in parameters])


def _unpin(workspace: Workspace, *, parameters: Sequence[str]) -> Repinned:
    return unpin(workspace, parameters)


def _report(
    workspace: Workspace, *, asset: str, data_version: str, partition: str, key: str, metadata: Any = None
) -> Observed:
    if not isinstance(metadata, dict | None):
        raise UsageError(f"metadata: expected an object, found {metadata!r}")
    return report(workspace, asset, data_version=data_version, partition=partition, metadata=metadata, token=key)


def _among() -> dict[str, Any]:
    return {
        "version": graphene.ID(required=True, description=_MADE),
        "asset": graphene.ID(required=True, default_value="", description="Only of this asset."),
        "partition": graphene.String(required=True, default_value="", description="Only of these partitions."),
    }


class HeadMutations:
    """What can be done with versions and heads."""

    rollback = mutation(
        "rollback",
        _roll_back,
        Role.DEPLOYER,
        RolledBack,
        "Point the environment to an earlier version of an asset, or to what was head at a moment.",
        missing=("asset", "version"),
        asset=graphene.ID(required=True, description="Key of the asset."),
        partition=graphene.String(required=True, default_value="", description="Which partitions; all by default."),
        version=graphene.ID(required=True, default_value="", description=f"{_VERSION} Else `to`."),
        to=graphene.Argument(Moment, description="The moment whose heads are to be heads again."),
    )
    promote_version = mutation(
        "promoteVersion",
        _promote,
        Role.DEPLOYER,
        VersionPromoted,
        "Make all that a step made, a variant say, the environment's heads.",
        missing=("version",),
        version=graphene.ID(required=True, description=_VERSION),
    )
    retract = mutation(
        "retract",
        _retract,
        Role.DEPLOYER,
        Corrected,
        "Declare versions wrong: neither they nor what equals them is used any more, in any environment.",
        missing=("asset", "version"),
        **_among(),
        reason=graphene.String(required=True, description="Why; who reads the history will ask for it."),
        rerun=graphene.Boolean(
            required=True, default_value=False, description="Whether the same may be computed again."
        ),
    )
    undo_retract = mutation(
        "undoRetract",
        _undo,
        Role.DEPLOYER,
        Corrected,
        "Take back a retraction: the versions are used again.",
        missing=("asset", "version"),
        **_among(),
        reason=graphene.String(required=True, default_value="", description="Why."),
    )
    pin = mutation(
        "pin",
        _pin,
        Role.DEPLOYER,
        ParametersPinned,
        "Fix values of parameters in an environment, in place of their defaults: all of them, or none.",
        missing=("asset", "parameter"),
        parameters=graphene.List(
            graphene.NonNull(ParameterValue), required=True, description="Which, and at what value."
        ),
    )
    unpin = mutation(
        "unpin",
        _unpin,
        Role.DEPLOYER,
        ParametersPinned,
        "Give parameters their defaults again: all of them, or none.",
        missing=("asset", "parameter"),
        parameters=graphene.List(
            graphene.NonNull(graphene.String), required=True, description="Which, as `ASSET.NAME`."
        ),
    )
    report_materialization = mutation(
        "reportMaterialization",
        _report,
        Role.OPERATOR,
        MaterializationReported,
        "Record what a tool outside has made of an external asset.",
        missing=("asset",),
        asset=graphene.ID(required=True, description="Key of the asset."),
        data_version=graphene.String(
            required=True, description="What tells its content from another: equal for equal."
        ),
        partition=graphene.String(
            required=True, default_value="", description="Which partitions; required where it has any."
        ),
        metadata=graphene.Argument(Json, description="What is to be recorded of it, as an object."),
        key=graphene.String(
            required=True, default_value="", description="Your own name of this report: told again it is the same one."
        ),
    )
