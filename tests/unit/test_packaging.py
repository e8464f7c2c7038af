"""What installing and importing rely on."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import latewood
from latewood.engine.code.sources import OWN_PACKAGES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("folder", ["platform", "eventlog", "graphql", "ui", "plugins", "tests", "examples"])
def test_a_top_level_folder_is_no_package(folder):
    assert not (ROOT / folder / "__init__.py").exists(), f"{folder}/ would hide the module of that name"


LOCKS = [f"requirements{name}.lock" for name in ("", "-dev", "-node", "-bigquery", "-spark")]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_hashes_and_no_addresses(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"https?:|index-url|find-links|@ file", text)
    pinned = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert pinned
    for requirement in pinned:
        assert re.match(r"[\w.\-\[\]]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_every_dependency(lock):
    locked = set(re.findall(r"^([\w.\-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["build"], *extras["examples"]]
    wanted += extras["dev"] if "dev" in lock else []
    assert {re.match(r"[\w.\-]+", text)[0] for text in wanted} <= locked


@pytest.mark.parametrize(("target", "lock"), [("demo", "requirements.lock"), ("dev", "requirements-dev.lock")])
def test_make_says_how_much_it_installs_before_pip_is_silent(target, lock):
    dry = ["make", "--dry-run", "-W", lock, f".venv/{target}"]
    recipe = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    said = next(number for number, line in enumerate(recipe) if line.startswith("echo"))
    assert said < next(number for number, line in enumerate(recipe) if "-m pip" in line)
    told = subprocess.run(["sh", "-c", recipe[said]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    count = len(re.findall(r"^[\w.\-]+==", (ROOT / lock).read_text(), re.MULTILINE))
    assert told == f"Installing {count} packages into .venv; a minute or two...\n"


def test_the_lock_of_the_interface_names_no_host():
    assert not re.search(r"\"resolved\"", (ROOT / "ui" / "package-lock.json").read_text())


def test_versions_agree():
    assert PROJECT["project"]["version"] == latewood.__version__
    assert f"## [{latewood.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_wheel_has_every_package():
    packages = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("[a-z]*/latewood*/__init__.py")}
    assert packages == set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert {Path(package).name for package in packages} == OWN_PACKAGES, "none of them is users' code"
    assert all((ROOT / package / "py.typed").exists() for package in packages)
