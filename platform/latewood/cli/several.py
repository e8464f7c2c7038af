"""Commands that are about several files, or all that are deployed: each in turn, what is read before what reads."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from latewood.cli import exits
from latewood.cli.by_hand import say_replaced
from latewood.cli.deploy import (
    deploy_one,
    deployed_json,
    deployed_text,
    refused_json,
    say_broken,
    say_dropped,
    say_refused,
)
from latewood.cli.loading import Together, named_or_all
from latewood.cli.materialize import asked_for, execute, plan_of_loaded, prepared_for
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, print_json
from latewood.commands.deploying import Deployed, deploy_together, is_new
from latewood.commands.materializing import Prepared, prepare
from latewood.commands.places import may_overwrite
from latewood.commands.planning import Asked, awaiting_lines, locations_selected, plan_loaded, refuse_nothing
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loaded import Loaded
from latewood.errors import UsageError
from latewood.serving.requesting import as_deployed

_ONE_WITH_PARAMETERS: Final = (
    "expected one -f FILE with --param, or one --location: what it makes are variants, and others read heads"
)


def _merged(loaded: Sequence[Loaded]) -> Loaded:
    """All as one to plan with: the live functions and IO of each."""
    first, *rest = loaded
    return replace(
        first,
        tasks={key: task for each in loaded for key, task in each.tasks.items()},
        ios={key: io for each in loaded for key, io in each.ios.items()},
        besides=tuple(rest),
    )


def _deploy(workspace: Workspace, loaded: Sequence[Loaded]) -> list[Deployed]:
    """Make all of them the environment's at once; what one no longer defines since another one does moves there.

    Raises DefinitionsInvalid.
    """
    defined = {asset.key for each in loaded for asset in each.assets}
    done = deploy_together(workspace, loaded)
    for each, deployed in zip(loaded, done, strict=True):
        dropped = tuple(key for key in deployed.dropped if key not in defined)
        say_dropped(workspace, each, replace(deployed, dropped=dropped), "dropped")
    view = view_of(workspace)
    for each in loaded:
        say_broken(view, each)
    return done


def _deploy_planned(workspace: Workspace, loaded: Sequence[Loaded], asked: Asked) -> list[Deployed]:
    """The same for what is asked of them.

    What would overwrite others' values is refused before anything is deployed; so is what cannot be asked, where one of
    them is new.
    Raises UsageError, and StoreError for a store to which nothing can be written.
    """
    workspace.store.require_writable()
    if any(is_new(workspace, each) or may_overwrite(workspace, each) for each in loaded):
        plan_loaded(workspace, _merged(loaded), asked)
    return _deploy(workspace, loaded)


def materialize_several(*, environment: str | None, json_: bool, quiet: bool, strict: bool, **asked_: Any) -> int:
    """Load all, deploy all, then plan and run one after the other; what reads of one that failed is left out."""
    started = time.perf_counter()
    workspace, files, loaded, asked = _opened(environment, **asked_)
    if len(loaded) == 1:
        prepared = prepared_for(workspace, loaded[0], asked)
        return execute(workspace, prepared, started, json_=json_, quiet=quiet, strict=strict)
    _deploy_planned(workspace, loaded, asked)
    refuse_nothing(workspace, _merged(loaded), asked)
    locations = {asset.key: each.location for each in loaded for asset in each.assets}
    ended: dict[str, int] = {}
    results: list[dict[str, Any]] = []
    for each in files.each():
        reads = {locations.get(i.asset, "") for asset in each.assets for i in asset.task.inputs} - {each.location}
        if failed := sorted(location for location in reads if ended.get(location)):
            text = f"left out: {each.location}, which reads what {' and '.join(failed)} could not make"
            click.secho(text, fg="yellow", err=True)
            ended[each.location] = exits.STEP_FAILED
            continue
        started = time.perf_counter()
        prepared = prepare(workspace, each, replace(asked, along=set(locations.values()) - {each.location}))
        say_replaced(workspace, prepared.plan)
        ended[each.location] = exits.OK
        if not prepared.plan.tasks and not awaiting_lines(prepared.plan):
            continue
        if json_:
            code = execute(workspace, prepared, started, json_=json_, quiet=quiet, strict=strict, told=results.append)
        else:
            console().print(f"{each.location}:")
            code = execute(workspace, prepared, started, json_=json_, quiet=quiet, strict=strict)
        ended[each.location] = code
        if code == exits.CANCELLED:
            break
    if json_:
        print_json({"runs": results})
    return max(ended.values(), default=exits.OK)


def plan_several(*, environment: str | None, json_: bool, strict: bool = False, **asked_: Any) -> int:
    """One plan for all. Nothing is recorded."""
    workspace, _, loaded, asked = _opened(environment, **asked_)
    return plan_of_loaded(workspace, _merged(loaded), asked, json_=json_, strict=strict)


def detach_several(*, environment: str | None, json_: bool, strict: bool, **asked_: Any) -> int:
    """Load all, deploy all, and leave one run of all to engines, who run each step by its own location; exit code."""
    from latewood.cli import serving

    workspace, _, loaded, asked = _opened(environment, **asked_)
    prepared = prepared_for(workspace, loaded[0], asked) if len(loaded) == 1 else _together(workspace, loaded, asked)
    return serving.detach(workspace, prepared, json_=json_, strict=strict)


def _together(workspace: Workspace, loaded: Sequence[Loaded], asked: Asked) -> Prepared:
    """One plan of all, once all are deployed: by these very deployments, whatever somebody deploys meanwhile."""
    done = _deploy_planned(workspace, loaded, asked)
    view, plan = plan_loaded(workspace, _merged(loaded), asked)
    say_replaced(workspace, plan)
    own = {each.location: deployed.deployment for each, deployed in zip(loaded, done, strict=True)}
    made = (view.locations[key] for task in plan.tasks for key in task.node.keys)
    first = next(made, loaded[0].location)
    return as_deployed(replace(view, deployments={**view.deployments, **own}), first, asked, plan)


def deploy_several(
    *, files: Sequence[Path], modules: Sequence[str], locations: Sequence[str], environment: str | None, json_: bool
) -> int:
    """`latewood deploy` of several: of files that are named all or none; else each that can be loaded.

    The others are told, and left as they are deployed.
    """
    workspace = open_workspace(environment=environment)
    together = Together(workspace, *named_or_all(workspace, files, modules, locations))
    if len(together) == 1:
        return deploy_one(workspace, *together.load(), json_=json_)
    loaded, refused = (together.load(), {}) if files or modules else together.load_what_can_be()
    done = _deploy(workspace, loaded) if loaded else []
    for location, error in refused.items():
        say_refused(location, error)
    if json_:
        print_json(
            {
                "locations": [deployed_json(workspace, *pair) for pair in zip(loaded, done, strict=True)],
                "refused": [refused_json(*pair) for pair in refused.items()],
            }
        )
    else:
        for each in loaded:
            console().print(deployed_text(workspace, each))
    return max(map(exits.code_of, refused.values()), default=exits.OK)


def _opened(
    environment: str | None,
    *,
    files: Sequence[Path],
    modules: Sequence[str],
    locations: Sequence[str],
    **asked: Any,
) -> tuple[Workspace, Together, list[Loaded], Asked]:
    """Those that were named, loaded; without a name, and with parameters, the one of all that the selection means."""
    workspace = open_workspace(environment=environment)
    together = Together(workspace, *named_or_all(workspace, files, modules, locations))
    wanted = asked_for(**asked)
    if wanted.parameters and len(together) > 1:
        if files or modules or locations:
            raise UsageError(_ONE_WITH_PARAMETERS)
        selected = sorted(locations_selected(workspace, _merged(together.load()), wanted))
        if len(selected) > 1:
            raise UsageError(f'{_ONE_WITH_PARAMETERS}; "{wanted.selection}" selects of {" and ".join(selected)}')
        if not selected:
            raise UsageError(f'"{wanted.selection}" selects nothing that --param could be for; nothing was deployed')
        together = Together(workspace, *named_or_all(workspace, (), (), selected))
    return workspace, together, together.load(), wanted
