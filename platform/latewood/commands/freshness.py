"""How current an environment's assets are, as its policies have it."""

from collections.abc import Collection

from latewood.commands.reading import About, Read, everything, select_keys
from latewood.commands.views import View, known_key
from latewood.commands.workspace import Workspace
from latewood.decide.automation import Standing, is_on
from latewood.decide.conditions import Facts
from latewood.decide.freshness import Judged, judged_by
from latewood.errors import UsageError
from latewood.model.automations import FreshnessDefinition
from latewood.model.keys import AssetKey
from latewood.projections.automations import automations_of, standings
from latewood.projections.snapshots import Snapshot, snapshot


def about_one(workspace: Workspace, key: str) -> About:
    """The asset of that key; all of them where a policy of freshness is defined, since it may select by any status."""

    def about(view: View) -> Collection[AssetKey]:
        with snapshot(workspace.log) as connection:
            defined = automations_of(connection, workspace.project, view.deployments)
        judged = any(isinstance(definition, FreshnessDefinition) for _, definition in defined.values())
        return everything(view) if judged else [known_key(view, key)]

    return about


def freshness_of(connection: Snapshot, workspace: Workspace, found: Read, key: AssetKey) -> tuple[Judged, ...]:
    """What each policy that is on says of the asset. Cost: one query, and of each policy O(assets + heads)."""
    defined = automations_of(connection, workspace.project, found.view.deployments)
    policies = {slot: d for slot, (_, d) in defined.items() if isinstance(d, FreshnessDefinition)}
    if not policies:
        return ()
    said = standings(connection, workspace.project, workspace.environment)
    facts = Facts(catalog=found.view.catalog, state=found.state, assessed=found.assessed)
    return tuple(
        judged_by(policy, [key], facts)[key]
        for slot, policy in policies.items()
        if is_on(policy, workspace.environment, said.get(slot, Standing())) and _selects(found, policy, key)
    )


def _selects(found: Read, policy: FreshnessDefinition, key: AssetKey) -> bool:
    try:
        return key in select_keys(found, policy.selection)
    except UsageError:  # it names what is not defined; `automation list` says so
        return False
