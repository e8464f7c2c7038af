"""Shows the flights in a browser: starts `latewood dev` in the background, unless it runs, and says where it is."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

HERE = Path(sys.executable).parent
LOG, PID = HERE.parent / "demo.log", HERE.parent / "demo.pid"


def served() -> str | None:
    """Where it answers; None where it does not."""
    found = re.search(r"http://[\d.:]+", LOG.read_text()) if LOG.exists() else None
    if found is None:
        return None
    try:
        os.kill(int(PID.read_text()), 0)
        urlopen(f"{found[0]}/readyz", timeout=5).close()
    except (URLError, OSError):
        return None
    return found[0]


def started() -> str:
    """Start it, and wait until it answers."""
    with LOG.open("w") as log:
        dev = [HERE / "latewood", "dev", "-f", "examples/flights/assets.py"]
        process = subprocess.Popen(dev, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    PID.write_text(str(process.pid))
    while (url := served()) is None:
        if process.poll() is not None:
            sys.exit(LOG.read_text())
        time.sleep(0.1)
    return url


def stopped() -> None:
    """End it, if it runs."""
    if served() is not None:
        os.kill(int(PID.read_text()), 15)
    LOG.unlink(missing_ok=True)


if __name__ == "__main__":
    if "--stop" in sys.argv:
        stopped()
    else:
        print(f"See all of it at {served() or started()}")
        print(f"  {os.path.relpath(sys.executable)} examples/show.py --stop   # ends the server")
