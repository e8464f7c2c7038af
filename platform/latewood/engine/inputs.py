"""What functions read: the asset, its partitions and type, and whether both ends of an edge fit."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from latewood.authoring import From, Upstream
from latewood.context import Partitioned
from latewood.engine.annotations import type_spec
from latewood.engine.naming import Directory, Named
from latewood.engine.problems import Problems
from latewood.errors import DefinitionError
from latewood.model.definitions import AssetDefinition, Catalog, Input
from latewood.model.graph import show_path
from latewood.model.keys import AssetKey
from latewood.model.mappings import All, Offset, check_mapping, default_mapping
from latewood.model.mappings import Mapping as PartitionMapping
from latewood.model.types import display, fits

_JOINED: Final = frozenset({"table", "dataframe", "any", "union"})
"""Kinds of values of which several partitions arrive as one (a union may hold such)."""


def input_of(name: str, annotation: Any, explicit: Upstream | None, named: Named, directory: Directory) -> Input:
    """What a parameter reads, by its name or as `inputs=` says. Raises DefinitionError."""
    key = directory.by_parameter(name) if explicit is None else directory.by_upstream(explicit, named.key)
    lazy = getattr(annotation, "__origin__", None) is Partitioned
    mapping = _mapping(key, explicit, named, directory)
    spec = type_spec(annotation.__args__[0] if lazy else annotation)
    if isinstance(mapping, All) and directory.schemes[key] is not None and not lazy and spec.kind not in _JOINED:
        raise DefinitionError(
            f'parameter "{name}" reads all partitions of "{key}" at once, but values of type {display(spec)} cannot be '
            f"joined; annotate it Partitioned[{display(spec)}] and iterate"
        )
    return Input(name=name, asset=key, mapping=mapping, type=spec, lazy=lazy)


def dependency_of(name: str, upstream: Upstream, named: Named, directory: Directory) -> Input:
    """What an entry of `deps=` reads: something that must be there, without a value. Raises DefinitionError."""
    key = directory.by_upstream(upstream, named.key)
    mapping = _mapping(key, upstream, named, directory)
    return Input(name=name, asset=key, mapping=mapping, type=type_spec(Any), loads=False)


def _mapping(key: AssetKey, upstream: Upstream | None, named: Named, directory: Directory) -> PartitionMapping:
    up, down = directory.schemes[key], named.scheme
    given = upstream.how if isinstance(upstream, From) else None
    if any(output.asset == key for output in named.outputs) and not (isinstance(given, Offset) and given.by < 0):
        raise DefinitionError(f'reads itself ("{key}"): only earlier partitions can be read, From("self", offset=-1)')
    mapping = given if given is not None else default_mapping(up, down)
    impossible = check_mapping(mapping, up, down)
    if impossible:
        raise DefinitionError(f'input "{key}": {impossible}')
    return mapping


def check_edges(
    assets: Mapping[AssetKey, AssetDefinition],
    others: Mapping[AssetKey, AssetDefinition],
    named: list[Named],
    problems: Problems,
) -> None:
    """Add what is wrong with types at the ends of edges, and cycles; of what has no other problem."""
    times = Counter(output.asset for n in named for output in n.outputs)
    sound = {key: asset for key, asset in assets.items() if times[key] == 1}
    catalog = Catalog.of([*others.values(), *sound.values()])
    for n in named:
        for input_ in sound[n.key].task.inputs if n.key in sound else ():
            upstream = catalog.assets.get(input_.asset)
            if upstream is None or not input_.loads:
                continue
            misfit = fits(upstream.type, input_.type)
            if misfit:
                problems.add(
                    n.asset.function,
                    f'asset "{n.key}": parameter "{input_.name}" expects {display(input_.type)}, but '
                    f'"{input_.asset}" produces {display(upstream.type)}: {misfit}.\n'
                    f"  Convert it in {input_.asset}, or declare it so here.",
                    n.place,
                )
    own = {output.asset: n for n in named for output in n.outputs}
    for cycle in catalog.graph.cycles():
        first = next((own[key] for key in cycle if key in own), None)
        if first is not None:
            problems.add(first.asset.function, f"assets read each other: {show_path(cycle)}", first.place)
