"""Locations with packages and modules of their own that share a task, as users have them: by the command line."""

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from forks import Forks

from crash.test_venvs import HERE, wheel
from e2e.shell import shell_in
from e2e.test_locations import python_with
from latewood.engine.loading import venvs
from latewood_eventlog import server as embedded

SHOP = {
    "rates.py": "RATE = 2\n\n\ndef rated(price: int) -> int:\n    return price * RATE\n",
    "assets.py": """
import answers
from latewood import asset, task
from rates import rated

@task
def priced(prices: list[int]) -> list[int]:
    \"\"\"Prices by the rate and the answers of the shop.\"\"\"
    return [rated(price) + answers.N for price in prices]

@asset
def shop_prices() -> list[int]:
    return [1, 2]

priced_here = priced.asset(key="shop/priced", inputs={"prices": shop_prices})
""",
}
LAB = {
    "rates.py": "RATE = 1000\n",
    "assets.py": """
import answers
import rates
from latewood import asset
from latewood.sharing import task_ref

@asset
def lab_prices() -> list[int]:
    return [1, 2]

priced = task_ref("shop/assets.py:priced").asset(key="lab/priced", inputs={"prices": lab_prices})

@asset
def compared(priced: list[int]) -> str:
    return f"{priced} at {rates.RATE}, with {answers.N}"
""",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The lock files of two locations, with other versions of a package."""
    folder = tmp_path_factory.mktemp("wheels")
    ours = f"--no-index\n{wheel(folder, 'latewood', {'latewood-here.pth': HERE})}"
    return {
        name: ours + wheel(folder, "answers", {"answers.py": f"N = {answer}\n"}, version)
        for name, answer, version in (("shop", 42, "1.0"), ("lab", 7, "2.0"))
    }


def unpacked(folder, lock, *_):
    """As pip has it, of which other stories tell; in a twentieth of the time."""
    files = re.findall(r"file://(\S+)", lock.decode())
    python_with(folder, *map(Path, files), path="")
    (folder / venvs._WHOLE).touch()


@pytest.fixture(scope="module")
def pythons(packages, environ, home):
    """The Python of each location, which has what its lock file says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(venvs, "_build", unpacked)
        return {
            name: Forks(venvs.venv_python(lock.encode(), sys.executable, home, os.environ), environ)
            for name, lock in packages.items()
        }


@pytest.fixture
def project(packages, pythons, environ, tmp_path, request):
    """Two locations in a project, each with a lock file and its own `latewood`."""
    shell = shell_in(environ, tmp_path, request.node.name[:40])
    settings = "".join(f'[locations."{name}/assets.py"]\nlock = "{name}.lock"\n' for name in packages)
    shell.write("latewood.toml", settings)
    for name, files in (("shop", SHOP), ("lab", LAB)):
        (tmp_path / name).mkdir()
        shell.write(f"{name}.lock", packages[name])
        for file, text in files.items():
            shell.write(f"{name}/{file}", text)

    def by(name, *arguments, code=0, **changed):
        """`latewood ARGUMENTS` by the Python of that location, on its file."""
        if arguments[0] in ("materialize", "deploy", "plan"):
            arguments = (*arguments, "-f", f"{name}/assets.py")
        done = pythons[name].run(arguments, tmp_path, {**shell.environ, **changed})
        assert done.code == code, f"{arguments}: {done.code}\n{done.out}{done.err}"
        return done.out + done.err

    return SimpleNamespace(by=by, shell=shell)


def test_two_locations_with_other_packages_and_modules_of_one_name_share_a_task(project):
    by, shell = project.by, project.shell
    by("shop", "deploy")
    assert "3 run, 0 reused" in by("lab", "materialize", "*")
    assert by("lab", "show", "compared").endswith('"[44, 46] at 1000, with 7"\n')
    assert "1 run, 1 reused" in by("shop", "materialize", "*")

    shell.write("shop/rates.py", SHOP["rates.py"].replace("RATE = 2", "RATE = 3"))
    assert "all is fresh" in by("lab", "plan", "*") or "3 fresh" in by("lab", "plan", "*")
    by("shop", "deploy")
    planned = by("lab", "plan", "*")
    assert "shared task shop/assets.py:priced was deployed from another version (" in planned
    assert "rated (shop/rates.py" in planned or "RATE (shop/rates.py" in planned
    by("lab", "deploy")
    assert "shared task shop/assets.py:priced was deployed from another version" in by("lab", "why", "lab/priced")
    assert "2 run, 1 reused" in by("lab", "materialize", "*")
    assert by("lab", "show", "compared").endswith('"[45, 48] at 1000, with 7"\n')

    other = {"LATEWOOD_PROJECT": f"{shell.environ['LATEWOOD_PROJECT']}-2"}
    text = LAB["assets.py"].replace(':priced"', f':priced", project="{shell.environ["LATEWOOD_PROJECT"]}"')
    shell.write("lab/assets.py", text)
    assert "no such task" in by("lab", "deploy", code=3, **other)
    by("shop", "grant", "shop/assets.py:priced", "--to", other["LATEWOOD_PROJECT"])
    assert "3 run, 0 reused" in by("lab", "materialize", "*", **other)
    assert len(json.loads(by("lab", "grants", "--json", **other))["received"]) == 1
    assert f"to {other['LATEWOOD_PROJECT']}" in by("shop", "grants")
    assert "Nothing is granted" in by("shop", "grants", "--as-of", "1")
    assert json.loads(by("shop", "tasks", "--as-of", "1", "--json"))["tasks"] == []
    by("shop", "revoke", "shop/assets.py:priced", "--from", other["LATEWOOD_PROJECT"])
    assert "no such task" not in by("lab", "materialize", "*", **other)  # what was made stays
    shell.write("lab/assets.py", text.replace('priced", project', 'priced", version="0", project'))
    assert "no such task" in by("lab", "materialize", "*", code=3, **other)
    assert len(json.loads(by("shop", "tasks", "shop/assets.py:priced", "--json"))["tasks"]) == 2

    # By a Python that lacks what the shop was deployed with, its code is another one.
    shell.write("latewood.toml", '[locations."lab/assets.py"]\nlock = "lab.lock"\n')
    shell.write("lab/assets.py", LAB["assets.py"].replace("[1, 2]", "[1, 2, 3]"))
    by("shop", "deploy")
    refused = by("lab", "materialize", "*", code=2)
    assert "shop/assets.py cannot be loaded as it was deployed" in refused
    assert "answers 1.0 -> 2.0" in refused


def test_a_lock_file_of_which_nothing_can_be_built_is_told_before_anything_is_deployed(project, home):
    by, shell = project.by, project.shell
    shell.write("venvs", "no folder")
    url = embedded.ensure_started(home).reveal()
    refused = by("shop", "deploy", code=2, LATEWOOD_HOME=str(shell.folder), LATEWOOD_DATABASE_URL=url)
    assert "the virtual environment of a lock file cannot be built" in refused
    assert json.loads(by("lab", "deployments", "--json"))["deployments"] == []
