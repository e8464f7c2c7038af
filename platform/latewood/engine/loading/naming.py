"""Names: the key of each output, and the asset that an input's name means."""

import difflib
import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from latewood.authoring import Asset, From, Out, OutputOf, Upstream
from latewood.engine.loading.importing import files_of, relative_name
from latewood.engine.loading.live_io import LiveIO, built_in_io, live_io, shared_places
from latewood.engine.loading.options import faults_of_asset
from latewood.engine.loading.problems import Consequence, Problems
from latewood.engine.loading.signature import Signature, read_signature
from latewood.engine.values.annotations import type_spec
from latewood.errors import DefinitionError
from latewood.model.definitions import SELF, AssetDefinition, Origin, Output
from latewood.model.keys import AssetKey, asset_key
from latewood.model.schemes import Scheme
from latewood.promises import Place

RESULT: Final = "result"
"""Name of the output of a function that makes one asset."""

RECEIVED_AS: Final = {
    "context": "Context",
    "ctx": "Context",
    "window": "TimeWindow",
    "time_window": "TimeWindow",
    "key": "PartitionKey",
    "partition": "PartitionKey",
    "partition_key": "PartitionKey",
    "partitions": "PartitionRange",
    "partition_range": "PartitionRange",
}
"""What people mean by these names who have left out the annotation, which alone says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An asset function whose outputs have keys; its inputs are not looked up yet. `place`, if not the function's.

    `ios` store outputs, by name, where they do not go to the artifact store.
    """

    asset: Asset[..., Any]
    signature: Signature
    outputs: tuple[Output, ...]
    annotations: Mapping[str, Any]
    descriptions: Mapping[str, str]
    scheme: Scheme | None
    place: Place | None = None
    ios: Mapping[str, LiveIO] = field(default_factory=dict)

    @property
    def key(self) -> AssetKey:
        """Key that stands for the function in messages."""
        return self.outputs[0].asset


def name_outputs(asset: Asset[..., Any], problems: Problems, *, stored: bool = True) -> Named | None:
    """The asset with keys for its outputs; None, and problems, if its options or signature cannot be.

    Where nothing is `stored` at places of its own, all goes to the artifact store whatever the asset says.
    """
    options = asset.options
    faults = faults_of_asset(options)
    for fault in faults:
        message = f'asset "{options.get("key", asset.function.__name__)}": {fault}'
        problems.add(asset.function, message, asset.place)
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
        ios = {
            output.name: live_io(io, output, options.get("partitions"), asset.origin)
            for output in outputs
            if stored and (io := outs[output.name].io or options.get("io")) is not None
        }
    except DefinitionError as error:
        message = f'asset "{options.get("key", asset.function.__name__)}": {error.message}'
        problems.add(asset.function, message, asset.place)
        return None
    return Named(
        asset=asset,
        signature=signature,
        outputs=tuple(replace(o, stored=ios[o.name].stored) if o.name in ios else o for o in outputs),
        ios=ios,
        annotations={name: out.type for name, out in outs.items()},
        descriptions={name: out.description for name, out in outs.items()},
        scheme=options.get("partitions"),
        place=asset.place,
    )


def same_elsewhere(asset: Asset[..., Any], others: Mapping[AssetKey, AssetDefinition], root: Path) -> Named | None:
    """The asset with its keys, if other locations define just this one: under the same keys, by the same function."""
    named = name_outputs(asset, Problems(root)) if others else None
    if named is None or not all(output.asset in others for output in named.outputs):
        return None
    home = home_of(asset, root)
    return named if all(_home_there(others[output.asset]) == home for output in named.outputs) else None


def home_of(asset: Asset[..., Any], root: Path) -> tuple[str, str]:
    """File below the root, and name in it, of what makes the asset; a name alone if nothing here does."""
    if asset.origin is not Origin.MADE:
        return "", f"{asset.origin.value}:{asset.options['key']}"
    code = inspect.unwrap(asset.function).__code__
    return relative_name(Path(code.co_filename), root), code.co_qualname


def _home_there(other: AssetDefinition) -> tuple[str, str]:
    """The same of what another location has defined."""
    if other.origin is not Origin.MADE:
        return "", f"{other.origin.value}:{other.key}"
    return other.task.code.file, other.task.code.qualname


