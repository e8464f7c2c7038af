"""Runs of 401 steps whose processes are killed at random moments, started again each time, and at last left alone.

    python kill.py FOLDER SECONDS        the database's URL is in LATEWOOD_DATABASE_URL

Each has a project of its own; prints one JSON line for each: how often it was killed.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from effects import Effects
from sweep import A_LEASE, NO_TIME, in_a_process, start

from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file

_LONGEST_LIFE_S = 0.5


def main() -> None:
    root, seconds = Path(sys.argv[1]), float(sys.argv[2])
    loaded = load_file(Path(__file__).with_name("many.py"), root=Path(__file__).parent)
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        project = f"fast-killed-{number}"
        kills = 0
        while _killed(root, project, loaded):
            kills += 1
        left_alone = in_a_process(lambda project=project: start(root, project, loaded, Effects("never", 0), A_LEASE))
        print(json.dumps({"project": project, "ended": left_alone, "kills": kills}), flush=True)


def _killed(root: Path, project: str, loaded: Loaded) -> bool:
    """Whether the process was still running when it was killed."""
    child = os.fork()
    if child == 0:
        start(root, project, loaded, Effects("never", 0), random.choice([NO_TIME, A_LEASE]))
        os._exit(0)
    time.sleep(random.uniform(0.02, _LONGEST_LIFE_S))
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] != 0


if __name__ == "__main__":
    main()
