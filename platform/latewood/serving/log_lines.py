"""What an engine says of itself, in lines: for people, or a JSON document each, with what it is about as fields."""

import logging
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

LOG: Final = logging.getLogger("latewood.engine")
STEPS: Final = logging.getLogger("latewood.engine.steps")
"""A line for each step that ended; people are told those that went wrong, and look at the run for the others."""

_FIELDS: Final = ("engine", "project", "run", "step", "assets", "partition", "status", "duration_ms")


class JsonLines(logging.Formatter):
    """A line is a JSON document: when, how bad, what, and run, step and the like where it is about one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        told |= {name: found for name in _FIELDS if (found := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(told).decode()


def log_to(stream: Any, *, as_json: bool) -> None:
    """Have everything that is logged written to the stream from now on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    STEPS.setLevel(logging.INFO if as_json else logging.WARNING)
