"""Shows the flights in a browser: starts `latewood dev` in the background, unless it runs, and says where it is."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

HERE = Path(sys.executable).parent
LOG, PID = HERE.parent / "demo.log", HERE.parent / "demo.pid"
ENDS_S = 30
"""How long is waited for it to end: it lets what is under way finish."""


def is_running() -> bool:
    """Whether the process that was recorded is there: it has a lock on the record, which ends with it."""
    if not PID.exists():
        return False
    with PID.open() as record:
        try:
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def served() -> str | None:
    """Where it answers; None where it does not."""
    found = re.search(r"http://[\d.:]+", LOG.read_text()) if LOG.exists() else None
    if found is None or not is_running():
        return None
    try:
        urlopen(f"{found[0]}/readyz", timeout=5).close()
    except (URLError, OSError):
        return None
    return found[0]


def started() -> str:
    """Start it, and wait until it answers."""
    if is_running():
        sys.exit(f"`latewood dev` is running and cannot answer: {LOG} says why, and --stop ends it.")
    with LOG.open("w") as log, PID.open("w") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        dev = [HERE / "latewood", "dev", "-f", "examples/flights/assets.py"]
        process = subprocess.Popen(
            dev, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=[record.fileno()]
        )
        record.write(str(process.pid))
    while (url := served()) is None:
        if process.poll() is not None:
            sys.exit(LOG.read_text())
        time.sleep(0.1)
    return url


def stopped() -> bool:
    """End it, whether it can answer or not, and wait until it has; False where it was not running."""
    if not is_running():
        return False
    process, until = int(PID.read_text()), time.monotonic() + ENDS_S
    os.kill(process, signal.SIGTERM)
    while is_running():
        if time.monotonic() > until:
            sys.exit(
                "`latewood dev` was told to end, and lets what is under way finish: "
                f"after {ENDS_S} s process {process}, or one that it started, is still there. "
                f"{LOG} says more; --stop again waits on."
            )
        time.sleep(0.1)
    LOG.unlink(missing_ok=True)
    return True


if __name__ == "__main__":
    if "--stop" in sys.argv:
        print("stopped" if stopped() else "was not running")
    else:
        print(f"See all of it at {served() or started()}")
        print(f"  {os.path.relpath(sys.executable)} examples/show.py --stop   # ends the server")
