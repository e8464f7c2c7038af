"""The connector to Spark: `spark-submit` in processes of their own, each in the folder that its job's key names.

    [connectors.spark]
    master = "spark://10.0.0.5:7077"       # local[*] by default; anything that spark-submit takes
    warehouse = "/shared/warehouse"        # where tables are written, for all of the cluster to reach
    conf = { "spark.executor.memory" = "4g" }

The folder of a job is made before anything is launched, so it is known from then on, and launched once. What drives it
holds a lock there as long as it lives. So whoever is asked about a job looks into its folder, and at that lock.

    job.json  command.json    what is to be done, and by what         log          what it prints
    status.json               how far it is                           exit         how it ended
    result.json  error.json   what came of it                         cancelled
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from latewood.plugin import (
    Absent,
    Elsewhere,
    Finding,
    Found,
    Job,
    JobLogs,
    JobState,
    JobStatus,
    PermanentError,
    TransientError,
)
from latewood_spark import driver, launcher

_BEGINS_S: Final = 30
"""Within which a launcher has begun whose job's folder is there; later than that it never will."""

_PIECE: Final = 1 << 20

_ALWAYS: Final = {
    # The default is a type of 96 bits that has no name elsewhere.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}


class Spark:
    """Submits to one master. It has no state of its own: any number of threads and processes may use it."""

    def __init__(
        self,
        submit: str,
        master: str,
        folder: Path,
        warehouse: str,
        conf: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self._submit = submit
        self._master = master
        self._folder = folder
        self._warehouse = warehouse
        self._conf = conf
        self._environ = environ

    def submit(self, job: Job, /) -> str:
        """Launch it; of two who submit one key at once the file system lets one make the folder."""
        folder = self._folder / job.key
        conf = {**_ALWAYS, **self._conf, **job.options["session"], **job.settings["conf"]}
        settings = [part for name, value in sorted(conf.items()) for part in ("--conf", f"{name}={value}")]
        named = ["--master", self._master, "--name", job.key, *settings]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LATEWOOD_")}
        pythons = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        command = [self._submit, *named, driver.__file__, str(folder)]
        asset = job.labels.get("asset", "")
        said = {
            "key": job.key,
            "options": dict(job.options),
            "parameters": dict(job.parameters),
            "partition": job.partition,
            "window": None if job.window is None else [moment.isoformat() for moment in job.window],
            "inputs": {n: [{"path": i.path, "address": i.address} for i in read] for n, read in job.inputs.items()},
            "outputs": {name: f"{self._warehouse}/{asset}/{job.key}/{name}" for name in job.outputs},
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            (folder / "job.json").write_text(json.dumps(said))
            (folder / "command.json").write_text(json.dumps(command))
            subprocess.run(  # noqa: S603 - the launcher, whose child outlives us
                [sys.executable, "-I", "-S", launcher.__file__, str(folder)],
                env={**ours, **pythons, **self._environ},  # there may be credentials in it: they are in no file
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        except FileExistsError:
            return job.key
        except (OSError, subprocess.CalledProcessError) as error:
            raise TransientError(f"{folder}: {error}") from error
        return job.key

    def find(self, key: str, since: datetime, /) -> Finding:  # noqa: ARG002
        """Whether its folder is there, which is before it is launched."""
        return Found(key) if (self._folder / key).is_dir() else Absent()

    def poll(self, handle: str, /) -> JobStatus:
        """How it is, as its folder says."""
        folder = self._known(handle)
        told = _json(folder / "status.json") or {}
        links = {"spark": told["ui"]} if told.get("ui") else {}
        used = {"application": told["application"]} if "application" in told else {}
        code = _text(folder / "exit")
        if not code and not (folder / "lock").exists() and time.time() - folder.stat().st_mtime < _BEGINS_S:
            return JobStatus(state=JobState.QUEUED)
        if not code and _is_held(folder / "lock"):
            share = told["done"] / told["tasks"] if told.get("tasks") else None
            return JobStatus(
                state=JobState.RUNNING if told else JobState.QUEUED, progress=share, metrics=used, links=links
            )
        code = code or _text(folder / "exit")  # it may have ended in between
        if code == "0" and (result := _json(folder / "result.json")) is not None:
            left = {name: self._left(said) for name, said in result["elsewhere"].items()}
            return JobStatus(
                state=JobState.SUCCEEDED, metrics=used, links=links, values=result["values"], elsewhere=left
            )
        if (folder / "cancelled").exists():
            return JobStatus(state=JobState.CANCELLED, metrics=used, links=links)
        said = _json(folder / "error.json") or _last_line(_text(folder / "log"))
        ended = f"spark-submit ended with code {code}" if code else "its driver is gone"
        return JobStatus(state=JobState.FAILED, message=said or ended, metrics=used, links=links)

    def logs(self, handle: str, cursor: str, /) -> JobLogs:
        """What the driver has printed since."""
        log, start = self._known(handle) / "log", int(cursor or 0)
        if not log.exists():
            return JobLogs(text="", cursor=cursor)
        with log.open("rb") as file:
            file.seek(start)
            piece = file.read(_PIECE)
        return JobLogs(text=piece.decode("utf-8", "replace"), cursor=str(start + len(piece)), more=len(piece) == _PIECE)

    def cancel(self, handle: str, /) -> None:
        """End its driver, and so its application. One that has not begun never will."""
        if self.poll(handle).state.is_over:
            return
        folder = self._known(handle)
        (folder / "cancelled").touch()
        process = _json(folder / "pid")
        if process is None:
            return
        if process["host"] != os.uname().nodename:
            raise PermanentError(f"its driver is on {process['host']}, and can be ended there alone")
        if _is_held(folder / "lock"):
            with suppress(ProcessLookupError):
                os.killpg(process["group"], signal.SIGTERM)

    def fingerprint(self, address: str, /) -> str:
        """The names and sizes of the files that are there: Spark gives each write names of its own."""
        from pyarrow import fs  # noqa: PLC0415 - only who has tables asks

        try:
            system, path = fs.FileSystem.from_uri(address)
            files = system.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=True))
        except OSError as error:
            raise TransientError(f"{address}: {error}") from error
        listed = sorted((file.path, file.size) for file in files if file.is_file)
        return sha256(json.dumps(listed).encode()).hexdigest()[:32] if listed else ""

    def fetch(self, address: str, path: Path, /) -> None:
        """Bring the table as one file."""
        from pyarrow import ArrowException, dataset, fs, parquet  # noqa: PLC0415 - as above

        try:
            system, where = fs.FileSystem.from_uri(address)
            found = dataset.dataset(where, filesystem=system, format="parquet")
            with parquet.ParquetWriter(path, found.schema) as writer:
                for batch in found.to_batches():
                    writer.write_batch(batch)
        except (OSError, ArrowException) as error:
            raise PermanentError(f"{address}: {error}") from error

    def _left(self, said: Mapping[str, Any]) -> Elsewhere:
        return Elsewhere(**said, fingerprint=self.fingerprint(said["address"]))

    def _known(self, handle: str) -> Path:
        folder = self._folder / handle
        if not folder.is_dir():
            raise PermanentError(f"no such job: {handle}")
        return folder


def _is_held(lock: Path) -> bool:
    """Whether somebody has the lock: the launcher, or what it has started."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace").strip() if path.exists() else ""


def _json(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None


def _last_line(text: str) -> str:
    return next(iter(text.splitlines()[-1:]), "")


def connect(
    *,
    master: str = "local[*]",
    warehouse: str = "spark-warehouse",
    folder: str = ".latewood/spark",
    submit: str = "",
    conf: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Spark:
    """What `[connectors.spark]` in latewood.toml is read by.

    master     as spark-submit takes it
    warehouse  a folder, or its URL, that the cluster and who reads here can reach
    folder     of the jobs; on the machine where drivers run, and of one file system with locks if there are several
    submit     the program; by default the one of SPARK_HOME, or on the PATH
    conf       of all jobs; a task's own comes before. It is on command lines, and no place for credentials
    environ    variables of drivers, besides those of the engine: for credentials
    """
    home = os.environ.get("SPARK_HOME", "")
    program = submit or (f"{home}/bin/spark-submit" if home else shutil.which("spark-submit") or "spark-submit")
    where = warehouse if "://" in warehouse else Path(warehouse).absolute().as_uri()
    return Spark(program, master, Path(folder).absolute(), where, conf or {}, environ or {})
