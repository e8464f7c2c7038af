"""A Python that imported Latewood once, and runs each command in a fork of itself: what starting costs is paid once.

    python forks.py SOCKET [MODULE...]
        a command's arguments, folder and environment as a line of JSON on the socket, with the files that it reads,
        prints to and is told to have ended by; its process' id is answered. With modules it has imported these alone.

Each command is a process of its own, which has seen no code of users' before.
"""

import atexit
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from select import select
from types import SimpleNamespace
from typing import Any, BinaryIO, Self, TextIO

_IMPORTED = (
    "latewood.cli",
    "latewood.commands",
    "latewood.engine",
    "latewood.serving",
    "latewood_graphql",
    "pyarrow.parquet",
)
_LONGEST_S = 300.0


class Forks:
    """Such a process of this Python, which ends with ours."""

    def __init__(self, python: str, environ: Mapping[str, str], modules: Sequence[str] = ()) -> None:
        self._files = tempfile.TemporaryDirectory()
        self._one_at_a_time = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [python, "-P", __file__, str(theirs.fileno()), *modules]
            self._process = subprocess.Popen(command, env=environ, pass_fds=[theirs.fileno()])
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._files.cleanup()

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        out: int | None = None,
        err: int | None = None,
        workers_too: bool = True,
    ) -> "Forked":
        """`latewood ARGUMENTS` there, in a process group of its own, with these files for what it prints, or ours.

        Its workers are forks as well, unless the story is of how they are started or of what they weigh.
        """
        assert sys.__stdout__ is not None
        assert sys.__stderr__ is not None
        out = sys.__stdout__.fileno() if out is None else out
        err = sys.__stderr__.fileno() if err is None else err
        asked = {"arguments": arguments, "folder": folder, "environ": dict(environ), "workers_too": workers_too}
        with Path(os.devnull).open("rb") as nothing:
            return self.fork(asked, [nothing.fileno(), out, err])

    def piped(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        script: Path | None = None,
    ) -> "Forked":
        """`latewood ARGUMENTS` there, or such a script, as `subprocess.Popen` starts it with text in its pipes."""
        asked = {"arguments": arguments, "folder": folder, "environ": dict(environ), "workers_too": True}
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            process = self.fork(asked | ({"script": script} if script else {}), [nothing.fileno(), to_out, to_err])
        for end in (to_out, to_err):
            os.close(end)
        process.stdout, process.stderr = os.fdopen(out), os.fdopen(err)
        return process

    def fork(self, asked: Mapping[str, object], files: Sequence[int]) -> "Forked":
        """What is asked for, with these files as its standard ones: a command, or a worker."""
        with self._one_at_a_time:
            return forked(self._socket, asked, files)

    def run(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], *, workers_too: bool = True
    ) -> SimpleNamespace:
        """What `latewood ARGUMENTS` prints there, and the code it ends with; its workers are forks as well."""
        asked = {"arguments": arguments, "folder": folder, "environ": dict(environ), "workers_too": workers_too}
        return self._told(asked)

    def run_script(self, script: Path, *arguments: object, environ: Mapping[str, str]) -> SimpleNamespace:
        """What `python SCRIPT ARGUMENTS` prints, and the code it ends with; it imports from the script's folder."""
        given = [str(argument) for argument in arguments]
        asked = {"script": script, "arguments": given, "folder": Path.cwd(), "environ": dict(environ)}
        return self._told(asked, longest_s=None)

    def _told(self, asked: Mapping[str, object], longest_s: float | None = _LONGEST_S) -> SimpleNamespace:
        out, err = (Path(self._files.name) / name for name in ("out", "err"))
        with Path(os.devnull).open("rb") as nothing, out.open("wb") as to_out, err.open("wb") as to_err:
            process = self.fork(asked, [nothing.fileno(), to_out.fileno(), to_err.fileno()])
        code = process.wait(longest_s)
        return SimpleNamespace(out=out.read_text(), err=err.read_text(), code=code)


def forked(connection: socket.socket, asked: Mapping, files: Sequence[int]) -> "Forked":
    """The process that whoever serves there has forked for this, with these files as its standard ones."""
    ended, ends = os.pipe()
    line = json.dumps(asked, default=str).encode() + b"\n"
    sent = socket.send_fds(connection, [line], [*files, ends])
    connection.sendall(line[sent:])
    os.close(ends)
    assert select([connection], [], [], _LONGEST_S)[0], "nothing is forked"
    return Forked(int(connection.recv(32)), ended)


@cache
def forks() -> Forks:
    """Those of the Python and the environment that the tests are run with."""
    return Forks(sys.executable, os.environ)


