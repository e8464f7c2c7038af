"""Lists as pages: Relay's connections, each found by the key of the last item and never by counting."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import graphene

from latewood.errors import UsageError
from latewood_graphql.fields import fallible

Item = TypeVar("Item")

FIRST: Final = 50
"""Items of a page where nobody says how many."""

FIRST_MAX: Final = 1_000
"""Items of the largest page."""


class PageInfo(graphene.ObjectType):
    """Where a page ends and whether there is more."""

    end_cursor = graphene.String(
        description="What `after` takes to have the next page; null where there is none of an empty one. Pages asked "
        "for `asOf` the position of the first one are all of one state."
    )
    has_next_page = graphene.Boolean(required=True, description="Whether there is a next page.")


@dataclass(frozen=True, slots=True)
class Edge:
    """An item, and the key that it is found again by."""

    node: Any
    key: Any

    @property
    def cursor(self) -> str:
        """The key as clients have it."""
        return cursor_of(self.key)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `count` counts the whole of it, where that can be asked for.

    `stop` is the key to go on behind where more was looked at than the last item.
    """

    edges: Sequence[Edge]
    has_next: bool
    count: Callable[[], Any] | None
    stop: Any = None

    @property
    def nodes(self) -> list[Any]:
        """The items alone."""
        return [edge.node for edge in self.edges]

    @property
    def page_info(self) -> dict[str, Any]:
        """Where it ends."""
        last = self.edges[-1].cursor if self.edges else None
        return {"end_cursor": last if self.stop is None else cursor_of(self.stop), "has_next_page": self.has_next}


def page_of(
    found: Sequence[Any], first: int, key: Callable[[Any], Any], count: Callable[[], Any] | None = None
) -> Page:
    """A page of what was found by asking for one more than `first`; `key` is by what an item is found again."""
    edges = [Edge(item, key(item)) for item in found[:first]]
    return Page(edges=edges, has_next=len(found) > first, count=count)


def slice_of(whole: Sequence[Any], first: int, after: str | None) -> Page:
    """A page of a list that is there as a whole, by number. Raises UsageError."""
    first, behind = checked_first(first, "after"), key_of(after, int)
    start = 0 if behind is None else behind + 1
    edges = [Edge(item, n) for n, item in enumerate(whole[start : start + first], start=start)]
    return Page(edges=edges, has_next=start + first < len(whole), count=lambda: len(whole))


def cursor_of(key: Any) -> str:
    """The key as clients see it, who should not read anything into it."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def key_of(cursor: str | None, kind: type) -> Any:
    """The key behind a cursor; None without one. Raises UsageError for what is no cursor of such a list."""
    if cursor is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if type(found) is not kind:
        raise UsageError(f"after: expected the `endCursor` of a page of this list, found {cursor!r}")
    return found


def checked_first(first: int, follows: str = "") -> int:
    """How many items the page has, and which argument `follows` it. Raises UsageError for none or too many."""
    if not 1 <= first <= FIRST_MAX:
        way = f"; `{follows}` has what follows" if follows and first > FIRST_MAX else ""
        raise UsageError(f"first: expected 1 to {FIRST_MAX:,}, found {first:,}{way}")
    return first


def stretch_arguments() -> dict[str, Any]:
    """The arguments of a list that is there as a whole, with its length beside it."""
    return {
        "first": graphene.Int(
            description=f"How many at most, up to {FIRST_MAX:,}. Without it all; more than that are refused."
        ),
        "behind": graphene.Int(required=True, default_value=0, description="Without so many of the first ones."),
    }


def stretch_of(whole: Sequence[Item], first: int | None, behind: int) -> Sequence[Item]:
    """So many of them, or all: who does not say how many is never given a part. Raises UsageError."""
    start = max(behind, 0)
    if first is not None:
        return whole[start : start + checked_first(first, "behind")]
    if len(whole) - start > FIRST_MAX:
        raise UsageError(
            f"expected at most {FIRST_MAX:,} without `first`, found {len(whole) - start:,}: "
            f"`first: {FIRST_MAX}` has the first of them, and with `behind: {FIRST_MAX}` what follows"
        )
    return whole[start:]


def page_arguments(default: int = FIRST) -> dict[str, Any]:
    """The arguments of every list."""
    first = f"How many at most, up to {FIRST_MAX:,}."
    return {
        "first": graphene.Int(required=True, default_value=default, description=first),
        "after": graphene.String(description="The `endCursor` of the page before."),
    }


@cache
def connection_of(node: type[graphene.ObjectType], *, counted: bool = True) -> type[graphene.ObjectType]:
    """The type of a page of such items; `counted`: of a list that can be counted."""
    name = node._meta.name  # noqa: SLF001 - how graphene says it
    edge = type(
        f"{name}Edge",
        (graphene.ObjectType,),
        {
            "__doc__": f"One {name} of a page.",
            "node": graphene.Field(graphene.NonNull(node), description="The item."),
            "cursor": graphene.String(required=True, description="What `after` takes to go on behind it."),
        },
    )
    fields = {
        "__doc__": f"A page of a list of {name}.",
        "edges": graphene.List(graphene.NonNull(edge), required=True, description="The items and their cursors."),
        "nodes": graphene.List(graphene.NonNull(node), required=True, description="The items alone."),
        "page_info": graphene.Field(PageInfo, required=True, description="Where the page ends."),
    }
    if counted:
        fields["total_count"] = fallible(
            graphene.Int,
            "Length of the whole list; costs a count.",
            resolver=lambda page, _info: page.count(),
        )
    return type(f"{name}Connection", (graphene.ObjectType,), fields)
