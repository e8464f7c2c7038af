"""Asking engines for a run of what is deployed: seen before, approved as it was seen, and asked for once.

No code is loaded: definitions, parameters' types and partitions are those that deployments have recorded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any

from latewood.commands.blocked import refuse_blocked
from latewood.commands.holding import ATTEMPTS, Basis, append_decided
from latewood.commands.launching import launched, unknown
from latewood.commands.planning import Asked, executable_plan, make_plan
from latewood.commands.views import PRESENT, AsOf, View, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.approval import approval
from latewood.decide.automation import run_for
from latewood.decide.bearing import bearing_on
from latewood.decide.keys import digest
from latewood.decide.plan import Plan
from latewood.engine.running.recorder import event_id
from latewood.errors import Conflict, UsageError
from latewood.events import TYPE_OF, RunRequested
from latewood.model.keys import RunId
from latewood.model.workflows import Launchable
from latewood.projections.launchables import launchables_of
from latewood.projections.runs import RunRow
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.serving.requesting import Requested, as_deployed, request_of
from latewood.serving.retrying import retry
from latewood_eventlog.codec import encode_json
from latewood_eventlog.errors import EventConflict, LogMoved, WrongExpectedVersion
from latewood_eventlog.records import Batch
from latewood_eventlog.tailer import announce


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """What a run would do; `hash` is what approves just that."""

    view: View
    asked: Asked
    plan: Plan
    hash: str

    @property
    def refusal(self) -> UsageError | None:
        """Why it would be refused, if it would."""
        try:
            refuse_blocked(self.plan, self.asked, self.view, self.view.catalog.assets.keys())
        except UsageError as error:
            return error
        return None


class PlanChanged(Conflict):
    """A plan is another one than was approved; `now` is what it would do now."""

    def __init__(self, now: Previewed) -> None:
        super().__init__(
            "the plan is not what was approved: definitions, parameters, partitions or heads have changed since, "
            "or the hash is of another request; look at what it is now, and approve that"
        )
        self.now = now


def preview(workspace: Workspace, asked: Asked, as_of: AsOf = PRESENT) -> Previewed:
    """What a run would do of what is asked, as of a moment; nothing is recorded. Raises UsageError, ValueRefused."""
    view = view_of(workspace, as_of=as_of)
    # Of the past it is said what was planned then, whatever was collected since.
    made = executable_plan(workspace, view, asked) if as_of.position >= NOW else make_plan(workspace, view, asked)
    return Previewed(
        view=view,
        asked=asked,
        plan=made,
        hash=approval(_in_words(asked), view.catalog, view.deployments, made),
    )


def asked_by_name(
    workspace: Workspace,
    name: str,
    values: Mapping[str, Any] = MappingProxyType({}),
    *,
    tried: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    zipped: bool = False,
    force: bool = False,
    as_of: AsOf = PRESENT,
) -> Asked:
    """What launching a deployed workflow or launch plan asks for, with such values as JSON, by input.

    `tried` are several of one input, in all combinations or, `zipped`, the n-th of each together.

    Raises UsageError for what is unknown, or not one.
    """
    view = view_of(workspace, as_of=as_of)
    with snapshot(workspace.log) as connection:
        found = launchables_of(connection, workspace.project, view.deployments)
    homes = {location: launchable for location, _, launchable in found.get(name, ())}
    if not homes:
        raise unknown(name, list(found))
    if len(homes) > 1:
        raise UsageError(f'"{name}" is defined by {" and ".join(sorted(homes))}; select what it is of instead')
    (home,) = homes
    there: list[Launchable] = [each for entries in found.values() for of, _, each in entries if of == home]
    return launched(there, name, (), values=values, tried=tried, zipped=zipped, force=force)


def launch(workspace: Workspace, asked: Asked, *, approved: str = "", key: str = "") -> Requested:
    """Ask engines for a run; no run where nothing is to be done.

    If a hash is `approved`, only of a plan that has it, and as long as it has: what it was made from is held against
    the log in the moment of asking. With a `key` it is asked for once: who asks again with it gets the same run, also
    if both ask at once.
    Raises PlanChanged; PlanBlocked; Conflict for a key by which something else was asked for; UsageError, ValueRefused.
    """
    return launch_said(workspace, _in_words(asked), lambda: asked, approved=approved, key=key)


def launch_said(
    workspace: Workspace, words: Sequence[str], meant: Callable[[], Asked], *, approved: str = "", key: str = ""
) -> Requested:
    """The same of what somebody said in these words, whatever is `meant` by them by what is deployed now.

    A run that was asked for by the key in the same words is that one, also where they mean something else by now, or
    nothing.
    """

    def ask(there: Workspace, named: str) -> Requested:
        for _ in range(ATTEMPTS):
            found = preview(there, meant())
            if approved and found.hash != approved:
                raise PlanChanged(found)
            try:
                return _requested(there, found, named, held=bool(approved))
            except LogMoved:
                continue
        raise Conflict(f"heads were moved by others in each of {ATTEMPTS} attempts; nothing was asked for, try again")

    return _once(workspace, key, tuple(words), ask)


def retry_once(workspace: Workspace, row: RunRow, key: str = "") -> Requested:
    """As `retry`, with a key as in `launch`."""
    return _once(workspace, key, ("retry", row.run), lambda there, named: retry(there, row, digest=named))


def _requested(workspace: Workspace, found: Previewed, named: str, *, held: bool) -> Requested:
    """Record the request. If it is `held` to what it was planned from, raises LogMoved where that has moved."""
    view, plan, run = found.view, found.plan, workspace.new_run()
    home = next((view.locations[key] for task in plan.tasks for key in task.node.keys), "")
    append = (
        request_of(workspace, as_deployed(view, home, found.asked, plan), run, digest=named) if plan.tasks else None
    )
    if append is None or not plan.length:
        return Requested(run=RunId(""), steps=0)
    if held:
        assets = {view.ids[key] for key in bearing_on(view.catalog, plan.request.selected)}
        basis = Basis(position=plan.state.position, environments=(workspace.environment,), assets=assets)
        done = append_decided(workspace, append, basis)
    else:
        done = workspace.log.append(Batch(appends=(append,)))
    announce(workspace.log.engine)
    return Requested(run=run, steps=plan.length, repeated=done.repeated)


def _once(
    workspace: Workspace, key: str, asked: tuple[str, ...], ask: Callable[[Workspace, str], Requested]
) -> Requested:
    """What is asked for, or was by this key. The run is named by the key, its first event by what was asked for too."""
    if not key:
        return ask(workspace, "")
    run, named = run_for((workspace.project, "asked"), key), digest(workspace.environment, *asked)
    if (before := _asked_before(workspace, run, key, named)) is not None:
        return before
    try:
        return ask(replace(workspace, new_run=lambda: run), named)
    except (WrongExpectedVersion, EventConflict):
        if (before := _asked_before(workspace, run, key, named)) is None:
            raise
        return before


def _asked_before(workspace: Workspace, run: RunId, key: str, named: str) -> Requested | None:
    stream = f"run/{run}"
    first = workspace.log.read(workspace.project, stream, limit=1)
    if not first:
        return None
    if first[0].event_id != event_id(workspace.project, stream, TYPE_OF[RunRequested], "requested", named):
        raise Conflict(f'key "{key}": run {run} was asked for by it, for something else; take another key')
    return Requested(run=run, steps=0, repeated=True)


def _in_words(asked: Asked) -> tuple[str, ...]:
    """What is asked for, each part of it as text."""
    values = encode_json({"values": dict(asked.values), "tried": {t: list(vs) for t, vs in asked.tried.items()}})
    parts = (asked.selection, asked.partition, asked.only, asked.launch, str(asked.zipped), str(asked.force))
    return tuple(chain(parts, (str(asked.priority), values.decode()), asked.parameters))
