"""From a file to definitions: what is found, how it is named and wired, and what is said of what cannot be."""

import os
import py_compile
import re
import sys
from datetime import timedelta
from textwrap import dedent, indent

import pytest

from latewood.engine.loading.importing import project_root
from latewood.engine.loading.loader import load_file, load_module
from latewood.errors import DefinitionsInvalid
from latewood.model.policies import Resources, Retry, Timeouts
from latewood.model.relations import FixedKeys, Identity, Last, Offset, WindowOverlap

DAYS = 'days = Daily("2026-01-01", "2026-01-08")\nmonths = Monthly("2026-01", "2026-02")\n'


@pytest.fixture
def load(tmp_path):
    """Loads a file with these definitions; its own lines begin at 5."""

    def write(source, others=None, name="defs.py"):
        file = tmp_path / name
        file.write_text("from datetime import timedelta\nfrom latewood import *\n" + DAYS + dedent(source))
        return load_file(file, root=tmp_path, others=others)

    return write


@pytest.fixture
def refused(load):
    """What is said of a file that cannot be loaded, line by line, without the summary."""

    def write(source, others=None):
        with pytest.raises(DefinitionsInvalid) as caught:
            load(source, others)
        *lines, summary = str(caught.value).splitlines()
        assert re.fullmatch(r"\d+ errors?\. Nothing was deployed\.", summary)
        return "\n".join(lines)

    return write


def by_key(loaded):
    return {asset.key: asset for asset in loaded.assets}


def reads(asset):
    return {i.name: (i.asset, i.mapping) for i in asset.task.inputs}


TABLE = 'Table["a: int64"]'


@pytest.mark.parametrize(
    ("decorator", "way"),
    [
        ('@command(["true"], files=[])', "@command: expected a function, found asset a; write @asset above @command"),
        ('@runs_on("shell")', "@runs_on: expected a function, found asset a; write @asset above @runs_on"),
        ("@task", "@task: expected a function, found asset a; one function is one of the two"),
        ("@asset", "@asset: expected a function, found asset a; one function is one of the two"),
        ('@check("b")', "@check: expected a function, found asset a"),
        ("@workflow", "@workflow: expected a function, found asset a"),
        ('@observe("b")', "@observe: expected a function, found asset a"),
        ('@sensor("b")', "@sensor: expected a function, found asset a"),
    ],
)
def test_a_decorator_above_asset_loses_no_asset_without_a_word(refused, decorator, way):
    message = refused(f"""
        from latewood.automation import sensor
        from latewood.external import observe
        from latewood.plugin import runs_on
        from latewood.processes import command

        {decorator}
        @asset
        def a() -> int:
            return 1
    """)
    assert message.startswith(f"defs.py:11: {way}")


@pytest.mark.parametrize("decorator", ["check", "observe"])
def test_a_check_without_its_asset_is_not_dropped_without_a_word(refused, decorator):
    message = refused(f"""
        from latewood.external import observe

        @{decorator}
        def good(a: int) -> bool:
            return True
    """)
    assert message == f'defs.py:8: @{decorator}: expected its asset first, as in @{decorator}("orders")'


def test_a_table_is_no_run_parameter_and_the_message_says_where_it_belongs(refused):
    message = refused(f"""
        import pandas as pd
        import pyarrow as pa
        @asset
        def t1() -> pa.Table: ...
        @asset
        def arrow(*, t1: pa.Table) -> int: ...
        @asset
        def frame(*, t1: pd.DataFrame) -> int: ...
        @asset
        def declared(*, t1: {TABLE} | None = None) -> int: ...
        @task
        def report(table: {TABLE}) -> int: ...
        @workflow
        def tuning(table: {TABLE}) -> int:
            return report(table)
    """)
    no = "a table is no run parameter"
    assert message.splitlines() == [
        f'defs.py:10: asset "arrow": parameter "t1": {no}; move it before the star',
        f'defs.py:12: asset "frame": parameter "t1": {no}; move it before the star',
        f'defs.py:14: asset "declared": parameter "t1": {TABLE} | None is no run parameter; move it before the star',
        f'defs.py:18: workflow "tuning": parameter "table": {no}; pass the asset itself to the step',
    ]


