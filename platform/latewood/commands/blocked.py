"""What a plan leaves out because what it would read is not there, and why, down to the root: in one wording."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from latewood.commands.planning import Asked, awaiting_lines, elsewhere_lines
from latewood.commands.views import View, look_text, option_of
from latewood.decide.bearing import ordinals_bearing
from latewood.decide.nodes import Node
from latewood.decide.plan import Plan, Planned, PlannedTask, plan
from latewood.decide.reasons import Cause, Reason
from latewood.errors import UsageError
from latewood.events import Action
from latewood.model.definitions import Origin
from latewood.model.keys import AssetKey


class PlanBlocked(UsageError):
    """What a plan would need to read is not there; the message says of each what, and why."""


def refuse_blocked(made: Plan, asked: Asked, view: View, here: Collection[AssetKey]) -> None:
    """Raise PlanBlocked naming what the plan would need to read and cannot; `here` are the assets that can be selected.

    Left out instead is what can not be made whatever is selected, and what lies beyond the partitions asked for; unless
    nothing remains of what was asked for, short of everything.
    """
    left_out = blocked_lines(made)
    nothing_else = asked.selection != "*" and all(g.action is Action.BLOCKED for t in made.tasks for g in t.groups)
    beyond = [left for left in left_out if not left.unread <= made.request.selected]
    lines = (beyond or left_out) if nothing_else else [] if asked.partition else beyond
    if lines:
        advice = _advice(made, view, here, [key for left in lines for key in left.never_made])
        raise PlanBlocked("\n".join(["blocked:", *(f"  {left.line}" for left in lines), *advice]))


def _advice(made: Plan, view: View, here: Collection[AssetKey], never_made: Collection[AssetKey]) -> list[str]:
    """What would help, where something would: what is read is made elsewhere, or may be selected too."""
    elsewhere = [key for key in never_made if key in view.locations and key not in here]
    if makers := {view.locations[key]: key for key in elsewhere if view.catalog[key].origin is Origin.MADE}:
        return [
            f"{key} is of {where}: `latewood materialize {key} {option_of(where)}`" for where, key in makers.items()
        ]
    if not never_made:
        return []
    selected = view.catalog.graph.upstream_of(made.request.selected, None) & frozenset(here)
    partitions = made.request.partitions
    if partitions:  # of others nothing was read
        partitions = {**ordinals_bearing(view.catalog, made.request.selected, partitions, made.state.now), **partitions}
    wider = plan(view.catalog, replace(made.request, selected=selected, partitions=partitions), made.state)
    stuck = {key for task in wider.tasks for g in task.groups if g.action is Action.BLOCKED for key in task.node.keys}
    if selected == made.request.selected or not stuck.isdisjoint(made.request.selected):
        return []
    return ["Select what is read too: `+KEY` selects KEY with everything upstream."]


class LeftOut(NamedTuple):
    """What is left out and why; what it would read and cannot, and what at the root of that was never made."""

    line: str
    unread: frozenset[AssetKey] = frozenset()
    never_made: tuple[AssetKey, ...] = ()


def blocked_lines(made: Plan) -> list[LeftOut]:
    """What the plan leaves out, a line for each group."""
    lines = [LeftOut(line) for line in (*awaiting_lines(made), *elsewhere_lines(made))]
    blocked: dict[AssetKey, set[Reason]] = {}
    for task in made.tasks:
        keys = task.node.keys
        for group in task.groups:
            if group.action is not Action.BLOCKED:
                continue
            # What it reads may have been blocked for the same reason; the root is what its own reason names.
            between = {reason: _blocked_input(task.node, reason, blocked) for reason in group.reasons}
            needs = "; ".join(_blocked_by(made, task, group, reason, between[reason]) for reason in group.reasons)
            count = len(group.ordinals)
            partitions = f" ({count:,} partition{'s'[: count != 1]})" if task.node.assets[0].partitions else ""
            unread = frozenset(between[reason] or AssetKey(reason.subject) for reason in group.reasons)
            never_made = tuple(AssetKey(r.subject) for r in group.reasons if r.cause is Cause.UPSTREAM)
            lines.append(LeftOut(f"{keys[0]}{partitions} {needs}", unread, never_made))
            for key in keys:
                blocked.setdefault(key, set()).update(group.reasons)
    return lines


def is_incomplete(made: Plan) -> bool:
    """Whether anything selected is left out that this location could be wanted to make.

    Not so what a branch or an optional output does without, and what other locations make: that is up to them.
    """
    if made.awaiting:
        return True
    groups = (group for task in made.tasks for group in task.groups if group.action is Action.BLOCKED)
    return any(reason.cause not in (Cause.ABSENT, Cause.UNTAKEN) for group in groups for reason in group.reasons)


def awaits_looks(made: Plan) -> bool:
    """Whether something is left out until external assets are looked at, which is asked of what is deployed."""
    groups = (group for task in made.tasks for group in task.groups)
    return any(reason.cause in (Cause.UNOBSERVED, Cause.UNSEEN) for group in groups for reason in group.reasons)


def _blocked_input(node: Node, reason: Reason, blocked: Mapping[AssetKey, Collection[Reason]]) -> AssetKey | None:
    """The blocked asset by which the reason reaches this task; None where it is about what the task reads or makes."""
    read = [input_.asset for input_ in node.task.inputs]
    if reason.subject in (*read, *node.keys):
        return None
    return next((asset for asset in read if reason in blocked.get(asset, ())), None)


def _blocked_by(made: Plan, task: PlannedTask, group: Planned, reason: Reason, between: AssetKey | None) -> str:
    if between is not None:
        return f"reads {between}, which is blocked because {root_text(reason)}"
    if is_barred(task, reason):
        return barred_text(made, task, group, reason)
    return f"reads {_unread(reason)}"


def is_barred(task: PlannedTask, reason: Reason) -> bool:
    """Whether the reason is that the task's own result would be what was retracted."""
    return reason.cause is Cause.RETRACTED and reason.subject in task.node.keys


