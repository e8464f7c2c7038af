"""Steps of workflows as assets: promises become edges, values become parameters, results get keys.

What comes out is what a decorated asset would have given, so all that follows (edges, types, duplicates, code versions)
is one path for both.
"""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import GenericAlias
from typing import Any, Final

from msgspec.structs import replace as changed

from latewood.authoring import Asset, AssetOptions, OutputOf
from latewood.choices import choose, holds, part_of
from latewood.decide.fingerprint import given_version
from latewood.engine.loading.naming import RESULT, Named
from latewood.engine.loading.options import faults_of_asset
from latewood.engine.loading.problems import Consequence, Problems, place_of
from latewood.engine.loading.signature import LiveTask, Signature, parameter_of, parse_parameter, read_signature
from latewood.engine.loading.tasks import require_mappable
from latewood.engine.values.annotations import type_spec
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.definitions import AssetDefinition, Input, Membership, Output, Parameter, Where
from latewood.model.keys import AssetKey, asset_key
from latewood.model.mappings import default_mapping
from latewood.model.types import display, fits
from latewood.promises import Call, Part, Place, Promise, Source, WorkflowInput, output_names, parts_of, source_of
from latewood.workflows import Composed, Workflow

_EMPTY: Final = inspect.Parameter.empty
_OWN: Final[Mapping[Callable[..., Any], str]] = {
    holds: "latewood:condition",
    choose: "latewood:choice",
    part_of: "latewood:part",
}
"""Tasks of Latewood's own; what they do is versioned by hand, like a format."""

AS_ASSET: Final = "pass the asset itself to the step"
"""How a step reads what an input of its workflow cannot say."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """An asset that a step makes, as others read it: only under the conditions of its branch, if any."""

    key: AssetKey
    annotation: Any
    branch: tuple[tuple[Call, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call of a workflow with keys for what it makes, to be defined like an asset; and what only a step has.

    `each` has the annotations of elements, by the parameter that gets one of them at a time.
    """

    named: Named
    step_of: Membership
    gates: tuple[Input, ...]
    where: Mapping[str, Where]
    each: Mapping[str, Any] = field(default_factory=dict)
    min_success_ratio: float = 1.0

    def finished(self, asset: AssetDefinition) -> AssetDefinition:
        """The asset as the workflow makes it."""
        task, own = asset.task, _OWN.get(self.named.asset.function)
        inputs = [changed(i, where=self.where[i.name]) if i.name in self.where else i for i in task.inputs]
        task = changed(task, inputs=(*self.gates, *inputs))
        if own is not None:
            task = changed(task, name=own, code=given_version("1", file="", qualname=own))
        if self.each:
            task = changed(task, each=tuple(self.each), min_success_ratio=self.min_success_ratio)
        return changed(asset, task=task, step_of=self.step_of)

    def of_element(self, live: LiveTask) -> LiveTask:
        """What is called for one element."""
        inputs = {name: self.each.get(name, annotation) for name, annotation in live.inputs.items()}
        return replace(live, inputs=inputs, outputs={RESULT: live.returns})


