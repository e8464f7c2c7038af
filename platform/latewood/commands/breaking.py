"""What a location's definitions break elsewhere: assets of others that read what it makes, or are made by its tasks."""

from collections.abc import Iterator, Sequence

from latewood.commands.views import View
from latewood.model.definitions import AssetDefinition, BareTask
from latewood.model.types import display, fits


def broken_readers(view: View, location: str) -> list[str]:
    """What assets of other locations read of this one and cannot any more, or what nothing defines; a line for each.

    Their own files are refused when they are loaded next; who changes what they read should know before.
    Cost: O(inputs of other locations).
    """
    found: list[str] = []
    for key, asset in view.catalog.assets.items():
        if view.locations[key] == location:
            continue
        for input_ in asset.task.inputs:
            upstream = view.catalog.assets.get(input_.asset)
            if upstream is None:
                found.append(f"{key} of {view.locations[key]} reads {input_.asset}, which nothing defines")
            elif view.locations[upstream.key] == location and input_.loads and fits(upstream.type, input_.type):
                found.append(
                    f"{key} of {view.locations[key]} expects {display(input_.type)} of {upstream.key}, "
                    f"which produces {display(upstream.type)}"
                )
    return found


def broken_references(view: View, location: str, offered: Sequence[BareTask]) -> list[str]:
    """What assets of other locations have of this one's tasks and these do not offer; a line for each.

    One that names a version keeps what it has. Cost: O(assets of other locations).
    """
    tasks = {task.name: task for task in offered}
    found: list[str] = []
    for key, asset in view.catalog.assets.items():
        source = asset.task.shared
        if source is None or source.project or source.version or source.location != location:
            continue
        if view.locations[key] == location:
            continue
        who = f"{key} of {view.locations[key]}"
        if source.name not in tasks:
            found.append(f"{who} is made by {source}, which nothing defines")
        else:
            found += [f"{who} {fault} of {source}" for fault in _misfits(view, asset, tasks[source.name])]
    return found


def _misfits(view: View, asset: AssetDefinition, task: BareTask) -> Iterator[str]:
    """What the asset gives to the task that this does not take, and what it takes that the asset does not give."""
    inputs = {input_.name: input_ for input_ in task.inputs}
    taken = inputs.keys() | {parameter.name for parameter in task.task.parameters}
    read = {input_.name: input_ for input_ in asset.task.inputs if input_.loads}
    said = asset.task.fixed.keys() - view.pins.get(asset.key, {}).keys()
    for name in (*read, *sorted(said)):
        if name not in taken:
            yield f"gives {name}, which is no parameter"
    for name in read.keys() & inputs.keys():
        upstream = view.catalog.assets.get(read[name].asset)
        if upstream is not None and fits(upstream.type, inputs[name].type):
            yield f"gives {display(upstream.type)} for {name}, where {display(inputs[name].type)} is expected"
    given = read.keys() | asset.task.fixed.keys() | {parameter.name for parameter in asset.task.parameters}
    for name, input_ in inputs.items():
        if input_.required and name not in given:
            yield f"does not give {name}, which is a parameter"