class Forked:
    """One of the processes, as `subprocess.Popen` shows those that it starts."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: BinaryIO | None = None
        self.stdout: Any = None
        self.stderr: TextIO | None = None
        self._ended = os.fdopen(ended)

    def poll(self) -> int | None:
        """The code that it has ended with; negative where that was a signal."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """That code, once there is one."""
        if self.returncode is None:
            if not select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            with self._ended:
                self.returncode = int(self._ended.read())
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still writes to its pipes, once it has ended."""
        said = ["", ""]

        def read(number: int, pipe: TextIO) -> None:
            with pipe:
                said[number] = pipe.read()

        readers = [
            threading.Thread(target=read, args=(number, pipe), daemon=True)
            for number, pipe in enumerate((self.stdout, self.stderr))
            if pipe is not None and not pipe.closed
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        return said[0], said[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in filter(None, (self.stdout, self.stderr)):
            pipe.close()
        self.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def serve(requests: socket.socket) -> tuple[dict, socket.socket]:
    """Answer until the client is gone. Returns in the forks, as if they had been started so: with what is asked.

    And with where they themselves can ask for more.
    """
    clients, running = [requests], dict[int, int]()
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select([*clients, woken], [], [])
        if woken in ready:
            os.read(woken, 1 << 10)
            _tell_ends(running)
        for client in clients[:]:
            if client not in ready:
                continue
            line, files = _asked(client)
            if not line and client is requests:
                sys.exit()
            if not line:
                clients.remove(client)
                client.close()
                continue
            ours, theirs = socket.socketpair()
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for connection in (*clients, ours):
                    connection.close()
                for file in (woken, wakes, *running.values()):
                    os.close(file)
                asked = json.loads(line)
                _become(asked["folder"], asked["environ"], files)
                return asked, theirs
            theirs.close()
            clients.append(ours)
            with suppress(PermissionError, ProcessLookupError):  # whichever of both is first
                os.setpgid(child, child)
            *standard, running[child] = files
            for file in standard:
                os.close(file)
            with suppress(BrokenPipeError):  # it was killed meanwhile
                client.sendall(str(child).encode())


def _asked(client: socket.socket) -> tuple[bytes, list[int]]:
    """A line and its files; nothing where the client is gone."""
    try:
        line, files, _, _ = socket.recv_fds(client, 1 << 16, 4)
        while line and not line.endswith(b"\n"):
            line += client.recv(1 << 16)
    except ConnectionResetError:
        return b"", []
    return line, files


def _tell_ends(running: dict[int, int]) -> None:
    for child in tuple(running):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            file = running.pop(child)
            with suppress(BrokenPipeError):  # who asked for it has ended before
                os.write(file, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(file)


def _become(folder: str, environ: Mapping[str, str], files: Sequence[int]) -> None:
    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for number, file in enumerate(files[:-1]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    # As Python opens them where it starts: those of the process that is forked may be files, and these pipes.
    sys.stdout = sys.__stdout__ = _opened(1, sys.stdout.encoding)
    sys.stderr = sys.__stderr__ = _opened(2, sys.stderr.encoding)


def _opened(number: int, encoding: str) -> TextIO:
    errors, lines = ("strict", os.isatty(1)) if number == 1 else ("backslashreplace", True)
    return open(number, "w", 1 if lines else -1, encoding=encoding, errors=errors, closefd=False)


def end(main: Callable[[], None]) -> None:
    """Do that, and end without taking all apart that was imported: touching it costs more than most commands."""
    try:
        main()
        code = 0
    except SystemExit as asked:
        code = asked.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def import_everything() -> None:
    """All that commands import, but for the libraries that few of them need; locations' own Pythons have no server."""
    for name in filter(importlib.util.find_spec, _IMPORTED):
        module = importlib.import_module(name)
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            if not found.name.startswith(_NEVER):
                importlib.import_module(found.name)


def do_once() -> None:
    """What each process does anew that connects to a database and loads code, and is the same in all of them."""
    importlib.import_module("sqlalchemy").create_engine("postgresql+psycopg2://nowhere/nothing")
    is_first_party = importlib.import_module("latewood.engine.code.sources").is_first_party
    for name, module in list(sys.modules.items()):
        if isinstance(path := getattr(module, "__file__", None), str):
            is_first_party(name, path)


_NEVER = ("latewood.engine.values.sklearn_codec", "latewood.engine.values.xgboost_codec")


def fork_workers(connection: socket.socket) -> None:
    """Let workers be forks of who serves there, and commands that deploy what has changed."""
    sys.path.insert(0, str(Path(__file__).parent))
    forked_workers = importlib.import_module("forked_workers")
    del sys.path[0]
    process, watching = map(
        importlib.import_module, ("latewood.engine.running.worker_process", "latewood.serving.watching")
    )
    fork = forked_workers.forks_at(connection)
    process.subprocess, watching.subprocess = forked_workers.ForkedWorkers(fork), forked_workers.ForkedCommands(fork)


if __name__ == "__main__":
    if modules := sys.argv[2:]:
        for name in modules:
            importlib.import_module(name)
    else:
        import_everything()
        do_once()
    gc.freeze()  # what is never looked at again stays shared with the forks
    if not modules:
        with importlib.import_module("latewood.projections.snapshots").uncollected():
            pass  # so that none of them counts what is frozen
    asked, more = serve(socket.socket(fileno=int(sys.argv[1])))
    if "worker" in asked:
        end(importlib.import_module("latewood.engine.running.worker").main)
    sys.argv = [asked.get("script", "latewood"), *asked["arguments"]]
    if "script" in asked:
        sys.path.insert(0, str(Path(asked["script"]).parent))
        end(partial(runpy.run_path, asked["script"], run_name="__main__"))
    if asked.get("workers_too"):
        fork_workers(more)
    end(importlib.import_module("latewood.cli.entry").main)
