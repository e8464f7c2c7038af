"""Which assets a selection selects.

A key, a glob or an attribute that no asset has is an error, since it is nearly always a slip of the pen (but `*` is all
there is, even nothing); a status that none has selects nothing, since that is what changes from day to day.
"""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from fnmatch import translate
from typing import Final, Protocol, assert_never

from latewood.decide.selection import AllOf, AnyOf, Not, Reach, Selection, Status, Term, cut
from latewood.errors import NotFound, UsageError
from latewood.model.graph import Graph
from latewood.model.keys import AssetKey

_NEAR_MAX: Final = 5


class Attributes(Protocol):
    """What a selection can ask of an asset besides its key; an asset's definition has them."""

    @property
    def group(self) -> str:
        """The one group it is in."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Values by name."""

    @property
    def owners(self) -> Collection[str]:
        """Who answers for it."""

    @property
    def kinds(self) -> Collection[str]:
        """What it is made of or with."""


def status_unknown(key: AssetKey) -> Collection[Status]:
    """Raises UsageError: where only definitions are at hand, nobody knows how fresh `key` is."""
    raise UsageError(f'expected a selection by definitions alone, found "status:", unknown here for "{key}"')


def select(
    selection: Selection,
    graph: Graph,
    attributes: Mapping[AssetKey, Attributes],
    status: Callable[[AssetKey], Collection[Status]] = status_unknown,
) -> tuple[AssetKey, ...]:
    """The selected assets in topological order.

    `attributes` has every key of `graph`; `status` tells all that is true of an asset (some of its partitions
    may be stale and others running) and is called only if the selection `uses_status`.
    Cost: O(V + E) per term. Raises UsageError for a key, glob or attribute without a match, naming near ones;
    DefinitionError if the graph has cycles.
    """

    def matching(selection: Selection) -> frozenset[AssetKey]:
        match selection:
            case Term():
                found = _matching(selection, graph, attributes, status)
            case Reach(of=of, up=up, down=down):
                start = matching(of)
                found = graph.upstream_of(start, up) | graph.downstream_of(start, down)
            case Not(of=of):
                found = frozenset(graph.upstreams) - matching(of)
            case AllOf(of=of):
                found = frozenset.intersection(*map(matching, of))
            case AnyOf(of=of):
                found = frozenset.union(*map(matching, of))
            case _:
                assert_never(selection)
        return found

    return graph.ordered(matching(selection))


def _matching(
    term: Term,
    graph: Graph,
    attributes: Mapping[AssetKey, Attributes],
    status: Callable[[AssetKey], Collection[Status]],
) -> frozenset[AssetKey]:
    nodes = ((key, attributes[key]) for key in graph.upstreams)
    texts: Mapping[AssetKey, Collection[str]]
    match term.field:
        case "key":
            return _named(term.pattern, graph)
        case "group":
            texts = {key: (of.group,) for key, of in nodes}
        case "tag":
            texts = {key: _tag_texts(of.tags) for key, of in nodes}
        case "owner":
            texts = {key: of.owners for key, of in nodes}
        case "kind":
            texts = {key: of.kinds for key, of in nodes}
        case "status":
            texts = {key: status(key) for key in graph.upstreams}
        case _:
            assert_never(term.field)
    matches = _matcher(term.pattern)
    found = frozenset(key for key, having in texts.items() if any(map(matches, having)))
    if not found and term.field != "status" and term.pattern != "*":
        raise _unmatched(term, {text for having in texts.values() for text in having if text})
    return found


def _unmatched(term: Term, known: Collection[str]) -> UsageError:
    if near := _near(term.pattern.strip("*?"), known):
        way_out = f"Near it: {', '.join(near)}"
    elif known:
        way_out = f"There are: {', '.join(sorted(known)[:_NEAR_MAX])}{', …' if len(known) > _NEAR_MAX else ''}"
    else:
        way_out = "No asset has any."
    return UsageError(f'expected a {term.field} that some asset has, found "{cut(term.pattern)}". {way_out}')


def _near(core: str, known: Collection[str]) -> tuple[str, ...]:
    """A few of the known texts: those that have it in them, then those that are written alike."""
    within = [text for text in sorted(known) if core and core in text]
    return tuple(dict.fromkeys([*within[:_NEAR_MAX], *get_close_matches(core, known, n=_NEAR_MAX)]))[:_NEAR_MAX]


def _tag_texts(tags: Mapping[str, str]) -> Collection[str]:
    return [text for name, value in tags.items() for text in (name, f"{name}={value}")]


def _named(pattern: str, graph: Graph) -> frozenset[AssetKey]:
    if pattern in graph:
        return frozenset((AssetKey(pattern),))
    found = frozenset(filter(_matcher(pattern), graph.upstreams))
    if found or pattern == "*":
        return found
    near = _near(pattern.strip("*?/"), graph.upstreams)
    hint = f"near: {', '.join(near)}" if near else '"*" selects all'
    raise NotFound("asset", f'no asset "{cut(pattern)}"; {hint}')


def _matcher(pattern: str) -> Callable[[str], object]:
    if "*" in pattern or "?" in pattern:
        return re.compile(translate(pattern.replace("[", "[[]"))).match
    return pattern.__eq__
