"""Why a plan does what it does, in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from latewood.commands.blocked import barred_text, is_barred, root_text
from latewood.commands.explaining import NO_CHANGES, Changes, code_place, plan_changes
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.decide.findings import ParameterChange
from latewood.decide.nodes import Node, Slot
from latewood.decide.plan import Plan, Planned, PlannedTask, fresh_again
from latewood.decide.reasons import Cause, Reason
from latewood.events import Action
from latewood.model.code import CodeChange


class PlanWords:
    """The words of one plan; `changes` are what changed of its tasks. Cost of making it: as `plan_changes`."""

    def __init__(self, workspace: Workspace, view: View, made: Plan) -> None:
        self.changes: Mapping[Slot, Changes] = plan_changes(workspace, view, made)
        self._made = made
        self._again = fresh_again(made)

    def changed(self, task: PlannedTask) -> Changes:
        """What changed of a task since its head was made."""
        return self.changes.get(task.node.slot(task.node.keys[0]), NO_CHANGES)

    def why(self, task: PlannedTask, group: Planned, cut: Callable[[str], str] = str) -> list[str]:
        """Each reason once; of values of parameters as much as `cut` leaves."""
        if group.action is Action.FRESH:
            by = [root for root, ordinals in self._again[task.node.keys[0]].items() if ordinals & group.ordinals]
            return [f"once {' and '.join(by)} {'is' if len(by) == 1 else 'are'} taken again"] if by else []
        texts = [text for reason in group.reasons for text in self._of(reason, task, group, cut)]
        if task.node.task.each and group.action in (Action.RUN, Action.DEPENDS):
            texts.append(_elements_text(task.node, self.changed(task).elements))
        return list(dict.fromkeys(texts))

    def _of(self, reason: Reason, task: PlannedTask, group: Planned, cut: Callable[[str], str]) -> Iterator[str]:
        changed = self.changed(task)
        match reason.cause:
            case Cause.CODE:
                found = [change_text(change) for change in changed.code]
                yield f"code: {', '.join(found) or task.node.task.name + ' changed'}"
            case Cause.RETRACTED if group.action is Action.BLOCKED and is_barred(task, reason):
                yield barred_text(self._made, task, group, reason)
            case Cause.INPUT:
                yield f"content of {' or '.join(changed.inputs) or 'an input'} changed"
            case Cause.PARAMETERS:
                told = _parameter_texts(changed.parameters, cut, tried=task.node.is_variant)
                yield from told or ["parameters changed"]
            case Cause.CONFIGURATION:
                yield f"configuration of {' or '.join(use.resource for use in task.node.task.uses)} changed"
            case _:
                yield _reason_text(reason, group.action)


def change_text(change: CodeChange) -> str:
    """A change of code as a clause: `clean_delay (flights/cleaning.py:14) changed`."""
    if change.subject == "package":
        return f"package {change.name} {change.before or 'added'} -> {change.after or 'removed'}"
    if change.subject == "shared":
        before, after = change.before or "the location's own", change.after or "the location's own"
        return f"shared task {change.name} was deployed from another version ({before} -> {after})"
    if change.subject != "part":
        return f"{change.subject} of {change.name}: {change.before} -> {change.after}"
    verb = "changed" if change.before and change.after else "was added" if change.after else "was removed"
    return f"{code_place(change.name)} {verb}"


def _reason_text(reason: Reason, action: Action) -> str:
    """As far as a reason alone says it."""
    match reason.cause:
        case Cause.REFUSED | Cause.RETRACTED | Cause.ABSENT | Cause.UNTAKEN:
            return root_text(reason)
        case Cause.OVERWRITTEN | Cause.CHANGED_OUTSIDE | Cause.UNOBSERVED | Cause.UNSEEN:
            return root_text(reason)
        case Cause.UPSTREAM if action is Action.BLOCKED:
            return root_text(reason)
        case Cause.UPSTREAM:
            return f"depends on the content of {reason.subject}"
        case cause:
            return str(cause)


def _elements_text(node: Node, last: int | None) -> str:
    """Of what a mapped task is called for each element, and how many these were last."""
    lists = " and ".join(input_.asset for input_ in node.task.inputs if input_.name in node.task.each)
    return f"for each element of {lists}{'' if last is None else f' (last time {last:,})'}"


def _parameter_texts(changes: Sequence[ParameterChange], cut: Callable[[str], str], *, tried: bool) -> list[str]:
    """Which parameters, and from what to what; of the variants of a sweep, which are told together, the names."""
    if tried:
        return [f"other {', '.join(dict.fromkeys(change.name for change in changes))}"] if changes else []
    return [
        f"parameter {change.name}: "
        + (f"content of {change.path} changed" if change.path else f"{cut(change.before)} -> {cut(change.after)}")
        for change in changes
    ]
