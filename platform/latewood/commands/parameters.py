"""Values of run parameters: what is asked for as text, or kept by a launch plan, for the assets that use it."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Any, Final

from latewood.commands.views import View, known_parameter
from latewood.decide.sweep import NO_SWEEP, Given, Sweep, merged, split_values
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.signature import parse_parameter
from latewood.engine.values.recorded_types import annotation_of
from latewood.errors import UsageError
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetKey
from latewood_eventlog.codec import encode_json, unheld

_COMBINATIONS_MAX: Final = 10_000

_STEP_BYTES_MAX: Final = 16_384
"""Most bytes of the values one asset is given: each step's event repeats them."""

_RUN_BYTES_MAX: Final = 49_152
"""Most bytes of all values of a run, which one event holds."""


def parameters_given(
    view: View,
    texts: Sequence[str],
    kept: Mapping[str, Sequence[Any]],
    loaded: Loaded | None,
    selected: Collection[AssetKey],
    *,
    zipped: bool = False,
    again: Sweep = NO_SWEEP,
) -> Sweep:
    """Values by asset and name, checked against the parameters' types and against each other. Raises UsageError.

    `texts` are `ASSET.NAME=VALUE,VALUE` or `WORKFLOW.INPUT=VALUE,VALUE`, `kept` values as JSON by target; an input
    of a workflow sets what it feeds in each of its steps. `again` are an earlier run's: they hold where neither says
    another, and as far as their assets are selected.
    """
    given: list[tuple[str, str, list[Any], bool]] = [
        (f"{t}={','.join(v if isinstance(v, str) else repr(v) for v in vs)}", t, list(vs), False)
        for t, vs in kept.items()
    ]
    for text in texts:
        target, equals, listed = text.partition("=")
        if not equals:
            raise UsageError(f'parameter "{text}": expected ASSET.NAME=VALUE{_meant(view, target, selected)}')
        given.append((text, target, split_values(listed), True))
    axes: list[tuple[Given, ...]] = []
    said: dict[tuple[AssetKey, str], tuple[int, str, list[Any]]] = {}
    for number, (text, target, values, is_text) in enumerate(given):
        axis: list[Given] = [{} for _ in values]
        if "." not in target:
            raise UsageError(f'parameter "{text}": expected ASSET.NAME=VALUE{_meant(view, target, selected)}')
        for key, name in _uses(view, text, target, selected):
            parsed = _parsed(view, loaded, key, name, values, is_text=is_text)
            made = view.catalog[key].task.outputs
            first, earlier, before = said.setdefault((made[0].asset, name), (number, text, parsed))
            if parsed != before:
                names = " and ".join(f'"{output.asset}"' for output in made)
                raise UsageError(
                    f'parameters "{earlier}" and "{text}": one step makes {names}, with one value of "{name}"'
                )
            if first == number:  # else an earlier one has said it
                axis = [merged([already, {key: {name: value}}]) for already, value in zip(axis, parsed, strict=True)]
        if any(axis):
            axes.append(tuple(axis))
    return _bounded(Sweep(axes=(*_again(view, loaded, again, said.keys(), selected), *axes), zipped=zipped))


def _meant(view: View, name: str, selected: Collection[AssetKey]) -> str:
    """Which parameters of what is selected have that name, for who left the asset out."""
    tasks = (view.catalog[key].task for key in view.catalog if key in selected)
    named = [f"{task.outputs[0].asset}.{name}" for task in tasks if any(p.name == name for p in task.parameters)]
    return f"; near: {', '.join(list(dict.fromkeys(named))[:3])}" if named else ""


def _again(
    view: View,
    loaded: Loaded | None,
    again: Sweep,
    said: Collection[tuple[AssetKey, str]],
    selected: Collection[AssetKey],
) -> Iterator[tuple[Given, ...]]:
    """The axes of an earlier run without what is said now, and without what nothing would use."""

    def stands(key: AssetKey, name: str) -> bool:
        return key in selected and (view.catalog[key].task.outputs[0].asset, name) not in said

    for axis in again.axes:
        kept = tuple(
            {
                key: {n: _parsed(view, loaded, key, n, [v], is_text=False)[0] for n, v in by.items() if stands(key, n)}
                for key, by in alternative.items()
                if any(stands(key, name) for name in by)
            }
            for alternative in axis
        )
        if any(kept):
            yield kept


