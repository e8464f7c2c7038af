"""`latewood server`, and what `latewood dev` serves beside its engine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from ipaddress import ip_network
from typing import Any, Final

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.commands.workspace import Workspace
from latewood.errors import UsageError
from latewood.serving.log_lines import LOG, log_to

PORT: Final = 4000

_MISSING: Final = "it needs packages that are not installed: pip install 'latewood[server]'"


def server_command(
    *, host: str, port: int, workers: int, rate: float, proxies: tuple[str, ...], log_format: str
) -> int:
    """Serve the API; exit code."""
    serving = _serving()
    log_to(sys.stderr, as_json=log_format == "json")
    limits = serving.Limits(rate=rate, burst=3 * rate)
    how = serving.Serving(
        host=host,
        port=port,
        workers=workers,
        limits=limits,
        log_as_json=log_format == "json",
        proxies=tuple(map(_network, proxies)),
    )
    serving.serve(open_workspace(), how)
    return exits.OK


def _network(text: str) -> str:
    """The address, or the network. Raises UsageError: what is neither would be believed of nobody, without a word."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise UsageError(f'--proxy: expected an address or a network, as in 10.0.0.0/8, found "{text}"') from None


@contextmanager
def served_beside(workspace: Workspace, port: int | None) -> Iterator[str]:
    """Serve the API meanwhile, if it is installed; and where; it must be if a port is named. Raises UsageError."""
    if port is None and not _is_installed():
        LOG.info("the API is not served: %s", _MISSING)
        yield ""
        return
    with _serving().beside(workspace, port, PORT) as address:
        LOG.info("a browser shows it at %s; the API is at %s/graphql", address, address)
        yield address


def _serving() -> Any:
    """The module that serves, which is not this package's own and may lack what it needs."""
    if not _is_installed():
        raise UsageError(f"the API cannot be served: {_MISSING}")
    return import_module("latewood_graphql.serving")


def _is_installed() -> bool:
    return all(find_spec(name) is not None for name in ("ariadne", "graphene", "starlette", "uvicorn"))