def test_what_nobody_expected_is_a_problem_with_its_place(refused):
    message = refused("""
        class Odd:
            @classmethod
            def __get_pydantic_core_schema__(cls, source, handler):
                raise KeyError("odd")
        @asset
        def total(*, odd: Odd) -> int: ...
        @task
        def judged(*, odd: Odd) -> int: ...
        @asset
        def sound() -> int: ...
        @check(sound)
        def good(sound: int, *, odd: Odd) -> bool: ...
    """)
    why = "cannot be defined: KeyError: 'odd' (raised in defs.py:9)"
    assert message.splitlines() == [
        f'defs.py:10: asset "total": {why}',
        f'defs.py:12: task "judged": {why}',
        f'defs.py:16: check "good": {why}',
    ]


def test_what_no_place_was_foreseen_for_is_a_problem_too(refused):
    message = refused("""
        class Odd(dict):
            def items(self):
                raise OSError("odd\\nand more")
        @asset
        def sound() -> int: ...
        plan = LaunchPlan("plan", sound.options.get("key", "sound"), fixed=Odd(a=1))
    """)
    assert message == "defs.py:8: cannot be defined: OSError: odd (raised in defs.py:8)"


@pytest.mark.parametrize(
    ("name", "annotation"), [("window", "TimeWindow"), ("context", "Context"), ("partition", "PartitionKey")]
)
def test_a_parameter_that_the_run_gives_needs_its_annotation(refused, name, annotation):
    message = refused(f"""
        @asset(partitions=days)
        def day({name}) -> int: ...
    """)
    assert f"Annotate it, `{name}: {annotation}`, if it is the run that gives it" in message


def test_a_syntax_error_shows_the_line(refused):
    assert refused("""
        @asset
        def day() -> int
            return 1
    """).splitlines() == ["defs.py:7: SyntaxError: expected ':'", "    def day() -> int"]


# ── what is found ────────────────────────────────────────────────────────────────────────────────────────


def test_assets_are_the_modules_attributes_also_in_lists_and_dicts(load):
    loaded = load("""
        @asset
        def first() -> int: return 1

        def made(name):
            @asset(key=f"made/{name}")
            def one(first: int) -> int: return first
            return one

        many = [made("a"), made("b")]
        more = {"c": made("c")}
        alias = first
    """)
    assert list(by_key(loaded)) == ["first", "made/a", "made/b", "made/c"]
    assert loaded.location == "defs.py"
    assert set(loaded.tasks) == set(by_key(loaded))
    assert list(loaded.sources) == ["defs.py"]


def test_an_object_called_definitions_chooses(load):
    loaded = load("""
        @asset
        def one() -> int: return 1

        @asset
        def other() -> int: return 2

        @check(one)
        def positive(one: int) -> bool: return one > 0

        definitions = Definitions(assets=[one])
    """)
    assert list(by_key(loaded)) == ["one"]
    assert loaded.checks == {}


