"""Lists around the elements of a mapped step: taken apart before they are, and put together of what they made."""

from collections.abc import Sequence

from latewood.decide.state import VersionFacts
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.attempt import Made, read_as, refused
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised, Returned
from latewood.engine.running.worker_protocol import Elements
from latewood.engine.values.values import Element, Values
from latewood.errors import StoreError, ValueRefused
from latewood.model.definitions import AssetDefinition
from latewood.model.elements import elements_of


class ListCalls:
    """Takes lists apart and puts them together where their code is: values of users' types are read and checked."""

    def __init__(self, loaded: Loaded, values: Values) -> None:
        self._loaded = loaded
        self._values = values

    def split(self, asset: AssetDefinition, bound: Sequence[Bound]) -> Elements | Raised:
        """The elements of the lists that the asset's task maps."""
        read = {b.input.name: b for b in bound}
        try:
            lists = [self._elements(asset, read[name]) for name in asset.task.each]
        except (ValueRefused, StoreError) as error:
            return refused(error)
        lengths = [len(found) for found in lists]
        if len(set(lengths)) > 1:
            said = " and ".join(f"{name} {n:,}" for name, n in zip(asset.task.each, lengths, strict=True))
            return refused(ValueRefused(f'"{asset.key}": expected as many elements of each list, found of {said}'))
        together = list(zip(*lists, strict=True))
        return Elements(
            versions=tuple(tuple(element.data_version for element in each) for each in together),
            labels=tuple(", ".join(element.label for element in each) for each in together),
        )

    def collect(self, asset: AssetDefinition, results: Sequence[VersionFacts | None]) -> Made | Raised:
        """The list of these results, checked and staged."""
        key = elements_of(asset.key)
        element, whole = (self._loaded.tasks[of].outputs[asset.output] for of in (key, asset.key))
        try:
            found = [None if facts is None else self._values.load(key, facts, element) for facts in results]
            staged = self._values.stage(found, whole, subject=f'output of "{asset.key}"')
        except (ValueRefused, StoreError) as error:
            return refused(error)
        return Made(
            outputs={asset.output: staged},
            unplaced={},
            metadata={},
            returned=Returned(value=None, duration_ms=0.0, output=""),
            no_reuse="",
            logs=None,
            added={},
        )

    def _elements(self, asset: AssetDefinition, bound: Bound) -> Sequence[Element]:
        ((_, facts),) = bound.versions
        annotation = read_as(self._loaded, elements_of(asset.key), bound.input, element=True)
        return self._values.elements(bound.input.asset, facts, annotation)
