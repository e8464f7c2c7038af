"""Assets in SQL as definitions: what is refused at load and where, what they read, and what their versions are of."""

from textwrap import dedent

import pyarrow as pa
import pytest

from latewood.engine.loading.loader import load_file
from latewood.engine.queries.database import QueryFailed
from latewood.errors import DefinitionsInvalid

HEAD = """\
import pyarrow as pa
from latewood import *
from latewood.partitions import Grid
from latewood.sql import sql_asset, sql_files
days = Daily("2013-01-01", "2013-02-01")
regions = Static(["eu", "us"])
@asset(key="flights/raw")
def raw() -> pa.Table: ...
@asset
def airlines() -> pa.Table: ...
@asset
def number() -> int: ...
"""


@pytest.fixture
def load(tmp_path):
    def write(source, **files):
        (tmp_path / "defs.py").write_text(HEAD + dedent(source))
        for name, text in files.items():
            (tmp_path / "queries").mkdir(exist_ok=True)
            (tmp_path / "queries" / f"{name}.sql").write_text(text)
        return load_file(tmp_path / "defs.py", root=tmp_path)

    return write


@pytest.fixture
def problems(load):
    def told(source, **files):
        with pytest.raises(DefinitionsInvalid) as refused:
            load(source, **files)
        return str(refused.value)

    return told


def found(loaded, key):
    (asset,) = [asset for asset in loaded.assets if asset.key == key]
    return asset


def test_tables_are_assets_by_parts_by_name_and_as_said(load):
    loaded = load(
        """
        late = sql_asset("late", 'SELECT * FROM flights.raw JOIN airlines USING (carrier), "flights/raw" AS again, x',
                         inputs={"x": raw})
        """
    )
    inputs = {input_.name: input_.asset for input_ in found(loaded, "late").task.inputs}
    assert inputs == {
        "flights_raw": "flights/raw",
        "airlines": "airlines",
        "flights_raw_": "flights/raw",
        "x": "flights/raw",
    }


def test_all_that_an_asset_may_be_told_and_a_group(load):
    loaded = load(
        """
        group = AssetGroup("reports", prefix="reports", owners=["team:data"])
        late = sql_asset("late", "SELECT :top AS top, :day AS day FROM raw", parameters={"top": 3, "day": str},
                         within=group, returns=Table["top: int32"], retries=2, description="Late ones.")
        """
    )
    late = found(loaded, "reports/late")
    assert (late.group, late.owners, late.kinds, late.description) == (
        "reports",
        ("team:data",),
        ("sql",),
        "Late ones.",
    )
    assert [(p.name, p.type.kind, p.default, p.required) for p in late.task.parameters] == [
        ("top", "int", 3, False),
        ("day", "str", None, True),
    ]
    assert (late.task.retries.retries_max, str(late.type.columns[0])) == (2, "top: int32")


