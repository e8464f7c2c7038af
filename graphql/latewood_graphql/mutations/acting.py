"""How every mutation is made: with a role, acting as who calls, and a result that says where the log has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import graphene

from latewood.commands.environments import DEFAULT
from latewood.commands.workspace import checked_name
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood.serving.asking import PlanChanged
from latewood_eventlog.errors import TookTooLong
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch, Outcome, Position
from latewood_graphql.access import needs
from latewood_graphql.calls import Call, EnvironmentAt, ProjectAt
from latewood_graphql.limits import unheld_in
from latewood_graphql.mutations.errors import EXPECTED, Kinds, Told, kinds_of, told
from latewood_graphql.nodes.plans import PreviewAt
from latewood_graphql.scalars import PositionScalar


class Writing(EventLog):
    """A log as one mutation writes it, which remembers how far that was."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(log.engine, log.projections, log.upcasters)
        self.last: Position = 0

    def append_many(self, batches: Sequence[Batch]) -> list[Outcome]:
        """As every log."""
        found = super().append_many(batches)
        self.last = max([self.last, *(done.last for done in found if not isinstance(done, Exception))])
        return found


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a mutation has done, and how things are since: what the types of results show."""

    success: str
    done: Any
    call: Call = field(repr=False)
    name: str
    environment_name: str
    position: Position

    @cached_property
    def project(self) -> ProjectAt:
        """The project as it is now."""
        return self.call.project(self.name, None)

    @cached_property
    def environment(self) -> EnvironmentAt:
        """The environment as it is now."""
        return self.project.environment(self.environment_name)


def success(name: str, description: str, /, **fields: Any) -> type[graphene.ObjectType]:
    """The type of what a mutation did."""
    position = graphene.Field(
        PositionScalar,
        required=True,
        description="A position of the log at which it is done: what is asked `asOf` that shows it.",
    )
    return type(name, (graphene.ObjectType,), {"__doc__": description, "position": position, **fields})


Act = Callable[..., Any]
"""What does it: takes the workspace and the mutation's arguments, by name."""

_PROJECT: Final = "The project."
_ENVIRONMENT: Final = "The environment."


def mutation(
    name: str,
    act: Act,
    role: Role,
    done: type[graphene.ObjectType],
    description: str,
    /,
    *,
    missing: Sequence[str] = (),
    planned: bool = False,
    loads: bool = False,
    at_home: bool = False,
    environment: bool = True,
    **arguments: Any,
) -> graphene.Field:
    """The field of a mutation that needs this role. `missing` are kinds of things that it names and may not find.

    One that `loads` code, or runs it `at_home`, is for the project alone whose code the server has.
    What `act` raises that a client can cause is a result. Its name is the schema's, for the type of the result.
    """
    kinds = kinds_of((*(["environment"] if environment else []), *missing), planned=planned, loads=loads)
    own: dict[str, Any] = {"project": graphene.String(required=True, default_value="default", description=_PROJECT)}
    if environment:
        own["environment"] = graphene.String(required=True, default_value=DEFAULT, description=_ENVIRONMENT)
    result = _result(f"{name[0].upper()}{name[1:]}Result", done, kinds)

    @needs(role)
    def resolver(_parent: Any, info: Any, *, project: str, environment: str = DEFAULT, **given: Any) -> Done | Told:
        if (loads or at_home) and project != info.context.service.workspace.project:
            message = f'this server has no code of project "{project}": ask the one that works where that is'
            return Told(kind="InvalidInput", message=message)
        return _acted(info.context, act, kinds, done._meta.name, project, environment, given)  # noqa: SLF001 - as above

    return graphene.Field(
        result,  # not `required`: what is raised would else cost the results of what was done before it
        description=f"{description} Needs role {role}. Null where it may not be asked for, or where it is not known "
        "whether it was done: an error of the answer says so.",
        resolver=resolver,
        args={**own, **arguments},
    )


def _result(name: str, done: type[graphene.ObjectType], kinds: Kinds) -> type[graphene.Union]:
    by_name = {done._meta.name: done, **kinds}  # noqa: SLF001 - how graphene says it

    def resolve_type(_cls: Any, found: Done | Told, _info: Any) -> type[graphene.ObjectType]:
        return by_name[found.success if isinstance(found, Done) else found.kind]

    meta = type("Meta", (), {"types": tuple(by_name.values())})
    namespace = {
        "__doc__": "What was done, or why nothing was.",
        "Meta": meta,
        "resolve_type": classmethod(resolve_type),
    }
    return type(name, (graphene.Union,), namespace)


def _acted(
    call: Call, act: Act, kinds: Kinds, done: str, project: str, environment: str, given: Mapping[str, Any]
) -> Done | Told:
    """No transaction is open while it acts; what its answer shows is of a snapshot that has what it wrote."""
    call.transaction.close()
    call.has_acted = True
    there = call.acting(project)
    writing = Writing(there.log)
    try:
        if wrong := unheld_in(given):
            raise UsageError(wrong)
        workspace = replace(there, log=writing, environment=checked_name("environment", environment))
        found = act(workspace, **given)
    except EXPECTED as error:
        call.look()
        answer = told(error, kinds)
        if isinstance(error, TookTooLong):
            stays = f"what is recorded up to position {writing.last:,} stays" if writing.last else "nothing was changed"
            message = f"it took longer than {call.limit.total_seconds():g} s, or waited so long for others: {stays}"
            return replace(answer, message=message)
        if not isinstance(error, PlanChanged):
            return answer
        at = call.project(project, None).environment(environment)
        return replace(answer, preview=PreviewAt(environment=at, found=error.now))
    call.look()
    return Done(
        success=done,
        done=found,
        call=call,
        name=project,
        environment_name=environment,
        position=writing.last or call.position,
    )
