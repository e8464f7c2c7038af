"""Parameter values for one run: one of each, or several that are tried in combination."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

from latewood.model.keys import AssetKey

Given = Mapping[AssetKey, Mapping[str, Any]]
"""Values by asset and parameter."""

Trial = tuple[tuple[AssetKey, str, str], ...]
"""What is other than the environment's parameters in a step and in all it reads within its run, in order: asset,
parameter, and the value as JSON. Empty for what the environment itself would make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Alternatives to try: each axis has some, and each of those gives values.

    In every combination; or, `zipped`, the first of each axis, then the second of each, and so on, where an axis with
    one alternative has it throughout.
    """

    axes: Sequence[Sequence[Given]] = ()
    zipped: bool = False

    @staticmethod
    def of(given: Given) -> "Sweep":
        """One value each."""
        return Sweep(axes=((given,),)) if given else Sweep()

    @property
    def given(self) -> dict[AssetKey, frozenset[str]]:
        """The parameters that are given any value, by asset."""
        found: dict[AssetKey, frozenset[str]] = {}
        for axis in self.axes:
            for key, by_name in (item for alternative in axis for item in alternative.items()):
                found[key] = found.get(key, frozenset()) | by_name.keys()
        return found

    def __len__(self) -> int:
        """How many combinations there are; 1 where nothing is given."""
        return max(map(len, self.axes), default=1) if self.zipped else prod(map(len, self.axes))

    def combinations(self) -> Iterator[Given]:
        """The combinations, the last axis changing fastest."""
        if self.zipped:
            axes = (tuple(axis) * (len(self) if len(axis) == 1 else 1) for axis in self.axes)
            chosen: Iterator[tuple[Given, ...]] = zip(*axes, strict=True) if self.axes else iter([()])
        else:
            chosen = product(*self.axes)
        return map(merged, chosen)


NO_SWEEP: Final = Sweep()


def merged(parts: Sequence[Given]) -> dict[AssetKey, dict[str, Any]]:
    """The values of all of them; of a parameter that several give, the last."""
    found: dict[AssetKey, dict[str, Any]] = {}
    for part in parts:
        for key, by_name in part.items():
            found.setdefault(key, {}).update(by_name)
    return found


def split_values(text: str) -> list[str]:
    """The values that a text lists: what stands between commas, where a JSON list, object or string is one value.

    A string in quotes stands for itself without them: `a,b` are two values, `"a,b"` is one, and so is `[1,2]`.
    """
    values, start = [], 0
    while True:
        value, end = _value_at(text, start)
        values.append(value)
        if end == len(text):
            return values
        start = end + 1


def _value_at(text: str, start: int) -> tuple[str, int]:
    """The value that begins there, and where it ends."""
    if text[start : start + 1] in ("[", "{", '"'):
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            pass
        else:
            if text[end : end + 1] in ("", ","):
                return value if isinstance(value, str) else text[start:end], end
    end = text.find(",", start)
    return (text[start:], len(text)) if end < 0 else (text[start:end], end)
