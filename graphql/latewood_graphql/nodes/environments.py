"""Environments: what is deployed there, and what there is of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import graphene

from latewood.commands.automations import automations_here
from latewood.commands.environments import DEFAULT
from latewood.commands.reading import select_keys
from latewood.commands.views import known_key
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood.model.keys import AssetKey
from latewood.projections.environments import Environment as Branch
from latewood.projections.environments import existing_of
from latewood.projections.snapshots import snapshot
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible, fallible_many
from latewood_graphql.nodes.asset_pages import AssetPage_, ShownVersion, page_of_asset, shown_of
from latewood_graphql.nodes.assets import Asset, AssetAt
from latewood_graphql.nodes.attention import AttentionNeeded, attention_page
from latewood_graphql.nodes.automations import Automation, AutomationAt
from latewood_graphql.nodes.differences import VersionDifference_, difference_between
from latewood_graphql.nodes.explanations import Explanation, explained
from latewood_graphql.nodes.graphs import AssetGraph, Facet, Group, facets_of, graph_of, groups_of
from latewood_graphql.nodes.launch_plans import LaunchPlan, launch_plans_page
from latewood_graphql.nodes.lineage import (
    LINKS,
    LINKS_MAX,
    VERSIONS_MAX,
    ColumnLineageStep,
    Lineage,
    column_lineage_of,
    lineage_of,
)
from latewood_graphql.nodes.pins import PinnedParameter, pins_page
from latewood_graphql.nodes.plans import PlanPreview, asked_arguments, asked_of, launching, named_arguments, previewed
from latewood_graphql.nodes.promotions import Promotion, promotion_of
from latewood_graphql.nodes.tasks import UsableTask, tasks_page
from latewood_graphql.pages import (
    FIRST_MAX,
    Page,
    checked_first,
    connection_of,
    key_of,
    page_arguments,
    page_of,
    stretch_arguments,
    stretch_of,
)
from latewood_graphql.scalars import PositionScalar
from latewood_graphql.words import AssetTrouble

_ALL = "*"
_SELECTION = "Which assets, as on the command line: `group:reports and status:stale`, `weather+`; all by default."


class Environment(graphene.ObjectType):
    """What is deployed together, and the versions that count there: its heads."""

    name = graphene.String(required=True, description="What it is called.")
    position = graphene.Field(PositionScalar, required=True, description="The position of the log it is shown at.")
    base = fallible(graphene.String, description="The environment that it was branched from; empty for none.")
    base_position = graphene.Field(PositionScalar, description="The position that it was branched at; null for none.")
    now = graphene.DateTime(required=True, description="The instant that things are judged at.")
    assets = fallible(
        connection_of(Asset),
        description="Assets in the order of their keys.",
        selection=graphene.String(required=True, default_value=_ALL, description=_SELECTION),
        search=graphene.String(description="Only those whose key, description, owners or tags have this text."),
        **page_arguments(),
    )
    facets = fallible_many(
        Facet,
        "What the assets of such a page have, counted: by what it can be narrowed. There are six, each with the "
        "hundred values that most of them have.",
        selection=graphene.String(required=True, default_value=_ALL, description=_SELECTION),
        search=graphene.String(description="As for `assets`."),
    )
    asset = fallible(
        Asset,
        description="The asset of that key; an error with near ones where there is none.",
        key=graphene.ID(required=True, description="What it is called."),
    )
    asset_page = fallible(
        AssetPage_,
        description="An asset, or some of its partitions, as `latewood asset` shows it; costs more than `asset`.",
        asset=graphene.ID(required=True, description="Key of the asset."),
        partition=graphene.String(required=True, default_value="", description="Of these partitions only."),
        first=graphene.Int(required=True, default_value=10, description=f"How many versions, up to {FIRST_MAX:,}."),
    )
    shown = fallible(
        ShownVersion,
        description="The version whose value is meant, as `latewood show` says it.",
        asset=graphene.ID(required=True, description="Key of the asset."),
        partition=graphene.String(
            required=True, default_value="", description="Head of which partition; by default of the last with one."
        ),
        version=graphene.ID(required=True, default_value="", description="This version instead of a head."),
    )
    groups = fallible_many(Group, "Groups, by name, with their assets counted by status.", **stretch_arguments())
    asset_graph = fallible(
        AssetGraph,
        description="All assets and edges as columns of equal length: for drawing ten thousand.",
        selection=graphene.String(required=True, default_value=_ALL, description=_SELECTION),
    )
    attention = fallible(
        connection_of(AttentionNeeded),
        description="What needs somebody: first that from which most is made.",
        troubles=graphene.List(graphene.NonNull(AssetTrouble), description="Only for these reasons, at least one."),
        **page_arguments(),
    )
    launch_plans = fallible(
        connection_of(LaunchPlan),
        description="What can be launched by name there: workflows and launch plans, by name.",
        name=graphene.String(description="Only what is called so."),
        **page_arguments(),
    )
    automations = fallible_many(Automation, "What happens by itself there, by name.", **stretch_arguments())
    pins = fallible(
        connection_of(PinnedParameter),
        description="Parameters that it pins, by asset and name; all others have their defaults.",
        **page_arguments(),
    )
    tasks = fallible(
        connection_of(UsableTask),
        description="Tasks that other locations may refer to: its own by name, then those that were granted.",
        task=graphene.String(description="`LOCATION:TASK`: of this one every version, newest first."),
        **page_arguments(),
    )
    promotion = fallible(
        Promotion,
        description="What `promoteEnvironment` of it would change in another one.",
        target=graphene.String(required=True, default_value=DEFAULT, description="The other one."),
        selection=graphene.String(required=True, default_value=_ALL, description=_SELECTION),
    )
    why = fallible(
        Explanation,
        description="Why an asset partition is as it is.",
        asset=graphene.ID(required=True, description="Key of the asset."),
        partition=graphene.String(
            required=True,
            default_value="",
            description="Key of the partition; by default the first that is not fresh, else the last.",
        ),
    )
    plan_preview = fallible(
        PlanPreview,
        description="What a run would do; `launch` asks for it. Parameters need role operator. Files are looked at as "
        "they are now; of the past it is by what runs saw of them.",
        **asked_arguments(),
    )
    launch_plan_preview = fallible(
        PlanPreview,
        description="What launching by name would do; `launchPlan` asks for it. Inputs need role operator.",
        **named_arguments(),
    )
    version_difference = fallible(
        VersionDifference_,
        description="What one version of an asset has otherwise than another, of whatever environment and partition.",
        asset=graphene.ID(required=True, description="Key of the asset."),
        before=graphene.ID(required=True, description="The version that the other one is held against."),
        after=graphene.ID(required=True, description="The other one."),
    )
    lineage = fallible(
        Lineage,
        description="The exact versions that a version was made from, and those made from it.",
        asset=graphene.ID(required=True, description="Key of the asset."),
        partition=graphene.String(
            required=True, default_value="", description="Heads of these partitions; by default of all."
        ),
        version=graphene.String(required=True, default_value="", description="This version instead of heads."),
        up=graphene.Int(required=True, default_value=1, description="How many levels of what was read, up to 50."),
        down=graphene.Int(required=True, default_value=0, description="How many levels of what read it, up to 50."),
        first=graphene.Int(
            required=True,
            default_value=LINKS,
            description=f"How many links there may be each way, up to {LINKS_MAX:,}: nothing is cut, but refused.",
        ),
    )
    column_lineage = fallible(
        connection_of(ColumnLineageStep),
        description="What a column of versions was computed from, over all queries, to where it is not known: through "
        f"up to {VERSIONS_MAX:,} versions, each counted for each of its columns.",
        asset=graphene.ID(required=True, description="Key of the asset."),
        column=graphene.String(required=True, description="The column."),
        partition=graphene.String(
            required=True, default_value="", description="Heads of these partitions; by default of all."
        ),
        version=graphene.String(required=True, default_value="", description="This version instead of heads."),
        up=graphene.Int(required=True, default_value=50, description="How many levels at most, up to 50."),
        **page_arguments(),
    )

    def resolve_position(self: EnvironmentAt, _info: Any) -> int:
        """That of its project."""
        return self.project.position

    async def resolve_base(self: EnvironmentAt, _info: Any) -> str:
        """As it was created."""
        found = await _branch(self)
        return "" if found is None else found.base

    async def resolve_base_position(self: EnvironmentAt, _info: Any) -> int | None:
        """The same."""
        found = await _branch(self)
        return found.base_position if found is not None and found.base else None

    def resolve_now(self: EnvironmentAt, _info: Any) -> Any:
        """That of its view."""
        return self.view.now

    def resolve_assets(self: EnvironmentAt, _info: Any, selection: str, first: int, **given: Any) -> Any:
        """By key, so that a page is found again though assets come and go."""
        first, after = checked_first(first, "after"), key_of(given.get("after"), str)
        matching = _matching(self, selection, given.get("search"))
        rest = [key for key in matching if after is None or key > after][: first + 1]
        nodes = [AssetAt(environment=self, key=key) for key in rest]
        return page_of(nodes, first, lambda asset: asset.key, lambda: len(matching))

    def resolve_facets(self: EnvironmentAt, _info: Any, selection: str, search: str | None = None) -> Any:
        """Of the same assets."""
        if selection == _ALL and search is None:
            return self.assessment.once("facets", lambda: facets_of(self.assessment, self.view.catalog.assets))
        return facets_of(self.assessment, _matching(self, selection, search))

    def resolve_asset(self: EnvironmentAt, _info: Any, key: str) -> AssetAt:
        """Raises UsageError with near matches."""
        return AssetAt(environment=self, key=known_key(self.view, key))

    def resolve_asset_page(self: EnvironmentAt, _info: Any, asset: str, partition: str, first: int) -> Any:
        """As `latewood asset`."""
        return page_of_asset(self, asset, partition, first)

    def resolve_shown(self: EnvironmentAt, _info: Any, asset: str, partition: str, version: str) -> Any:
        """As `latewood show`."""
        return shown_of(self, asset, partition, version)

    def resolve_groups(self: EnvironmentAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """In the order of their names. Raises UsageError for too many."""
        return stretch_of(self.assessment.once("groups", lambda: list(groups_of(self.assessment))), first, behind)

    def resolve_asset_graph(self: EnvironmentAt, _info: Any, selection: str) -> Any:
        """In topological order."""
        if selection != _ALL:  # of which there are as many as there are ways to write them
            return graph_of(self.assessment, selection)
        return self.assessment.once("graph", lambda: graph_of(self.assessment, _ALL))

    def resolve_attention(
        self: EnvironmentAt, _info: Any, first: int, after: str | None = None, troubles: Any = None
    ) -> Any:
        """By what depends on it."""
        if troubles == []:
            raise UsageError("troubles: expected at least one, found none; without `troubles` there are all of them")
        return attention_page(self, first, after, troubles)

    def resolve_launch_plans(
        self: EnvironmentAt, _info: Any, first: int, after: str | None = None, name: str | None = None
    ) -> Any:
        """Of its deployments."""
        return launch_plans_page(self, first, after, name)

    def resolve_automations(self: EnvironmentAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """With how they stand. Raises UsageError for too many."""
        found = stretch_of(automations_here(self.workspace, self.as_of.position), first, behind)
        return [AutomationAt(environment=self, found=each) for each in found]

    def resolve_pins(self: EnvironmentAt, _info: Any, first: int, after: str | None = None) -> Page:
        """As `latewood pin`."""
        return pins_page(self, first, after)

    def resolve_tasks(
        self: EnvironmentAt, _info: Any, first: int, after: str | None = None, task: str | None = None
    ) -> Page:
        """As `latewood tasks`."""
        return tasks_page(self, first, after, task)

    def resolve_promotion(self: EnvironmentAt, _info: Any, target: str, selection: str) -> Any:
        """As `latewood env diff`."""
        return promotion_of(self, target, selection)

    def resolve_why(self: EnvironmentAt, _info: Any, asset: str, partition: str) -> Any:
        """As `latewood why`."""
        return explained(self, asset, partition)

    def resolve_plan_preview(self: EnvironmentAt, info: Any, **asked: Any) -> Any:
        """As `latewood plan`."""
        _require_trust(self, asked.get("parameters"))
        return previewed(self, info, asked_of(**asked))

    def resolve_launch_plan_preview(self: EnvironmentAt, info: Any, **asked: Any) -> Any:
        """As `latewood launch --dry-run`."""
        _require_trust(self, asked.get("inputs"))
        return previewed(self, info, launching(self.workspace, as_of=self.as_of, **asked))

    def resolve_version_difference(self: EnvironmentAt, _info: Any, asset: str, before: str, after: str) -> Any:
        """Raises UsageError for what is unknown."""
        return difference_between(self, known_key(self.view, asset), before, after)

    def resolve_lineage(self: EnvironmentAt, _info: Any, asset: str, **given: Any) -> Any:
        """As `latewood lineage`."""
        return lineage_of(self, asset, **given)

    def resolve_column_lineage(
        self: EnvironmentAt, _info: Any, asset: str, column: str, after: str | None = None, **given: Any
    ) -> Page:
        """As `latewood lineage --column`."""
        return column_lineage_of(self, asset, column, after=after, **given)


def _require_trust(at: EnvironmentAt, values: Any) -> None:
    """A value may name a file, which a plan looks at: that is for those who may have it run. Raises Refused."""
    if values:
        at.call.require(Role.OPERATOR, at.project.name)


def _branch(at: EnvironmentAt) -> Any:
    """Its row, read with those of all others that are asked for; None for one that was only ever deployed to."""

    def read(names: Sequence[str]) -> Mapping[str, Branch]:
        with snapshot(at.workspace.log) as connection:
            rows = existing_of(connection, at.project.name, names, at.project.as_of.position)
            return {row.environment: row for row in rows}

    return at.call.load((at.project.name, at.project.as_of), "branches", at.name, read)


def _matching(at: EnvironmentAt, selection: str, search: str | None) -> list[AssetKey]:
    catalog = at.view.catalog
    if selection == _ALL and search is None:
        return at.assessment.once("keys", lambda: sorted(catalog.assets))
    keys = select_keys(at.assessment, selection) if len(catalog) else ()
    return sorted(key for key in keys if search is None or _matches(catalog[key], search.casefold()))


def _matches(definition: Any, text: str) -> bool:
    searched = (definition.key, definition.description, *definition.owners, *definition.tags, *definition.tags.values())
    return any(text in str(found).casefold() for found in searched)
