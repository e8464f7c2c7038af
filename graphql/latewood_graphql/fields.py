"""Short ways to say what a field is."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import graphene


def given(path: str) -> Callable[[Any, Any], Any]:
    """The resolver of what lies there in the parent, as in `facts.position`."""
    get = attrgetter(path)
    return lambda parent, _info: get(parent)


def many(of: Any, description: str, **more: Any) -> graphene.List:
    """A short list without nulls, which is there."""
    return graphene.List(graphene.NonNull(of), required=True, description=description, **more)
