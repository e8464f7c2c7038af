"""Projects: what the log keeps apart."""

from datetime import datetime
from typing import Any

import graphene

from latewood.commands.views import no_environment
from latewood.decide.step_reasons import StepExplained
from latewood_graphql.calls import EnvironmentAt, ProjectAt
from latewood_graphql.fields import fallible, fallible_many
from latewood_graphql.nodes.attempts import RunDensity, density_of
from latewood_graphql.nodes.changes import ProjectChanges, changes_since
from latewood_graphql.nodes.deployments import DeploymentDifference, Location, difference_of, locations_of
from latewood_graphql.nodes.environments import Environment
from latewood_graphql.nodes.events import Event
from latewood_graphql.nodes.log_pages import EventDensity, event_density_of, event_filters, events_page
from latewood_graphql.nodes.run_reasons import (
    RunExplainedAt,
    RunExplanation,
    StepExplanation,
    run_explained,
    step_explained,
)
from latewood_graphql.nodes.runs import Run, RunAt, going_on_page, run_filters, run_of, runs_page, wanted_of
from latewood_graphql.nodes.tokens import Token, role_of, tokens_page
from latewood_graphql.pages import Page, connection_of, page_arguments, stretch_arguments, stretch_of
from latewood_graphql.scalars import Moment, PositionScalar
from latewood_graphql.words import AccessRole


