"""Short ways to say what a field is."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import graphene

UNREAD: Final = "Null only where it could not be read: an error of the answer says why."
"""What ends the description of a fallible field, by which clients know it from one that may be nothing."""


def given(path: str) -> Callable[[Any, Any], Any]:
    """The resolver of what lies there in the parent, as in `facts.position`."""
    get = attrgetter(path)
    return lambda parent, _info: get(parent)


def many(of: Any, description: str, **more: Any) -> graphene.List:
    """A short list without nulls, which is there."""
    return graphene.List(graphene.NonNull(of), required=True, description=description, **more)


def fallible(of: Any, description: str, **more: Any) -> graphene.Field:
    """What is there, but has to be read for itself: where that fails, all else is answered."""
    return graphene.Field(of, description=f"{description} {UNREAD}", **more)


def fallible_many(of: Any, description: str, **more: Any) -> graphene.List:
    """The same of a short list without nulls."""
    return graphene.List(graphene.NonNull(of), description=f"{description} {UNREAD}", **more)
