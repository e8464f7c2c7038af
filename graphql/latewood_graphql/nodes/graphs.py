"""The graph of all assets as columns, and its groups as counts."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import graphene

from latewood.commands.reading import Read, select_keys
from latewood.decide.staleness import Status
from latewood_graphql.fields import many
from latewood_graphql.words import AssetFlag, AssetStatus, Flag


class AssetGraph(graphene.ObjectType):
    """Assets and what reads what, as columns: the n-th entry of each is about the n-th asset.

    Edges are pairs of such numbers. Assets are in topological order: whatever is read comes first.
    """

    keys = many(graphene.String, "Keys of the assets.")
    groups = many(graphene.String, "Names of the groups, each once.")
    group_of = many(graphene.Int, "The number of each asset's group.")
    status_names = many(AssetStatus, "Statuses, each once.")
    status_of = many(graphene.Int, "The number of each asset's status.")
    flag_names = many(AssetFlag, "Flags, each once.")
    flags_of = many(graphene.Int, "The flags of each asset: bit n for the n-th flag.")
    causes_of = many(graphene.Int, "How many direct causes each asset has for not being fresh.")
    edges_from = many(graphene.Int, "Of each edge the number of the asset that is read.")
    edges_to = many(graphene.Int, "Of each edge the number of the asset that reads it.")


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


def graph_of(found: Read, selection: str) -> dict[str, Any]:
    """The columns. Cost: O(assets + edges + partitions' reasons)."""
    keys = select_keys(found, selection)
    catalog, number = found.view.catalog, {key: n for n, key in enumerate(keys)}
    groups = sorted({catalog[key].group for key in keys})
    group_number = {group: n for n, group in enumerate(groups)}
    status_number = {status: n for n, status in enumerate(_STATUSES)}
    flag_bit = {flag.value: 1 << n for n, flag in enumerate(_FLAGS)}
    edges = [(number[up], n) for key, n in number.items() for up in catalog.graph.upstreams[key] if up in number]
    flags = flags_by_asset(found)
    return {
        "keys": keys,
        "groups": groups,
        "group_of": [group_number[catalog[key].group] for key in keys],
        "status_names": _STATUSES,
        "status_of": [status_number[found.assessed[key].status] for key in keys],
        "flag_names": _FLAGS,
        "flags_of": [sum(flag_bit[flag] for flag in flags.get(key, ())) for key in keys],
        "causes_of": [
            len({reason for reasons in found.assessed[key].by_reasons for reason in reasons}) for key in keys
        ],
        "edges_from": [up for up, _ in edges],
        "edges_to": [down for _, down in edges],
    }


def flags_by_asset(found: Read) -> dict[Any, tuple[str, ...]]:
    """The flags of the assets that have any."""
    return {key: flags for key in found.assessed if (flags := found.flags(key))}


def groups_of(found: Read) -> Iterator[dict[str, Any]]:
    """The groups, by name. Cost: O(assets + edges)."""
    catalog = found.view.catalog
    counts: dict[str, Counter[str]] = {}
    reads: dict[str, set[str]] = {}
    flags = flags_by_asset(found)
    for key, definition in catalog.assets.items():
        counted = counts.setdefault(definition.group, Counter())
        counted["assets"] += 1
        counted.update([found.assessed[key].status.value])
        counted.update(set(flags.get(key, ())) & {"failed", "running"})
        others = {catalog[up].group for up in catalog.graph.upstreams[key] if up in catalog.assets}
        reads.setdefault(definition.group, set()).update(others - {definition.group})
    words = ("assets", "fresh", "stale", "missing", "failed", "running")
    for name in sorted(counts):
        yield {"name": name, "reads": sorted(reads[name]), **{word: counts[name][word] for word in words}}
