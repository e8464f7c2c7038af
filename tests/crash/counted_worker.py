"""A worker whose effects are counted, and that ends at one of them if it is to.

What it does that others see: it stages and commits artifacts, and answers.
"""

import os
from pathlib import Path

from effects import SharedEffects

from latewood.engine.running import worker
from latewood.engine.storage.store import ArtifactStore

FATAL = "LATEWOOD_TEST_FATAL"
"""`WHEN EFFECT FILE`: when and at which effect of all workers one of them ends, and the file they are counted in."""


def main() -> None:
    when, fatal, file = os.environ[FATAL].split(" ", 2)
    effects = SharedEffects(when, int(fatal), Path(file))
    for name in ("stage", "commit"):
        setattr(ArtifactStore, name, _counted(getattr(ArtifactStore, name), effects))
    pipes = worker._private_pipes

    def counted_pipes():
        requests, answer = pipes()
        return requests, _counted(answer, effects)

    worker._private_pipes = counted_pipes
    worker.main()


def _counted(act, effects):
    def counted(*given):
        with effects.one():
            return act(*given)

    return counted