class Steps:
    """The steps of one workflow, in the order of its body, each after what it reads."""

    def __init__(self, workflow: Workflow[..., Any], composed: Composed, problems: Problems) -> None:
        self._workflow = workflow
        self._problems = problems
        self._outputs: dict[int, dict[str, Made]] = {}
        self._parts: dict[AssetKey, Made] = {}
        self._waiting: list[tuple[AssetOptions, list[Call]]] = []
        self.steps: list[Step] = []
        for call in composed.calls:
            try:
                self._add(call)
            except Consequence:
                continue
            except (DefinitionError, ValueRefused) as error:
                message = error.message if isinstance(error, DefinitionError) else str(error)
                self._problems.at(call.place, f'workflow "{workflow.name}": {call.name}: {message}')
        for options, after in self._waiting:  # `a >> b` may be written before or after either is read
            known = [call for call in dict.fromkeys(after) if id(call) in self._outputs]
            options["deps"] = [self._key(call) for call in known]

    def made_by(self, promise: Promise) -> dict[str, Made]:
        """What a promise that the workflow returns stands for, by output. Raises DefinitionError."""
        source = source_of(promise)
        if isinstance(source.origin, Call) and not source.path and len(self._of(source.origin)) > 1:
            return self._of(source.origin)
        found = self._resolved(source, ())
        return {} if isinstance(found, WorkflowInput) else {RESULT: found}

    # ── a call ────────────────────────────────────────────────────────────────────────────────────────

    def _add(self, call: Call) -> None:
        if faults := faults_of_asset({k: v for k, v in call.options.items() if k != "name"}):
            raise DefinitionError("; ".join(faults))
        signature = _signature(call)
        if call.each:
            require_mappable(call.function, signature)
        arguments = self._arguments(call, signature)
        returns = _chosen(arguments) if call.kind == "choice" else call.collected(signature.returns)
        names = () if call.each else output_names(returns)
        parts = parts_of(returns) or {}
        annotations = {name: parts[int(name) if name.isdigit() else name] for name in names} or {RESULT: returns}
        key = asset_key(f"{self._workflow.name}/{call.name}")
        outputs = tuple(
            Output(name=name, asset=asset_key(f"{key}/{name}") if names else key, type=type_spec(annotation))
            for name, annotation in annotations.items()
        )
        self._define(call, signature, arguments, outputs, annotations)
        self._outputs[id(call)] = {o.name: Made(o.asset, annotations[o.name], call.branch) for o in outputs}

    def _arguments(self, call: Call, signature: Signature) -> dict[str, Any]:
        """What each parameter is given: Made, WorkflowInput, an asset, or a value."""
        arguments: dict[str, Any] = {}
        messages: list[str] = []
        for name, value in call.arguments.items():
            if name in signature.given:
                messages.append(f'parameter "{name}" is given by the run; leave it out')
                continue
            branch = call.branch
            if call.kind == "choice" and name in ("then", "otherwise"):
                branch = (*branch, (_condition(call), name == "then"))
            try:
                arguments[name] = self._resolved(source_of(value), branch) if isinstance(value, Promise) else value
            except Consequence:
                raise
            except DefinitionError as error:
                messages.append(f'parameter "{name}": {error.message}')
        if messages:
            raise DefinitionError("; ".join(messages))
        return arguments | {name: self._listed(call, name, arguments[name], signature) for name in call.each}

    def _listed(self, call: Call, name: str, value: Any, signature: Signature) -> Any:
        """What is mapped as an asset, whose elements are known when it is made; a value becomes one by a step."""
        if isinstance(value, Made | Asset | OutputOf):
            return value
        if not isinstance(value, WorkflowInput | list | tuple):
            raise DefinitionError(f'parameter "{name}": each(…) expected a list, found {type(value).__name__}')
        annotation: Any = GenericAlias(list, {**signature.inputs, **signature.annotations}[name])
        if isinstance(value, WorkflowInput):
            annotation = value.annotation
        else:
            parse_parameter(name, annotation, list(value))
        key = asset_key(f"{self._workflow.name}/{call.name}/{name}")
        given = {"value": value, "path": []}
        return self._taken_out(key, given, annotation, annotation, call.place, call.branch)

    def _define(
        self,
        call: Call,
        signature: Signature,
        arguments: Mapping[str, Any],
        outputs: tuple[Output, ...],
        annotations: Mapping[str, Any],
    ) -> None:
        bound = _Bound()
        parameters = {**signature.inputs, **signature.annotations}
        for name, annotation in parameters.items():
            read = GenericAlias(list, annotation) if name in call.each else annotation
            bound.add(name, read, arguments.get(name, _EMPTY), _default(call, name))
        if bound.messages:
            raise DefinitionError("; ".join(bound.messages))
        options: AssetOptions = {
            **call.options,  # type: ignore[typeddict-item]  # a task's options, checked before
            "key": outputs[0].asset,
            "group": self._workflow.name,
            "inputs": bound.edges,
            "unkeyed": [name for name in call.options.get("unkeyed", ()) if name in bound.parameters],
        }
        self._waiting.append((options, call.after))
        named = Named(
            asset=Asset(call.function, options, bound.fixed),
            signature=replace(
                signature,
                inputs=bound.annotations,
                parameters=tuple(bound.parameters.values()),
                annotations=bound.types,
            ),
            outputs=outputs,
            annotations=annotations,
            descriptions=dict.fromkeys(annotations, ""),
            scheme=None,
            place=call.place,
        )
        where = {}
        if call.kind == "choice":
            condition = self._key(_condition(call))
            where = {name: Where(asset=condition, holds=name == "then") for name in ("then", "otherwise")}
        self.steps.append(
            Step(
                named=named,
                step_of=Membership(workflow=self._workflow.name, bound=bound.inputs),
                gates=tuple(self._gate(n, call_, taken) for n, (call_, taken) in enumerate(call.branch)),
                where=where,
                each={name: parameters[name] for name in call.each},
                min_success_ratio=call.min_success_ratio,
            )
        )

    def _gate(self, number: int, condition: Call, taken: bool) -> Input:  # noqa: FBT001 - the value that is needed
        key = self._key(condition)
        return Input(
            name=f"when[{number}]",
            asset=key,
            mapping=default_mapping(None, None),
            type=type_spec(bool),
            loads=False,
            where=Where(asset=key, holds=taken),
        )

    # ── what promises are of ──────────────────────────────────────────────────────────────────────────

    def _of(self, call: Call) -> dict[str, Made]:
        if id(call) not in self._outputs:
            raise Consequence(f"{call.name} has errors of its own")
        return self._outputs[id(call)]

    def _key(self, call: Call) -> AssetKey:
        return next(iter(self._of(call).values())).key

    def _resolved(self, source: Source, branch: tuple[tuple[Call, bool], ...]) -> Made | WorkflowInput:
        origin, path = source
        if isinstance(origin, WorkflowInput):
            return self._part(origin, path, source) if path else origin
        outputs = self._of(origin)
        if origin.branch != branch[: len(origin.branch)]:
            raise DefinitionError(
                f"{source.shown} is made in one branch only; read what when(…).then(…).otherwise(…) returns"
            )
        if set(outputs) == {RESULT}:
            return self._part(outputs[RESULT], path, source) if path else outputs[RESULT]
        names = list(outputs)
        if not path:
            raise DefinitionError(
                f"{source.shown} has the outputs {', '.join(names)}: pass one, {_as_in(source, names)}"
            )
        first = path[0]
        if isinstance(first, int) and -len(names) <= first < len(names):
            first = names[first]
        if first not in outputs:
            raise DefinitionError(f"{source.shown}: {origin.name} has the outputs {', '.join(names)}")
        made = outputs[str(first)]
        return self._part(made, path[1:], source) if path[1:] else made

    def _part(self, whole: Made | WorkflowInput, path: tuple[Part, ...], source: Source) -> Made:
        """A part of a value, which a step of its own takes out of it, once."""
        stem = f"{self._workflow.name}/{whole.name}" if isinstance(whole, WorkflowInput) else whole.key
        key = asset_key("/".join((stem, *map(str, path))))
        if key not in self._parts:
            annotation = whole.annotation
            for step in path:
                known = parts_of(annotation)
                if known is not None and step not in known:
                    there = ", ".join(map(str, known)) or "it has no parts"
                    raise DefinitionError(f"{source.shown}: no {step!r} in {_shown(annotation)}: {there}")
                annotation = Any if known is None else known[step]
            at = source.origin.place if isinstance(source.origin, Call) else place_of(self._workflow.function)
            branch = () if isinstance(whole, WorkflowInput) else whole.branch
            given = {"value": whole, "path": list(path)}
            self._parts[key] = self._taken_out(key, given, whole.annotation, annotation, at, branch)
        return self._parts[key]

    def _taken_out(
        self,
        key: AssetKey,
        given: Mapping[str, Any],
        whole: Any,
        annotation: Any,
        at: Place,
        branch: tuple[tuple[Call, bool], ...],
    ) -> Made:
        """An asset of a value, or of a part of one, by a step of its own."""
        name = key.partition("/")[2]
        call = Call(name=name, kind="task", function=part_of, options={}, arguments={}, place=at, branch=branch)
        signature = replace(_signature(call), inputs={"value": whole})
        output = Output(name=RESULT, asset=key, type=type_spec(annotation))
        self._define(call, signature, given, (output,), {RESULT: annotation})
        return Made(key, annotation, branch)


