"""A connector in a hundred lines: jobs are commands on this machine, which go on whoever dies that started them.

Each job is a folder, named by its key: that is all there is to know of it, so that any process finds it again.

    KEY/log      what it prints            KEY/pid     the process group that it is
    KEY/exit     how it ended, at last     KEY/cancelled

`python -m latewood.testing.connector shell_jobs:connect …` holds it to what a connector has to keep: see README.md.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from latewood.plugin import Absent, Finding, Found, Job, JobLogs, JobState, JobStatus, PermanentError, TransientError

# Its standard output, if that is JSON, is the result; what it prints to standard error is its log. What is started in
# the background belongs to nobody: it outlives the engine, and its process group can be ended as a whole.
_RUN = """(
echo $$ > pid.new && mv pid.new pid
sh -c "$COMMAND" > out 2> log
echo $? > exit.new && mv exit.new exit
) < /dev/null > /dev/null 2>&1 &"""
_BEGINS_S = 10
_PIECE = 1 << 20


class ShellJobs:
    """Runs jobs below a folder. It has no state of its own: any number of threads and processes may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def submit(self, job: Job, /) -> str:
        folder = self._folder / job.key
        try:
            # Of two who submit one key at once the system lets one make the folder: no job runs twice, whoever asks.
            folder.mkdir(parents=True)
        except FileExistsError:
            return job.key
        except OSError as error:
            raise TransientError(f"{folder}: {error.strerror}") from error
        variables = {name.upper(): str(value) for name, value in job.parameters.items()}
        variables |= {f"IN_{name.upper()}": read[-1].path for name, read in job.inputs.items()}
        variables |= {f"OUT_{name.upper()}": output.path for name, output in job.outputs.items()}
        environ = {**os.environ, **variables, "COMMAND": job.options["command"]}
        subprocess.run(["sh", "-c", _RUN], cwd=folder, env=environ, start_new_session=True, check=True)
        return job.key

    def find(self, key: str, since: datetime, /) -> Finding:  # noqa: ARG002
        # The folder is there before the process is: what is not there now was never submitted. A system that shows a
        # job only a while later would answer UnknownUntil(since + that while).
        return Found(key) if (self._folder / key).is_dir() else Absent()

    def poll(self, handle: str, /) -> JobStatus:
        folder = self._known(handle)
        pid, code = self._read(folder / "pid").strip(), self._read(folder / "exit").strip()
        if not code and not pid and time.time() - folder.stat().st_mtime < _BEGINS_S:
            return JobStatus(state=JobState.QUEUED)  # later than that: who was to start it has died before it did
        if not code and pid and self._is_alive(int(pid)):
            return JobStatus(state=JobState.RUNNING)
        code = self._read(folder / "exit").strip()  # it may have ended in between
        if code != "0" and (folder / "cancelled").exists():
            return JobStatus(state=JobState.CANCELLED)
        if code != "0":
            said = self._read(folder / "log").strip().splitlines()[-1:]
            message = f"ended with code {code}" if code else "its process is gone"
            return JobStatus(state=JobState.FAILED, message=": ".join([message, *said]))
        printed = self._read(folder / "out")
        with suppress(ValueError):
            return JobStatus(state=JobState.SUCCEEDED, values={"result": json.loads(printed)})
        return JobStatus(state=JobState.SUCCEEDED)  # it has written to $OUT_RESULT, or to nowhere

    def logs(self, handle: str, cursor: str, /) -> JobLogs:
        log, start = self._known(handle) / "log", int(cursor or 0)
        if not log.exists():
            return JobLogs(text="", cursor=cursor)
        with log.open("rb") as file:
            file.seek(start)
            piece = file.read(_PIECE)
        return JobLogs(text=piece.decode("utf-8", "replace"), cursor=str(start + len(piece)), more=len(piece) == _PIECE)

    def cancel(self, handle: str, /) -> None:
        status, folder = self.poll(handle), self._known(handle)
        if status.state is JobState.QUEUED:
            raise TransientError("it has not begun yet")  # the engine asks again
        if status.state is JobState.RUNNING:
            (folder / "cancelled").touch()
            with suppress(ProcessLookupError):
                os.killpg(int(self._read(folder / "pid")), signal.SIGKILL)

    def _known(self, handle: str) -> Path:
        folder = self._folder / handle
        if not folder.is_dir():
            raise PermanentError(f"no such job: {handle}")
        return folder

    @staticmethod
    def _read(path: Path) -> str:
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @staticmethod
    def _is_alive(group: int) -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        return True


def connect(folder: str = "jobs") -> ShellJobs:
    """What `[connectors.shell]` in latewood.toml is read by."""
    return ShellJobs(Path(folder).absolute())