class Project(graphene.ObjectType):
    """What belongs together and is kept apart from all else: assets, environments, runs, and the log of them."""

    name = graphene.String(required=True, description="What it is called.")
    position = graphene.Field(PositionScalar, required=True, description="The position of the log it is shown at.")
    role = graphene.Field(AccessRole, required=True, description="What the caller may do there.")
    tokens = fallible(
        connection_of(Token),
        description="By what somebody may come in, the newest first; those for all projects, too, as far as they were "
        "created in projects that are seen. Needs role admin.",
        **page_arguments(),
    )
    environments = fallible_many(graphene.String, "Names of its environments.", **stretch_arguments())
    locations = fallible_many(Location, "What defines its assets, by name.", **stretch_arguments())
    deployment_difference = fallible(
        DeploymentDifference,
        description="What becomes of definitions from one deployment to another.",
        before=graphene.ID(required=True, description="The earlier deployment, or the beginning of its id."),
        after=graphene.ID(required=True, description="The later one."),
    )
    changes = fallible(
        ProjectChanges,
        description="What became of environments, heads, deployments and parameters since an earlier moment.",
        since=graphene.Argument(Moment, required=True, description="The earlier moment."),
    )
    environment = fallible(
        Environment,
        description="One of its environments.",
        name=graphene.String(required=True, default_value="prod", description="Which one."),
    )
    run = fallible(
        Run,
        description="The run of that id, or whose id alone begins so.",
        id=graphene.ID(required=True, description="The id, or the beginning of it."),
    )
    why_run = fallible(
        RunExplanation,
        description="Who or what asked for a run, and what was planned.",
        run=graphene.ID(required=True, description="The run, or the beginning of its id."),
    )
    why_step = fallible(
        StepExplanation,
        description="Why a step of a run was run, or was reused, skipped, or waits.",
        run=graphene.ID(required=True, description="The run, or the beginning of its id."),
        step=graphene.Int(required=True, description="The number of the step."),
    )
    runs = fallible(
        connection_of(Run),
        description="Runs, the newest first.",
        **run_filters(),
        since=graphene.DateTime(description="Only those that were asked for at this time or after it."),
        until=graphene.DateTime(description="Only those that were asked for before this time."),
        **page_arguments(),
    )
    running_runs = fallible(
        connection_of(Run),
        description="Runs that have not ended, the newest first: `runs` without all others, at little cost.",
        environment=graphene.String(required=True, default_value="", description="Only those in this environment."),
        **page_arguments(),
    )
    run_density = fallible(
        RunDensity,
        description="Runs counted by when they were asked for.",
        since=graphene.DateTime(required=True, description="Where the first bucket begins."),
        until=graphene.DateTime(description="Where the last bucket ends; by default now, or at the moment."),
        buckets=graphene.Int(required=True, default_value=60, description="How many buckets, up to 500."),
        **run_filters(),
    )
    events = fallible(
        connection_of(Event, counted=False),
        description="Events of the log, oldest first unless otherwise asked; those of tokens are for admins alone. "
        "Newest first, of an environment, and of an asset or a stream by types, a page may have few or none, and yet a "
        "next one: it has looked at 50,000 positions, or at 50,000 events of the asset or the stream. Of a run a page "
        "is full or the last.",
        **event_filters(),
    )
    event_density = fallible(
        EventDensity,
        description="Events counted by when they were recorded: where something happened.",
        since=graphene.DateTime(required=True, description="Where the first bucket begins."),
        until=graphene.DateTime(description="Where the last bucket ends; by default now, or at the moment."),
        buckets=graphene.Int(required=True, default_value=60, description="How many buckets, up to 500."),
    )

    def resolve_role(self: ProjectAt, _info: Any) -> Any:
        """The highest one."""
        return role_of(self)

    def resolve_tokens(self: ProjectAt, _info: Any, first: int, after: str | None = None) -> Page:
        """Raises Refused for who is no admin."""
        return tokens_page(self, first, after)

    def resolve_environments(self: ProjectAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """Those that are in use. Raises UsageError for too many."""
        return stretch_of(self.environments, first, behind)

    def resolve_locations(self: ProjectAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """Those that have deployed. Raises UsageError for too many."""
        return stretch_of(locations_of(self), first, behind)

    def resolve_deployment_difference(self: ProjectAt, _info: Any, before: str, after: str) -> Any:
        """Raises UsageError for an unknown one."""
        return difference_of(self, before, after)

    def resolve_changes(self: ProjectAt, _info: Any, since: Any) -> Any:
        """Raises UsageError for a moment that is later."""
        return changes_since(self, since)

    def resolve_environment(self: ProjectAt, _info: Any, name: str) -> EnvironmentAt:
        """Raises UsageError for an unknown one."""
        found = self.environment(name)
        if not self.has(name) and self.environments:  # where there is none, each may become the first
            raise no_environment(name, self.environments)
        return found

    def resolve_run(self: ProjectAt, _info: Any, id: str) -> RunAt:  # noqa: A002 - the argument's name
        """Raises UsageError for an unknown one."""
        return run_of(self, id)

    def resolve_why_run(self: ProjectAt, _info: Any, run: str) -> RunExplainedAt:
        """Raises UsageError for an unknown one."""
        return run_explained(self, run)

    async def resolve_why_step(self: ProjectAt, _info: Any, run: str, step: int) -> StepExplained:
        """Raises UsageError for an unknown one."""
        return await step_explained(self, run, step)

    def resolve_runs(self: ProjectAt, _info: Any, first: int, after: str | None = None, **asked: Any) -> Page:
        """By the position at which they were asked for."""
        return runs_page(self, first, after, wanted_of(self, **asked))

    def resolve_running_runs(
        self: ProjectAt, _info: Any, first: int, environment: str, after: str | None = None
    ) -> Page:
        """By the position at which they were asked for."""
        return going_on_page(self, first, after, environment)

    def resolve_run_density(
        self: ProjectAt, _info: Any, since: datetime, buckets: int, until: datetime | None = None, **asked: Any
    ) -> Any:
        """By bucket and status."""
        return density_of(self, since, until, buckets, wanted_of(self, **asked))

    def resolve_events(self: ProjectAt, _info: Any, **asked: Any) -> Page:
        """By position."""
        return events_page(self, **asked)

    def resolve_event_density(
        self: ProjectAt, _info: Any, since: datetime, buckets: int, until: datetime | None = None
    ) -> Any:
        """By bucket and subject."""
        return event_density_of(self, since, until, buckets)