def test_files_say_in_a_header_what_else_would_be_said_in_python(load):
    header = """/* latewood
parameters = {minutes = 15}
partitions = "days"
tags = {tier = "gold"}
*/
-- Flights that were late.
-- By carrier.
SELECT * FROM raw WHERE delay > :minutes AND day >= :partition_start
"""
    loaded = load('queries = sql_files("queries", schemes={"days": days}, owners=["me"])', late=header, all="FROM raw")
    late = found(loaded, "late")
    assert (late.description, late.owners, late.tags) == (
        "Flights that were late.\nBy carrier.",
        ("me",),
        {"tier": "gold"},
    )
    assert late.task.receives == (("partition_window", "window"),)
    assert late.partitions is not None
    assert late.task.code.file == "queries/late.sql"
    assert {"queries/late.sql", "queries/all.sql"} <= loaded.sources.keys()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('x = sql_asset("x", "SELECT 1 FROM")', 'defs.py:13: asset "x": column 30: expected something else'),
        (
            'x = sql_asset("x", """\n    SELECT a\n    FROM t t2 t3""")',
            'defs.py:15: asset "x": column 15: expected some',
        ),
        (
            'x = sql_asset("x", """\n    SELECT *\n    FROM rwa""")',
            'table "rwa" (line 15, column 10): no asset of that name; near: raw',
        ),
        ('x = sql_asset("x", "FROM flights.rwa")', 'table "flights.rwa" (line 13, column 26): no asset "flights/rwa"'),
        ('x = sql_asset("x", "FROM number")', '"number" produces int: expected Table, found int'),
        (
            'x = sql_asset("x", "FROM raw WHERE a > :mintes", parameters={"minutes": 1})',
            ":mintes (line 13, column 40): no parameter of that name; did you mean :minutes?",
        ),
        ('x = sql_asset("x", "FROM raw", parameters={"minutes": 1})', "parameters: the query asks for no :minutes"),
        ('x = sql_asset("x", "FROM raw WHERE a > :partition_start")', "asks for its partition, but has none"),
        ('x = sql_asset("x", "FROM raw WHERE a > :partition_start", partitions=regions)', "partitions are"),
        (
            'x = sql_asset("x", "FROM raw WHERE a = :partition_day", partitions=Grid(a=regions, b=regions))',
            ':partition_day: partitions have no dimension "day"; there is',
        ),
        ('x = sql_asset("x", "FROM read_csv(\'x.csv\')")', "read_csv() (line 13, column 26) reads what is no asset"),
        (
            'd = sql_asset("a/b/c/d", "FROM raw")\nx = sql_asset("x", "FROM a.b.c.d")',
            "a name has at most 3 parts; put the key in quotes",
        ),
        (
            'x = sql_asset("x", "SELECT 1", dialect="spark")',
            'dialect "spark": only duckdb and bigquery are answered so far',
        ),
        ('x = sql_asset("x", "SELECT 1", outputs={"a": pa.Table})', "outputs: a query makes one asset"),
        ('x = sql_asset("x", "FROM raw", inputs={"rwa": raw})', 'inputs names "rwa"'),
    ],
)
def test_what_is_wrong_is_said_at_its_line(problems, source, said):
    assert said in problems(source)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/* latewood\nowner = ['x']\n*/\nFROM raw", 'queries/q.sql:4: asset "q": header: no option "owner"'),
        ("/* latewood\nowners = \n*/\nFROM raw", "header: expected TOML"),
        (
            '/* latewood\npartitions = "weeks"\n*/\nFROM raw',
            "partitions: expected the name of one of schemes={…} (days)",
        ),
        (
            "/* latewood\nparameters = 3\n*/\nFROM raw",
            "header: parameters: expected a table of values by name, found 3",
        ),
        ("/* latewood\nkey = 3\n*/\nFROM raw", "header: key: expected text, found 3"),
        ("/* latewood\nowners = 'x'\n*/\nFROM raw", "owners: expected a list of texts"),
        ("\n\nSELECT 1\nFROM raw )\n", 'queries/q.sql:4: asset "q": column 10: expected'),
    ],
)
def test_what_is_wrong_in_a_file_is_said_at_its_line(problems, text, said):
    assert said in problems('queries = sql_files("queries", schemes={"days": days})', q=text)


def test_two_files_of_one_key_are_told(load):
    text = '/* latewood\nkey = "same"\n*/\nFROM raw'
    with pytest.raises(DefinitionsInvalid, match='asset "same": another file beside it has this key'):
        load('x = sql_files("queries")', a=text, b=text)


def test_a_file_elsewhere_is_refused_since_it_is_not_deployed(load, tmp_path):
    (tmp_path.parent / "elsewhere.sql").write_text("SELECT 1 AS one")
    with pytest.raises(DefinitionsInvalid, match="is not below the project's root"):
        load('x = sql_files("../elsewhere.sql")')


def test_a_folder_without_queries_is_told(load):
    with pytest.raises(DefinitionsInvalid, match=r'there is no \.sql file at "other"'):
        load('x = sql_files("other")')


def test_the_code_version_is_of_what_the_query_says_and_of_the_database(load):
    def version(text):
        return found(load(f'x = sql_asset("x", """{text}""")'), "x").task.code

    code = version("SELECT a FROM raw")
    assert version("select a  -- why\n from raw;").version == code.version
    assert version("SELECT b FROM raw").version != code.version
    assert [name for name, _ in code.packages] == ["duckdb"]
    assert [part.name for part in code.parts] == ["defs.py:x"]


def test_a_query_that_changes_by_itself_is_not_reused_unless_it_is_said(load):
    loaded = load('x = sql_asset("x", "SELECT now() AS n")\ny = sql_asset("y", "SELECT now() AS n", reuse=True)')
    assert found(loaded, "x").task.reuse.is_off
    assert not found(loaded, "y").task.reuse.is_off


def test_it_is_called_as_a_function_is(load):
    loaded = load(
        """
        late = sql_asset("late", "SELECT carrier FROM raw WHERE delay > :minutes", parameters={"minutes": 15})
        wrong = sql_asset("wrong", \"\"\"
            SELECT carrier
            FROM raw WHERE minuts > 1\"\"\")
        """
    )
    late, wrong = (loaded.tasks[key].function for key in ("late", "wrong"))
    flights = pa.table({"carrier": ["b", "a", "b"], "delay": [1, 20, 30]})
    assert late(flights, minutes=5).to_pylist() == [{"carrier": "a"}, {"carrier": "b"}]
    with pytest.raises(QueryFailed, match=r"defs\.py:17: .*minuts"):
        wrong(flights)