def test_everything_said_of_an_asset_is_defined(load):
    loaded = load('''
        shop = AssetGroup(
            "shop", prefix="shop", owners=["team:a"], tags={"tier": "gold"}, kinds=["csv"], partitions=days
        )

        @shop.asset(
            key="daily/sales", owners=["b"], tags={"pii": ""}, kinds=["table"], metadata={"source": "till"},
            reuse=timedelta(hours=1), retries=2, timeouts=timedelta(minutes=5), pool="db", priority=3,
            resources=Resources(cpu=2, memory="1Gi"), image="till:1", name="sales",
            code_version="7", unkeyed=["threads"],
        )
        def sales(window: TimeWindow, *, threads: int = 1, rate: float = 1) -> Table["n: int64"]:
            """What was sold.

            Every day.
            """
    ''')
    asset = by_key(loaded)["shop/daily/sales"]
    assert (asset.group, asset.owners, asset.kinds) == ("shop", ("team:a", "b"), ("csv", "table"))
    assert (asset.tags, asset.metadata) == ({"tier": "gold", "pii": ""}, {"source": "till"})
    assert asset.description == "What was sold.\n\nEvery day."
    assert asset.partitions.every == "daily"
    task = asset.task
    assert (task.name, task.code.version, task.code.given) == ("sales", "7", True)
    assert (task.reuse.window, task.retries) == (timedelta(hours=1), Retry(2))
    assert task.timeouts == Timeouts(running=timedelta(minutes=5))
    assert task.resources == Resources(cpu=2, memory="1Gi")
    assert (task.pool, task.priority, task.image) == ("db", 3, "till:1")
    assert [(p.name, p.default, p.in_key) for p in task.parameters] == [("threads", 1, False), ("rate", 1.0, True)]
    assert task.receives == (("window", "window"),)


# ── how assets are wired ─────────────────────────────────────────────────────────────────────────────────


def test_a_parameter_means_the_function_the_key_or_the_one_key_that_ends_so(load):
    loaded = load("""
        @asset(key="flights/raw")
        def fetched() -> int: return 1

        @asset(key="weather")
        def rain() -> int: return 1

        @asset
        def by_function(fetched: int) -> int: return fetched

        @asset
        def by_key(weather: int) -> int: return weather

        @asset
        def by_ending(raw: int) -> int: return raw
    """)
    assert {key: [i.asset for i in a.task.inputs] for key, a in by_key(loaded).items() if a.task.inputs} == {
        "by_function": ["flights/raw"],
        "by_key": ["weather"],
        "by_ending": ["flights/raw"],
    }


def test_inputs_by_object_key_output_and_how_they_are_read(load):
    loaded = load("""
        @asset(partitions=days)
        def daily() -> int: return 1

        @asset(outputs={"train": int, "test": Out(int, key="held/out")})
        def split(): return {"train": 1, "test": 2}

        @asset(inputs={"a": daily, "b": "daily", "c": From(daily, "last"), "d": split["train"], "e": split["test"]},
               partitions=days, deps=[split["train"]])
        def reader(a: int, b: int, c: int, d: int, e: int) -> int: return a

        @asset(partitions=days, inputs={"before": From("self", offset=-1)})
        def running(daily: int, before: int | None) -> int: return 1

        @asset(partitions=months)
        def monthly(daily: Partitioned[int]) -> int: return 1

        @asset(inputs={"daily": From(daily, keys=["2026-01-02"])})
        def second(daily: int) -> int: return daily
    """)
    assets = by_key(loaded)
    found = reads(assets["reader"])
    assert [found[name][0] for name in "abcde"] == ["daily", "daily", "daily", "split/train", "held/out"]
    assert found["c"][1] == Last()
    assert found["deps[0]"][0] == "split/train"
    assert [i.loads for i in assets["reader"].task.inputs] == [True] * 5 + [False]
    assert reads(assets["running"])["before"] == ("running", Offset(by=-1))
    assert reads(assets["monthly"])["daily"] == ("daily", WindowOverlap())
    assert assets["monthly"].task.inputs[0].lazy
    assert reads(assets["second"])["daily"][1] == FixedKeys(keys=["2026-01-02"])


def test_one_task_makes_several_assets_with_parameters_of_their_own(load):
    loaded = load("""
        @task(retries=1)
        def scale(n: int, *, factor: int = 1) -> int: return n * factor

        @asset
        def n() -> int: return 2

        double = scale.asset(key="double", parameters={"factor": 2})
        triple = scale.asset(key="triple", parameters={"factor": 3})
    """)
    double, triple = by_key(loaded)["double"].task, by_key(loaded)["triple"].task
    assert (double.fixed, triple.fixed) == ({"factor": 2}, {"factor": 3})
    assert (double.name, double.code, double.retries) == (triple.name, triple.code, triple.retries)


