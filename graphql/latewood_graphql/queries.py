"""Where queries begin."""

from importlib.metadata import version
from typing import Any, Final

import graphene

from latewood_graphql.calls import Call, ProjectAt
from latewood_graphql.fields import fallible, many
from latewood_graphql.nodes.projects import Project
from latewood_graphql.scalars import Moment, PositionScalar

_VERSION: Final = version("latewood")


class Server(graphene.ObjectType):
    """What answers."""

    version = graphene.String(required=True, description="The version of Latewood.")
    position = graphene.Field(PositionScalar, required=True, description="How far the log goes.")
    actor = graphene.String(required=True, description="Who calls, as events of what they do say it.")


class Query(graphene.ObjectType):
    """What can be asked. All of one query is true for one position of the log, which the answer's extensions name.

    But for a few fields that no event tells of: they are of now, by leases or files, and their descriptions say so.
    """

    server = graphene.Field(Server, required=True, description="What answers.")
    projects = many(graphene.String, "Names of the projects that may be seen.")
    project = fallible(
        Project,
        description="One project, as it is now or as it was.",
        name=graphene.String(required=True, default_value="default", description="Which one."),
        as_of=graphene.Argument(Moment, description="The moment at which all of it is shown; by default now."),
    )

    def resolve_server(self: Any, info: Any) -> dict[str, Any]:
        """The process."""
        call: Call = info.context
        return {"version": _VERSION, "position": call.position, "actor": call.caller.actor}

    def resolve_projects(self: Any, info: Any) -> list[str]:
        """By name."""
        call: Call = info.context
        return sorted(call.projects)

    def resolve_project(self: Any, info: Any, name: str, as_of: Any = None) -> ProjectAt:
        """Raises UsageError for one that is not there, and for a moment before the log."""
        call: Call = info.context
        return call.project(name, as_of)
