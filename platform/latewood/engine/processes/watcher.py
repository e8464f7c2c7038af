"""A process that starts a command, and sees to it that nothing of it is left, when it ends or when its owner does.

Run as a file by itself, `python -I -S -X utf8 watcher.py HELD STATUS OUT ERR OUT-READ ERR-READ`, with the command on
standard input, as `marshal` writes it; what is HELD it has open to its end. Its input stays open as long as there is an
owner, who says more when the command is not wanted any more. It leads a session of its own, so that what kills its
owner with its process group spares it. On Linux every orphan among the command's descendants becomes its child, also a
daemon; so it knows when there are none. Elsewhere it ends the command's process group.
"""

# ruff: noqa: PTH123, PTH208, S302, S606, SIM105
# It is started with each command, so it imports what Python has started with or has in C: json, contextlib, and signal
# with its enums, would be most of what it costs.

import _signal as signal  # type: ignore[import-not-found]  # CPython's own, see above
import ctypes
import marshal
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_LOOK_MS = 20
"""How soon after a signal it is looked again whether they are gone."""


def main() -> None:
    """Start the command, wait until it has ended or is not wanted any more, end what is left, and say how it ended."""
    held, status, out, err, *heard = map(int, sys.argv[1:])
    for inherited in (held, status, out, err, *heard):
        os.set_inheritable(inherited, False)
    command = _told()
    _prctl(_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    failed, pid = _started(command, out, err)
    os.close(out)
    os.close(err)
    if failed:
        _say(status, {"failed": failed})
        return
    code, owned = _waited(pid, woken)
    left = len(_descendants()) if code is not None else 0
    code = _ended(pid, woken, code, command["grace_s"], [] if owned else heard)
    if not owned:
        import shutil  # noqa: PLC0415 - as a rule it is not needed

        shutil.rmtree(command["folder"], ignore_errors=True)
    _say(status, {"code": code, "left": left})


def _told() -> "dict[str, Any]":
    """The command, behind how long it is, in eight bytes."""
    size = int.from_bytes(_read(8))
    found: dict[str, Any] = marshal.loads(_read(size))
    return found


def _read(size: int) -> bytes:
    told = b""
    while len(told) < size:
        piece = os.read(0, size - len(told))
        if not piece:
            os._exit(1)  # nobody wants it
        told += piece
    return told


def _say(status: int, told: "dict[str, object]") -> None:
    try:
        os.write(status, marshal.dumps(told))
    except OSError:
        pass  # nobody hears it


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _started(command: "dict[str, Any]", out: int, err: int) -> tuple[str, int]:
    """Why it could not be started, and the process."""
    seen, say = os.pipe()  # closed by exec
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            _prctl(_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.chdir(command["cwd"])
            os.execvpe(command["argv"][0], command["argv"], command["env"])
        except BaseException as error:  # noqa: BLE001 - of a process that is no command yet there is nothing to go on with
            os.write(say, str(getattr(error, "strerror", None) or error).encode())
        os._exit(127)
    os.close(say)
    failed = os.read(seen, 1 << 12).decode()
    os.close(seen)
    if failed:
        os.waitpid(pid, 0)
    return failed, pid


def _waited(pid: int, woken: int) -> tuple[int | None, bool]:
    """How the command ended, None if it is not wanted any more; and whether there is an owner who hears it."""
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    waiting.register(woken, select.POLLIN)
    while True:
        code, _ = _reaped(pid, None)
        if code is not None:
            return code, True
        for ready, _event in waiting.poll():
            if ready == 0:
                return None, bool(os.read(0, 1 << 16))
            if ready == woken:
                os.read(woken, 1 << 16)


def _reaped(pid: int, code: int | None) -> tuple[int | None, bool]:
    """How the command ended, if it has, and whether it has children left. What has ended is gone."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code, False
        if ended == 0:
            return code, True
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)


def _ended(pid: int, woken: int, code: int | None, grace_s: float, unheard: "list[int]") -> int | None:
    """End all that is left: asked first, killed after the grace. How the command ended.

    What it prints and nobody hears any more is read here: else it would die of it before it has put things in order.
    """
    deadline, asked, waiting = time.monotonic() + grace_s, False, select.poll()
    waiting.register(woken, select.POLLIN)
    while True:
        code, any_left = _reaped(pid, code)
        if not any_left:
            break
        if time.monotonic() >= deadline:
            _signal(pid, signal.SIGKILL)
        elif not asked:
            asked = True
            _signal(pid, signal.SIGTERM)
            _signal(pid, signal.SIGCONT)  # one that stands still would not hear it
        if waiting.poll(_LOOK_MS):
            os.read(woken, 1 << 16)
        for pipe in unheard:
            try:
                while os.read(pipe, 1 << 16):
                    pass
            except BlockingIOError:
                pass
    if sys.platform != "linux":
        _signal(pid, signal.SIGKILL)
    return code


def _signal(pid: int, number: int) -> None:
    found = _descendants()
    for one in found:
        try:
            os.kill(one, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended, or become another user's
    if not found:
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def _descendants(of: int | None = None) -> list[int]:
    """All processes that come from this one, the last first. Where the system does not say, none."""
    found: list[int] = []
    folder = f"/proc/{of or os.getpid()}/task"
    try:
        for thread in os.listdir(folder):
            with open(f"{folder}/{thread}/children", "rb") as file:
                children = list(map(int, file.read().split()))
            for child in children:
                found += [*_descendants(child), child]
    except OSError:
        pass
    return found


if __name__ == "__main__":
    main()
