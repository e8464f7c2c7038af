"""Who calls, what they may do, and the one place where what a mutation needs is held against that."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

from graphql import GraphQLSchema

from latewood.model.access import Role
from latewood_graphql.errors import Refused

R = TypeVar("R", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role in a project; in every one, also those that are to come, where `project` is None."""

    role: Role
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: the actor of every event that the call records, and what they were granted."""

    actor: str
    grants: frozenset[Grant]
    token: str | None = None
    """What the token is called in the log by which they came in."""

    @property
    def sees_all(self) -> bool:
        """Whether no project is hidden."""
        return any(grant.project is None for grant in self.grants)

    @property
    def projects(self) -> frozenset[str]:
        """The projects that are named in what was granted."""
        return frozenset(grant.project for grant in self.grants if grant.project is not None)

    def may(self, needed: Role, project: str) -> bool:
        """Whether they may do there what needs the role."""
        return any(grant.role.allows(needed) for grant in self.grants if grant.project in (None, project))

    def require(self, needed: Role, project: str) -> None:
        """Raise Refused unless they may."""
        if not self.may(needed, project):
            raise Refused("FORBIDDEN", f'{self.actor} may not do this in project "{project}": it needs role {needed}')


def owner(actor: str) -> Caller:
    """Who may do everything, as whoever has the database's credential does."""
    return Caller(actor=actor, grants=frozenset({Grant(role=Role.ADMIN)}))


PROJECT: Final = "project"
"""The argument of every mutation that says where something is done."""


def needs(role: Role) -> Callable[[R], R]:
    """Says of a mutation's resolver which role it needs in the project that the argument `project` names.

    A mutation whose resolver does not say is refused to everybody.
    """

    def marked(resolver: R) -> R:
        resolver.role = role  # type: ignore[attr-defined]
        return resolver

    return marked


def role_needed(resolver: Any) -> Role | None:
    """The role that a resolver was marked with."""
    found: Role | None = getattr(resolver, "role", None)
    return found


def guarded(schema: GraphQLSchema) -> GraphQLSchema:
    """The schema, each of whose mutations asks first whether the caller may."""
    for field in schema.mutation_type.fields.values() if schema.mutation_type is not None else ():
        field.resolve = _guarded(field.resolve)
    return schema


def _guarded(resolver: Any) -> Any:
    role = role_needed(resolver)

    @wraps(resolver)
    def asked(parent: Any, info: Any, **given: Any) -> Any:
        if role is None or PROJECT not in given:
            raise Refused("FORBIDDEN", f"{info.field_name}: nobody may do this; no role was declared for it")
        call = info.context
        if call.has_acted:
            call.again()  # what was done before may have taken away from the caller what they could do then
        call.require(role, given[PROJECT])
        return resolver(parent, info, **given)

    return asked
