"""Resources from a file and `latewood.toml`: what steps receive, what is recorded, and what is said of mistakes."""

import re
from textwrap import dedent

import pytest

from latewood.engine.loading.loader import load_file
from latewood.errors import DefinitionError, DefinitionsInvalid, SecretUnavailable
from latewood.resources import Secret

WAREHOUSE = """
class Warehouse(Resource, unkeyed=["timeout_s"]):
    url: str = "sqlite://"
    password: Secret | None = None
    timeout_s: float = 30
    regions: set[str] = set()
    data: Path = Path("data")

@asset
def orders(warehouse: Warehouse) -> str:
    return warehouse.url
"""


@pytest.fixture
def load(tmp_path):
    """Loads a file with these definitions, and this configuration, for an environment."""

    def write(source, toml=None, environment="prod"):
        head = "from pathlib import Path\nfrom latewood import *\nfrom latewood.resources import *\n"
        (tmp_path / "defs.py").write_text(head + dedent(source))
        if toml is not None:
            (tmp_path / "latewood.toml").write_text(dedent(toml))
        return load_file(tmp_path / "defs.py", root=tmp_path, environment=environment)

    return write


@pytest.fixture
def refused(load):
    """What is said of what cannot be loaded, line by line, without the summary."""

    def write(source, toml=None, environment="prod"):
        with pytest.raises(DefinitionsInvalid) as caught:
            load(source, toml, environment)
        *lines, summary = str(caught.value).splitlines()
        assert re.fullmatch(r"\d+ errors?\. Nothing was deployed\.", summary)
        return lines

    return write


def warehouse(loaded):
    return loaded.resources["Warehouse"]


# ── what is configured ───────────────────────────────────────────────────────────────────────────────────


def test_a_parameter_annotated_with_a_resource_is_no_input(load):
    (asset,) = load(WAREHOUSE).assets
    assert asset.task.inputs == () == asset.task.parameters
    assert [(use.parameter, use.resource, use.unkeyed) for use in asset.task.uses] == [
        ("warehouse", "Warehouse", ("timeout_s",))
    ]


def test_what_nobody_says_is_as_the_class_has_it(load, tmp_path):
    found = warehouse(load(WAREHOUSE))
    assert found.values == {"url": "sqlite://", "timeout_s": 30.0, "regions": [], "data": "data"}
    assert found.secrets == {}


TOML = """
    [resources.Warehouse]
    url = "postgresql://warehouse/shop"
    password = {env = "WAREHOUSE_PASSWORD"}
    regions = ["us", "eu"]

    [environments.dev.resources.Warehouse]
    password = {file = "dev.password"}
    timeout_s = 5
"""


def test_an_environment_says_field_by_field_what_is_other_than_in_all(load):
    prod, dev = (warehouse(load(WAREHOUSE, TOML, environment)) for environment in ("prod", "dev"))
    assert prod.values["url"] == dev.values["url"] == "postgresql://warehouse/shop"
    assert (prod.values["timeout_s"], dev.values["timeout_s"]) == (30.0, 5.0)
    assert prod.secrets == {"password": {"env": "WAREHOUSE_PASSWORD"}}
    assert dev.secrets == {"password": {"file": "dev.password"}}


def test_what_is_recorded_is_one_for_equal_values(load):
    one = warehouse(load(WAREHOUSE, '[resources.Warehouse]\nregions = ["us", "eu", "asia"]\n'))
    other = warehouse(load(WAREHOUSE, '[resources.Warehouse]\nregions = ["asia", "us", "eu"]\ntimeout_s = 30\n'))
    assert one.digest == other.digest
    assert one.values == other.values


def test_relative_paths_start_from_the_projects_root_and_are_recorded_as_they_are_written(load, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "db").write_text("correct horse\n")
    found = warehouse(load(WAREHOUSE, '[resources.Warehouse]\npassword = {file = "keys/db"}\n'))
    assert found.instance.data == tmp_path / "data"
    assert found.values["data"] == "data"
    assert found.instance.password.reveal() == "correct horse"


