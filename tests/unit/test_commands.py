"""Commands as definitions: what is refused at load, what fills their arguments, and what their code versions are of."""

from datetime import UTC, datetime
from textwrap import dedent

import pytest

from latewood.engine.code.commands import Command, command_of
from latewood.engine.loading.commands import _placeholders
from latewood.engine.loading.loader import load_file
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.signature import read_signature
from latewood.engine.processes.folders import Folder
from latewood.engine.processes.giving import give
from latewood.errors import DefinitionsInvalid
from latewood.model.grids import GridKey
from latewood.model.partitions import PartitionRange, TimeWindow

HEAD = """
from pathlib import Path
from typing import Any
from latewood import *
from latewood.partitions import GridKey
from latewood.processes import ReportedCheck, command
from latewood.resources import Resource
import pyarrow as pa

class Service(Resource):
    url: str = ""

@asset
def rows() -> pa.Table: ...

"""


@pytest.fixture
def load(tmp_path):
    def write(source):
        (tmp_path / "defs.py").write_text(HEAD + dedent(source))
        return load_file(tmp_path / "defs.py", root=tmp_path)

    return write


@pytest.fixture
def version(load):
    """The code version of the asset `made`."""

    def of(source):
        (made,) = [asset for asset in load(source).assets if asset.key == "made"]
        return made.task.code

    return of


MADE = "\n@asset\n@command({command}, files=[]{options})\ndef made({parameters}) -> {returns}: {body}\n"


def made(command='["true"]', options="", parameters="", returns="None", body="..."):
    return MADE.format(command=command, options=options, parameters=parameters, returns=returns, body=body)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (made('["cat", "{row}"]', parameters="rows: pa.Table"), "nothing is called {row}; did you mean rows?"),
        (made('["cat", "{row}"]'), "write {{row}}"),
        (made(body="return 1"), "its body is never called"),
        (made(body="print(1)"), "its body is never called"),
        (made(parameters="service: Service"), 'parameter "service": a command receives no resource'),
        (made().replace(" -> None", ""), "expected to be told what it makes"),
        (made(returns="Any"), 'output "result": expected a Path, a table'),
        (made(returns="int", options=', writes="made.csv"'), 'writes["result"]: expected a name that ends in .json'),
        (made(returns="Path", options=', writes="../made"'), 'writes["result"]: expected a path below'),
        (made(returns="Path", options=', writes={"made": "x"}'), 'writes: no output "made"; there is result'),
        (
            made(parameters="rows: pa.Table", options=', reads={"rows": "rows.json"}'),
            "ends in .parquet or .csv or .jsonl",
        ),
        (
            made(options=', reads={"rowz": "rows.csv"}', parameters="rows: pa.Table"),
            'reads: no input "rowz"; did you mean',
        ),
        (
            made(parameters="rows: Partitioned[pa.Table]", options=', reads={"rows": "rows.csv"}'),
            'expected "FOLDER/*.SUFFIX"',
        ),
        (made(parameters="*, top: int = 1, Top: int = 1"), "another parameter has this name but for its case"),
        (made(parameters="*, output: int = 1"), 'parameter "output": {output} is what the command writes'),
        (made(options=', cwd="../elsewhere"'), "cwd: expected a path below"),
        (made(options=', checks=[ReportedCheck("good", output="train")]'), 'check "good": no output "train"'),
        (made("[]"), "expected a list of arguments, or a script, found []"),
        (made(options="").replace("files=[]", 'files="run.sh"'), 'expected files=["…"], a list of paths'),
        (made(options=', env={"A": 1}'), "expected env={…}, texts or secrets by name"),
        ("@check(rows)\n@command(['true'])\ndef ok(rows: pa.Table) -> bool: ...\n", "a command that checks has to say"),
        ("@workflow(on_failure=hear)\ndef flow() -> None: ...\n", "a command can be an asset, a task or a check"),
    ],
)
def test_what_cannot_be_is_refused_at_load_at_its_line(load, source, said):
    if "hear" in source:
        source = (
            "\n@task\n@command(['true'], files=[])\ndef hear(failure: WorkflowFailure) -> None: ...\n"
            "@task\ndef one() -> int:\n    return 1\n" + source.replace("...", "\n    one()")
        )
    with pytest.raises(DefinitionsInvalid) as caught:
        load(source)
    assert said in str(caught.value)
    assert "defs.py:" in str(caught.value)


