"""Connections that commands within this process take over from each other.

To connect anew, and to read all catalogs again, costs half of what most of them do.
"""

from typing import Any

from sqlalchemy import Engine

from latewood_eventlog import database
from latewood_eventlog.database import DatabaseUrl

_KEPT: dict[tuple[object, ...], Engine] = {}


def connect(url: DatabaseUrl, **given: Any) -> Engine:
    """As `database.connect`, but that the engine stays for who asks for the same."""
    key = (url.reveal(), *sorted(given.items()))
    if key not in _KEPT:
        made = _KEPT[key] = database.connect(url, **given)
        vars(made)["dispose"] = lambda: None
    return _KEPT[key]


def let_go() -> None:
    """Close all of them: those of a database that is stopped or removed are of no use."""
    for engine in _KEPT.values():
        Engine.dispose(engine)
    _KEPT.clear()
