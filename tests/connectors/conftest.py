"""Real servers, one of each for all tests; each is a process that is ended in the end."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest

from crash.conftest import asked_for, environ, load, workspace  # noqa: F401 - fixtures

collect_ignore_glob = [] if "LATEWOOD_SPARK_PYTHON" in os.environ else ["test_*"]
"""By `make test-connectors` alone."""


class Cluster(NamedTuple):
    """A standalone cluster of Spark: its address, that of its page, and the folder of the package that it is of."""

    master: str
    page: str
    home: Path

    def connector(self, folder: Path) -> dict[str, Any]:
        """How the connector is configured for it."""
        python = str(_python())
        return {
            "master": self.master,
            "folder": str(folder / "jobs"),
            "warehouse": str(folder / "warehouse"),
            "submit": str(self.home / "bin" / "spark-submit"),
            "environ": {"PYSPARK_PYTHON": python, "PYSPARK_DRIVER_PYTHON": python, "SPARK_HOME": str(self.home)},
            "conf": {
                "spark.driver.host": "127.0.0.1",
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.cores.max": "1",
                "spark.sql.shuffle.partitions": "1",
            },
        }


def _python() -> Path:
    """The interpreter of the environment that has pyspark."""
    return Path(os.environ["LATEWOOD_SPARK_PYTHON"])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master, and workers that take two applications at once."""
    code = "import pyspark, pathlib; print(pathlib.Path(pyspark.__file__).parent)"
    said = subprocess.run([_python(), "-c", code], capture_output=True, text=True, check=True).stdout
    home, folder = Path(said.strip()), tmp_path_factory.mktemp("cluster")
    port, page, *_ = ports = _free_ports(4)
    master = f"spark://127.0.0.1:{port}"
    shared = ["--host", "127.0.0.1", "--webui-port"]
    with ExitStack() as stack:
        stack.enter_context(_running(home, folder / "master", "master.Master", *shared, page, "--port", port))
        _until_answers(f"http://127.0.0.1:{page}/json/")
        worker = ["-c", "2", "-m", "2g", "-d", folder / "work", master]
        stack.enter_context(_running(home, folder / "worker", "worker.Worker", *shared, ports[2], *worker))
        yield Cluster(master, f"http://127.0.0.1:{page}", home)


@contextmanager
def _running(home: Path, log: Path, name: str, *arguments: object) -> Iterator[None]:
    command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", *map(str, arguments)]
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


def _until_answers(url: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)
