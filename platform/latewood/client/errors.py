"""What a server refuses, as exceptions: one for each type of error of its schema, and for each code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from latewood.client.results import Preview, Problem, converted
from latewood.errors import LatewoodError, ServerUnreachable

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class RequestRefused(LatewoodError):
    """The server does not do what it was asked for; `kind` is the error's type or code, `answer` all that it said."""

    def __init__(self, kind: str, message: str, answer: Mapping[str, Any] = _NOTHING) -> None:
        super().__init__(message)
        self.kind = kind
        self.answer = answer


class InvalidInput(RequestRefused):
    """An argument cannot be what it is, or not for this."""


class InvalidQuery(RequestRefused):
    """The document is none of the server's schema, as after one of the two is newer than the other."""


class Conflict(RequestRefused):
    """What is there by now does not go with what was asked: look again, and decide again."""


class DefinitionsInvalid(RequestRefused):
    """The code of a location cannot be loaded as it stands; what is deployed of it stays; `problems` says why."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, by file and line."""
        return converted(self.answer["problems"], tuple[Problem, ...])


class NotFound(RequestRefused):
    """What was named is not there; `kind` says what it would be. The message has what comes near."""


class AssetNotFound(NotFound):
    """There is no such asset in the environment."""


class AutomationNotFound(NotFound):
    """Nothing that happens by itself is called so."""


class DeploymentNotFound(NotFound):
    """There is no such deployment of the location."""


class EnvironmentNotFound(NotFound):
    """There is no such environment."""


class LaunchPlanNotFound(NotFound):
    """There is no workflow or launch plan of that name."""


class LocationNotFound(NotFound):
    """There is no such location."""


class ParameterNotFound(NotFound):
    """The asset has no such parameter, or it is not pinned."""


class RunNotFound(NotFound):
    """There is no such run."""


class TokenNotFound(NotFound):
    """The project has no token of that name or id."""


class VersionNotFound(NotFound):
    """There is no such version, or it is not retracted."""


class PlanBlocked(RequestRefused):
    """What the plan would read is not there; nothing was asked for."""


class PlanChanged(RequestRefused):
    """The plan is not what was approved any more; `preview` is what it is now."""

    @property
    def preview(self) -> Preview:
        """What launching would do now; approve that, or do not."""
        return Preview.of(self.answer["preview"])


class NotLetIn(RequestRefused):
    """The token is none, has expired, was revoked, or is not for this; the server does not say which."""


class TooMuch(RequestRefused):
    """More was asked than the server answers: too often, too deep, too large or too slow."""


class TookTooLong(TooMuch):
    """It took longer than a call may, or waited so long for others; what was recorded of it stays."""


_BY_KIND: Final[Mapping[str, type[RequestRefused]]] = {
    **{
        kind.__name__: kind
        for kind in (
            InvalidInput,
            Conflict,
            DefinitionsInvalid,
            AssetNotFound,
            AutomationNotFound,
            DeploymentNotFound,
            EnvironmentNotFound,
            LaunchPlanNotFound,
            LocationNotFound,
            ParameterNotFound,
            RunNotFound,
            TokenNotFound,
            VersionNotFound,
            PlanBlocked,
            PlanChanged,
            TookTooLong,
        )
    },
    "BAD_INPUT": InvalidInput,
    "INVALID_QUERY": InvalidQuery,
    "UNAUTHENTICATED": NotLetIn,
    "FORBIDDEN": NotLetIn,
    "TOO_MANY": TooMuch,
    "TOO_LARGE": TooMuch,
    "TOO_DEEP": TooMuch,
    "TOO_SLOW": TooMuch,
}


def refused(kind: str, message: str, answer: Mapping[str, Any] = _NOTHING) -> RequestRefused:
    """The exception of that type of the schema, or of that code."""
    found = NotFound if kind.endswith("NotFound") else RequestRefused  # of a server that is newer
    return _BY_KIND.get(kind, found)(kind, message, answer)


__all__ = [
    "AssetNotFound",
    "AutomationNotFound",
    "Conflict",
    "DefinitionsInvalid",
    "DeploymentNotFound",
    "EnvironmentNotFound",
    "InvalidInput",
    "InvalidQuery",
    "LaunchPlanNotFound",
    "LocationNotFound",
    "NotFound",
    "NotLetIn",
    "ParameterNotFound",
    "PlanBlocked",
    "PlanChanged",
    "RequestRefused",
    "RunNotFound",
    "ServerUnreachable",
    "TokenNotFound",
    "TooMuch",
    "TookTooLong",
    "VersionNotFound",
]