def test_a_resource_is_called_by_its_class_or_as_it_says(load):
    source = """
        class Base(Resource, name="lake", unkeyed=["size"]):
            url: str
            size: int = 1

        class Other(Base, unkeyed=["wait"]):
            wait: int = 2

        @asset
        def a(one: Base, two: Other) -> str: return one.url
    """
    loaded = load(source, '[resources.lake]\nurl = "a"\n[resources.Other]\nurl = "b"\n')
    assert {name: found.values["url"] for name, found in loaded.resources.items()} == {"lake": "a", "Other": "b"}
    assert [use.unkeyed for use in loaded.assets[0].task.uses] == [("size",), ("size", "wait")]


def test_checks_handlers_and_steps_of_workflows_ask_for_them_too(load):
    loaded = load("""
        class One(Resource): pass
        class Two(Resource): pass
        class Three(Resource): pass

        @task
        def make(size: int, one: One) -> int: return size

        @task
        def tell(failure: WorkflowFailure, three: Three) -> None: ...

        @workflow(on_failure=tell)
        def flow(size: int = 1) -> int: return make(size)

        @asset
        def a() -> int: return 1

        @check(a)
        def fine(a: int, two: Two) -> bool: return True
    """)
    assert sorted(loaded.resources) == ["One", "Three", "Two"]


def test_the_file_may_hold_what_others_need(load):
    load(WAREHOUSE, '[tool]\nx = 1\n[resources.Lake]\nurl = 1\n[environments.dev]\ncolour = "red"\n')


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────


REFERENCE = 'expected a reference, {env = "NAME"} or {file = "PATH"}, found something else, which is not shown'


def test_all_mistakes_are_told_at_once_each_at_its_line_and_none_with_the_value(refused):
    lines = refused(
        """
        class Warehouse(Resource):
            url: str
            password: Secret
            timeout_s: float = 30

        class Lake(Resource):
            bucket: str

        @asset
        def orders(warehouse: Warehouse, lake: Lake, missing: int) -> int: return 1
        """,
        """\
        [resources.Warehouse]
        pasword = "hunter2"
        password = "hunter2"

        [environments.prod.resources.Warehouse]
        timeout_s = "hunter2"
        """,
    )
    assert lines.pop().startswith('defs.py:13: asset "orders": parameter "missing": no asset of that name.')
    assert lines == [
        'latewood.toml:2: Warehouse.pasword: no such field; did you mean "password"?',
        f"latewood.toml:3: Warehouse.password: {REFERENCE}",
        "latewood.toml:6: Warehouse.timeout_s: Input should be a valid number, unable to parse string as a number",
        "defs.py:5: Warehouse.url: expected a value, found none; write it under [resources.Warehouse] of latewood.toml",
        "defs.py:10: Lake.bucket: expected a value, found none; write it under [resources.Lake] of latewood.toml",
    ]


def test_what_is_wrong_with_resources_and_with_the_location_is_told_at_once(refused):
    toml = """
        [environment.prod.resources.Warehouse]
        [resources.Warehouse]
        urls = "x"
        [locations."defs.py"]
        python = "./none"
        locks = "x"
        """
    assert [line.partition(" ")[0] for line in refused(WAREHOUSE, toml)] == [
        f"latewood.toml:{line}:" for line in (2, 4, 6, 7)
    ]


