"""What each mutation needs, and the one place where that is held against who calls."""

from collections.abc import Callable
from typing import Any, TypeVar

from latewood.model.access import Role

R = TypeVar("R", bound=Callable[..., Any])


def needs(role: Role) -> Callable[[R], R]:
    """Says of a mutation's resolver which role it needs in the project that the argument `project` names.

    A mutation whose resolver does not say is refused to everybody.
    """

    def marked(resolver: R) -> R:
        resolver.role = role  # type: ignore[attr-defined]
        return resolver

    return marked
