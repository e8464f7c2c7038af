"""Asking for runs, and ending them."""

from typing import Any, Final

import graphene
import msgspec

from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace
from latewood.model.access import Role
from latewood.model.keys import RunId
from latewood.serving.asking import launch, launch_said, retry_once
from latewood.serving.requesting import Requested, cancel
from latewood_graphql.fields import given
from latewood_graphql.mutations.acting import Done, mutation, success
from latewood_graphql.nodes.plans import asked_arguments, asked_of, launching, named_arguments
from latewood_graphql.nodes.runs import Run, RunAt, run_of


def _run(self: Done, _info: Any) -> RunAt | None:
    return run_of(self.project, self.done.run) if self.done.run else None


Launched: Final = success(
    "Launched",
    "A run was asked for, unless nothing is to be done.",
    run=graphene.Field(
        Run, description="The run; null where nothing is to be run: see `leftOut` of `planPreview`.", resolver=_run
    ),
    repeated=graphene.Boolean(
        required=True,
        description="Whether it had been asked for by the same key before.",
        resolver=given("done.repeated"),
    ),
)

CancelAsked: Final = success(
    "CancelAsked",
    "Whoever drives the run was asked to end it; what was finished stays.",
    run=graphene.Field(Run, required=True, description="The run, which may go on for a moment.", resolver=_run),
)

_KEY: Final = "Your own name of this request: asked for again by the same one, also at the same time, it is one run."
_CANCEL_KEY: Final = (
    "Your own name of this request: asked by the same one again it was done, if the run has ended since."
)
_HASH: Final = "The `hash` of a preview: what is asked for must be just that still."
_RUN: Final = "The run's id, or the beginning of it."


def _launch(workspace: Workspace, *, plan_hash: str, key: str, **asked: Any) -> Requested:
    return launch(workspace, asked_of(**asked), approved=plan_hash, key=key)


def _launch_plan(workspace: Workspace, *, plan_hash: str, key: str, **asked: Any) -> Requested:
    words = ("launchPlan", msgspec.json.encode(asked, order="sorted").decode())
    return launch_said(workspace, words, lambda: launching(workspace, **asked), approved=plan_hash, key=key)


def _cancel(workspace: Workspace, *, run: str, key: str) -> Requested:
    row = run_named(workspace, run)
    cancel(workspace, row, key)
    return Requested(run=RunId(row.run), steps=0)


def _retry(workspace: Workspace, *, run: str, key: str) -> Requested:
    return retry_once(workspace, run_named(workspace, run), key)


def _approved() -> dict[str, Any]:
    return {"plan_hash": graphene.String(required=True, default_value="", description=_HASH), **_keyed()}


def _keyed() -> dict[str, Any]:
    return {"key": graphene.String(required=True, default_value="", description=_KEY)}


class RunMutations:
    """What can be done with runs."""

    launch = mutation(
        "launch",
        _launch,
        Role.OPERATOR,
        Launched,
        "Ask engines to bring what is selected up to date, by what is deployed.",
        missing=("asset", "parameter"),
        planned=True,
        **asked_arguments(),
        **_approved(),
    )
    launch_plan = mutation(
        "launchPlan",
        _launch_plan,
        Role.OPERATOR,
        Launched,
        "The same of a workflow or launch plan, by its name.",
        missing=("asset", "parameter", "launch plan"),
        planned=True,
        **named_arguments(),
        **_approved(),
    )
    cancel_run = mutation(
        "cancelRun",
        _cancel,
        Role.OPERATOR,
        CancelAsked,
        "Ask for a run to be ended. Asked before is fine; Conflict for one that has ended.",
        missing=("run",),
        environment=False,
        run=graphene.ID(required=True, description=_RUN),
        key=graphene.String(required=True, default_value="", description=_CANCEL_KEY),
    )
    retry_run = mutation(
        "retryRun",
        _retry,
        Role.OPERATOR,
        Launched,
        "Ask anew for what a run that has ended did not finish, by the code that it had.",
        missing=("run",),
        planned=True,
        environment=False,
        run=graphene.ID(required=True, description=_RUN),
        **_keyed(),
    )
