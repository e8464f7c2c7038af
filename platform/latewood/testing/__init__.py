"""For the tests of those who use Latewood, and of those who extend it.

`Project` runs assets in milliseconds, with fake inputs and a clock of its own; `check_codec` holds a codec to its word,
`latewood.testing.connector` a connector.
"""

from latewood.testing.codecs import check_codec
from latewood.testing.outcome import Plan, Run, RunFailed, Why
from latewood.testing.passing import Happened
from latewood.testing.project import Project

__all__ = ["Happened", "Plan", "Project", "Run", "RunFailed", "Why", "check_codec"]
