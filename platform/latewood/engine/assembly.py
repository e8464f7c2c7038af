"""From decorated functions to definitions: names become keys, parameters become edges, problems are collected."""

import difflib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from latewood.authoring import Asset, Check, From, Out, OutputOf, TaskOptions, Upstream
from latewood.context import Partitioned
from latewood.engine.annotations import type_spec
from latewood.engine.inspection import Inspector
from latewood.engine.options import faults_of_asset, faults_of_check
from latewood.engine.signature import LiveTask, Signature, read_signature
from latewood.errors import DefinitionError, DefinitionsInvalid
from latewood.model.definitions import (
    SELF,
    AssetDefinition,
    Catalog,
    CheckDefinition,
    Input,
    Output,
    Severity,
    TaskDefinition,
)
from latewood.model.graph import show_path
from latewood.model.keys import AssetKey, asset_key
from latewood.model.mappings import All, Offset, check_mapping, default_mapping
from latewood.model.mappings import Mapping as PartitionMapping
from latewood.model.partitions import Scheme
from latewood.model.policies import Resources, Retry, Reuse, Timeouts
from latewood.model.types import display, fits

_JOINED: Final = frozenset({"table", "dataframe", "any", "union"})
"""Kinds of values of which several partitions arrive as one (a union may hold such)."""

RESULT: Final = "result"
"""Name of the output of a function that makes one asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a module holds: assets, checks, and the names under which it knows its assets."""

    assets: tuple[Asset[..., Any], ...]
    checks: tuple[Check[..., Any], ...]
    names: Mapping[str, Asset[..., Any] | OutputOf]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """Definitions in order of the module, and the live functions behind them."""

    assets: tuple[AssetDefinition, ...]
    tasks: Mapping[AssetKey, LiveTask]
    checks: Mapping[tuple[AssetKey, str], LiveTask]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """An asset function whose outputs have keys; its inputs are not looked up yet."""

    asset: Asset[..., Any]
    signature: Signature
    outputs: tuple[Output, ...]
    annotations: Mapping[str, Any]
    descriptions: Mapping[str, str]
    scheme: Scheme | None

    @property
    def key(self) -> AssetKey:
        """Key that stands for the function in messages."""
        return self.outputs[0].asset


@dataclass(slots=True)
class _Problems:
    root: Path
    found: list[DefinitionError] = field(default_factory=list)

    def add(self, function: Callable[..., Any], message: str) -> None:
        code = inspect.unwrap(function).__code__
        path = Path(code.co_filename)
        file = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        self.found.append(DefinitionError(message, file=file, line=code.co_firstlineno))


def assemble(
    found: Found, *, root: Path, inspector: Inspector, others: Mapping[AssetKey, AssetDefinition]
) -> Assembled:
    """Definitions for everything found. Raises DefinitionsInvalid with all problems. Cost: O(assets + code)."""
    problems = _Problems(root)
    named = [n for asset in found.assets if (n := _name_outputs(asset, problems)) is not None]
    _refuse_duplicates(named, others, problems)
    faulty = frozenset(id(asset) for asset in found.assets) - {id(n.asset) for n in named}
    directory = _Directory(named, found.names, others, faulty)
    defined = [d for n in named if (d := _define(n, directory, inspector, problems)) is not None]
    by_key = {asset.key: asset for assets, _ in defined for asset in assets}
    checks = _define_checks(found.checks, by_key, directory, inspector, problems)
    for (key, _), (check, _) in checks.items():
        by_key[key] = replace(by_key[key], checks=(*by_key[key].checks, check))
    _check_edges(by_key, others, named, problems)
    if problems.found:
        raise DefinitionsInvalid(tuple(problems.found))
    return Assembled(
        assets=tuple(by_key.values()),
        tasks={asset.key: live for assets, live in defined for asset in assets},
        checks={slot: live for slot, (_, live) in checks.items()},
    )


