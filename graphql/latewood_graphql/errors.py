"""What clients see of errors: a code and a message for what they can do something about, an id for all else."""

import logging
from secrets import token_hex
from typing import Any, Final

from graphql import GraphQLError

from latewood.errors import LatewoodError, NotFound, UsageError
from latewood_eventlog.errors import DatabaseUnreachable, TookTooLong
from latewood_graphql.advice import for_callers

LOG: Final = logging.getLogger("latewood.server")


class Refused(GraphQLError):
    """What is not carried out: too deep, too expensive, too slow, or not for who asks. `code` says which."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})
        self.code = code


class NothingShown(Refused):
    """Who sends it says nothing of who that is, so that it is no guess either."""

    def __init__(self, message: str) -> None:
        super().__init__("UNAUTHENTICATED", message)


def cause_of(error: GraphQLError) -> Exception | None:
    """What it was that was raised; None or another GraphQLError where it is about the query's text."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def formatted(error: GraphQLError, debug: bool = False) -> dict[str, Any]:  # noqa: ARG001, FBT001, FBT002 - as called
    """The error as JSON: its message where it is about the question, else an id that the server's log has too."""
    cause, found = cause_of(error), error.formatted
    if cause is None or isinstance(cause, GraphQLError):  # about the query's text
        return {**found, "extensions": {"code": "INVALID_QUERY", **(error.extensions or {})}}
    if isinstance(cause, UsageError):
        missing = {"missing": cause.what} if isinstance(cause, NotFound) else {}
        return {**found, "message": for_callers(found["message"]), "extensions": {"code": "BAD_INPUT", **missing}}
    if isinstance(cause, TookTooLong):
        message = "the answer takes longer than it may: ask for less at once, or for smaller pages"
        return {**found, "message": message, "extensions": {"code": "TOO_SLOW"}}
    if isinstance(cause, DatabaseUnreachable):
        return {**found, **unavailable(cause)}
    if isinstance(cause, LatewoodError):
        return {**found, "message": for_callers(found["message"]), "extensions": {"code": "REFUSED"}}
    name = token_hex(6)
    LOG.error("error %s", name, exc_info=cause)
    message = f"internal error {name}: the server's log says more under this id"
    return {**found, "message": message, "extensions": {"code": "INTERNAL", "id": name}}


def unsure(error: GraphQLError) -> dict[str, Any]:
    """The same of what was to be done: of a fault of ours nobody knows whether it was before it, or not at all."""
    found = formatted(error)
    code = found["extensions"]["code"]
    if len(error.path or ()) != 1 or code not in _FAULTS:
        return found
    said = _FAULTS[code] or found["message"]
    way = "look what is there, or ask again with the same `key` where it takes one"
    return {**found, "message": f"{said}. Whether it was done is not known: {way}"}


_FAULTS: Final = {
    "INTERNAL": "",
    "TOO_SLOW": "the answer took longer than it may",
    "UNAVAILABLE": "the database cannot be reached",
}


def unavailable(error: DatabaseUnreachable) -> dict[str, Any]:
    """The error that says so, without the server's address, which the log has."""
    LOG.warning("%s", error)
    return {"message": "the database cannot be reached; try again", "extensions": {"code": "UNAVAILABLE"}}
