"""Tokens of a project: who may come in, and as what."""

from typing import Any

import graphene

from latewood.commands.tokens import list_tokens
from latewood.model.access import Role
from latewood.projections.tokens import TokenRow
from latewood_graphql.calls import ProjectAt
from latewood_graphql.fields import given
from latewood_graphql.pages import Page, slice_of
from latewood_graphql.words import AccessRole


class Token(graphene.ObjectType):
    """By what somebody may come in. What it is itself nobody can have again.

    Its role, name and end are what it was made with, so that who holds it never may more than they were told, and what
    the log says of it holds for all that was done by it. Who is to have another role gets another token, and this one
    is revoked: both are events with their actor, and others may overlap for as long as it takes to exchange them.
    """

    id = graphene.ID(required=True, description="What it is called in the log.", resolver=given("token"))
    name = graphene.String(required=True, description="What it was named; actors of events have name and id.")
    role = graphene.Field(AccessRole, required=True, description="What may be done by it.")
    everywhere = graphene.Boolean(required=True, description="Whether it is for all projects.")
    created_at = graphene.DateTime(required=True, description="When it was created.")
    created_by = graphene.String(required=True, description="Who created it.")
    expires_at = graphene.DateTime(required=True, description="From when on it is of no use.")
    revoked_at = graphene.DateTime(description="When it was revoked, if it was.")
    revoked_by = graphene.String(description="Who revoked it.")


def tokens_page(project: ProjectAt, first: int, after: str | None) -> Page:
    """The project's tokens, for who may say who has one; the newest first. Raises Refused, UsageError."""
    project.call.require(Role.ADMIN, project.name)
    found: list[TokenRow] = list_tokens(project.workspace, project.as_of)
    return slice_of(found[::-1], first, after)


def role_of(project: ProjectAt) -> Any:
    """The highest role that the caller has there."""
    return next(role for role in reversed(Role) if project.call.caller.may(role, project.name))