def _name_outputs(asset: Asset[..., Any], problems: _Problems) -> _Named | None:
    options = asset.options
    faults = faults_of_asset(options)
    for fault in faults:
        problems.add(asset.function, f'asset "{options.get("key", asset.function.__name__)}": {fault}')
    if faults:
        return None
    try:
        signature = read_signature(asset.function)
        key = asset_key(options.get("key", asset.function.__name__))
        declared = options.get("outputs")
        outs = (
            {RESULT: Out(signature.returns, key)}
            if declared is None
            else {name: out if isinstance(out, Out) else Out(out) for name, out in declared.items()}
        )
        outputs = tuple(
            Output(
                name=name,
                asset=asset_key(out.key or f"{key}/{name}"),
                type=type_spec(out.type),
                optional=out.optional,
            )
            for name, out in outs.items()
        )
    except DefinitionError as error:
        problems.add(asset.function, f'asset "{options.get("key", asset.function.__name__)}": {error.message}')
        return None
    return _Named(
        asset=asset,
        signature=signature,
        outputs=outputs,
        annotations={name: out.type for name, out in outs.items()},
        descriptions={name: out.description for name, out in outs.items()},
        scheme=options.get("partitions"),
    )


def _refuse_duplicates(
    named: Iterable[_Named], others: Mapping[AssetKey, AssetDefinition], problems: _Problems
) -> None:
    counts = Counter(output.asset for n in named for output in n.outputs)
    for n in named:
        for output in n.outputs:
            if counts[output.asset] > 1:
                problems.add(n.asset.function, f'asset "{output.asset}": defined {counts[output.asset]} times')
            elif output.asset in others:
                problems.add(n.asset.function, f'asset "{output.asset}": another location defines it too')


class _Consequence(DefinitionError):
    """A problem that is gone when another one is mended: not worth a message of its own."""


class _Directory:
    """Finds the asset that an input names."""

    def __init__(
        self,
        named: Iterable[_Named],
        names: Mapping[str, Asset[..., Any] | OutputOf],
        others: Mapping[AssetKey, AssetDefinition],
        faulty: frozenset[int],
    ) -> None:
        self._by_object = {id(n.asset): n for n in named}
        self.own = frozenset(output.asset for n in self._by_object.values() for output in n.outputs)
        self._names = names
        self._faulty = faulty
        self.schemes: dict[AssetKey, Scheme | None] = {key: other.partitions for key, other in others.items()}
        for n in self._by_object.values():
            self.schemes.update({output.asset: n.scheme for output in n.outputs})
        self._by_last_segment: dict[str, list[AssetKey]] = {}
        for key in self.schemes:
            self._by_last_segment.setdefault(key.rsplit("/", 1)[-1], []).append(key)

    def by_parameter(self, name: str) -> AssetKey:
        """The asset a parameter's name means: the module's function, the key, or the one key that ends so."""
        if name in self._names:
            if (key := self._of_object(self._names[name])) is not None:
                return key
            self._refuse_faulty(self._names[name])
        if name in self.schemes:
            return AssetKey(name)
        ending = self._by_last_segment.get(name, [])
        if len(ending) == 1:
            return ending[0]
        if ending:
            raise DefinitionError(
                f'parameter "{name}" may mean {" or ".join(sorted(ending))}: say which, inputs={{"{name}": …}}'
            )
        raise DefinitionError(
            f'parameter "{name}": no asset of that name{self._near(name)}. '
            f'Name one with inputs={{"{name}": …}}, or make it keyword-only if it is a run parameter.'
        )

    def by_upstream(self, upstream: Upstream, own: AssetKey) -> AssetKey:
        """The asset an explicit mapping means."""
        if isinstance(upstream, From):
            return self.by_upstream(upstream.asset, own)
        if isinstance(upstream, str):
            if upstream == SELF:
                return own
            if upstream not in self.schemes:
                raise DefinitionError(f'no asset "{upstream}"{self._near(upstream)}')
            return AssetKey(upstream)
        key = self._of_object(upstream)
        if key is None:
            self._refuse_faulty(upstream)
            shown = upstream.output if isinstance(upstream, OutputOf) else upstream.function.__name__
            raise DefinitionError(f'"{shown}" is no single asset of this module: list it, or name one of its outputs')
        return key

    def _refuse_faulty(self, value: Asset[..., Any] | OutputOf) -> None:
        """Raise _Consequence for an asset that has problems of its own."""
        asset = value.asset if isinstance(value, OutputOf) else value
        if id(asset) in self._faulty:
            raise _Consequence(f'"{asset.function.__name__}" has errors of its own')

    def _of_object(self, value: Asset[..., Any] | OutputOf) -> AssetKey | None:
        asset, output = (value.asset, value.output) if isinstance(value, OutputOf) else (value, None)
        named = self._by_object.get(id(asset))
        if named is None or (output is None and len(named.outputs) > 1):
            return None
        return next((o.asset for o in named.outputs if output in (None, o.name)), None)

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, [*self.schemes, *self._by_last_segment], n=3)
        return f"; near: {', '.join(dict.fromkeys(near))}" if near else ""


