"""How current an environment's assets are, as its policies have it."""

from collections.abc import Collection

from latewood.commands.reading import About, Assessment, Read, everything, select_keys
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


def policies_on(connection: Snapshot, workspace: Workspace, view: View) -> list[FreshnessDefinition]:
    """The policies of the view's deployments that are on in the environment. Cost: two queries."""
    defined = automations_of(connection, workspace.project, view.deployments)
    policies = {slot: d for slot, (_, d) in defined.items() if isinstance(d, FreshnessDefinition)}
    if not policies:
        return []
    said = standings(connection, workspace.project, workspace.environment)
    return [p for slot, p in policies.items() if is_on(p, workspace.environment, said.get(slot, Standing()))]


def freshness_of(connection: Snapshot, workspace: Workspace, found: Read, key: AssetKey) -> tuple[Judged, ...]:
    """What each policy that is on says of the asset. Cost: as `policies_on`, and of each policy O(assets + heads)."""
    policies = policies_on(connection, workspace, found.view)
    facts = Facts(catalog=found.view.catalog, state=found.state, assessed=found.assessed)
    return tuple(judged_by(policy, [key], facts)[key] for policy in policies if key in selected_by(found, policy))


def selected_by(found: Assessment, policy: FreshnessDefinition) -> tuple[AssetKey, ...]:
    """What the policy is about; nothing where it names what is not defined: `automation list` says so."""
    try:
        return select_keys(found, policy.selection)
    except UsageError:
        return ()
