"""Which assets an event is about, by what it says."""

from collections.abc import Mapping
from typing import Any


def assets_of_event(data: Mapping[str, Any]) -> list[str]:
    """Their ids; of what names none, none."""
    ids = data.get("assets")
    if isinstance(ids, list):
        return [id_ for id_ in ids if isinstance(id_, str)]
    return [data["asset"]] if "asset" in data else [output["asset"] for output in data.get("outputs", ())]
