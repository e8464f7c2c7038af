"""The server that commands are for, and the client by which they ask it."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from latewood.errors import UsageError

if TYPE_CHECKING:
    from latewood.client import Client


PATIENCE_S = 60.0
"""How long a server that does not answer is waited for."""

PAGE: Final = 1_000
"""Items of a list that are asked for at a time: as many as a server gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Its address, and the token by which it lets in."""

    url: str
    token: str = field(repr=False)


def server_named() -> Server | None:
    """The one that `--server` or LATEWOOD_SERVER names; None where commands work here."""
    found: Server | None = click.get_current_context().find_object(Server)
    return found


def connect(*, environment: str | None = None) -> "Client":
    """A client of it, closed when the command ends; for the project and the environment of this shell."""
    server = server_named()
    assert server is not None, "who asks for a client was told of a server"
    try:
        from latewood.client import Client
    except ImportError as error:
        raise UsageError(str(error)) from error
    client = Client(
        server.url,
        token=server.token,
        project=os.environ.get("LATEWOOD_PROJECT") or "default",
        environment=environment or os.environ.get("LATEWOOD_ENV") or "prod",
        patience_s=PATIENCE_S,
    )
    client.at = replace(client.at, by_commands=True)
    if client.at.is_in_clear:
        click.secho(
            f"warning: {client.at.url} is not https: others on the way can read all of it"
            f"{', and the token' if server.token else ''}",
            fg="yellow",
            err=True,
        )
    click.get_current_context().call_on_close(client.close)
    return client


def moment_given(as_of: int | datetime | None) -> int | str | None:
    """As the schema takes it."""
    return as_of.isoformat() if isinstance(as_of, datetime) else as_of


def of_project(client: "Client", document: str, **given: Any) -> Any:
    """What a document has of the project. Raises RequestRefused, ServerUnreachable."""
    return client.query(document, {"project": client.at.project, **given})["project"]


def of_environment(client: "Client", document: str, **given: Any) -> Any:
    """What it has of the environment."""
    return of_project(client, document, environment=client.at.environment, **given)["environment"]


def of_one_state(
    client: "Client", document: str, list_of: Callable[[Any], Mapping[str, Any]], **given: Any
) -> Iterator[Mapping[str, Any]]:
    """All of a list that comes in pages, which `list_of` finds in the project: as it was when the first page was.

    The document takes `asOf` and `after`, and asks for the project's `position`.
    """
    while True:
        project = of_project(client, document, **given)
        page = list_of(project)
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        given |= {"asOf": project["position"], "after": page["pageInfo"]["endCursor"]}


def with_all(name: str, look: Callable[..., Mapping[str, Any]], **given: Any) -> Mapping[str, Any]:
    """What `look` finds, with the whole of a list of it that goes on `behind` the first PAGE: as it was at first.

    It finds its `position`, too.
    """
    found = look(**given, behind=0)
    whole = page = found[name]
    while len(page) == PAGE:
        page = look(**{**given, "asOf": found["position"]}, behind=len(whole))[name]
        whole = [*whole, *page]
    return {**found, name: whole}


def nodes_of(ask: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """All of a list that comes in pages and whose items stay as they are, or are each of a moment of their own.

    `ask` has the page behind a cursor, the first one behind None.
    """
    after: str | None = None
    while True:
        page = ask(after)
        yield from page["nodes"]
        where = page.get("pageInfo", page)
        if not where["hasNextPage"]:
            return
        after = where["endCursor"]


def done(
    client: "Client", name: str, document: str, given: Mapping[str, Any], *, repeatable: bool = True
) -> Mapping[str, Any]:
    """What a mutation did; one that is `repeatable` does it once however often it is sent. Raises RequestRefused."""
    from latewood.client.errors import refused

    asked = {"project": client.at.project, **given}
    found: Mapping[str, Any] = client.query(document, asked, repeatable=repeatable)[name]
    if "message" in found:
        raise refused(found["__typename"], found["message"], found)
    return found
