"""The facts of deployments, applied to nothing but each other, give back every snapshot."""

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import catalog, edited
from latewood.decide.deploy import Base, asset_ids, deploy, snapshot_of
from latewood.events import AssetDefined, AssetDropped, DeploymentCreated, EnvironmentDeployed
from latewood.model.definitions import definition_digest, merkle_root

KEYS = "abcd"
snapshots = st.builds(
    lambda versions, source: snapshot_of("assets.py", _assets(versions), source),
    st.dictionaries(st.sampled_from(KEYS), st.integers(1, 2)),
    st.sampled_from(["s1", "s2"]),
)


def _assets(versions):
    defined = catalog(*versions)
    for key, version in versions.items():
        defined = edited(defined, key, str(version))
    return list(defined.assets.values())


class Model:
    """A reader of the facts: definitions by deployment, ids by key, and what each environment points to."""

    def __init__(self):
        self.deployments = {"": {}}
        self.ids = {}
        self.pointed = {"prod": "", "dev": ""}

    def base(self, environment):
        deployment = self.pointed[environment]
        digests = self.deployments[deployment]
        return Base(deployment=deployment, digests=digests, ids={key: self.ids[key] for key in digests})

    def apply(self, facts):
        digests, dropped = {}, []
        for fact in facts:
            match fact:
                case AssetDefined():
                    assert self.ids.setdefault(fact.key, fact.asset) == fact.asset
                    digests[fact.key] = fact.digest
                case AssetDropped():
                    assert self.ids[fact.key] == fact.asset
                    dropped.append(fact.key)
                case DeploymentCreated():
                    assert (fact.changed, fact.dropped) == (len(digests), len(dropped))
                    made = self.deployments[fact.base] | digests
                    self.deployments[fact.deployment] = {key: made[key] for key in made if key not in dropped}
                    assert merkle_root(self.deployments[fact.deployment]) == fact.root
                    assert len(self.deployments[fact.deployment]) == fact.assets
                case EnvironmentDeployed():
                    assert self.pointed[fact.environment] == fact.previous
                    self.pointed[fact.environment] = fact.deployment


@given(st.lists(st.tuples(snapshots, st.sampled_from(["prod", "dev"])), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_facts_give_back_every_snapshot(sequence):
    model = Model()
    for new, environment in sequence:
        base = model.base(environment)
        ids = asset_ids(list(new.digests), model.ids, {id_: key for key, id_ in model.ids.items()})
        known = new.deployment in model.deployments
        location, pointed = deploy(new, base, ids, environment, known=known)
        model.apply([*location, *pointed])

        assert model.deployments[model.pointed[environment]] == new.digests
        assert deploy(new, model.base(environment), ids, environment, known=True) == ([], [])
        if new.deployment == base.deployment:
            assert (location, pointed) == ([], [])
    assert len(set(model.ids.values())) == len(model.ids)


@given(snapshots, snapshots)
@settings(max_examples=100, deadline=None)
def test_the_root_changes_iff_any_definition_does(one, other):
    definitions = lambda of: sorted((asset.key, definition_digest(asset)) for asset in of.assets)

    assert (one.root == other.root) == (definitions(one) == definitions(other))
    assert (one.root == other.root) == (
        {asset.key: asset for asset in one.assets} == {asset.key: asset for asset in other.assets}
    )
