"""In a process of its own: plan everything from the log alone, twice. Prints one JSON line."""

import json
import time

from latewood.commands.planning import Asked, make_plan
from latewood.commands.views import view_of
from latewood.commands.workspace import open_workspace


def main() -> None:
    workspace = open_workspace()
    seconds, views = [], []
    for _ in range(2):
        started = time.perf_counter()
        view = view_of(workspace)
        views.append(time.perf_counter() - started)
        made = make_plan(workspace, view, Asked(selection="*"))
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "view_s": views[0], "counts": made.counts}))


if __name__ == "__main__":
    main()
