"""How current an environment's assets are, as its policies have it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from latewood.commands.automations import Found, standings_at
from latewood.commands.reading import About, Assessment, Read, everything, reading, select_keys
from latewood.commands.views import AsOf, View, known_key, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import Standing, is_on
from latewood.decide.conditions import Facts
from latewood.decide.freshness import Judged, judged_by
from latewood.errors import UsageError
from latewood.model.automations import FreshnessDefinition
from latewood.model.keys import AssetKey
from latewood.projections.automations import Slot, automations_of
from latewood.projections.snapshots import Snapshot, snapshot


def about_one(workspace: Workspace, key: str) -> About:
    """The asset of that key; all of them where a policy of freshness is defined, since it may select by any status."""

    def about(view: View) -> Collection[AssetKey]:
        with snapshot(workspace.log) as connection:
            defined = automations_of(connection, workspace.project, view.deployments)
        judged = any(isinstance(definition, FreshnessDefinition) for _, definition in defined.values())
        return everything(view) if judged else [known_key(view, key)]

    return about


def policies_on(connection: Snapshot, workspace: Workspace, view: View) -> dict[Slot, FreshnessDefinition]:
    """The policies of the view's deployments that were on there then. Cost: a query, and as `standings_at`."""
    defined = automations_of(connection, workspace.project, view.deployments)
    policies = {slot: d for slot, (_, d) in defined.items() if isinstance(d, FreshnessDefinition)}
    if not policies:
        return {}
    said = standings_at(connection, workspace, view.as_of)
    return {
        slot: policy
        for slot, policy in policies.items()
        if is_on(policy, workspace.environment, said.get(slot, Standing()))
    }


def freshness_of(connection: Snapshot, workspace: Workspace, found: Read, key: AssetKey) -> tuple[Judged, ...]:
    """What each policy that is on says of the asset. Cost: as `policies_on`, and of each policy O(assets + heads)."""
    policies = policies_on(connection, workspace, found.view).values()
    facts = _facts(found)
    return tuple(judged_by(policy, [key], facts)[key] for policy in policies if key in _selected(found, policy))


Overdue = Mapping[Slot, tuple[Judged, ...]]
"""By policy what is overdue, in topological order. What lies in files counts as runs have seen it."""


def overdue_by(workspace: Workspace, found: Assessment, as_of: AsOf) -> Overdue:
    """What policies that are on say. Cost: where there are any, reading what bears on what they are about."""
    with snapshot(workspace.log) as connection:
        policies = policies_on(connection, workspace, found.view)
    about = {slot: _selected(found, policy) for slot, policy in policies.items()}
    keys = {key for selected in about.values() for key in selected}
    if not keys:
        return {}
    view = replace(found.view, here=frozenset())
    with reading(workspace, as_of, about=lambda _: keys, view=view) as (_, read):
        return _overdue(policies, about, read)


def overdue_among(workspace: Workspace, automations: Iterable[Found]) -> Overdue:
    """The same of the policies among these, which are of the workspace's environment. Cost: as `reading`, if any is."""
    policies = {f.slot: f.definition for f in automations if f.is_on and isinstance(f.definition, FreshnessDefinition)}
    if not policies:
        return {}
    view = replace(view_of(workspace), here=frozenset())
    with reading(workspace, view=view) as (_, read):
        return _overdue(policies, {slot: _selected(read, policy) for slot, policy in policies.items()}, read)


def _overdue(
    policies: Mapping[Slot, FreshnessDefinition], about: Mapping[Slot, Sequence[AssetKey]], found: Read
) -> Overdue:
    facts = _facts(found)
    return {
        slot: tuple(each for each in judged_by(policy, about[slot], facts).values() if each.is_overdue)
        for slot, policy in policies.items()
    }


def _facts(found: Read) -> Facts:
    return Facts(catalog=found.view.catalog, state=found.state, assessed=found.assessed)


def _selected(found: Assessment, policy: FreshnessDefinition) -> tuple[AssetKey, ...]:
    """What the policy is about; nothing where it names what is not defined: `automation list` says so."""
    try:
        return select_keys(found, policy.selection)
    except UsageError:
        return ()
