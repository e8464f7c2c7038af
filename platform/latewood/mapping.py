"""Calling a task for each element of a list: `score.map(row=each(rows), model=model)`.

In a workflow's body it is a step that becomes as many as the list has elements, once that is known; anywhere else it is
a loop.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final, TypeVar, cast

from latewood.promises import misuse

__all__ = ["each"]

T = TypeVar("T")

_ROUNDING: Final = 1e-9  # 0.7 of ten are seven, whatever their product is in floating point


@dataclass(frozen=True, slots=True, eq=False)
class Each:
    """A list whose elements are meant, one by one."""

    values: Any

    def __iter__(self) -> Any:
        raise misuse("each(…) stands for one element at a time: it belongs into .map(…)")


def each(values: Iterable[T]) -> T:
    """Mark a list whose elements a task is called for, as an argument of `.map(…)`.

    The result is a list in the same order. Several such lists go together, the first element with the first.
    """
    if isinstance(values, str | bytes | Mapping | AbstractSet):
        raise misuse(f"each(…): expected a list, found {type(values).__name__}")
    return cast("T", Each(values))


def enough(succeeded: int, count: int, min_success_ratio: float) -> bool:
    """Whether so many of the calls have succeeded."""
    return succeeded >= min_success_ratio * count - _ROUNDING


def require_ratio(min_success_ratio: float) -> None:
    """Raise DefinitionError, at the user's own line, for what is no share of the calls."""
    if type(min_success_ratio) not in (int, float) or not 0 < min_success_ratio <= 1:
        raise misuse(f"min_success_ratio: expected a share above 0 and up to 1, found {min_success_ratio!r}")


def mapped(
    function: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any], min_success_ratio: float
) -> list[Any]:
    """The function's results for each element, as by a loop; None where it failed, if enough succeeded.

    Else its first failure is raised.
    """
    bound = signature(function).bind(*args, **kwargs)
    lists = {name: list(value.values) for name, value in bound.arguments.items() if isinstance(value, Each)}
    if not lists:
        raise misuse(NOTHING_MAPPED)
    if len(set(map(len, lists.values()))) > 1:
        lengths = " and ".join(str(len(found)) for found in lists.values())
        raise ValueError(f"lists of {lengths} elements do not go together")
    results: list[Any] = []
    failures: list[Exception] = []
    for elements in zip(*lists.values(), strict=True):
        bound.arguments.update(zip(lists, elements, strict=True))
        try:
            results.append(function(*bound.args, **bound.kwargs))
        except Exception as error:
            if min_success_ratio == 1:
                raise
            failures.append(error)
            results.append(None)
    if not enough(len(results) - len(failures), len(results), min_success_ratio):
        failures[0].add_note(f"{len(failures)} of {len(results)} elements failed")
        raise failures[0]
    return results


NOTHING_MAPPED: Final = "maps nothing: mark the list whose elements are meant, as in .map(row=each(rows))"