def test_checks_belong_to_their_asset(load):
    loaded = load('''
        @asset
        def n() -> int: return 2

        @check(n, blocking=True)
        def positive(n: int) -> bool:
            """More than nothing."""
            return n > 0

        @check("n", severity="warning", name="small")
        def below_ten(n: int, context: Context) -> CheckResult: return CheckResult(passed=n < 10)
    ''')
    positive, small = by_key(loaded)["n"].checks
    assert (positive.name, positive.blocking, positive.severity.value) == ("positive", True, "error")
    assert positive.description == "More than nothing."
    assert (small.name, small.blocking, small.severity.value) == ("small", False, "warning")
    assert set(loaded.checks) == {("n", "positive"), ("n", "small")}


def test_assets_of_other_locations_can_be_read(load):
    other = by_key(load("@asset\ndef upstream() -> int: return 1\n", name="other_defs.py"))
    loaded = load("@asset\ndef reader(upstream: int) -> int: return 1\n", others=other)
    assert [asset.key for asset in loaded.assets] == ["reader"]
    assert reads(loaded.assets[0])["upstream"][0] == "upstream"


def test_a_module_by_name(tmp_path):
    (tmp_path / "defs_as_module.py").write_text("from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    loaded = load_module("defs_as_module", root=tmp_path)
    assert (loaded.location, list(by_key(loaded))) == ("defs_as_module", ["a"])


def test_no_bytecode_is_trusted_but_each_source_is_compiled_as_it_is(tmp_path):
    constant, defs = tmp_path / "defs_constant.py", tmp_path / "defs_compiled.py"
    defs_source = "from defs_constant import ONE\nfrom latewood import asset\n@asset\ndef a() -> int: return ONE + {}\n"
    constant.write_text("ONE = 1\n")
    defs.write_text(defs_source.format(1))
    for file, quickly_edited in ((constant, "ONE = 5\n"), (defs, defs_source.format(2))):
        py_compile.compile(str(file))
        before = file.stat()
        file.write_text(quickly_edited)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    compiled = set((tmp_path / "__pycache__").iterdir())

    assert load_file(defs, root=tmp_path).tasks["a"].function() == 7
    del sys.modules["defs_compiled"], sys.modules["defs_constant"]
    assert load_module("defs_compiled", root=tmp_path).tasks["a"].function() == 7
    assert set((tmp_path / "__pycache__").iterdir()) == compiled


def test_the_root_is_the_nearest_folder_that_looks_like_a_project(tmp_path):
    inner = tmp_path / "project" / "a" / "b"
    inner.mkdir(parents=True)
    assert project_root(inner) == inner
    (tmp_path / "project" / "pyproject.toml").touch()
    assert project_root(inner) == tmp_path / "project"
    (inner / "latewood.toml").touch()
    assert project_root(inner) == inner


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('@asset(key="a b/ c")\ndef x() -> int: ...', r'defs.py:5: asset "a b/ c": .*expected'),
        ("@asset\ndef x(nothing): ...", r'asset "x": parameter "nothing": no asset of that name\. Name one with'),
        ("@asset\ndef x(**more): ...", r'parameter "\*\*more": a task names everything it reads'),
        ('@asset(inputs={"y": "z"})\ndef x(): ...', r'no asset "z"|inputs names "y", which is no parameter of x\(\)'),
        ("@asset(deps=['gone'])\ndef x(): ...", r'asset "x": deps: no asset "gone"'),
        ("@asset\ndef x(x: int) -> int: ...", r'input "x": reads itself: only earlier partitions can be read'),
        ("@asset(inputs={'p': From('self', offset=-1)})\ndef x(p: int) -> int: ...", r'input "x": '),
        ("@asset(unkeyed=['k'])\ndef x(): ...", r"unkeyed names k, which is no run parameter"),
        ("@asset\ndef x(key: PartitionKey): ...", r"asks for its partition, but has none"),
        ("@asset\ndef x(*, n: int = 'many'): ...", r'default of parameter "n": expected int, found \'many\''),
        ("@asset(retries=-1)\ndef x(): ...", r"Retry: retries: expected 0 to"),
        ("@task\ndef t(*, n: int = 1): ...\nx = t.asset(key='x', parameters={'m': 2})", r"no parameter m in t\(\)"),
        ("@check('x')\ndef c(x: int) -> bool: ...", r'check "c": no asset "x"'),
        ("@asset\ndef x() -> int: ...\n@check(x)\ndef c() -> bool: ...", r"expected one parameter .* found none"),
        ("@asset\ndef x() -> int: ...\n@check(x)\ndef c(x: str) -> bool: ...", r"expected str, found int"),
        ("Monthly('2026-13')", r"defs.py:5: "),
        ("Static(['a', 'a'])", r"defs.py:5: "),
        ("Resources(memory='much')", r"defs.py:5: Resources: memory: expected"),
    ],
)
def test_one_problem_is_told_with_its_place(refused, source, message):
    told = refused(source)
    assert re.search(message, told), told
    assert re.match(r"defs\.py:\d+: ", told)