def _parsed(
    view: View, loaded: Loaded | None, key: AssetKey, name: str, values: Sequence[Any], *, is_text: bool
) -> list[Any]:
    if loaded is not None and key in loaded.tasks:
        type_ = loaded.tasks[key].parameters[name]
    else:
        type_ = annotation_of(next(p for p in view.catalog[key].task.parameters if p.name == name))
    place = (lambda path: from_shell(path, view.root)) if is_text else None
    return [parse_parameter(name, type_, value, place) for value in values]


def _bounded(sweep: Sweep) -> Sweep:
    sizes = {len(axis) for axis in sweep.axes if len(axis) > 1}
    if sweep.zipped and len(sizes) > 1:
        found = " and ".join(map(str, sorted(sizes)))
        raise UsageError(f"zipped parameters: expected as many values of each, found {found}")
    if len(sweep) > _COMBINATIONS_MAX:
        raise UsageError(f"{len(sweep):,} combinations of parameters: a run takes {_COMBINATIONS_MAX:,}")
    require_recordable(sweep)
    return sweep


def require_recordable(sweep: Sweep) -> None:
    """Raises UsageError for values that the events that would hold them cannot, or that are too long for these."""
    for axis in sweep.axes:
        for key, name, value in ((k, n, v) for given in axis for k, by in given.items() for n, v in by.items()):
            if found := unheld(value):
                raise UsageError(f'parameter "{key}.{name}": expected text that can be recorded, found {found} in it')
    longest: Counter[AssetKey] = Counter()
    for axis in sweep.axes:
        for key in {key for alternative in axis for key in alternative}:
            longest[key] += max(len(encode_json(alternative.get(key, {}))) for alternative in axis)
    total = sum(len(encode_json(axis)) for axis in sweep.axes)
    ((key, size),) = longest.most_common(1) or [(AssetKey(""), 0)]
    if total <= _RUN_BYTES_MAX and size <= _STEP_BYTES_MAX:
        return
    raise UsageError(
        f"parameters: expected at most {_STEP_BYTES_MAX:,} bytes for an asset and {_RUN_BYTES_MAX:,} in all, "
        f'found {size:,} for "{key}" and {total:,} in all; put what is long into a file and pass its path'
    )


def _uses(view: View, text: str, target: str, selected: Collection[AssetKey]) -> Sequence[tuple[AssetKey, str]]:
    """The assets and parameters that a target names."""
    owner, _, name = target.rpartition(".")
    if owner not in view.catalog.assets:
        return _uses_in_workflow(view.catalog, text, owner, name, selected)
    key, parameter = known_parameter(view, target)
    if view.catalog[key].origin is not Origin.MADE:
        raise UsageError(f'parameter "{text}": "{key}" is not made here, so nothing would use it')
    if key not in selected:
        raise UsageError(f'parameter "{text}": "{key}" is not selected, so nothing would use it')
    return [(key, parameter.name)]


def _uses_in_workflow(
    catalog: Catalog, text: str, workflow: str, input_: str, selected: Collection[AssetKey]
) -> list[tuple[AssetKey, str]]:
    steps = {key: asset.step_of for key, asset in catalog.assets.items() if asset.step_of is not None}
    own = {key: step.bound for key, step in steps.items() if step.workflow == workflow}
    if not own:
        near = get_close_matches(workflow, {*catalog.assets, *(step.workflow for step in steps.values())}, n=1)
        hint = f"; near: {near[0]}" if near else "; `latewood assets` lists them"
        raise UsageError(f'parameter "{text}": no asset "{workflow}"{hint}')
    uses = [(key, name) for key, bound in own.items() for name, fed in bound.items() if fed == input_]
    if not uses:
        inputs = ", ".join(sorted({fed for bound in own.values() for fed in bound.values()}))
        raise UsageError(f'parameter "{text}": "{workflow}" has {inputs or "no inputs"}, not "{input_}"')
    used = [(key, name) for key, name in uses if key in selected]
    if not used:
        raise UsageError(f'parameter "{text}": of "{workflow}" nothing that would use it is selected')
    return used


def from_shell(path: PurePath, root: Path) -> PurePath:
    """What the shell means by a path, for every folder to mean the same: relative to the root if it is below it."""
    whole = Path(os.path.normpath(Path.cwd() / path))
    return whole.relative_to(root) if whole.is_relative_to(root) else whole
