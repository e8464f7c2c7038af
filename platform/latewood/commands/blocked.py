"""What a plan leaves out because what it would read is not there, and why, down to the root."""

from collections.abc import Collection, Mapping

from latewood.commands.planning import awaiting_lines
from latewood.decide.nodes import Node
from latewood.decide.plan import Plan
from latewood.decide.reasons import Cause, Reason
from latewood.errors import UsageError
from latewood.events import Action
from latewood.model.keys import AssetKey


def refuse_blocked(made: Plan, *, partition: str) -> None:
    """Raise UsageError naming what the plan would need to read and cannot.

    Left out instead is what can not be made whatever is selected, and what lies beyond the partitions asked for.
    """
    if partition:
        return
    selected = made.request.selected
    lines = [line for line, subjects in blocked_lines(made) if not subjects <= selected]
    if lines:
        if all("never observed" in line for line in lines):
            raise UsageError("\n".join(["blocked:", *(f"  {line}" for line in lines)]))
        advice = "Select what is read too: `+KEY` selects KEY with everything upstream."
        raise UsageError("\n".join(["blocked:", *(f"  {line}" for line in lines), advice]))


def blocked_lines(made: Plan) -> list[tuple[str, frozenset[AssetKey]]]:
    """What the plan leaves out and why, a line for each group, with what it would read and cannot."""
    lines = [(line, frozenset[AssetKey]()) for line in awaiting_lines(made)]
    blocked: dict[AssetKey, set[Reason]] = {}
    for task in made.tasks:
        keys = task.node.keys
        for group in task.groups:
            if group.action is not Action.BLOCKED:
                continue
            # What it reads may have been blocked for the same reason; the root is what its own reason names.
            between = {reason: _blocked_input(task.node, reason, blocked) for reason in group.reasons}
            needs = "; ".join(_blocked_by(reason, keys, between[reason]) for reason in group.reasons)
            count = len(group.ordinals)
            partitions = f" ({count:,} partition{'s'[: count != 1]})" if task.node.assets[0].partitions else ""
            unread = frozenset(between[reason] or AssetKey(reason.subject) for reason in group.reasons)
            lines.append((f"{keys[0]}{partitions} {needs}", unread))
            for key in keys:
                blocked.setdefault(key, set()).update(group.reasons)
    return lines


def _blocked_input(node: Node, reason: Reason, blocked: Mapping[AssetKey, Collection[Reason]]) -> AssetKey | None:
    """The blocked asset by which the reason reaches this task; None where it is about what the task reads or makes."""
    read = [input_.asset for input_ in node.task.inputs]
    if reason.subject in (*read, *node.keys):
        return None
    return next((asset for asset in read if reason in blocked.get(asset, ())), None)


def _blocked_by(reason: Reason, keys: Collection[AssetKey], between: AssetKey | None) -> str:
    if between is not None:
        return f"reads {between}, which is blocked because {_root(reason)}"
    if reason.cause is Cause.RETRACTED and reason.subject in keys:
        return "would be made as what was retracted was; change it, or `latewood retract --override`"
    return f"reads {_unread(reason)}"


def _unread(reason: Reason) -> str:
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
            look = f"`latewood observe {reason.subject}` or `latewood report {reason.subject}`"
            return f"{reason.subject}, which was never observed: {look}"
        case Cause.UNTAKEN:
            return f"what is in a branch that is not taken, by {reason.subject}"
        case _:
            return f"{reason.subject}, of which something was never materialized"


def _root(reason: Reason) -> str:
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
        case Cause.UNTAKEN:
            return f"its branch is not taken, by {reason.subject}"
        case _:
            return f"something of {reason.subject} was never materialized"


def barred_steps(made: Plan) -> int:
    """How many partitions are not made because the result would be what was retracted."""
    return sum(
        len(group.ordinals)
        for task in made.tasks
        for group in task.groups
        if group.action is Action.BLOCKED
        and any(r.cause is Cause.RETRACTED and r.subject in task.node.keys for r in group.reasons)
    )
