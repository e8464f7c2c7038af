"""The selection language obeys set algebra, and what is written reads back."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from latewood.decide.select import select
from latewood.decide.selection import AllOf, AnyOf, Field, Not, Reach, Term, parse, show
from latewood.errors import UsageError
from latewood.model.graph import Graph

KEYS = tuple("abcdefgh")
FIELDS: tuple[Field, ...] = ("key", "group", "tag", "owner", "kind")
STATUS = ("fresh", "stale", "missing", "failed", "running", "waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    group: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


ATTRIBUTES = {key: Asset(group=key) for key in KEYS}


def combined(terms):
    """Selections as `parse` builds them: two or more parts, at least one edge."""
    depth = st.none() | st.integers(0, 12)
    parts = lambda inner: st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.recursive(
        terms,
        lambda inner: st.one_of(
            st.builds(Not, of=inner),
            st.builds(AllOf, of=parts(inner)),
            st.builds(AnyOf, of=parts(inner)),
            st.builds(Reach, of=inner, up=depth, down=depth).filter(lambda reach: (reach.up, reach.down) != (0, 0)),
        ),
        max_leaves=8,
    )


any_terms = st.builds(Term, field=st.sampled_from(FIELDS), pattern=st.text()) | st.builds(
    Term, field=st.just("status"), pattern=st.sampled_from(STATUS)
)
awkward_terms = st.builds(
    Term,
    field=st.sampled_from(FIELDS),
    pattern=st.text(alphabet="and12:+\"' (),*?=", max_size=6) | st.sampled_from(["and", "or", "not", "12"]),
)
known_terms = st.builds(Term, field=st.sampled_from(["key", "group"]), pattern=st.sampled_from(KEYS))
graphs = st.lists(st.sets(st.sampled_from(KEYS)), min_size=len(KEYS), max_size=len(KEYS)).map(
    lambda reads: Graph.of({key: set(KEYS[:i]) & reads[i] for i, key in enumerate(KEYS)})
)


def chosen(selection, graph):
    return frozenset(select(selection, graph, ATTRIBUTES))


@given(combined(any_terms | awkward_terms))
@settings(max_examples=200)
def test_what_is_shown_reads_back(selection):
    assert parse(show(selection)) == selection


@given(st.text(alphabet="ab1 +(),\"'*:=andort", max_size=30))
@settings(max_examples=200)
def test_any_text_is_a_selection_or_a_usage_error(text):
    try:
        selection = parse(text)
    except UsageError:
        return
    assert parse(show(selection)) == selection


def naive_upstream(graph, key):
    return {key}.union(*(naive_upstream(graph, up) for up in graph.upstreams[key]))


@given(graphs, st.sampled_from(KEYS))
@settings(max_examples=50)
def test_plus_is_reachability(graph, key):
    upstream = naive_upstream(graph, key)
    downstream = {other for other in KEYS if key in naive_upstream(graph, other)}
    assert chosen(parse(f"+{key}"), graph) == upstream
    assert chosen(parse(f"{key}+"), graph) == downstream
    assert chosen(parse(f"+{key}+"), graph) == upstream | downstream


@given(graphs, st.sampled_from(KEYS), st.integers(0, 8))
@settings(max_examples=50)
def test_a_depth_is_that_many_single_steps(graph, key, depth):
    steps = Term(field="key", pattern=key)
    for _ in range(depth):
        steps = Reach(of=steps, up=1, down=0)
    assert chosen(parse(f"{depth}+{key}"), graph) == chosen(steps, graph)


@given(graphs, combined(known_terms), combined(known_terms))
@settings(max_examples=100)
def test_and_or_not_are_the_algebra_of_sets(graph, one, other):
    x, y = chosen(one, graph), chosen(other, graph)
    assert chosen(AllOf(of=(one, other)), graph) == x & y
    assert chosen(AnyOf(of=(one, other)), graph) == x | y
    assert chosen(Not(of=one), graph) == frozenset(KEYS) - x
    assert select(one, graph, ATTRIBUTES) == tuple(key for key in graph.topological if key in x)


@given(graphs)
@settings(max_examples=50)
def test_topological_order_has_every_key_once_and_after_what_it_reads(graph):
    position = {key: i for i, key in enumerate(graph.topological)}
    assert sorted(position) == list(KEYS)
    assert all(position[up] < position[key] for key in KEYS for up in graph.upstreams[key])


@given(st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(KEYS), max_size=3)))
@settings(max_examples=100)
def test_cycles_are_disjoint_real_and_found_in_every_knot(reads):
    graph = Graph.of(reads)
    cycles = graph.cycles()
    on_cycles = [key for cycle in cycles for key in cycle[1:]]
    assert len(on_cycles) == len(set(on_cycles))
    assert all(up in graph.upstreams[key] for cycle in cycles for up, key in pairwise(cycle))
    for key in graph.upstreams:
        knot = {other for other in graph.upstream_of([key]) if key in graph.upstream_of([other])}
        assert len(knot) == 1 or knot & set(on_cycles)
