"""Where commands work: one project and environment in one database, with its artifact store."""

import getpass
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import choice
from typing import Final

from latewood.engine.running.recorder import new_event
from latewood.engine.running.step_logs import log_level
from latewood.engine.storage.file_hash import content_of
from latewood.engine.storage.store import ArtifactStore, open_store
from latewood.errors import UsageError
from latewood.events import Event
from latewood.model.keys import RunId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.log import EventLog
from latewood_eventlog.migrate import migrate, require_schema
from latewood_eventlog.records import StreamAppend
from latewood_eventlog.server import database_url

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_\-]{0,62}")
_RUN_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # base 32 without i, l, o, u: nothing reads like another


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything a command needs from the world; tests make their own.

    `content_of` is the content hash of what lies at a path below a root, None where nothing does. `sleep` waits
    for a retry, in seconds. `home` is where code and virtual environments are unpacked.
    """

    log: EventLog
    store: ArtifactStore
    project: str
    environment: str
    actor: str
    clock: Callable[[], datetime]
    new_run: Callable[[], RunId]
    sleep: Callable[[float], None] = time.sleep
    url: DatabaseUrl | None = None
    content_of: Callable[[str, Path], str | None] = content_of
    home: Path = field(default_factory=lambda: latewood_home(os.environ))


def latewood_home(environ: Mapping[str, str]) -> Path:
    """Where Latewood keeps what is its own: `LATEWOOD_HOME`, by default `~/.latewood`."""
    return Path(environ.get("LATEWOOD_HOME") or Path.home() / ".latewood")


def open_workspace(environ: Mapping[str, str] | None = None, *, environment: str | None = None) -> Workspace:
    """The workspace that the environment variables name; starts the embedded server when none is named.

    A database that was never used, or one from an earlier version on the embedded server, is migrated first.
    Raises DatabaseUnreachable, SchemaUnknown, UsageError.
    """
    environ = os.environ if environ is None else environ
    log_level(environ)  # refused before anything is done, not in the middle of a run
    project = checked_name("LATEWOOD_PROJECT", environ.get("LATEWOOD_PROJECT", "default"))
    environment = environ.get("LATEWOOD_ENV", "prod") if environment is None else environment
    environment = checked_name("environment", environment)
    url = database_url(environ)
    engine = connect(url, role="engine")
    try:
        require_schema(engine, PROJECTIONS)
    except SchemaUnknown as error:
        if error.found > error.needed or (error.found > 0 and "LATEWOOD_DATABASE_URL" in environ):
            raise
        migrate(connect(url, role="owner"), PROJECTIONS, UPCASTERS)
    return Workspace(
        log=EventLog(engine, PROJECTIONS, UPCASTERS),
        store=open_store(environ.get("LATEWOOD_STORE") or str(latewood_home(environ) / "store"), project),
        project=project,
        environment=environment,
        actor=environ.get("LATEWOOD_ACTOR") or _user(),
        clock=lambda: datetime.now(UTC),
        new_run=new_run,
        url=url,
        home=latewood_home(environ),
    )


def of_project(workspace: Workspace, name: str) -> Workspace:
    """The same for another project of the database and the store. Raises UsageError for what can be no project."""
    name = checked_name("project", name)
    return replace(workspace, project=name, store=ArtifactStore(workspace.store.directory.parent, name))


def append_of(
    workspace: Workspace,
    fact: Event,
    *,
    stream: str,
    name: Sequence[object],
    at: datetime | None = None,
    expected: int | None = None,
) -> StreamAppend:
    """One fact for the end of a stream, as whoever works here says it, by default now; `name` as for `new_event`."""
    at = workspace.clock() if at is None else at
    event = new_event(fact, project=workspace.project, stream=stream, name=name, at=at, actor=workspace.actor)
    return StreamAppend(project=workspace.project, stream=stream, events=(event,), expected=expected)


def new_run() -> RunId:
    """A fresh run id: 60 random bits."""
    return RunId("".join(choice(_RUN_ALPHABET) for _ in range(12)))


def checked_name(what: str, text: str) -> str:
    """The text, if a project or an environment may be called so. Raises UsageError."""
    if not _NAME.fullmatch(text):
        raise UsageError(
            f'{what} "{text}": expected 1 to 63 lower-case letters, digits, "_" and "-", '
            "beginning with a letter or digit"
        )
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in many containers
        return f"uid:{os.getuid()}"
