"""Tasks that other locations may refer to."""

import graphene

from latewood.commands.granting import list_usable, list_versions
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.pages import Page, slice_of


class UsableTask(graphene.ObjectType):
    """A task that may be referred to: as it is deployed, or as another project granted it."""

    task = graphene.String(required=True, description="`LOCATION:TASK`.")
    project = graphene.String(required=True, description="The project that granted it; empty for this one's own.")
    version = graphene.String(required=True, description="Version of its code.")
    deployment = graphene.ID(required=True, description="The deployment that it is of.")
    since = graphene.DateTime(required=True, description="When it was deployed, or granted.")
    description = graphene.String(required=True, description="What its author says of it.")


def tasks_page(at: EnvironmentAt, first: int, after: str | None, task: str | None) -> Page:
    """All that may be referred to; of one that is named every version. Raises UsageError."""
    found = list_usable(at.workspace, at.as_of) if task is None else list_versions(at.workspace, task, at.as_of)
    return slice_of(found, first, after)