def test_a_near_name_is_offered_and_an_ambiguous_one_is_not_guessed(refused):
    assets = "@asset(key='a/raw')\ndef one(): ...\n@asset(key='b/raw')\ndef two(): ...\n"
    assert 'parameter "raw" may mean a/raw or b/raw: say which' in refused(assets + "@asset\ndef x(raw): ...")
    assert "near: a/raw" in refused(assets + "@asset(deps=['a/row'])\ndef x(): ...")


def test_types_that_do_not_fit_name_both_ends(refused):
    told = refused("""
        @asset
        def made() -> Table["a: int64, b: string"]: ...

        @asset
        def reader(made: Table["a: int64, b: double"]) -> int: ...
    """)
    assert told.startswith(
        'defs.py:9: asset "reader": parameter "made" expects Table["a: int64, b: double"], but "made"'
    )
    assert 'produces Table["a: int64, b: string"]' in told
    assert told.endswith("\n  Convert it in made, or declare it so here.")


SEVERAL = """
@asset(partitions=days)
def daily() -> {}: ...

@asset({})
def reader(daily: {}) -> int: ...
"""


@pytest.mark.parametrize(
    "given", ["partitions=months", "", 'inputs={"daily": From(daily, keys=["2026-01-01", "2026-01-02"])}']
)
@pytest.mark.parametrize(
    ("produced", "read", "type_"),
    [
        ("int", "int", "int"),
        ("int", "object", "int"),
        ("int", "float | None", "float | None"),
        ("list[int]", "list[int]", "list[int]"),
        ("Path", "Path", "Path"),
        ("Pickled[Retry]", "Pickled[Retry]", "Pickled[Retry]"),
    ],
)
def test_several_partitions_of_what_cannot_be_joined_are_refused_with_the_ways_out(
    refused, given, produced, read, type_
):
    told = refused("from pathlib import Path" + SEVERAL.format(produced, given, read))
    place, _, said = told.partition(" (daily from 2026-01-01 to 2026-01-08 (UTC), read by ")
    assert place == 'defs.py:9: asset "reader": parameter "daily" reads several partitions of "daily" at once'
    assert said.partition(", but ")[2] == (
        f"values of type {type_} cannot be joined.\n"
        f"  Annotate it Partitioned[{type_}] and iterate, read one: From('daily', \"last\"), or make daily a table."
    )


@pytest.mark.parametrize(
    ("produced", "read"),
    [
        ("Table", "Table"),
        ("Table | None", "Table | None"),
        ("Table", "int | Table"),
        ("object", "object"),
        ("object", "int | Table"),
        ("Pickled[object]", "Pickled[object]"),
        ("int", "Partitioned[int]"),
    ],
)
def test_several_partitions_of_what_may_be_joined_are_read(load, produced, read):
    loaded = load(SEVERAL.format(produced, "partitions=months", read))
    assert reads(by_key(loaded)["reader"]) == {"daily": ("daily", WindowOverlap())}


