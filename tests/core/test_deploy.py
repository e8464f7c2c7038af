"""What deploying records: changes against what is deployed, and nothing for nothing."""

import msgspec

from builders import catalog, edited
from latewood.decide.deploy import Base, asset_ids, deploy, snapshot_of
from latewood.events import AssetDefined, AssetDropped, DeploymentCreated, EnvironmentDeployed
from latewood.model.definitions import AssetDefinition

CHAIN = catalog("a", "b <- a", "c <- b")


def snapshot(defined, *, location="assets.py", source="s1"):
    return snapshot_of(location, list(defined.assets.values()), source)


def deployed(new, base=None, *, known=False):
    base = base or Base()
    ids = asset_ids(list(new.digests), base.ids, {id_: key for key, id_ in base.ids.items()})
    return deploy(new, base, ids, "prod", known=known)


def base_of(new):
    return Base(deployment=new.deployment, digests=new.digests, ids=asset_ids(list(new.digests), {}, {}))


def test_a_first_deployment_defines_everything_and_points_to_it():
    new = snapshot(CHAIN)
    (*defined, created), (pointed,) = deployed(new)

    assert [fact.key for fact in defined] == ["a", "b", "c"]
    assert all(isinstance(fact, AssetDefined) and fact.deployment == new.deployment for fact in defined)
    assert msgspec.json.decode(defined[1].definition, type=AssetDefinition) == CHAIN["b"]
    assert created == DeploymentCreated(
        deployment=new.deployment,
        location="assets.py",
        base="",
        root=new.root,
        source="s1",
        assets=3,
        changed=3,
        dropped=0,
    )
    assert pointed == EnvironmentDeployed(environment="prod", location="assets.py", deployment=new.deployment)


def test_the_same_again_is_nothing():
    assert deployed(snapshot(CHAIN), base_of(snapshot(CHAIN))) == ([], [])


def test_order_of_definition_is_no_change():
    backwards = catalog("c <- b", "b <- a", "a")

    assert snapshot(backwards).deployment == snapshot(CHAIN).deployment


def test_only_what_changed_is_defined_again_and_what_went_is_dropped():
    old, new = snapshot(CHAIN), snapshot(edited(catalog("a", "b <- a", "d <- b"), "b"))
    (*facts, created), (pointed,) = deployed(new, base_of(old))

    assert [(type(fact), fact.key) for fact in facts] == [
        (AssetDefined, "b"),
        (AssetDefined, "d"),
        (AssetDropped, "c"),
    ]
    assert facts[2].asset == base_of(old).ids["c"]
    assert (created.base, created.assets, created.changed, created.dropped) == (old.deployment, 3, 2, 1)
    assert pointed.previous == old.deployment


def test_other_source_with_equal_definitions_is_a_deployment_without_changes():
    old, new = snapshot(CHAIN), snapshot(CHAIN, source="s2")
    (created,), _ = deployed(new, base_of(old))

    assert (new.deployment != old.deployment, new.root, created.changed) == (True, old.root, 0)


def test_equal_definitions_in_another_location_are_another_deployment():
    assert snapshot(CHAIN).deployment != snapshot(CHAIN, location="other.py").deployment


def test_a_deployment_that_was_recorded_before_is_only_pointed_to():
    old, new = snapshot(CHAIN), snapshot(edited(CHAIN, "a"))
    facts, (pointed,) = deployed(old, base_of(new), known=True)

    assert facts == []
    assert (pointed.deployment, pointed.previous) == (old.deployment, new.deployment)


def test_an_id_is_kept_and_a_new_one_never_taken_from_another():
    (first,) = asset_ids(["a"], {}, {}).values()

    assert len(first) == 12
    assert asset_ids(["a"], {}, {}) == {"a": first}
    assert asset_ids(["a"], {"a": "kept"}, {"kept": "a"}) == {"a": "kept"}
    assert asset_ids(["a"], {}, {first: "a"}) == {"a": first}
    # the key's first id went to another key with a rename
    (second,) = asset_ids(["a"], {}, {first: "b"}).values()
    assert second != first
    (third,) = asset_ids(["a"], {}, {first: "b", second: "c"}).values()
    assert third not in (first, second)
