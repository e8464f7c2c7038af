"""What functions read: the asset, its partitions and type, and whether both ends of an edge fit."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from latewood.authoring import From, Upstream
from latewood.context import Partitioned
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.live_io import unreadable_elsewhere
from latewood.engine.loading.mapping_functions import listed
from latewood.engine.loading.naming import Directory, Named
from latewood.engine.loading.problems import Consequence, Problems
from latewood.engine.loading.shared import shared_by
from latewood.engine.values.annotations import type_spec
from latewood.errors import DefinitionError
from latewood.model.definitions import AssetDefinition, Catalog, Input, Origin, Receives
from latewood.model.graph import show_path
from latewood.model.keys import AssetKey
from latewood.model.mappings import Mapping as PartitionMapping
from latewood.model.mappings import along, check_mapping, default_mapping, reads_earlier, reads_several
from latewood.model.schemes import GridScheme, Scheme, layout_of, time_of, title
from latewood.model.types import TypeSpec, display, fits

_JOINED: Final = frozenset({"table", "dataframe", "any", "recursive"})
"""Kinds of values of which several partitions may arrive as one: what `latewood.engine.values.values` puts together."""

_JOINED_CLASSES: Final = frozenset({"DataFrame", "Table", "Any", "object"})
"""Classes of pickles and of codecs' values that are such, or may be."""


def input_of(
    name: str,
    annotation: Any,
    explicit: Upstream | None,
    named: Named,
    directory: Directory,
    inspector: Inspector,
    table: str = "",
) -> Input:
    """What a parameter reads, by its name or as `inputs=` says; or a query by a `table`, as messages call that.

    Raises DefinitionError.
    """
    if explicit is None:
        key = directory.by_parameter(name, table)
    elif table:
        try:
            key = directory.by_upstream(explicit, named.key)
        except Consequence:
            raise
        except DefinitionError as error:
            raise DefinitionError(f"{table}: {error.message}") from None
    else:
        key = directory.by_upstream(explicit, named.key)
    if directory.origins[key] is not Origin.MADE and key not in directory.readable:
        by_io = ", or say what does, io=…" if directory.origins[key] is Origin.EXTERNAL else ""
        raise DefinitionError(
            f'parameter "{name}" reads "{key}", which is {directory.origins[key].value}: nothing here loads its value. '
            f"Name it in deps=[…] and read its content in the function; its version counts all the same{by_io}"
        )
    lazy = getattr(annotation, "__origin__", None) is Partitioned
    mapping = _mapping(key, explicit, named, directory, inspector)
    spec = type_spec(annotation.__args__[0] if lazy else annotation)
    return Input(name=name, asset=key, mapping=mapping, type=spec, lazy=lazy)


def dependency_of(name: str, upstream: Upstream, named: Named, directory: Directory, inspector: Inspector) -> Input:
    """What an entry of `deps=` reads: something that must be there, without a value. Raises DefinitionError.

    What is made outside is read by the function itself, so its content counts; and that of what a view is a view of.
    """
    key = directory.by_upstream(upstream, named.key)
    mapping = _mapping(key, upstream, named, directory, inspector)
    counts = directory.origins[key] is not Origin.MADE or named.asset.origin is Origin.VIRTUAL
    return Input(name=name, asset=key, mapping=mapping, type=type_spec(Any), loads=False, counts=counts)


def _mapping(
    key: AssetKey, upstream: Upstream | None, named: Named, directory: Directory, inspector: Inspector
) -> PartitionMapping:
    up, down = directory.schemes[key], named.scheme
    try:
        mapping = _said(upstream, up, down, inspector) if isinstance(upstream, From) else None
        reads_itself = any(output.asset == key for output in named.outputs)
        if reads_itself and (mapping is None or not reads_earlier(mapping, down)):
            raise DefinitionError(f"reads itself: only earlier partitions can be read, {_earlier(down)}")
        mapping = mapping or default_mapping(up, down)
        impossible = check_mapping(mapping, up, down)
        if impossible:
            raise DefinitionError(impossible)
    except DefinitionError as error:
        raise DefinitionError(f'input "{key}": {error.message}') from None
    return mapping


