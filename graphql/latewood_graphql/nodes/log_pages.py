"""Pages of the log, from either end, and how much was recorded when."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import graphene

from latewood.commands.runs import run_named
from latewood.commands.views import instant_of, known_key, refuse_never
from latewood.commands.workspace import Workspace
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood.projections.log_pages import EventsWanted, events_by_time, events_found
from latewood.projections.snapshots import snapshot
from latewood_graphql.calls import ProjectAt
from latewood_graphql.fields import many
from latewood_graphql.nodes.attempts import BUCKETS_MAX
from latewood_graphql.nodes.events import ADMINS_ALONE, checked_types, events_at
from latewood_graphql.pages import Edge, Page, checked_first, key_of, page_arguments
from latewood_graphql.scalars import PositionScalar


class EventSeries(graphene.ObjectType):
    """Events about one subject, counted by buckets of time."""

    subject = graphene.String(required=True, description="What they are about: `run` of `run.ended`.")
    counts = many(graphene.Int, "How many were recorded in each bucket.")


class EventDensity(graphene.ObjectType):
    """Events by when they were recorded: a histogram with buckets of equal width."""

    since = graphene.DateTime(required=True, description="Where the first bucket begins.")
    until = graphene.DateTime(required=True, description="Where the last bucket ends.")
    buckets = graphene.Int(required=True, description="How many there are.")
    every = graphene.Int(
        required=True, description="1 where each event was counted; of a long log one in so many stands for the others."
    )
    series = many(EventSeries, "The subjects that there are, each with its counts.")


def event_filters() -> dict[str, Any]:
    """The arguments by which events are chosen."""
    return {
        "types": graphene.List(
            graphene.NonNull(graphene.String), description="Only those of these types, as in `run.ended`; at least one."
        ),
        "run": graphene.ID(description="Only those of this run, or of the one whose id begins so."),
        "stream": graphene.String(
            description="Only those of this stream, as events name it: `pools`, `environment/prod`."
        ),
        "asset": graphene.ID(
            description="Only those about this asset, by its key in `environment`, or else in `prod`."
        ),
        "environment": graphene.String(
            required=True,
            default_value="",
            description="Only those of this environment's runs, and those that name it.",
        ),
        "since": graphene.Argument(PositionScalar, description="Only those behind this position."),
        "newest_first": graphene.Boolean(
            required=True, default_value=False, description="From the end on, and not from the beginning."
        ),
        **page_arguments(),
    }


def events_page(
    project: ProjectAt,
    *,
    first: int,
    environment: str,
    newest_first: bool,
    types: list[str] | None = None,
    run: str | None = None,
    stream: str | None = None,
    asset: str | None = None,
    since: int | None = None,
    after: str | None = None,
) -> Page:
    """What was found, up to as many as are asked for, before enough was looked at. Raises UsageError."""
    beyond, first, since = key_of(after, int), checked_first(first, "after"), since or 0
    project.call.refuse_beyond(since)
    if environment:
        refuse_never(project.workspace, environment)
    wanted = EventsWanted(
        types=checked_types(types),
        hidden=hidden_from(project),
        stream=stream_of(project.workspace, run, stream),
        asset=_id(project, environment, asset),
        environment=environment,
    )
    end = project.position
    low, high = since if newest_first else max(since, beyond or 0), end
    if newest_first and beyond is not None:
        high = min(end, beyond - 1)
    with snapshot(project.workspace.log) as connection:
        found = events_found(
            connection, project.name, wanted, low=low, high=high, limit=first + 1, newest_first=newest_first
        )
    read = project.workspace.log.read_positions(found.positions[:first])
    events = {event.position: event for event in events_at(project, read)}
    edges = [Edge(events[position], position) for position in found.positions[:first]]
    if len(found.positions) > first:
        return Page(edges=edges, has_next=True, count=None)
    more = found.looked_to > since if newest_first else found.looked_to < end
    # Behind what was looked at, found or not: whoever goes on does not look at it again.
    stop = found.looked_to + 1 if newest_first else found.looked_to
    return Page(edges=edges, has_next=more, count=None, stop=stop if more else None)


def stream_of(workspace: Workspace, run: str | None, stream: str | None) -> str:
    """The stream that is meant; empty for all. Raises UsageError for an unknown run, an empty name, and both."""
    if stream == "":
        raise UsageError("stream: expected a name, as in `pools`, found an empty one; without `stream` all are meant")
    if run is None:
        return stream or ""
    if stream is not None:
        raise UsageError("expected `run` or `stream`, of which a run's is one; found both")
    return f"run/{run_named(workspace, run).run}"


def hidden_from(project: ProjectAt) -> tuple[str, ...]:
    """The types of events of the project that the caller may not see."""
    return () if project.call.caller.may(Role.ADMIN, project.name) else tuple(sorted(ADMINS_ALONE))


def _id(project: ProjectAt, environment: str, asset: str | None) -> Any:
    if asset is None:
        return None
    view = project.environment(environment or "prod").view
    return view.ids[known_key(view, asset)]


def event_density_of(project: ProjectAt, since: datetime, until: datetime | None, buckets: int) -> dict[str, Any]:
    """The histogram. Raises UsageError for times in the wrong order and for too many buckets."""
    log = project.workspace.log
    last = project.position if until is None else min(log.position_at(until), project.position)
    until = instant_of(project.workspace, project.as_of) if until is None else until
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise UsageError("eventDensity: expected `since` before `until`, both with offset, as in 2026-03-01T00:00Z")
    if not 1 <= buckets <= BUCKETS_MAX:
        raise UsageError(f"buckets: expected 1 to {BUCKETS_MAX}, found {buckets:,}")
    after = log.position_at(since)
    with snapshot(log) as connection:
        found, every = events_by_time(
            connection,
            project.name,
            hidden=hidden_from(project),
            since=since,
            until=until,
            buckets=buckets,
            after=after,
            upto=last,
        )

    def series() -> Iterator[dict[str, Any]]:
        for subject, counted in groupby(found, attrgetter("subject")):
            counts = [0] * buckets
            for entry in counted:
                counts[entry.bucket - 1] += entry.events
            yield {"subject": subject, "counts": counts}

    return {"since": since, "until": until, "buckets": buckets, "every": every, "series": list(series())}