def refuse_duplicates(
    named: Iterable[Named], others: Mapping[AssetKey, AssetDefinition], problems: Problems, root: Path, entry: str
) -> None:
    """Add a problem for each key that is defined twice, and each place that is two assets', here or elsewhere."""
    named = list(named)
    external = {n.key for n in named if n.asset.origin is Origin.EXTERNAL}
    shared = shared_places((output for n in named for output in n.outputs), others.values(), external, root)
    counts = Counter(output.asset for n in named for output in n.outputs)
    for n in named:
        for output in n.outputs:
            if output.asset in shared:
                problems.add(n.asset.function, f'asset "{output.asset}": {shared[output.asset]}', n.place)
            if counts[output.asset] > 1:
                problems.add(n.asset.function, f'asset "{output.asset}": defined {counts[output.asset]} times', n.place)
            elif output.asset in others:
                home = home_of(n.asset, root)
                taken_in = home == _home_there(others[output.asset]) and home[0] in files_of(entry)
                problems.add(n.asset.function, defined_elsewhere(output.asset, taken_in=taken_in), n.place)


def defined_elsewhere(key: AssetKey, *, taken_in: bool = False) -> str:
    """What is said of a key that another location defines; or that it has `taken_in`, by importing just this asset."""
    if taken_in:
        return (
            f'asset "{key}": another location has it already, since it imports it and was deployed first; deploy both '
            "at once, `latewood deploy -f FILE -f FILE`, and each file has what it defines"
        )
    return (
        f'asset "{key}": another location defines it too; to read that one here, import it or name it '
        f'by its key (a parameter of that name, or inputs={{"…": "{key}"}}); or say what is this file\'s own: '
        "`definitions = Definitions(…)`; if it moved here, deploy the other one without it first"
    )


class Directory:
    """Finds the asset that an input names."""

    def __init__(
        self,
        named: Iterable[Named],
        names: Mapping[str, Asset[..., Any] | OutputOf],
        others: Mapping[AssetKey, AssetDefinition],
        faulty: frozenset[int],
        root: Path,
    ) -> None:
        self._by_object = {id(n.asset): n for n in named}
        self.own = frozenset(output.asset for n in self._by_object.values() for output in n.outputs)
        self._names = names
        self._faulty = faulty
        self._others, self._root = others, root
        self.schemes: dict[AssetKey, Scheme | None] = {key: other.partitions for key, other in others.items()}
        self.origins: dict[AssetKey, Origin] = {key: other.origin for key, other in others.items()}
        # Of others those whose values something loads, and what does, where they are not only given (in tests).
        self.readable: dict[AssetKey, LiveIO | None] = {
            key: built_in_io(other.stored)
            for key, other in others.items()
            if other.origin is Origin.EXTERNAL and other.stored is not None
        }
        for n in self._by_object.values():
            if n.asset.origin is Origin.EXTERNAL and n.asset.options.get("io") is not None:
                self.readable[n.key] = next(iter(n.ios.values()), None)
            self.schemes.update({output.asset: n.scheme for output in n.outputs})
            self.origins.update({output.asset: n.asset.origin for output in n.outputs})
        self._by_last_segment: dict[str, list[AssetKey]] = {}
        for key in self.schemes:
            self._by_last_segment.setdefault(key.rsplit("/", 1)[-1], []).append(key)

    def by_parameter(self, name: str, table: str = "") -> AssetKey:
        """The asset a parameter's name means: the module's function, the key, or the one key that ends so.

        Of a query it is a `table`, as messages call it.
        """
        subject = table or f'parameter "{name}"'
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
                f'{subject} may mean {" or ".join(sorted(ending))}: say which, inputs={{"{name}": …}}'
            )
        if table:
            way_out = f'Name one with inputs={{"{name}": …}}, or by its whole key, with dots or in quotes'
            raise DefinitionError(f"{table}: no asset of that name{self._near(name)}. {way_out}")
        if name in RECEIVED_AS:
            raise DefinitionError(
                f'parameter "{name}": no asset of that name. Annotate it, `{name}: {RECEIVED_AS[name]}`, '
                f"if it is the run that gives it"
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
            raise DefinitionError(
                f'"{shown}" is no single asset of this module: list it, name one of its outputs, or, '
                "if another file defines it, deploy that one first, or both at once (-f FILE -f FILE)"
            )
        return key

    def _refuse_faulty(self, value: Asset[..., Any] | OutputOf) -> None:
        """Raise Consequence for an asset that has problems of its own."""
        asset = value.asset if isinstance(value, OutputOf) else value
        if id(asset) in self._faulty:
            raise Consequence(f'"{asset.function.__name__}" has errors of its own')

    def _of_object(self, value: Asset[..., Any] | OutputOf) -> AssetKey | None:
        asset, output = (value.asset, value.output) if isinstance(value, OutputOf) else (value, None)
        named = self._by_object.get(id(asset)) or same_elsewhere(asset, self._others, self._root)
        if named is None or (output is None and len(named.outputs) > 1):
            return None
        return next((o.asset for o in named.outputs if output in (None, o.name)), None)

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, [*self.schemes, *self._by_last_segment], n=3)
        return f"; near: {', '.join(dict.fromkeys(near))}" if near else ""
