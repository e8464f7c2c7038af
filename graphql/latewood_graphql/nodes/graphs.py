"""The graph of all assets as columns, and its groups as counts."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import graphene

from latewood.commands.reading import Assessment, select_keys
from latewood.decide.staleness import Status
from latewood.model.keys import AssetKey
from latewood_graphql.fields import many
from latewood_graphql.scalars import Ints, Texts
from latewood_graphql.words import AssetFlag, AssetStatus, Flag


class AssetColumns(graphene.Interface):
    """How assets stand, as columns: the n-th entry of each is about the n-th asset."""

    status_names = many(AssetStatus, "Statuses, each once.")
    status_of = graphene.Field(Ints, required=True, description="The number of each asset's status.")
    flag_names = many(AssetFlag, "Flags, each once.")
    flags_of = graphene.Field(Ints, required=True, description="The flags of each asset: bit n for the n-th flag.")
    causes_of = graphene.Field(
        Ints, required=True, description="How many direct causes each asset has for not being fresh."
    )


class AssetGraph(graphene.ObjectType):
    """Assets and what reads what, as columns: the n-th entry of each is about the n-th asset.

    Edges are pairs of such numbers. Assets are in topological order: whatever is read comes first.
    """

    class Meta:
        """The columns of how they stand."""

        interfaces = (AssetColumns,)

    keys = graphene.Field(Texts, required=True, description="Keys of the assets.")
    groups = graphene.Field(Texts, required=True, description="Names of the groups, each once.")
    group_of = graphene.Field(Ints, required=True, description="The number of each asset's group.")
    connectors = many(graphene.String, "What runs those that are jobs in other systems, each once, by name.")
    edges_from = graphene.Field(Ints, required=True, description="Of each edge the number of the asset that is read.")
    edges_to = graphene.Field(Ints, required=True, description="Of each edge the number of the asset that reads it.")


class FacetValue(graphene.ObjectType):
    """A value that assets have, and how many have it."""

    value = graphene.String(required=True, description="The value; of a tag `name=value`.")
    count = graphene.Int(required=True, description="How many assets.")


class Facet(graphene.ObjectType):
    """By what assets may be chosen, and what there is: `group`, `owner`, `tag`, `kind`, `location`, `status`.

    One that is stale and has failed counts as both, as selections find it by both.
    """

    name = graphene.String(required=True, description="What it is, as selections say it.")
    values = many(FacetValue, "The values that there are, those of most assets first, then by name, up to 100.")


class Group(graphene.ObjectType):
    """A group of assets, rolled up."""

    name = graphene.String(required=True, description="What it is called.")
    assets = graphene.Int(required=True, description="How many assets it has.")
    fresh = graphene.Int(required=True, description="How many of them are fresh.")
    stale = graphene.Int(required=True, description="How many are stale.")
    missing = graphene.Int(required=True, description="How many are missing.")
    failed = graphene.Int(required=True, description="How many have failed, whatever their status.")
    running = graphene.Int(required=True, description="How many are being made.")
    reads = many(graphene.String, "The other groups that its assets read.")


_STATUSES = tuple(Status)
_FLAGS = tuple(Flag)
_STATUS_NUMBER = {status: n for n, status in enumerate(_STATUSES)}
_FLAG_BIT = {flag.value: 1 << n for n, flag in enumerate(_FLAGS)}


class Row(NamedTuple):
    """How one asset stands, as columns have it: the number of its status, bits of its flags, how many causes."""

    status: int
    flags: int
    causes: int


def rows_of(found: Assessment, keys: Collection[AssetKey]) -> dict[AssetKey, Row]:
    """How these assets stand. Cost: O(assets + partitions' reasons)."""
    flags = found.all_flags(keys)
    return {
        key: Row(
            _STATUS_NUMBER[found.assessed[key].status],
            sum(_FLAG_BIT[flag] for flag in flags[key]),
            len({r for reasons in by_reasons for r in reasons})
            if (by_reasons := found.assessed[key].by_reasons)
            else 0,
        )
        for key in keys
    }


def columns_of(rows: Collection[Row]) -> dict[str, Any]:
    """The columns of these rows, with the names that their numbers stand for."""
    return {
        "status_names": _STATUSES,
        "status_of": [row.status for row in rows],
        "flag_names": _FLAGS,
        "flags_of": [row.flags for row in rows],
        "causes_of": [row.causes for row in rows],
    }


def graph_of(found: Assessment, selection: str) -> dict[str, Any]:
    """The columns. Cost: O(assets + edges + partitions' reasons)."""
    keys = select_keys(found, selection)
    catalog, number = found.view.catalog, {key: n for n, key in enumerate(keys)}
    groups = sorted({catalog[key].group for key in keys})
    group_number = {group: n for n, group in enumerate(groups)}
    edges = [(number[up], n) for key, n in number.items() for up in catalog.graph.upstreams[key] if up in number]
    return {
        "keys": keys,
        "groups": groups,
        "group_of": [group_number[catalog[key].group] for key in keys],
        "connectors": sorted({job.connector for key in keys if (job := catalog[key].task.runs_on)}),
        **columns_of(rows_of(found, keys).values()),
        "edges_from": [up for up, _ in edges],
        "edges_to": [down for _, down in edges],
    }


_VALUES_MAX = 100


def facets_of(found: Assessment, keys: Collection[AssetKey]) -> list[dict[str, Any]]:
    """What these assets have, counted: as many as a selection of the value finds. Cost: O(keys)."""
    names = ("group", "owner", "tag", "kind", "location", "status")
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for key, flags in found.all_flags(keys).items():
        asset = found.view.catalog[key]
        counts["group"][asset.group] += 1
        counts["owner"].update(asset.owners)
        counts["tag"].update(f"{name}={value}" if value else name for name, value in asset.tags.items())
        counts["kind"].update(asset.kinds)
        counts["location"][found.view.locations[key]] += 1
        counts["status"].update((found.assessed[key].status.value, *flags))
    return [
        {"name": name, "values": [{"value": value, "count": n} for value, n in _most(counted)]}
        for name, counted in counts.items()
    ]


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:_VALUES_MAX]


def groups_of(found: Assessment) -> Iterator[dict[str, Any]]:
    """The groups, by name. Cost: O(assets + edges)."""
    assets, upstreams = found.view.catalog.assets, found.view.catalog.graph.upstreams
    group_of = {key: definition.group for key, definition in assets.items()}
    names = sorted(set(group_of.values()))
    counts = {name: dict.fromkeys(("assets", "fresh", "stale", "missing", "failed", "running"), 0) for name in names}
    reads: dict[str, set[str]] = {name: set() for name in names}
    for key, flags in found.all_flags(assets).items():
        group = group_of[key]
        counted = counts[group]
        counted["assets"] += 1
        counted[found.assessed[key].status.value] += 1
        for flag in flags:
            if flag in counted:
                counted[flag] += 1
        for up in upstreams[key]:
            if (other := group_of.get(up, group)) != group:
                reads[group].add(other)
    for name in names:
        yield {"name": name, "reads": sorted(reads[name]), **counts[name]}
