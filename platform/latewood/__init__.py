"""Latewood: versioned assets on one append-only log.

Write typed functions, decorate them, and `latewood materialize '*' -f FILE`. What is exported here is what users
import; each name is loaded when it is first used, so that `import latewood` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from latewood.authoring import AssetGroup, Definitions, From, Out, asset, check, task
    from latewood.choices import when
    from latewood.context import CheckResult, Context, Output, Partitioned, WorkflowFailure
    from latewood.model.keys import PartitionKey
    from latewood.model.partitions import PartitionRange, TimeWindow
    from latewood.model.policies import Resources, Retry, Timeouts
    from latewood.model.scheme_kinds import Cron, Daily, Hourly, Monthly, Static, Weekly
    from latewood.model.tables import Table, TableSchema
    from latewood.model.types import Pickled
    from latewood.workflows import LaunchPlan, workflow

_HOMES = {
    "latewood.authoring": ("AssetGroup", "Definitions", "From", "Out", "asset", "check", "task"),
    "latewood.choices": ("when",),
    "latewood.context": ("CheckResult", "Context", "Output", "Partitioned", "WorkflowFailure"),
    "latewood.model.keys": ("PartitionKey",),
    "latewood.model.partitions": ("PartitionRange", "TimeWindow"),
    "latewood.model.policies": ("Resources", "Retry", "Timeouts"),
    "latewood.model.scheme_kinds": ("Cron", "Daily", "Hourly", "Monthly", "Static", "Weekly"),
    "latewood.model.tables": ("Table", "TableSchema"),
    "latewood.model.types": ("Pickled",),
    "latewood.workflows": ("LaunchPlan", "workflow"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AssetGroup",
    "CheckResult",
    "Context",
    "Cron",
    "Daily",
    "Definitions",
    "From",
    "Hourly",
    "LaunchPlan",
    "Monthly",
    "Out",
    "Output",
    "PartitionKey",
    "PartitionRange",
    "Partitioned",
    "Pickled",
    "Resources",
    "Retry",
    "Static",
    "Table",
    "TableSchema",
    "TimeWindow",
    "Timeouts",
    "Weekly",
    "WorkflowFailure",
    "asset",
    "check",
    "task",
    "when",
    "workflow",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'latewood' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
