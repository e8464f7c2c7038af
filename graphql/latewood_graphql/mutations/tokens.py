"""Tokens: who may come in, and as what. Those for all projects are made by the command line alone."""

from typing import Any, Final

import graphene

from latewood.commands.tokens import DAYS, Created, create_token, revoke_token
from latewood.commands.workspace import Workspace
from latewood.model.access import Role
from latewood.projections.tokens import TokenRow
from latewood_graphql.fields import given
from latewood_graphql.mutations.acting import mutation, success
from latewood_graphql.nodes.tokens import Token
from latewood_graphql.words import AccessRole

TokenCreated: Final = success(
    "TokenCreated",
    "There is a token more.",
    token=graphene.Field(Token, required=True, description="The token.", resolver=given("done.row")),
    text=graphene.String(
        required=True,
        description="What it is, as it is sent. It is told this once; what is recorded is its hash.",
        resolver=given("done.text"),
    ),
)
TokenRevoked: Final = success(
    "TokenRevoked",
    "Nobody is let in by a token any more.",
    id=graphene.ID(required=True, description="What it is called in the log.", resolver=given("done.token")),
    name=graphene.String(required=True, description="What it was named.", resolver=given("done.name")),
)


def _create(workspace: Workspace, name: str, role: Any, days: int) -> Created:
    return create_token(workspace, name, Role(role), days=days)


def _revoke(workspace: Workspace, token: str) -> TokenRow:
    row, _ = revoke_token(workspace, token, everywhere=False)
    return row


class TokenMutations:
    """What can be done about tokens."""

    create_token = mutation(
        "createToken",
        _create,
        Role.ADMIN,
        TokenCreated,
        "Let somebody in.",
        environment=False,
        name=graphene.String(required=True, description="Who, or what for; of one usable token of the project."),
        role=graphene.Argument(AccessRole, required=True, description="What may be done by it."),
        days=graphene.Int(required=True, default_value=DAYS, description="After which it is of no use any more."),
    )
    revoke_token = mutation(
        "revokeToken",
        _revoke,
        Role.ADMIN,
        TokenRevoked,
        "Let nobody in by a token of the project any more, from now on.",
        missing=("token",),
        environment=False,
        token=graphene.String(required=True, description="Its name or its id."),
    )