def test_one_partition_at_a_time_may_be_anything(load):
    loaded = load("""
        @asset(partitions=months)
        def monthly() -> int: ...

        @asset(partitions=days)
        def daily(monthly: int) -> int: ...

        @asset(inputs={"daily": From(daily, "last")})
        def latest(daily: int) -> int: ...

        @asset(deps=[daily])
        def after() -> int: ...
    """)
    assert len(loaded.assets) == 4


def test_what_one_problem_hides_is_not_guessed_at(refused):
    told = refused("""
        @asset
        def made() -> "Nothing": ...

        @asset
        def reader(made: int) -> int: ...

        @asset(deps=[made])
        def after() -> int: ...

        @asset
        def beside() -> str: ...

        @asset
        def misfit(beside: int) -> int: ...
    """)
    assert [line.partition(": ")[0] for line in told.splitlines() if not line.startswith(" ")] == [
        "defs.py:6",
        "defs.py:18",
    ]


def test_cycles_are_shown_along_the_data(refused):
    told = refused("""
        @asset
        def a(c: int) -> int: ...

        @asset
        def b(a: int) -> int: ...

        @asset
        def c(b: int) -> int: ...
    """)
    assert re.fullmatch(r"defs\.py:\d+: assets read each other: a -> b -> c -> a", told)


def test_an_asset_of_another_location_is_not_defined_twice(load, refused):
    other = by_key(load("@asset\ndef a() -> int: return 1\n", name="other_defs.py"))
    assert 'asset "a": another location defines it too' in refused("@asset\ndef a() -> int: return 1\n", other)


def test_what_another_location_defines_is_read_by_its_key_or_imported(load):
    source = """
        @asset
        def a() -> int: return 1

        @asset(outputs={"x": int, "y": int})
        def pair() -> dict: return {"x": 1, "y": 2}

        @check(a)
        def positive(a: int) -> bool: return a > 0

        made = [task(a.function).asset(key="made/1")]
    """
    other = by_key(load(source, name="imported_defs.py"))
    reader = "@asset(inputs={{'x': {named}}})\ndef b(x: int) -> int: return x\n"
    for source in (
        reader.format(named="'a'"),
        "from imported_defs import a\n" + reader.format(named="a"),
        "import imported_defs\n" + reader.format(named="imported_defs.a"),
        "from imported_defs import *\n@asset\ndef b(a: int) -> int: return a\n",
    ):
        loaded = load(source, other)
        assert [(asset.key, [i.asset for i in asset.task.inputs]) for asset in loaded.assets] == [("b", ["a"])]
        assert loaded.checks == {}
    loaded = load("from imported_defs import pair\n" + reader.format(named="pair['y']"), other)
    assert reads(by_key(loaded)["b"])["x"][0] == "pair/y"


def test_what_no_other_location_has_is_taken_in_by_who_imports_it(load):
    load("@asset\ndef a() -> int: return 1\n", name="taken_defs.py")
    assert set(by_key(load("from taken_defs import a\n@asset\ndef b(a: int) -> int: return a\n"))) == {"a", "b"}
    assert set(by_key(load("from taken_defs import a\ndefinitions = Definitions(assets=[a])\n"))) == {"a"}


def test_an_asset_made_here_of_anothers_function_is_the_own_one(load, refused):
    other = by_key(load("@task\ndef one() -> int: return 1\n\nfirst = one.asset(key='first')\n", name="task_defs.py"))
    assert set(by_key(load("from task_defs import one\nsecond = one.asset(key='second')\n", other))) == {"second"}
    twice = refused("from task_defs import one\nfirst = one.asset(key='first')\n", other)
    assert 'asset "first": another location defines it too' in twice


