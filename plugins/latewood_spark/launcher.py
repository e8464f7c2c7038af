"""Runs one command in a job's folder, and leaves there how it ended: `python launcher.py FOLDER`.

It goes on in a process that is nobody's child, and outlives whoever has asked for it. While that is alive, or what it
has started, the lock of the folder is held; so anybody can tell whether the job goes on, and of two launchers of one
folder only one launches. It imports nothing but the standard library, since it is started for every job.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ENDS_WITHIN_S = 10
"""After a cancellation; then it is killed."""

_TRIES = 20
_TRIES_EVERY_S = 0.05


def main(folder: Path) -> None:
    """Run it, unless somebody does."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    if not _is_taken(lock) or (folder / "exit").exists() or os.fork():
        return
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(ENDS_WITHIN_S))
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    leave(folder / "pid", json.dumps({"group": os.getpgid(0), "host": os.uname().nodename}))
    if (folder / "cancelled").exists():
        leave(folder / "exit", "-1")
        return
    command = json.loads((folder / "command.json").read_text())
    with (folder / "log").open("ab") as log:
        try:
            code = subprocess.run(  # noqa: S603 - what the connector has written there
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                check=False,
            ).returncode
        except OSError as error:
            log.write(f"{command[0]}: {error.strerror}\n".encode())
            code = 127
    leave(folder / "exit", str(code))


def _is_taken(lock: int) -> bool:
    """Whether the lock is ours now. Who only looks whether somebody has it has it for a moment, too."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_TRIES_EVERY_S)
        else:
            return True
    return False


def leave(path: Path, text: str) -> None:
    """Write the file so that nobody finds a part of it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


if __name__ == "__main__":
    with suppress(FileNotFoundError):  # the folder is gone: nobody wants it any more
        main(Path(sys.argv[1]))
