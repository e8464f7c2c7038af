"""Values of run parameters: what is asked for as text, or kept by a launch plan, for the assets that use it."""

import os
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Any, Final

from latewood.commands.reading import View
from latewood.engine.loader import Loaded
from latewood.engine.signature import parse_parameter
from latewood.errors import UsageError
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey
from latewood_eventlog.codec import encode_json

Values = dict[AssetKey, dict[str, Any]]

_STEP_BYTES_MAX: Final = 16_384
"""Most bytes of the values one asset is given: each step's event repeats them."""

_RUN_BYTES_MAX: Final = 49_152
"""Most bytes of all values of a run, which one event holds."""


def parameters_given(
    view: View,
    texts: Sequence[str],
    kept: Mapping[str, Any],
    loaded: Loaded | None,
    selected: Collection[AssetKey],
) -> Values:
    """Values by asset and name, checked against the parameters' types and against each other. Raises UsageError.

    `texts` are `ASSET.NAME=VALUE` or `WORKFLOW.INPUT=VALUE`, `kept` the same as JSON by target; an input of a workflow
    sets what it feeds in each of its steps.
    """
    values: Values = {}
    said: dict[tuple[AssetKey, str], tuple[str, Any]] = {}
    given: list[tuple[str, str, Any, bool]] = [(f"{t}={v!r}", t, v, False) for t, v in kept.items()]
    for text in texts:
        target, equals, value = text.partition("=")
        if not equals or "." not in target:
            raise UsageError(f'parameter "{text}": expected ASSET.NAME=VALUE')
        given.append((text, target, value, True))
    for text, target, value, is_text in given:
        for key, name in _uses(view.catalog, text, target, selected):
            task = view.catalog[key].task
            if loaded is not None and key in loaded.tasks:
                live = loaded.tasks[key].parameters[name]
            else:
                kinds = {parameter.name: parameter.type.kind for parameter in task.parameters}
                live = Path if kinds[name] == "path" else Any
            place = (lambda path: _from_shell(path, view.root)) if is_text else None
            parsed = parse_parameter(name, live, value, place)
            earlier, before = said.setdefault((task.outputs[0].asset, name), (text, parsed))
            if parsed != before:
                made = " and ".join(f'"{output.asset}"' for output in task.outputs)
                raise UsageError(
                    f'parameters "{earlier}" and "{text}": one step makes {made}, with one value of "{name}"'
                )
            values.setdefault(key, {})[name] = parsed
    _require_recordable(values)
    return values


def _require_recordable(values: Values) -> None:
    sizes = {key: len(encode_json(of_asset)) for key, of_asset in values.items()}
    key = max(sizes, key=sizes.__getitem__, default=AssetKey(""))
    total = sum(sizes.values())
    if total <= _RUN_BYTES_MAX and sizes.get(key, 0) <= _STEP_BYTES_MAX:
        return
    raise UsageError(
        f"parameters: expected at most {_STEP_BYTES_MAX:,} bytes for an asset and {_RUN_BYTES_MAX:,} in all, "
        f'found {sizes[key]:,} for "{key}" and {total:,} in all; put what is long into a file and pass its path'
    )


def _uses(catalog: Catalog, text: str, target: str, selected: Collection[AssetKey]) -> Sequence[tuple[AssetKey, str]]:
    """The assets and parameters that a target names."""
    owner, _, name = target.rpartition(".")
    if owner not in catalog.assets:
        return _uses_in_workflow(catalog, text, owner, name, selected)
    key = AssetKey(owner)
    if key not in selected:
        raise UsageError(f'parameter "{text}": "{key}" is not selected, so nothing would use it')
    names = [parameter.name for parameter in catalog[key].task.parameters]
    if name not in names:
        raise UsageError(f'parameter "{text}": "{key}" has {", ".join(names) or "no parameters"}, not "{name}"')
    return [(key, name)]


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


def _from_shell(path: PurePath, root: Path) -> PurePath:
    """What the shell means by a path, for every folder to mean the same: relative to the root if it is below it."""
    whole = Path(os.path.normpath(Path.cwd() / path))
    return whole.relative_to(root) if whole.is_relative_to(root) else whole
