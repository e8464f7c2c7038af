"""What waits for values: assets whose task has a parameter without default that nobody gave a value for.

With a step of a workflow waits the whole workflow, also what does not read the input: it is launched as one, and nobody
who asks for everything wants the half of it. With each asset waits what reads it. Pure.
"""

from collections.abc import Collection, Iterator, Mapping

from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import AssetKey


def awaiting(catalog: Catalog, given: Mapping[AssetKey, Collection[str]]) -> dict[AssetKey, tuple[str, ...]]:
    """By waiting asset the names of what must be given first, as `--param` takes them; `given` are names too.

    Cost: O(assets + edges).
    """
    names: dict[AssetKey, set[str]] = {}
    by_workflow: dict[str, set[str]] = {}
    for key, asset in catalog.assets.items():
        if missing := set(_missing(asset, given)):
            names[key] = missing
            if asset.step_of is not None:
                by_workflow.setdefault(asset.step_of.workflow, set()).update(missing)
    if not names:
        return {}
    for key, asset in catalog.assets.items():
        if asset.step_of is not None and asset.step_of.workflow in by_workflow:
            names[key] = by_workflow[asset.step_of.workflow]
    graph = catalog.graph
    for key in graph.ordered(graph.downstream_of(names)):
        read = [names[upstream] for upstream in graph.upstreams[key] if upstream in names]
        names[key] = names.get(key, set()).union(*read)
    return {key: tuple(sorted(missing)) for key, missing in names.items()}


def _missing(asset: AssetDefinition, given: Mapping[AssetKey, Collection[str]]) -> Iterator[str]:
    task = asset.task
    for parameter in task.parameters:
        if not parameter.required or parameter.name in task.fixed:
            continue
        if any(parameter.name in given.get(output.asset, ()) for output in task.outputs):
            continue
        step = asset.step_of
        if step is not None and parameter.name in step.bound:
            yield f"{step.workflow}.{step.bound[parameter.name]}"
        else:
            yield f"{asset.key}.{parameter.name}"