def _define(
    named: _Named, directory: _Directory, inspector: Inspector, problems: _Problems
) -> tuple[list[AssetDefinition], LiveTask] | None:
    function, options, signature = named.asset.function, named.asset.options, named.signature
    messages: list[str] = []
    inputs: list[Input] = []
    explicit = options.get("inputs", {})
    for name, annotation in signature.inputs.items():
        try:
            inputs.append(_input(name, annotation, explicit.get(name), named, directory))
        except _Consequence:
            return None
        except DefinitionError as error:
            messages.append(error.message)
    for number, upstream in enumerate(options.get("deps", ())):
        try:
            inputs.append(_dependency(f"deps[{number}]", upstream, named, directory))
        except DefinitionError as error:
            messages.append(f"deps: {error.message}")
    messages += [
        f'inputs names "{name}", which is no parameter of {function.__name__}()'
        for name in explicit
        if name not in signature.inputs
    ]
    known = {parameter.name for parameter in signature.parameters}
    messages += [f"no parameter {name} in {function.__name__}()" for name in named.asset.fixed if name not in known]
    if named.scheme is None and {"window", "key", "range"} & set(signature.receives.values()):
        messages.append("asks for its partition, but has none; give it partitions=…")
    task = None
    if not messages:
        try:
            task = _task(named, tuple(inputs), inspector)
        except DefinitionError as error:
            messages.append(error.message)
    for message in messages:
        problems.add(function, f'asset "{named.key}": {message}')
    if task is None:
        return None
    live = _live(function, signature, named.annotations)
    return [_asset(named, output, task) for output in named.outputs], live


def _input(name: str, annotation: Any, explicit: Upstream | None, named: _Named, directory: _Directory) -> Input:
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


def _dependency(name: str, upstream: Upstream, named: _Named, directory: _Directory) -> Input:
    key = directory.by_upstream(upstream, named.key)
    mapping = _mapping(key, upstream, named, directory)
    return Input(name=name, asset=key, mapping=mapping, type=type_spec(Any), loads=False)


def _mapping(key: AssetKey, upstream: Upstream | None, named: _Named, directory: _Directory) -> PartitionMapping:
    up, down = directory.schemes[key], named.scheme
    given = upstream.how if isinstance(upstream, From) else None
    if any(output.asset == key for output in named.outputs) and not (isinstance(given, Offset) and given.by < 0):
        raise DefinitionError(f'reads itself ("{key}"): only earlier partitions can be read, From("self", offset=-1)')
    mapping = given if given is not None else default_mapping(up, down)
    impossible = check_mapping(mapping, up, down)
    if impossible:
        raise DefinitionError(f'input "{key}": {impossible}')
    return mapping


def _task(named: _Named, inputs: tuple[Input, ...], inspector: Inspector) -> TaskDefinition:
    options = named.asset.options
    return replace(
        _bare_task(named.asset.function, options, named.signature, inspector),
        inputs=inputs,
        outputs=named.outputs,
        fixed=dict(named.asset.fixed),
        subsettable=bool(options.get("subsettable", False)),
    )


def _bare_task(
    function: Callable[..., Any], options: TaskOptions, signature: Signature, inspector: Inspector
) -> TaskDefinition:
    retries, timeouts = options.get("retries", 0), options.get("timeouts")
    unkeyed = frozenset(options.get("unkeyed", ()))
    unknown = unkeyed - {parameter.name for parameter in signature.parameters}
    if unknown:
        raise DefinitionError(f"unkeyed names {', '.join(sorted(unknown))}, which is no run parameter")
    return TaskDefinition(
        name=options.get("name", f"{function.__module__}:{function.__qualname__}"),
        code=inspector.code_version(function, options.get("code_version")),
        parameters=tuple(replace(p, in_key=False) if p.name in unkeyed else p for p in signature.parameters),
        receives=tuple(signature.receives.items()),
        outputs=(),
        reuse=Reuse.of(options.get("reuse", True)),
        retries=retries if isinstance(retries, Retry) else Retry(retries),
        timeouts=Timeouts(running=timeouts) if isinstance(timeouts, timedelta) else timeouts or Timeouts(),
        resources=options.get("resources", Resources()),
        pool=options.get("pool", ""),
        priority=options.get("priority", 0),
        image=options.get("image", ""),
    )


