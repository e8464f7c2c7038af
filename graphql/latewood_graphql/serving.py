"""The processes that serve the API: one or several on one address, or a thread beside an engine."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Final, Literal

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from latewood.commands.tokens import access_is_configured
from latewood.commands.workspace import Workspace, open_workspace
from latewood.errors import UsageError
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.log_lines import log_to
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_graphql.app import app
from latewood_graphql.authentication import Tokens, is_loopback
from latewood_graphql.calls import Service
from latewood_graphql.errors import LOG
from latewood_graphql.limits import Limits
from latewood_graphql.sessions import Sessions, key_in

LOOPBACK: Final = "127.0.0.1"

_GRACE_S: Final = 10
"""How long answers that are under way may take once the server is told to end; what is followed ends then."""

_THIS_COMPUTER: Final = ("127.0.0.1", "::1")

_BEGINS_S: Final = 60
"""How long a worker may take to begin: on a busy machine its imports alone take seconds, and anew if it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Where and how is served; a free port for 0.

    What a request says of whom it is handed on for is believed of this computer and of these `proxies`, addresses or
    networks, and of nobody else: guesses are counted by it, and cookies are for HTTPS alone where that was asked for.
    """

    host: str = LOOPBACK
    port: int = 0
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    log_as_json: bool = False
    proxies: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether it is reached from this computer alone."""
        return is_loopback(self.host)


def serve(workspace: Workspace, serving: Serving) -> None:
    """Answer until SIGTERM or Ctrl-C; what is under way then is answered first.

    Raises UsageError for an address that is taken, and for one that others reach while nobody has a token.
    """
    refuse_open(workspace, serving)
    listening = _bound(serving)
    with listening:
        config = _config(partial(application, serving, parent=os.getpid()), serving)
        address = _address(listening)
        LOG.info("a browser shows it at %s; the API is at %s/graphql", address, address)
        if serving.workers > 1:
            Multiprocess(config, sockets=[listening]).run()
            return
        signal.signal(signal.SIGTERM, lambda *_: None)  # it is raised again once the server has ended, as asked for
        uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def beside(workspace: Workspace, port: int | None, usual: int) -> Iterator[str]:
    """Answer this computer in a thread meanwhile; where. Without a port it is the usual one, or a free one instead.

    Raises UsageError for a port that is taken.
    """
    try:
        listening = _bound(Serving(port=usual if port is None else port))
    except UsageError:
        if port is not None:
            raise
        listening = _bound(Serving())
    with ExitStack() as stack:
        stack.enter_context(listening)
        serving = Serving()
        web = stack.enter_context(_answering(workspace, serving, Sessions(key_in(workspace.home))))
        server = uvicorn.Server(_config(lambda: web, serving, grace=1))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="latewood-server", daemon=True
        )
        keep_what_was_imported()
        thread.start()
        try:
            yield _address(listening)
        finally:
            web.state.hub.end()
            server.should_exit = True
            thread.join(timeout=_GRACE_S)


def application(serving: Serving, *, parent: int) -> Starlette:
    """The application of a process that serves, with connections of its own."""
    log_to(sys.stderr, as_json=serving.log_as_json)
    workspace = open_workspace()
    workspace.log.engine.dispose()  # those who answer have connections of their own
    answering = _answering(workspace, serving, Sessions(key_in(workspace.home)))
    web = answering.__enter__()
    inner = web.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: Starlette) -> AsyncIterator[None]:
        orphaned = asyncio.create_task(_end_without(parent)) if os.getpid() != parent else None
        try:
            with _told_of_the_end(of):
                async with inner(of):
                    yield
        finally:
            if orphaned is not None:
                orphaned.cancel()
            answering.__exit__(None, None, None)

    web.router.lifespan_context = lifespan
    keep_what_was_imported()
    return web


def keep_what_was_imported() -> None:
    """Garbage is looked for only in what comes from now on; to be called where serving begins.

    Searching all that was imported stopped every answer meanwhile: a tenth of a second, the slowest page in a hundred.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def _told_of_the_end(of: Starlette) -> Iterator[None]:
    """Whoever follows something is told when the process is to end, or it would be waited for."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only that one has signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(number: int, frame: FrameType | None) -> None:
        of.state.hub.end()
        if callable(handle := before[signal.Signals(number)]):
            handle(number, frame)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handle in before.items():
            if signal.getsignal(number) is end:
                signal.signal(number, handle)


def refuse_open(workspace: Workspace, serving: Serving) -> None:
    """Raise UsageError for an address that others reach while nobody has a token."""
    if not serving.is_local and not access_is_configured(workspace):
        raise UsageError(
            f"{serving.host}: others reach this address, and nobody has a token yet, so that nobody could be let in; "
            f"`latewood token create NAME --role admin` makes one, and without --host the server is at {LOOPBACK}"
        )


@contextmanager
def _answering(workspace: Workspace, serving: Serving, sessions: Sessions) -> Iterator[Starlette]:
    """The application, with connections of its own that read, and others that act for so long as a call may take.

    Who asks first after the database was away is answered: those that were lost meanwhile are made anew.
    """
    limit = timedelta(seconds=serving.limits.seconds)
    with _connected(workspace, "reader") as reader, _connected(workspace, "engine", limit) as log:
        own = replace(workspace, log=log)
        tokens = Tokens(own, sessions, is_local=serving.is_local)
        yield app(Service(workspace=own, reader=reader), tokens, serving.limits, serving.workers)


@contextmanager
def _connected(
    workspace: Workspace, role: Literal["engine", "reader"], limit: timedelta = timedelta()
) -> Iterator[EventLog]:
    assert workspace.url is not None, "it is a database's"
    log = EventLog(connect(workspace.url, role=role, limit=limit, renews=True), PROJECTIONS, UPCASTERS)
    try:
        yield log
    finally:
        log.engine.dispose()


def _config(factory: object, serving: Serving, grace: int = _GRACE_S) -> uvicorn.Config:
    return uvicorn.Config(
        factory,  # type: ignore[arg-type]  # a factory, as the option says
        factory=True,
        workers=serving.workers,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=serving.limits.request_bytes,
        timeout_graceful_shutdown=grace,
        timeout_worker_healthcheck=_BEGINS_S,
        forwarded_allow_ips=[*_THIS_COMPUTER, *serving.proxies],
    )


def _bound(serving: Serving) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            serving.host, serving.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        where = f"{serving.host}:{serving.port}"
        raise UsageError(
            f"cannot serve at {where}: {error.strerror or error}; name another --host or --port"
        ) from error
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> str:
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _end_without(parent: int) -> None:
    """End this process when the one that started it has died, and can end it no more."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
