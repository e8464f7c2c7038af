"""OpenLineage: runs, steps and what they made as its events, for Marquez, DataHub and others that take them."""

from latewood_openlineage.events import event_of
from latewood_openlineage.telling import listen

__all__ = ["event_of", "listen"]
