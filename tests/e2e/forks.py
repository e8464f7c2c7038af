"""A Python that imported Latewood once, and runs each command in a fork of itself: what starting costs is paid once.

    python forks.py         a command's arguments, folder, environment and files for what it prints, as a line of JSON
                            on standard input; its exit code on standard output

Each command is a process of its own, which has seen no code of users' before.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from select import select
from types import SimpleNamespace

_IMPORTED = ("latewood.cli", "latewood.commands", "latewood.engine", "pyarrow.parquet")
_LONGEST_S = 120.0


class Forks:
    """Such a process of this Python, which ends with ours; one command at a time."""

    def __init__(self, python: str, environ: Mapping[str, str]) -> None:
        self._files = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [python, "-P", __file__], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._files.cleanup()

    def run(self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> SimpleNamespace:
        """What `latewood ARGUMENTS` prints there, and the code it ends with."""
        out, err = (Path(self._files.name) / name for name in ("out", "err"))
        asked = {"arguments": arguments, "folder": folder, "environ": dict(environ), "out": out, "err": err}
        self._process.stdin.write(json.dumps(asked, default=str) + "\n")
        self._process.stdin.flush()
        assert select([self._process.stdout], [], [], _LONGEST_S)[0], f"latewood {' '.join(arguments)} does not end"
        code = int(self._process.stdout.readline())
        return SimpleNamespace(out=out.read_text(), err=err.read_text(), code=code)


def serve() -> dict:
    """Answer until the client is gone. Returns in the forks: with what each is to run."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def become(arguments: Sequence[str], folder: str, environ: Mapping[str, str], out: str, err: str) -> None:
    """Let this process be as if it had been started so."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["latewood", *arguments]


def end(main: Callable[[], None]) -> None:
    """Do that, and end without taking all apart that was imported: touching it costs more than most commands."""
    try:
        main()
        code = 0
    except SystemExit as asked:
        code = asked.code or 0
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def import_everything() -> None:
    """All that commands import, but for the libraries that few of them need."""
    for name in _IMPORTED:
        module = importlib.import_module(name)
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            if not found.name.startswith(_NEVER):
                importlib.import_module(found.name)


_NEVER = (
    "latewood.engine.values.sklearn_codec",
    "latewood.engine.values.xgboost_codec",
    "latewood.engine.running.worker",
)


if __name__ == "__main__":
    import_everything()
    gc.freeze()  # what is never looked at again stays shared with the forks
    become(**serve())
    end(importlib.import_module("latewood.cli.entry").main)