@pytest.mark.parametrize("body", ["...", "pass", '"""Said."""', '\n    """Said."""\n    raise NotImplementedError'])
def test_a_body_that_says_nothing_is_none(load, body):
    assert [asset.key for asset in load(made(body=body)).assets] == ["rows", "made"]


def test_the_version_changes_with_what_is_run_and_with_nothing_else(version, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "run.sh").write_text("one")
    (tmp_path / "lib" / "more").write_text("two")
    source = made('["sh", "run.sh"]').replace("files=[]", 'files=["run.sh", "lib"]')
    first = version(source)
    assert {part.name for part in first.parts} >= {"run.sh:", "lib/more:", "defs.py:made[command]"}
    assert version(source.replace("...", '\n    """Said."""\n    ...')).version == first.version
    changed = [
        source.replace('"sh", "run.sh"', '"sh", "run.sh", "-v"'),
        source.replace(", files", ', env={"A": "1"}, files'),
        source.replace(", files", ', writes="out", files').replace("None", "Path"),
        source.replace("def made()", "def made(*, top: int = 1)"),
    ]
    assert len({first.version, *(version(text).version for text in changed)}) == 5
    (tmp_path / "lib" / "more").write_text("three")
    assert version(source).version != first.version
    (tmp_path / "lib" / "more").write_text("two")
    assert version(source).version == first.version


def test_what_is_declared_is_deployed_with_the_code(load, tmp_path):
    (tmp_path / "run.sh").write_text("one")
    loaded = load(made('["sh", "run.sh"]').replace("files=[]", 'files=["run.sh"]'))
    assert loaded.sources["run.sh"] == b"one"


def test_a_value_is_one_argument_and_other_braces_are_left_alone():
    words = ("{a}", "x{a}{b.c}y", "{{a}}", "{ a }", "{print $1}", "{}", "{a", "{1}", '{"k": {"a": 1}}')
    command = Command(function=print, template=words, files=(), environ={}, cwd="", reads={}, writes={}, checks=())
    assert command.placeholders == {"a": "{a}", "b.c": "{b.c}"}
    filled = command.arguments({"a": "{b.c} $(a)", "b.c": "2"})
    assert filled == [
        "{b.c} $(a)",
        "x{b.c} $(a)2y",
        "{a}",
        "{ a }",
        "{print $1}",
        "{}",
        "{a",
        "{1}",
        '{"k": {"a": 1}}',
    ]


def test_what_arguments_may_name_is_what_is_filled_in(load, tmp_path):
    parameters = (
        "rows: pa.Table, week: TimeWindow, some: PartitionRange, day: PartitionKey, spot: GridKey, *, top: int = 3"
    )
    (tmp_path / "defs.py").write_text(HEAD + made(parameters=parameters, returns="Path"))
    with pytest.raises(DefinitionsInvalid):
        load_file(tmp_path / "defs.py", root=tmp_path)  # an asset has one kind of partitions: here all are asked for
    namespace = {}
    exec(HEAD + made(parameters=parameters, returns="Path").replace("@asset\n", ""), namespace)
    command = command_of(namespace["made"])
    signature = read_signature(command.function)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    arguments = {
        "rows": namespace["pa"].table({"a": [1]}),
        "week": TimeWindow(start=at, end=at),
        "some": PartitionRange(first="a", last="b"),
        "day": "2026-03-02",
        "spot": GridKey("day=2026-03-02, region=eu"),
        "top": 3,
    }
    given = give(command, signature, arguments, {RESULT: namespace["Path"]}, Folder(tmp_path), None)
    dimensions = {"spot.day", "spot.region"}
    assert set(given.texts) - dimensions == set(_placeholders(signature, {RESULT: None}))
    assert dimensions < set(given.texts)
