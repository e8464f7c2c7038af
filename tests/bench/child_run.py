"""In a process of its own: import a file's definitions, then materialize everything a number of times.

Prints one JSON line. With 0 times the definitions are deployed and nothing is run.
"""

import json
import sys
import time
from pathlib import Path

from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.workspace import open_workspace
from latewood.engine.loading.loader import load_file


def main(file: Path, times: int) -> None:
    workspace = open_workspace()
    loaded = load_file(file, root=file.parent)
    if times == 0:
        prepare(workspace, loaded, Asked(selection="*"))
    runs = []
    for _ in range(times):
        started = time.perf_counter()
        prepared = prepare(workspace, loaded, Asked(selection="*"))
        prepare_s = time.perf_counter() - started
        result = materialize(workspace, prepared)
        seconds = time.perf_counter() - started
        tally = {"ran": result.tally.ran, "reused": result.tally.reused, "fresh": result.fresh}
        runs.append({"seconds": seconds, "prepare_s": prepare_s} | tally)
    print(json.dumps({"runs": runs}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