PUT_IT = "put what is long into a file"
ANOTHERS = "If it is another's, write an empty [resources.Warehouse] too"
FILES = {
    "near": (
        "[resources.Warehuose]",
        'latewood.toml:1: [resources.Warehuose]: no resource "Warehuose"; did you mean "Warehouse"? ' + ANOTHERS,
    ),
    "near a table": (
        "[locations]\n\n[resource.Warehouse]\nurl = 'x'",
        "latewood.toml:3: [resource]: no such table; did you mean [resources]?",
    ),
    "near a table of an environment": (
        "[environments.dev.Resource.Warehouse]\nurl = 'x'",
        "latewood.toml:1: [environments.dev.Resource]: no such table; did you mean [environments.dev.resources]?",
    ),
    "syntax": (
        "[resources",
        "latewood.toml:1: cannot be read as TOML: Expected ']' at the end of a table declaration",
    ),
    "no table": ("resources = 3", "latewood.toml:1: resources: expected a table, found another value"),
    "no section": (
        "[resources]\nWarehouse = 'hunter2'",
        "latewood.toml:2: resources.Warehouse: expected a table, found another value",
    ),
    "no environment": (
        "[environments]\nprod = 1",
        "latewood.toml:2: environments.prod: expected a table, found another value",
    ),
    "two places": (
        "[resources.Warehouse]\npassword = {env = 'A', file = 'b'}",
        f"latewood.toml:2: Warehouse.password: {REFERENCE}",
    ),
    "NUL": (
        '[resources.Warehouse]\nurl = "a\\u0000b"',
        "latewood.toml:1: resource Warehouse: expected text without NUL characters",
    ),
    "long": (
        f"[resources.Warehouse]\nurl = '{'x' * 20_000}'",
        f"latewood.toml:1: resource Warehouse: expected at most 16,384 bytes, found 20,059; {PUT_IT}",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_the_file_cannot_say(refused, name):
    toml, said = FILES[name]
    assert refused(WAREHOUSE, toml) == [said]


A_SECRET_ALONE = "a secret is a field of its own, annotated Secret or Secret | None"
CLASSES = {
    "unkeyed": (
        "class A(Resource, unkeyed=['tiemout']):\n    timeout: int = 1",
        "defs.py:4: resource A: unkeyed names tiemout, which is no field of it",
    ),
    "union": (
        "class A(Resource):\n    token: Secret | str = 'x'",
        f"defs.py:4: resource A: token: {A_SECRET_ALONE}",
    ),
    "inside": (
        "class A(Resource):\n    tokens: list[Secret] = [Secret(env='T')]",
        f"defs.py:4: resource A: tokens: {A_SECRET_ALONE}",
    ),
    "twice": (
        "class B(Resource, name='A'): pass\nclass A(Resource): pass\n@asset\ndef b(b: B) -> int: return 1",
        'defs.py:5: two resources are called "A"; give one of them another: class A(…, name="…")',
    ),
    "base": (
        "A = Resource",
        'defs.py:5: asset "a": a parameter annotated Resource could be any: annotate it with a class of your own',
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_that_cannot_be_configured(refused, name):
    source, said = CLASSES[name]
    assert said in refused(f"{source}\n@asset\ndef a(a: A) -> int: return 1\n")


def test_the_users_own_validator_may_fail_in_any_way(refused):
    lines = refused("""
        class A(Resource):
            def model_post_init(self, _):
                raise KeyError("bucket")

        @asset
        def a(a: A) -> int: return 1
    """)
    assert lines == ["defs.py:5: resource A: KeyError: 'bucket'"]


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_shows_where_it_is_and_never_what_it_is(load, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "hunter2")
    found = warehouse(load(WAREHOUSE, TOML))
    assert found.instance.password.reveal() == "hunter2"
    shown = (
        f"{found} {found.instance!r} {found.instance} {found.instance.model_dump_json()} {found.instance.model_dump()}"
    )
    assert "WAREHOUSE_PASSWORD" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (Secret(env="NOT_SET"), "secret NOT_SET: expected a value in environment variable NOT_SET, found none"),
        (Secret(file="not/there"), "secret not/there: the file cannot be read: No such file or directory"),
        (Secret(file="bytes"), "secret bytes: expected UTF-8 text, found other bytes"),
        (Secret(file="empty"), "secret empty: expected a value in file empty, found none"),
        (Secret(file="long"), "secret long: expected at most 65,536 bytes, found more"),
    ],
    ids=["env", "file", "bytes", "empty", "long"],
)
def test_a_secret_that_is_not_there_says_so(secret, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "long").write_text("x" * 65_537)
    with pytest.raises(SecretUnavailable, match=f"^{re.escape(said)}$"):
        secret.reveal()


def test_a_secret_is_a_variable_or_a_file():
    for wrong in ({}, {"env": "A", "file": "b"}):
        with pytest.raises(ValueError, match="expected a reference"):
            Secret(**wrong)


def test_what_is_wrong_with_the_projects_file_is_said_first():
    problems = (
        DefinitionError("follows", file="/p/a.py", line=3),
        DefinitionError("broken", file="/p/latewood.toml", line=9),
        DefinitionError("else", file="/p/a.py", line=1),
    )
    assert str(DefinitionsInvalid(problems)).splitlines()[:3] == [
        "/p/latewood.toml:9: broken", "/p/a.py:1: else", "/p/a.py:3: follows"
    ]  # fmt: skip
