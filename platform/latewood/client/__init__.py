"""The Python client of a server: launches, waits, follows and asks, over HTTP. It needs no database and no code.

`Client` waits for answers, `AsyncClient` awaits them; both have the same methods. What gets lost on the way is asked
for again, what changes something is done once, and what is followed goes on where it was cut off.
"""

try:
    import httpx2  # noqa: F401 - all of it is built on this
except ImportError as error:
    raise ImportError("the client needs one package more: pip install 'latewood[client]'") from error

from latewood.client.errors import (
    AssetNotFound,
    AutomationNotFound,
    Conflict,
    DefinitionsInvalid,
    DeploymentNotFound,
    EnvironmentNotFound,
    InvalidInput,
    InvalidQuery,
    LaunchPlanNotFound,
    LocationNotFound,
    NotFound,
    NotLetIn,
    ParameterNotFound,
    PlanBlocked,
    PlanChanged,
    RequestRefused,
    RunNotFound,
    ServerUnreachable,
    TokenNotFound,
    TookTooLong,
    TooMuch,
    VersionNotFound,
)
from latewood.client.results import (
    Deployed,
    Event,
    FailedStep,
    Launched,
    Line,
    Lineage,
    Link,
    Look,
    NotPassed,
    Observation,
    Preview,
    Problem,
    Progress,
    Run,
    StepsAlike,
    TaskProgress,
)
from latewood.client.shells import AsyncClient, Client

__all__ = [
    "AssetNotFound",
    "AsyncClient",
    "AutomationNotFound",
    "Client",
    "Conflict",
    "DefinitionsInvalid",
    "Deployed",
    "DeploymentNotFound",
    "EnvironmentNotFound",
    "Event",
    "FailedStep",
    "InvalidInput",
    "InvalidQuery",
    "LaunchPlanNotFound",
    "Launched",
    "Line",
    "Lineage",
    "Link",
    "LocationNotFound",
    "Look",
    "NotFound",
    "NotLetIn",
    "NotPassed",
    "Observation",
    "ParameterNotFound",
    "PlanBlocked",
    "PlanChanged",
    "Preview",
    "Problem",
    "Progress",
    "RequestRefused",
    "Run",
    "RunNotFound",
    "ServerUnreachable",
    "StepsAlike",
    "TaskProgress",
    "TokenNotFound",
    "TooMuch",
    "TookTooLong",
    "VersionNotFound",
]
