"""A clock that nobody sets, by which waiting is measured."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic


def steady(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """What the clock says now, and from then on how much time has passed since, however the clock is set meanwhile."""
    at, begun = clock(), monotonic()
    return lambda: at + timedelta(seconds=monotonic() - begun)
