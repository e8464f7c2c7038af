"""What decorators are told, checked: unknown names and wrong types are refused before anything is recorded.

Python's type checkers say the same while one writes; this is for who runs none.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from latewood.authoring import AssetOptions, CheckOptions
from latewood.engine.values.recordable import text
from latewood.model.definitions import Severity
from latewood.model.policies import Resources, Retry, Timeouts
from latewood.model.schemes import Scheme
from latewood.places import IO
from latewood_eventlog.codec import unheld


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _is_texts(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(part, str) for part in value)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair)


def _is_json_map(value: Any) -> bool:
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return isinstance(value, Mapping)


def _is_listed(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | Mapping)


_TEXTS: Final = ('a list of texts, such as ["team:data"]', _is_texts)
_TEXT: Final = ("text", _is(str))
_YES_OR_NO: Final = ("True or False", _is(bool))

_EXPECTED: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "name": _TEXT,
    "code_version": _TEXT,
    "reuse": ("True, False or a timedelta", _is(bool, timedelta)),
    "retries": ("a number or Retry(…)", _is(int, Retry)),
    "timeouts": ("a timedelta or Timeouts(…)", _is(timedelta, Timeouts)),
    "pool": _TEXT,
    "priority": ("a whole number", _is(int)),
    "resources": ("Resources(…)", _is(Resources)),
    "image": _TEXT,
    "unkeyed": _TEXTS,
    "key": _TEXT,
    "group": ("text", _is(str)),
    "owners": _TEXTS,
    "tags": ("a dict of texts", _is_text_map),
    "kinds": _TEXTS,
    "description": _TEXT,
    "metadata": ("a dict of JSON values", _is_json_map),
    "partitions": ("a partition scheme, such as Daily(…)", lambda value: isinstance(value, Scheme)),
    "inputs": ("a dict of assets by parameter", _is(dict)),
    "deps": ("a list of assets", _is_listed),
    "outputs": ("a dict of types by output name", _is(dict)),
    "subsettable": _YES_OR_NO,
    "partition_column": _TEXT,
    "partitions_per_step": ("a whole number from 1 on", lambda value: type(value) is int and value > 0),
    "io": ("an IO, such as Parquet(…)", _is(IO)),
    "blocking": _YES_OR_NO,
    "severity": ('"warning" or "error"', lambda value: value in {s.value for s in Severity}),
}

_RECORDED: Final = frozenset(
    {"code_version", "pool", "image", "group", "owners", "tags", "kinds", "description", "metadata"}
)
"""Options whose texts are recorded as they are."""

_CODE_VERSION_MAX: Final = 200
"""Each step's event repeats it."""

_OF_ASSETS: Final = frozenset(AssetOptions.__annotations__)
_OF_CHECKS: Final = frozenset(CheckOptions.__annotations__)


def faults_of_asset(options: Mapping[str, Any]) -> list[str]:
    """What is wrong with an asset's options, a message each."""
    return _faults(options, _OF_ASSETS)


def faults_of_check(options: Mapping[str, Any]) -> list[str]:
    """What is wrong with a check's options, a message each."""
    return _faults(options, _OF_CHECKS)


def documented(function: Callable[..., Any]) -> str:
    """What the function's docstring says, with signs in place of what no event can hold."""
    said = inspect.cleandoc(function.__doc__ or "")
    return text(said, 8 * len(said)) if unheld(said) else said


def _faults(options: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    faults = []
    for name, value in options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            faults.append(f'no option "{name}"; ' + (f'did you mean "{near[0]}"?' if near else _listed(known)))
        elif not _EXPECTED[name][1](value):
            shown = repr(value)
            found = shown if len(shown) <= 60 else type(value).__name__  # noqa: PLR2004 - a line of a message
            faults.append(f"{name}: expected {_EXPECTED[name][0]}, found {found}")
        elif name in _RECORDED and (fault := unheld(value)):
            faults.append(f"{name}: expected text that can be recorded, found {fault} in it")
        elif name == "code_version" and len(value) > _CODE_VERSION_MAX:
            faults.append(f"{name}: expected at most {_CODE_VERSION_MAX} characters, found {len(value):,}")
    return faults


def _listed(known: frozenset[str]) -> str:
    return f"there are {', '.join(sorted(known))}"
