"""Sets in JSON: in one order in every process, though strings hash, and so sets iterate, differently in each."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from typing import Any

from latewood.decide.canonical import canonical


def in_one_order(document: Any, live: Any) -> Any:
    """The JSON document that pydantic made of a live value, with the items of its sets, however deep, sorted."""
    match document, live:
        case list(), AbstractSet():
            # pydantic went over the set as it iterates: items and their JSON stand in the same order
            return sorted(map(in_one_order, document, live), key=canonical)
        case list(), list() | tuple() if len(document) == len(live):
            return list(map(in_one_order, document, live))
        case dict(), Mapping() if len(document) == len(live):
            return dict(zip(document, map(in_one_order, document.values(), live.values()), strict=True))
        case dict(), _ if is_dataclass(live) or hasattr(type(live), "model_fields"):
            return {name: in_one_order(part, getattr(live, name, None)) for name, part in document.items()}
    return document