def test_what_is_imported_and_is_not_what_is_deployed_is_refused(load, refused):
    other = by_key(load("@asset\ndef a() -> int: return 1\n", name="moved_defs.py"))
    load("@asset(key='a')\ndef renamed() -> int: return 1\n", name="moved_defs.py")
    assert 'asset "a": another location defines it too; to read that one here, import it' in refused(
        "from moved_defs import renamed\n", other
    )
    only = refused(
        "from imported_twice import a\n", by_key(load("@asset\ndef a() -> int: return 1\n", name="imported_twice.py"))
    )
    assert "defs.py defines nothing but what other files do that it imports" in only


def test_a_failure_at_import_is_placed_at_the_users_innermost_line(tmp_path):
    (tmp_path / "defs_helper.py").write_text("def boom():\n    raise RuntimeError('no config')\n")
    (tmp_path / "defs.py").write_text("from defs_helper import boom\n\nboom()\n")
    with pytest.raises(DefinitionsInvalid, match=r"^defs_helper\.py:2: cannot be imported: RuntimeError: no config\n"):
        load_file(tmp_path / "defs.py", root=tmp_path)


# ── grids ────────────────────────────────────────────────────────────────────────────────────────────────

GRIDS = """
        from latewood.partitions import Dynamic, Grid, GridKey

        grid = Grid(day=days, region=Static(["eu", "us"]))
"""


def test_a_grid_is_read_along_its_dimensions(load):
    loaded = load(f"""{GRIDS}
        @asset(partitions=grid)
        def sales(key: GridKey, window: TimeWindow) -> int: return 1

        @asset(partitions=grid, inputs={{"before": From("self", dimensions={{"day": -1}})}})
        def so_far(sales: int, before: int | None) -> int: return sales

        @asset(partitions=days, inputs={{"sales": From(sales, dimensions={{"region": ["eu"]}})}})
        def in_europe(sales: int) -> int: return sales
    """)
    assert by_key(loaded)["sales"].task.receives == (("key", "grid key"), ("window", "window"))
    assert by_key(loaded)["so_far"].task.inputs[0].mapping == Identity()
    assert [(d.up, d.down, d.mapping) for d in by_key(loaded)["so_far"].task.inputs[1].mapping.dimensions] == [
        ("day", "day", Offset(by=-1)),
        ("region", "region", Identity()),
    ]
    assert [(d.up, d.down, d.mapping) for d in by_key(loaded)["in_europe"].task.inputs[0].mapping.dimensions] == [
        ("day", "", Identity()),
        ("region", None, FixedKeys(keys=("eu",))),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def total(sales: int) -> int: return 1", 'reads several partitions of "sales" at once'),
        (
            (
                '@asset(partitions=days, inputs={"sales": From(sales, dimensions={"dya": "all"})})\n'
                "def total(sales: Partitioned[int]) -> int: return 1"
            ),
            'asset "total": input "sales": no dimension "dya" upstream; did you mean day?',
        ),
        (
            (
                '@asset(partitions=days, inputs={"sales": From(sales, dimensions={"day": "first"})})\n'
                "def total(sales: Partitioned[int]) -> int: return 1"
            ),
            """From: expected "last", "all", a number of partitions or a list of keys, found 'first'""",
        ),
        (
            (
                '@asset(partitions=days, inputs={"sales": From(sales, "all", dimensions={"day": -1})})\n'
                "def total(sales: Partitioned[int]) -> int: return 1"
            ),
            "From: expected one of mapping, offset=, keys=, dimensions= and by=, found several",
        ),
        (
            (
                '@asset(inputs={"sales": From(sales, dimensions={"day": -1})})\n'
                "def total(sales: Partitioned[int]) -> int: return 1"
            ),
            "dimensions= needs partitions on both sides; without it all are read",
        ),
        (
            (
                '@asset(partitions=grid, inputs={"before": From("self", dimensions={"region": "all"})})\n'
                "def total(before: Partitioned[int]) -> int: return 1"
            ),
            'reads itself: only earlier partitions can be read, From("self", dimensions={"day": -1})',
        ),
        (
            "@asset(partitions=days)\ndef total(key: GridKey) -> int: return 1",
            'parameter "key" asks for the key of a grid; partitions are daily from 2026-01-01',
        ),
        (
            '@asset(partitions=Static(["eu"]))\ndef total(window: TimeWindow) -> int: return 1',
            'parameter "window" asks for a window of time; partitions are static (eu)',
        ),
        (
            (
                "@check(sales)\ndef good(sales: int, context: Context, key: PartitionKey) -> bool: return True\n\n"
                "@asset\ndef alone() -> int: return 1\n\n"
                "@check(alone)\ndef bad(alone: int, key: PartitionKey) -> bool: return True"
            ),
            'check "bad": asks for its partition, but has none',
        ),
        (
            'twice = Grid(day=days, shop=Dynamic("shops"), hour=Hourly("2026-01-01"))',
            "one dimension at most that grows",
        ),
    ],
)
def test_what_a_grid_does_not_allow_is_refused_with_its_place(refused, source, message):
    made = "@asset\n" + source if source.startswith("def ") else source
    said = refused(f"""{GRIDS}
        @asset(partitions=grid)
        def sales(key: GridKey) -> int: return 1

{indent(made, " " * 8)}
    """)
    assert message in said
    assert re.match(r"defs.py:\d+: ", said)


