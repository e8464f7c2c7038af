"""A system as in `latewood.testing.jobs`, whose answers are lost as long as there is a file `away` in its folder."""

from pathlib import Path

from latewood.plugin import TransientError
from latewood.testing.jobs import JobServer


class MoodyServer(JobServer):
    """Takes jobs and says nothing of it, then."""

    def __init__(self, folder):
        super().__init__(folder)
        self.away = folder / "away"

    def _ask(self, **asked):
        answer = super()._ask(**asked)
        if self.away.exists():
            raise TransientError("no answer")
        return answer


def connect(folder):
    return MoodyServer(Path(folder))
