"""What clients are told instead of a result: a type for each kind of thing that is not as they expected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import graphene

from latewood.commands.blocked import PlanBlocked
from latewood.engine.loading.venvs import VenvFailed
from latewood.errors import (
    Conflict,
    DefinitionsInvalid,
    LatewoodError,
    NotFound,
    UsageError,
    ValueRefused,
)
from latewood.serving.asking import PlanChanged
from latewood_eventlog.errors import BatchMalformed, EventTooLarge, LogError, TookTooLong
from latewood_graphql.advice import for_callers
from latewood_graphql.nodes.plans import PlanPreview, PreviewAt


class Error(graphene.Interface):
    """Why a mutation did nothing."""

    message = graphene.String(required=True, description="What was expected, what was found, and the way out.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An error as it is told; `kind` is the name of its type, `preview` what a plan would do now.

    `problems` are what is wrong with code.
    """

    kind: str
    message: str
    preview: PreviewAt | None = None
    problems: tuple[Mapping[str, Any], ...] = ()


def _error(name: str, description: str, **fields: Any) -> type[graphene.ObjectType]:
    meta = type("Meta", (), {"interfaces": (Error,)})
    return type(name, (graphene.ObjectType,), {"__doc__": description, "Meta": meta, **fields})


InvalidInput: Final = _error("InvalidInput", "An argument cannot be what it is, or not for this.")
ConflictError: Final = _error(
    "Conflict", "What is there by now does not go with what was asked: look again, and decide again."
)
PlanChangedError: Final = _error(
    "PlanChanged",
    "The plan is not what was approved any more.",
    preview=graphene.Field(PlanPreview, required=True, description="What it is now, with the hash that approves it."),
)
TookTooLongError: Final = _error(
    "TookTooLong",
    "It took longer than a call may, or waited so long for others. What was recorded of it by then stays, if anything.",
)
PlanBlockedError: Final = _error("PlanBlocked", "What the plan would read is not there; nothing was asked for.")


class DefinitionProblem(graphene.ObjectType):
    """One thing that is wrong with the code of a location, and where."""

    message = graphene.String(required=True, description="What was expected, what was found, and the way out.")
    file = graphene.String(required=True, description="The file; empty where it is none of the project's.")
    line = graphene.Int(required=True, description="The line in it; 0 where no one line is meant.")


DefinitionsInvalidError: Final = _error(
    "DefinitionsInvalid",
    "The code of the location cannot be loaded as it stands; what is deployed of it stays.",
    problems=graphene.List(
        graphene.NonNull(DefinitionProblem), required=True, description="All that is wrong with it."
    ),
)

_MISSING: Final = {
    "asset": _error("AssetNotFound", "There is no such asset in the environment."),
    "parameter": _error("ParameterNotFound", "The asset has no such parameter, or it is not pinned."),
    "run": _error("RunNotFound", "There is no such run."),
    "version": _error("VersionNotFound", "There is no such version, or it is not retracted."),
    "environment": _error("EnvironmentNotFound", "There is no such environment."),
    "location": _error("LocationNotFound", "There is no such location."),
    "deployment": _error("DeploymentNotFound", "There is no such deployment of the location."),
    "automation": _error("AutomationNotFound", "Nothing that happens by itself is called so."),
    "token": _error("TokenNotFound", "The project has no token of that name or id."),
    "launch plan": _error("LaunchPlanNotFound", "There is no workflow or launch plan of that name."),
}

EXPECTED: Final = (LatewoodError, BatchMalformed, EventTooLarge, TookTooLong)
"""What clients can cause, and not only by what they ask: see `told`."""

Kinds = dict[str, type[graphene.ObjectType]]


def kinds_of(missing: Iterable[str], *, planned: bool = False, loads: bool = False) -> Kinds:
    """The types of errors, by name, of a mutation that names such things, and plans a run or loads code if it does."""
    types = [InvalidInput, ConflictError, TookTooLongError, *(_MISSING[what] for what in missing)]
    types += [PlanChangedError, PlanBlockedError] if planned else []
    types += [DefinitionsInvalidError] if loads else []
    return {type_._meta.name: type_ for type_ in types}  # noqa: SLF001 - how graphene says it


def told(error: LatewoodError | LogError, kinds: Kinds) -> Told:
    """The error for clients, as one of these kinds. Raises it where it is no matter of what they ask."""
    match error:
        case PlanChanged():
            kind = "PlanChanged"
        case PlanBlocked():
            kind = "PlanBlocked"
        case Conflict():
            kind = "Conflict"
        case NotFound():
            kind = _MISSING[error.what]._meta.name  # noqa: SLF001 - as above
        case DefinitionsInvalid(problems=problems) if "DefinitionsInvalid" in kinds:
            found = tuple(
                {"message": for_callers(each.message), "file": each.file, "line": each.line} for each in problems
            )
            return Told(kind="DefinitionsInvalid", message=for_callers(str(error)), problems=found)
        case VenvFailed() if "DefinitionsInvalid" in kinds:
            return Told(
                kind="DefinitionsInvalid",
                message=str(error),
                problems=({"message": str(error), "file": "", "line": 0},),
            )
        case TookTooLong():
            kind = "TookTooLong"
        case UsageError() | ValueRefused() | BatchMalformed() | EventTooLarge():
            kind = "InvalidInput"
        case _:
            raise error
    return Told(kind=kind if kind in kinds else "InvalidInput", message=for_callers(str(error)))