# ── mappings of one's own ────────────────────────────────────────────────────────────────────────────────


def test_a_function_says_what_is_read(load):
    loaded = load("""
        quarters = Static(["q1", "q2"])

        def weekend(key: str) -> list[str]:
            return ["2026-01-03", "2026-01-04"] if key == "q1" else []

        @asset(partitions=days)
        def daily() -> int: return 1

        @asset(partitions=quarters, inputs={"daily": From(daily, by=weekend)})
        def weekends(daily: Partitioned[int]) -> int: return len(daily)
    """)
    (mapping,) = (i.mapping for i in by_key(loaded)["weekends"].task.inputs)
    assert (mapping.function, mapping.reads) == ("weekend", (("0", "2026-01-03..2026-01-04"),))
    assert len(mapping.code) > 10


@pytest.mark.parametrize(
    ("partitions", "function", "message"),
    [
        ('Static(["a"])', "def f(key): return 7", 'by=f for "a": expected a key or a list of keys, found 7'),
        ('Static(["a"])', "def f(key): return {}[key]", "by=f failed for \"a\": KeyError: 'a'"),
        (
            'Static(["a"])',
            "def f(key): return '2027-01-01'",
            'by=f for "a": partition "2027-01-01": expected a key from',
        ),
        ('Static(["a"])', "def f(key): return []", "by=f would never read anything"),
        (
            'Daily("2026-01-01")',
            "def f(key): return key",
            "they must be known: daily from 2026-01-01 (UTC) grows. Give",
        ),
        ('Hourly("2000-01-01", "2026-01-01")', "def f(key): return key", "expected at most 100,000 partitions to ask"),
        ('Static(["a"])', "def f(key): return ['2026-01-01', '2026-01-02']", "reads several partitions of"),
    ],
)
def test_a_function_that_cannot_say_what_is_read_is_refused(refused, partitions, function, message):
    said = refused(f"""
        {function}

        @asset(partitions=days)
        def daily() -> int: return 1

        @asset(partitions={partitions}, inputs={{"daily": From(daily, by=f)}})
        def other(daily: int) -> int: return daily
    """)
    assert message in said
    assert re.match(r"defs.py:\d+: ", said)


def test_a_docstring_has_signs_in_place_of_what_no_event_can_hold(tmp_path):
    file = tmp_path / "a.py"
    file.write_text('from latewood import *\n\n@asset\ndef one() -> int:\n    "bad \\x00 and \\ud800."\n    return 1\n')
    (one,) = load_file(file, root=tmp_path).assets
    assert one.description == "bad \\x00 and \\ud800."
