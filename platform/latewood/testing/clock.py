"""The clock of a test: it stands still until it is set, or somebody waits."""

from datetime import UTC, datetime, timedelta


class Clock:
    """What a project takes for the time. Waiting takes none, and moves it on."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)

    def __call__(self) -> datetime:
        """Where it stands."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.now += timedelta(seconds=seconds)
