"""Lock files: environments with exactly their packages, built once, and used by what is reproduced.

The packages are wheels made here; the one called latewood leads to the Latewood that is tested.
"""

import base64
import multiprocessing
import os
import shutil
import site
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

import latewood
import latewood_eventlog
from latewood.commands.deployed_code import created_as
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reproducing import reproduce
from latewood.engine.loading.loader import load_file
from latewood.engine.loading.location_settings import LocationSettings, location_settings
from latewood.engine.loading.problems import Problems
from latewood.engine.loading.project_file import ProjectFile
from latewood.engine.loading.venvs import VenvFailed, venv_python
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.projections.catalog import deployed
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW

HERE = "\n".join([*site.getsitepackages(), *(str(Path(m.__file__).parents[1]) for m in (latewood, latewood_eventlog))])


def wheel(folder, name, files, version="1.0"):
    """A wheel with these files; how a lock file names it."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}")
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(file, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": "\n".join([*lines, f"{info}/RECORD,,"])}.items():
            archive.writestr(path, text)
    return f"{name} @ {file.as_uri()} --hash=sha256:{sha256(file.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def lock(tmp_path_factory):
    """The text of a lock file with two packages."""
    folder = tmp_path_factory.mktemp("wheels")
    ours = wheel(folder, "latewood", {"latewood-here.pth": HERE})
    return f"--no-index\n{ours}" + wheel(folder, "answers", {"answers.py": "N = 42"})


def want(home, lock):
    python = venv_python(lock.encode(), sys.executable, home, os.environ)
    with (home / "made").open("a") as file:
        file.write(f"{(Path(python).parents[1] / 'pyvenv.cfg').stat().st_mtime_ns}\n")


@pytest.fixture(scope="module")
def built(tmp_path_factory, lock):
    """A home in which several processes wanted its environment at once."""
    home = tmp_path_factory.mktemp("home")
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=want, args=(home, lock)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    return home


def test_processes_that_want_one_at_once_build_it_once(built, lock):
    (folder,) = (path for path in (built / "venvs").iterdir() if path.is_dir())
    assert [path.name for path in folder.glob("lib/*/site-packages/answers.py")] == ["answers.py"]
    assert venv_python(lock.encode(), sys.executable, built, os.environ) == str(folder / "bin" / "python")
    made = (built / "made").read_text().split()
    assert made == [str((folder / "pyvenv.cfg").stat().st_mtime_ns)] * 3


def test_what_was_reproduced_ran_by_the_lock_file_of_then(workspace, tmp_path, built, lock):
    (tmp_path / "latewood.toml").write_text('[locations."assets.py"]\nlock = "shop.lock"\n')
    (tmp_path / "shop.lock").write_text(lock)
    (tmp_path / "assets.py").write_text(
        "from latewood import asset\n\n@asset\ndef n() -> int:\n    try:\n        import answers\n"
        "    except ImportError:\n        return 0\n    return answers.N\n"
    )
    loaded = load_file(tmp_path / "assets.py", root=tmp_path)
    run = materialize(workspace, prepare(workspace, loaded, Asked(selection="*"))).run
    (tmp_path / "shop.lock").unlink()
    (output,) = reproduce(workspace, run, home=built, root=tmp_path).outputs
    assert (output.difference.before, output.difference.after) == ("0", "42")

    with snapshot(workspace.log) as connection:
        name = deployed(connection, workspace.project, workspace.environment, NOW)["assets.py"]
    created = created_as(workspace, name)
    assert workspace.store.read(created.lock) == lock.encode()
    workspace.store.path_of(created.lock).unlink()
    with pytest.raises(UsageError, match=r"the lock file of assets.py as deployed in \w+ is not in the artifact store"):
        reproduce(workspace, run, home=built, root=tmp_path)


def test_another_lock_file_or_python_is_another_deployment(workspace, tmp_path):
    (tmp_path / "assets.py").write_text("from latewood import asset\n\n@asset\ndef n() -> int:\n    return 1\n")
    names = []
    for settings in ("", 'lock = "a"', 'lock = "b"', f'python = "{sys.executable}"', ""):
        for name in "ab":
            (tmp_path / name).write_text(f"{name}==1 --hash=sha256:{name}")
        (tmp_path / "latewood.toml").write_text(f'[locations."assets.py"]\n{settings}\n')
        loaded = load_file(tmp_path / "assets.py", root=tmp_path)
        names.append(prepare(workspace, loaded, Asked(selection="*")).deployed.deployment)
    assert len(set(names)) == 4
    assert names[0] == names[4]


def test_a_package_that_is_not_what_was_locked_is_refused_and_nothing_is_used(tmp_path, lock):
    other = lock[:-6] + "00000\n"
    with pytest.raises(VenvFailed, match=r"(?s)pip install.*--require-hashes.*HASH"):
        venv_python(other.encode(), sys.executable, tmp_path, os.environ)
    assert not list(tmp_path.glob("venvs/*/latewood-whole"))


def test_what_was_left_half_built_is_built_anew(tmp_path, built, lock):
    """As a process that is killed leaves it: everything is there, but for the word that it is whole."""
    (there,) = (path for path in (built / "venvs").iterdir() if path.is_dir())
    folder = tmp_path / "venvs" / there.name
    shutil.copytree(there, folder, symlinks=True)
    (folder / "latewood-whole").unlink()
    (module,) = folder.glob("lib/*/site-packages/answers.py")
    module.unlink()
    assert venv_python(lock.encode(), sys.executable, tmp_path, os.environ) == str(folder / "bin" / "python")
    assert module.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[locations", "latewood.toml:1: cannot be read as TOML"),
        ("locations = 3\n", "latewood.toml:1: locations: expected a table, found another value"),
        ('[location."a.py"]\nlock = "x"\n', "latewood.toml:1: [location]: no such table; did you mean [locations]?"),
        ('[locations."a.py"]\n\nlocks = "x"\n', 'latewood.toml:3: [locations."a.py"] no setting "locks"; near: lock'),
        ('[locations."a.py"]\nlock = 3\n', "lock: expected a path as text, found 3"),
        ('[locations."a.py"]\nlock = "none.lock"\n', "lock: none.lock: No such file"),
        ('[locations."a.py"]\nlock = "plain.lock"\n', "expected requirements with hashes"),
        ('[locations."a.py"]\npython = "python9.9"\n', 'no such command or file: "python9.9"'),
        ('[locations."a.py"]\npython = "./python"\n', 'no such command or file: "./python"'),
    ],
)
def test_settings_that_cannot_be_are_told_when_definitions_load(tmp_path, text, message):
    (tmp_path / "latewood.toml").write_text(text)
    (tmp_path / "plain.lock").write_text("pyarrow==20.0.0\n")
    (tmp_path / "a.py").write_text("from latewood import asset\n\n@asset\ndef n() -> int:\n    return 1\n")
    with pytest.raises(DefinitionsInvalid) as raised:
        load_file(tmp_path / "a.py", root=tmp_path)
    assert message in str(raised.value)


def test_a_location_without_settings_has_none(tmp_path):
    problems = Problems(tmp_path)
    assert location_settings(ProjectFile(tmp_path, problems), "a.py") == LocationSettings()
    (tmp_path / "latewood.toml").write_text('[resources.Shop]\nurl = "x"\n[locations."b.py"]\nlock = "x"\n')
    problems = Problems(tmp_path)
    assert location_settings(ProjectFile(tmp_path, problems), "a.py") == LocationSettings()