def _live(function: Callable[..., Any], signature: Signature, outputs: Mapping[str, Any]) -> LiveTask:
    return LiveTask(
        function=function,
        inputs=signature.inputs,
        parameters=signature.annotations,
        receives=signature.receives,
        returns=signature.returns,
        outputs=outputs,
    )


def _asset(named: _Named, output: Output, task: TaskDefinition) -> AssetDefinition:
    options = named.asset.options
    documented = inspect.cleandoc(named.asset.function.__doc__ or "")
    return AssetDefinition(
        key=output.asset,
        task=task,
        output=output.name,
        partitions=named.scheme,
        group=options.get("group", "default"),
        owners=tuple(options.get("owners", ())),
        tags=dict(options.get("tags", {})),
        kinds=tuple(options.get("kinds", ())),
        description=named.descriptions[output.name] or options.get("description", documented),
        metadata=dict(options.get("metadata", {})),
    )


def _define_checks(
    checks: Iterable[Check[..., Any]],
    assets: Mapping[AssetKey, AssetDefinition],
    directory: _Directory,
    inspector: Inspector,
    problems: _Problems,
) -> dict[tuple[AssetKey, str], tuple[CheckDefinition, LiveTask]]:
    defined: dict[tuple[AssetKey, str], tuple[CheckDefinition, LiveTask]] = {}
    for check in checks:
        name = check.options.get("name", check.function.__name__)
        faults = faults_of_check(check.options)
        for fault in faults:
            problems.add(check.function, f'check "{name}": {fault}')
        if faults:
            continue
        try:
            signature = read_signature(check.function)
            key = _checked_asset(check, signature, assets, directory)
            if (key, name) in defined:
                raise DefinitionError(f'"{key}" has another check of this name; give one of them name=…')
            task = _bare_task(check.function, check.options, signature, inspector)
        except _Consequence:
            continue
        except DefinitionError as error:
            problems.add(check.function, f'check "{name}": {error.message}')
            continue
        definition = CheckDefinition(
            name=name,
            task=task,
            blocking=check.options.get("blocking", False),
            severity=Severity(check.options.get("severity", "error")),
            description=check.options.get("description", inspect.cleandoc(check.function.__doc__ or "")),
        )
        defined[key, name] = (definition, _live(check.function, signature, {}))
    return defined


def _checked_asset(
    check: Check[..., Any], signature: Signature, assets: Mapping[AssetKey, AssetDefinition], directory: _Directory
) -> AssetKey:
    key = directory.by_upstream(check.asset, AssetKey(""))
    if key not in assets:
        if key in directory.own:
            raise _Consequence(f'"{key}" has errors of its own')
        raise DefinitionError(f'"{key}" belongs to another location; define the check there')
    if len(signature.inputs) != 1:
        found = ", ".join(signature.inputs) or "none"
        raise DefinitionError(f"expected one parameter for the asset's value, found {found}")
    ((parameter, annotation),) = signature.inputs.items()
    misfit = fits(assets[key].type, type_spec(annotation))
    if misfit:
        raise DefinitionError(f'parameter "{parameter}" cannot take what "{key}" produces: {misfit}')
    return key


def _check_edges(
    assets: Mapping[AssetKey, AssetDefinition],
    others: Mapping[AssetKey, AssetDefinition],
    named: list[_Named],
    problems: _Problems,
) -> None:
    """Types at both ends of each edge, and cycles; of what has no other problem."""
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
                )
    functions = {output.asset: n.asset.function for n in named for output in n.outputs}
    for cycle in catalog.graph.cycles():
        function = next((functions[key] for key in cycle if key in functions), None)
        if function is not None:
            problems.add(function, f"assets read each other: {show_path(cycle)}")
