"""What goes back to given versions is what can be reached from them, whatever was made of what."""

from hypothesis import given, settings
from hypothesis import strategies as st

from latewood.decide.derivation import Derivation, Lineages, downstream
from latewood.decide.versions import compact, expand
from latewood.model.keys import AssetId, PartitionKey, RunId

ASSETS = [AssetId(name) for name in "abcd"]


@st.composite
def pasts(draw):
    """Steps in the order of a log, some with two outputs, each reading anything made before; some told twice."""
    made: list[tuple[str, str]] = []
    past = []
    for n in range(draw(st.integers(1, 14))):
        run, step = draw(st.sampled_from(["r", "s"])), n
        assets = tuple(draw(st.lists(st.sampled_from(ASSETS), min_size=1, max_size=2, unique=True)))
        read = draw(st.lists(st.sampled_from(made), max_size=6, unique=True)) if made else []
        by_asset = {}
        for asset, version in read:
            by_asset.setdefault(asset, []).append(version)
        reads = tuple((asset, compact(versions)) for asset, versions in by_asset.items())
        past += [Derivation(RunId(run), step, assets, PartitionKey(""), reads)] * draw(st.integers(1, 2))
        made += [(asset, past[-1].version) for asset in assets]
    roots = draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True))
    return roots, past


@given(pasts())
@settings(max_examples=300, deadline=None)
def test_it_is_reachability_in_the_graph_of_versions(told):
    roots, past = told
    edges = {}
    for step in past:
        for asset, versions in step.reads:
            for version in expand(versions):
                edges.setdefault((asset, version), set()).update((a, step.version) for a in step.assets)
    reachable, unseen = set(), list(roots)
    while unseen:
        new = edges.get(unseen.pop(), set()) - reachable
        reachable |= new
        unseen += new

    found = [(asset, step.version) for step in downstream(roots, past) for asset in step.assets]

    assert len(found) == len(set(found)), "each step once"
    # A root that another root was made from is one already.
    assert set(found) - set(roots) == reachable - set(roots)


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_ranges_are_a_set(steps, one, other):
    first, last = sorted((one, other))
    lineages, plain = Lineages(), set()
    for step in steps:
        assert lineages.add(ASSETS[0], "r", step) == (step not in plain)
        plain.add(step)
    assert lineages.overlaps(ASSETS[0], f"r.{first}-{last}") == any(first <= step <= last for step in plain)
    assert not lineages.overlaps(ASSETS[1], f"r.{first}-{last}")