@dataclass(slots=True)
class _Bound:
    """What a call gives its task's parameters: edges to assets, and values."""

    edges: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    types: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def add(self, name: str, annotation: Any, argument: Any, default: Any) -> None:
        """What this parameter is given; what is wrong with it is a message."""
        try:
            match argument:
                case Made(key=key):
                    self.edges[name] = key
                    self.annotations[name] = annotation
                case Asset() | OutputOf():
                    self.edges[name] = argument
                    self.annotations[name] = annotation
                case WorkflowInput():
                    self._from_input(name, annotation, argument)
                case _ if argument is _EMPTY and default is _EMPTY:
                    self.messages.append(f'parameter "{name}" is given nothing')
                case _:
                    self.parameters[name] = parameter_of(name, annotation, default, instead=AS_ASSET)
                    self.types[name] = annotation
                    if argument is not _EMPTY:
                        self.fixed[name] = parse_parameter(name, annotation, argument)
        except Consequence:
            raise
        except (DefinitionError, ValueRefused) as error:
            self.messages.append(str(error))

    def _from_input(self, name: str, annotation: Any, given: WorkflowInput) -> None:
        if annotation is Any:  # then the input says what a text on the command line means
            annotation = given.annotation
        produced, expected = type_spec(given.annotation), type_spec(annotation)
        if misfit := fits(produced, expected):
            self.messages.append(
                f'parameter "{name}" expects {display(expected)}, but the input "{given.name}" is {display(produced)}: '
                f"{misfit}"
            )
            return
        try:
            self.parameters[name] = parameter_of(name, annotation, given.default, instead=AS_ASSET)
        except DefinitionError as error:
            if given.annotation is Any:
                raise
            raise Consequence(f"what is wrong with the input is told of the workflow: {error.message}") from None
        self.types[name] = annotation
        self.inputs[name] = given.name
        if given.default is not _EMPTY:
            self.fixed[name] = parse_parameter(name, annotation, given.default)


def _signature(call: Call) -> Signature:
    if call.kind == "condition":
        annotations = {name: Any for name in call.arguments if name != "expression"}
        expression = parameter_of("expression", Any, _EMPTY)
        return Signature(
            inputs=annotations, parameters=(expression,), annotations={"expression": Any}, receives={}, returns=bool
        )
    return read_signature(call.function)


def _default(call: Call, name: str) -> Any:
    parameter = inspect.signature(call.function).parameters.get(name)
    return _EMPTY if parameter is None else parameter.default


def _condition(choice: Call) -> Call:
    origin = source_of(choice.arguments["condition"]).origin
    assert isinstance(origin, Call), "a condition is a step"
    return origin


def _chosen(arguments: Mapping[str, Any]) -> Any:
    """The annotation of a choice: that of either branch."""
    found = [arguments[name] for name in ("then", "otherwise")]
    annotations = [a.annotation if isinstance(a, Made | WorkflowInput) else type(a) for a in found]
    return typing.Union[tuple(annotations)]  # noqa: UP007 - of a tuple there is no other spelling


def _as_in(source: Source, names: Iterable[str]) -> str:
    first = next(iter(names))
    return f"as in {source.shown}[0]" if first.isdigit() else f"as in {source.shown}.{first}"


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)
