"""Stories over a small graph.

raw ──> daily ──> delays ──> report
  └───> weather ────────────┘
"""

import pytest

from latewood.errors import DefinitionError
from latewood.model.graph import Graph, show_path

GRAPH = Graph.of(
    {
        "report": ["delays", "weather"],
        "delays": ["daily"],
        "weather": ["raw"],
        "daily": ["raw"],
        "raw": [],
        "alone": [],
    }
)


def test_topological_order_is_by_layer_then_key_whatever_the_order_of_definition():
    assert GRAPH.topological == ("alone", "raw", "daily", "weather", "delays", "report")
    backwards = Graph.of({key: GRAPH.upstreams[key] for key in reversed(GRAPH.topological)})
    assert backwards == GRAPH


def test_direct_neighbours_keep_the_order_of_inputs_and_sort_readers():
    assert GRAPH.upstreams["report"] == ("delays", "weather")
    assert GRAPH.downstreams["raw"] == ("daily", "weather")


def test_an_upstream_named_twice_is_one_edge():
    graph = Graph.of({"a": [], "b": ["a", "a"]})
    assert graph.upstreams["b"] == ("a",)
    assert graph.downstreams["a"] == ("b",)
    assert graph.topological == ("a", "b")


@pytest.mark.parametrize(
    ("depth", "up", "down"),
    [
        (None, {"delays", "daily", "raw"}, {"daily", "delays", "report"}),
        (0, {"delays"}, {"daily"}),
        (1, {"delays", "daily"}, {"daily", "delays"}),
        (99, {"delays", "daily", "raw"}, {"daily", "delays", "report"}),
    ],
)
def test_reach_contains_the_start_and_stops_at_the_depth(depth, up, down):
    assert GRAPH.upstream_of(["delays"], depth) == up
    assert GRAPH.downstream_of(["daily"], depth) == down


def test_reach_of_several_is_the_union_and_of_none_is_empty():
    assert GRAPH.upstream_of(["alone", "daily"]) == {"alone", "daily", "raw"}
    assert GRAPH.upstream_of([]) == frozenset()


def test_reach_refuses_keys_it_does_not_have():
    with pytest.raises(KeyError, match="nowhere"):
        GRAPH.downstream_of(["nowhere"])


def test_ordered_keeps_what_is_known_once_in_topological_order():
    assert GRAPH.ordered(["report", "raw", "report", "nowhere"]) == ("raw", "report")


def test_membership_and_size():
    assert "raw" in GRAPH
    assert "nowhere" not in GRAPH
    assert len(GRAPH) == 6


def test_unknown_upstreams_are_data():
    graph = Graph.of({"b": ["gone", "a"], "a": ["lost", "gone"]})
    assert graph.unknown == (("a", "lost"), ("a", "gone"), ("b", "gone"))
    assert graph.topological == ("a", "b")


def test_reading_an_earlier_partition_of_itself_is_no_cycle():
    graph = Graph.of({"a": ["a"], "b": ["a", "b"]})
    assert graph.self_dependent == {"a", "b"}
    assert graph.cycles() == ()
    assert graph.topological == ("a", "b")
    assert graph.upstreams["b"] == ("a",)


@pytest.mark.parametrize(
    ("upstreams", "cycles"),
    [
        ({"a": []}, []),
        ({"a": ["b"], "b": ["a"]}, ["a -> b -> a"]),
        ({"c": ["b"], "b": ["a"], "a": ["c"]}, ["a -> b -> c -> a"]),
        ({"b": ["d"], "d": ["c"], "c": ["b"], "a": []}, ["b -> c -> d -> b"]),
        ({"a": ["b"], "b": ["a"], "y": ["z"], "z": ["y"]}, ["a -> b -> a", "y -> z -> y"]),
        ({"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["c"]}, ["a -> b -> a", "c -> d -> c"]),
        ({"before": [], "a": ["b", "before"], "b": ["a"], "behind": ["b"]}, ["a -> b -> a"]),
        ({"hub": ["x", "y"], "x": ["hub"], "y": ["hub"]}, ["hub -> x -> hub"]),
    ],
)
def test_cycles_are_shown_as_paths_along_the_data(upstreams, cycles):
    assert [show_path(cycle) for cycle in Graph.of(upstreams).cycles()] == cycles


def test_a_graph_with_cycles_has_no_topological_order_and_says_where():
    graph = Graph.of({"a": ["b"], "b": ["a"], "free": []})
    assert graph.sortable == ("free",)
    with pytest.raises(DefinitionError, match=r"found a -> b -> a\. Remove one input"):
        _ = graph.topological


def test_long_chains_and_rings_do_not_recurse():
    keys = [f"asset_{i:05d}" for i in range(5_000)]
    chain = Graph.of({key: keys[i - 1 : i] for i, key in enumerate(keys)})
    ring = Graph.of({key: [keys[i - 1]] for i, key in enumerate(keys)})
    assert chain.topological == tuple(keys)
    assert chain.downstream_of(keys[:1]) == frozenset(keys)
    assert ring.cycles() == ((*keys, keys[0]),)