def _said(upstream: From, up: Scheme | None, down: Scheme | None, inspector: Inspector) -> PartitionMapping | None:
    """The mapping that the user gave; None where nothing is said of partitions."""
    if upstream.by is not None and upstream.how is None:
        return listed(upstream.by, up, down, inspector)
    along_dimensions = upstream.along_dimensions
    if not along_dimensions:
        return upstream.how
    if up is None or down is None:
        raise DefinitionError("dimensions= needs partitions on both sides; without it all are read")
    return along(up, down, along_dimensions)


def _earlier(scheme: Scheme | None) -> str:
    if not isinstance(scheme, GridScheme):
        return 'From("self", offset=-1)'
    leading = layout_of(scheme).names[0]
    return f'From("self", dimensions={{"{leading}": -1}}): before the first dimension that differs, none may'


def faults_of_receiving(receives: Mapping[str, Receives], scheme: Scheme | None) -> list[str]:
    """What a function asks of its partition that its asset does not have, a message each."""
    faults = []
    for name, kind in receives.items():
        match kind:
            case "context":
                continue
            case _ if scheme is None:
                return ["asks for its partition, but has none; give it partitions=…"]
            case "window" if time_of(scheme) is None:
                faults.append(f'parameter "{name}" asks for a window of time; partitions are {title(scheme)}')
            case "grid key" if not isinstance(scheme, GridScheme):
                faults.append(f'parameter "{name}" asks for the key of a grid; partitions are {title(scheme)}')
    return faults


def check_edges(
    assets: Mapping[AssetKey, AssetDefinition],
    others: Mapping[AssetKey, AssetDefinition],
    named: list[Named],
    problems: Problems,
) -> None:
    """Add what is wrong with types at the ends of edges, and cycles; of what has no other problem.

    What arrives of several partitions must be something of which several can be one.
    """
    times = Counter(output.asset for n in named for output in n.outputs)
    sound = {key: asset for key, asset in assets.items() if times[key] == 1}
    catalog = Catalog.of([*others.values(), *sound.values()])
    for n in named:
        for input_ in sound[n.key].task.inputs if n.key in sound else ():
            upstream = catalog.assets.get(input_.asset)
            if upstream is None or not input_.loads:
                continue
            elsewhere = input_.asset in others or shared_by(n.asset.function) is not None
            if elsewhere and (unreadable := unreadable_elsewhere(upstream)):
                problems.add(n.asset.function, f'asset "{n.key}": parameter "{input_.name}": {unreadable}', n.place)
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
            elif not input_.lazy and (unjoined := _unjoined(upstream, input_, n)):
                problems.add(n.asset.function, f'asset "{n.key}": {unjoined}', n.place)
    own = {output.asset: n for n in named for output in n.outputs}
    for cycle in catalog.graph.cycles():
        first = next((own[key] for key in cycle if key in own), None)
        if first is not None:
            problems.add(first.asset.function, f"assets read each other: {show_path(cycle)}", first.place)


def _unjoined(upstream: AssetDefinition, input_: Input, named: Named) -> str | None:
    """What is wrong where several partitions are read of which the values cannot be joined."""
    in_ranges = bool(named.asset.options.get("partition_column")) and upstream.partitions is not None
    if not in_ranges and not reads_several(input_.mapping, upstream.partitions, named.scheme):
        return None
    if _may_be_joined(upstream.type) and _may_be_joined(input_.type):
        return None
    type_ = display(upstream.type if input_.type.kind == "any" else input_.type)
    return (
        f'parameter "{input_.name}" reads several partitions of "{input_.asset}" at once '
        f"({title(upstream.partitions)}, read by {title(named.scheme)}), but values of type {type_} cannot be joined.\n"
        f'  Annotate it Partitioned[{type_}] and iterate, read one: From({input_.asset!r}, "last"), '
        f"or make {input_.asset} a table."
    )


def _may_be_joined(spec: TypeSpec) -> bool:
    """Whether several values of the type may arrive as one; where only the value can tell, yes."""
    if spec.kind == "union":
        return any(map(_may_be_joined, spec.args))
    return spec.kind in _JOINED or (spec.kind == "object" and (spec.name in _JOINED_CLASSES or not spec.values))