def barred_text(made: Plan, task: PlannedTask, group: Planned, reason: Reason) -> str:
    """As what it would be made again, and what may be done about that."""
    first = task.node.partition_key(next(iter(group.ordinals)))
    own = made.state.retracted.of_asset(made.state.ids[AssetKey(reason.subject)])
    found = next((each for each in reversed(own) if each.partition == first), None)
    if found is None:  # an equal computation, of another asset
        return f"would be made as what was retracted was; {way_on('VERSION')}"
    return f"would be made as {found.version} was, which is retracted ({found.reason}); {way_on(found.version)}"


def way_on(version: str) -> str:
    """What may be done where running would make what was retracted."""
    return f"change it, or `latewood retract {version} --override --reason TEXT`"


def _unread(reason: Reason) -> str:
    """What cannot be read, and why, as one noun with a clause."""
    match reason.cause:
        case Cause.RETRACTED:
            return f"{reason.subject}, which is retracted"
        case Cause.REFUSED:
            return f"{reason.subject}, which its blocking check {reason.check} refuses"
        case Cause.ABSENT:
            return f"{reason.subject}, an optional output that its task did not make"
        case Cause.OVERWRITTEN | Cause.CHANGED_OUTSIDE:
            return f"{reason.subject}, which was {reason.cause}"
        case Cause.UNOBSERVED:
            return f"{reason.subject}, which was never observed: {look_text(reason.subject)}"
        case Cause.UNSEEN:
            return f"{reason.subject}, which has {reason.cause}: `latewood observe {reason.subject}`"
        case Cause.UNTAKEN:
            return f"what is in a branch that is not taken, by {reason.subject}"
        case _:
            return f"{reason.subject}, of which something was never materialized"


def root_text(reason: Reason) -> str:
    """What stands at the root of what cannot be made, as a sentence."""
    match reason.cause:
        case Cause.RETRACTED:
            return f"{reason.subject} is retracted"
        case Cause.REFUSED:
            return f"blocking check {reason.check} refuses {reason.subject}"
        case Cause.ABSENT:
            return f"{reason.subject} is an optional output that its task did not make"
        case Cause.OVERWRITTEN | Cause.CHANGED_OUTSIDE:
            return f"{reason.subject} was {reason.cause}"
        case Cause.UNOBSERVED:
            return f"{reason.subject} was never observed"
        case Cause.UNSEEN:
            return f"{reason.subject} has {reason.cause}"
        case Cause.UNTAKEN:
            return f"its branch is not taken, by {reason.subject}"
        case _:
            return f"something of {reason.subject} was never materialized"
