"""Attempts of steps, and a run in time."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import graphene

from latewood.commands.attempts import density
from latewood.commands.views import instant_of
from latewood.errors import UsageError
from latewood.projections.run_lists import Wanted
from latewood.projections.runs import StepRow
from latewood_graphql.calls import ProjectAt
from latewood_graphql.fields import given, many
from latewood_graphql.scalars import PositionScalar
from latewood_graphql.words import RunState

BUCKETS_MAX: Final = 500


class Failure(graphene.ObjectType):
    """Why an attempt failed."""

    kind = graphene.String(
        required=True,
        description="Whose failure it is: `user`, `timeout`, `refused`, `store`, `interrupted` or `elements`.",
        resolver=given("kind.value"),
    )
    error = graphene.String(required=True, description="The type of the exception, or what it is called.")
    message = graphene.String(required=True, description="What it says.")
    traceback = graphene.String(required=True, description="Where in the user's code; empty where there is none.")


class Attempt(graphene.ObjectType):
    """One try of a step."""

    number = graphene.Int(required=True, description="Its number, from 1.")
    status = graphene.String(
        required=True,
        description="`running`, `succeeded` or `failed`; or, as its step, what its run ended as.",
    )
    position = graphene.Field(PositionScalar, required=True, description="Where the log says that it began.")
    started_at = graphene.DateTime(required=True, description="When it began.")
    ended_at = graphene.DateTime(
        description="When it ended; null until then, and of what was interrupted: nobody knows."
    )
    duration_ms = graphene.Float(description="Milliseconds that it took; null where it is not known when it ended.")
    reasons = many(graphene.String, "Why the step is run, as in `code:total` or `upstream:revenue`.")
    failure = graphene.Field(Failure, description="Why it failed; null where it did not.")
    retry_at = graphene.DateTime(description="When the next attempt is due; null where none follows.")


class Timeline(graphene.ObjectType):
    """Steps in time as columns: the n-th entry of each is about the n-th step. For drawing tens of thousands."""

    steps = many(graphene.Int, "Their numbers.")
    start_ms = graphene.List(
        graphene.Float,
        required=True,
        description="When the last attempt began, in milliseconds since the run was asked for; null where none did.",
    )
    duration_ms = graphene.List(
        graphene.Float, required=True, description="How long it took, in milliseconds; null until it is over."
    )
    attempts = many(graphene.Int, "How many attempts each had.")
    status_names = many(graphene.String, "Statuses, each once.")
    status_of = many(graphene.Int, "The number of each step's status.")
    end_step = graphene.Int(description="What `after` takes to have the next ones; null where these are the last.")


class DensitySeries(graphene.ObjectType):
    """Runs of one status, counted by buckets of time."""

    status = graphene.Field(RunState, required=True, description="How they stand.")
    counts = many(graphene.Int, "How many were asked for in each bucket.")


class RunDensity(graphene.ObjectType):
    """Runs by when they were asked for: a histogram with buckets of equal width."""

    since = graphene.DateTime(required=True, description="Where the first bucket begins.")
    until = graphene.DateTime(required=True, description="Where the last bucket ends.")
    buckets = graphene.Int(required=True, description="How many there are.")
    series = many(DensitySeries, "The statuses that there are, each with its counts.")


def timeline_of(requested_at: datetime, rows: Sequence[StepRow], first: int) -> dict[str, Any]:
    """The columns of the first of these steps."""
    shown = rows[:first]
    names = sorted({row.status for row in shown})
    number = {name: n for n, name in enumerate(names)}
    return {
        "steps": [row.step for row in shown],
        "start_ms": [
            None if row.started_at is None else (row.started_at - requested_at) / timedelta(milliseconds=1)
            for row in shown
        ],
        "duration_ms": [row.duration_ms for row in shown],
        "attempts": [row.attempt for row in shown],
        "status_names": names,
        "status_of": [number[row.status] for row in shown],
        "end_step": shown[-1].step if len(rows) > first else None,
    }


def density_of(project: ProjectAt, since: datetime, until: datetime | None, buckets: int, wanted: Wanted) -> Any:
    """The histogram. Raises UsageError for times in the wrong order and for too many buckets."""
    moment, given_until = instant_of(project.workspace, project.as_of), until
    until = moment if until is None else until
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise UsageError("runDensity: expected `since` before `until`, both with their offset, as in 2026-03-01T00:00Z")
    if not 1 <= buckets <= BUCKETS_MAX:
        raise UsageError(f"buckets: expected 1 to {BUCKETS_MAX}, found {buckets:,}")
    found = density(
        project.workspace,
        wanted=wanted,
        since=since,
        until=given_until,
        moment=moment,
        buckets=buckets,
    )

    def series() -> Iterator[dict[str, Any]]:
        by_status = attrgetter("status")
        for status, counted in groupby(sorted(found, key=by_status), by_status):
            counts = [0] * buckets
            for entry in counted:
                counts[entry.bucket - 1] += entry.runs
            yield {"status": status, "counts": counts}

    return {"since": since, "until": until, "buckets": buckets, "series": list(series())}
