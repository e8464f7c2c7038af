"""Which commands ask a server, and how; all others work on the database itself, and say so."""

from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, Final

import click

from latewood.cli.remote.connection import server_named
from latewood.errors import UsageError

_ASKING: Final[Mapping[str, str]] = {
    "materialize": "making:materialize",
    "plan": "making:plan",
    "launch": "making:launch",
    "deploy": "making:deploy",
    "observe": "making:observe",
    "report": "making:report",
    "runs": "runs:runs",
    "run show": "runs:show",
    "run cancel": "runs:cancel",
    "run retry": "runs:retry",
    "logs": "runs:logs",
    "log tail": "events:tail",
    "log show": "events:show",
    "assets": "assets:assets",
    "asset": "pages:asset",
    "show": "pages:show",
    "why": "assets:why",
    "lineage": "assets:lineage",
    "compare": "variants:compare",
    "pin": "variants:pin",
    "unpin": "variants:unpin",
    "tasks": "sharing:tasks",
    "deployments list": "deployments:list_",
    "deployments diff": "deployments:diff",
    "deployments rollback": "deployments:rollback",
    "env list": "environments:list_",
    "env diff": "environments:diff",
    "env create": "environments:create",
    "env drop": "environments:drop",
    "env promote": "environments:promote",
    "rollback": "heads:rollback",
    "promote": "heads:promote",
    "retract": "heads:retract",
    "automation list": "automations:list_",
    "automation on": "automations:on",
    "automation off": "automations:off",
    "token create": "tokens:create",
    "token list": "tokens:list_",
    "token revoke": "tokens:revoke",
    "status": "events:status",
}


def here_or_there(path: str, command: click.Command) -> None:
    """Let a command, or each of a group, ask the server where one is named."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            here_or_there(f"{path} {name}", inner)
        return
    here = command.callback
    assert here is not None, "every command does something"

    @wraps(here)
    def run(*given: Any, **named: Any) -> Any:
        return here(*given, **named) if server_named() is None else _there(path)(**named)

    command.callback = run


def _there(path: str) -> Callable[..., int]:
    if path not in _ASKING:
        raise UsageError(
            f"`latewood {path}` works on the database and the code itself, which a server does not let others do: "
            "run it where these are, without --server and LATEWOOD_SERVER"
        )
    module, _, name = _ASKING[path].partition(":")
    found: Callable[..., int] = getattr(import_module(f"latewood.cli.remote.{module}"), name)
    return found
