import importlib.machinery
import sys
import textwrap
import types

import pytest

from latewood.engine.code.inspection import Inspector

FIRST = """
    import functools
    from latewood import AssetGroup, asset
"""


class Project:
    """A folder of modules; `version` loads it afresh, as a new process would, and inspects one object."""

    def __init__(self, root):
        self.root = root

    def write(self, **modules):
        for name, text in modules.items():
            path = self.root / (name.replace("__in__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return self

    def load(self, name="daily"):
        self.unload()
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def unload(self):
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(self.root)):
                del sys.modules[name]

    def inspect(self, name="daily", module="daily"):
        value = self.load(module)
        for attribute in name.split("."):
            value = value[int(attribute)] if attribute.isdigit() else getattr(value, attribute)
        return Inspector(self.root).code_version(value)

    def version(self, name="daily", **modules):
        return self.write(**modules).inspect(name).version


@pytest.fixture
def project(tmp_path):
    # Compiled files go by the clock's seconds: two edits within one would look like none.
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(tmp_path))
    project = Project(tmp_path)
    yield project
    project.unload()
    sys.path.remove(str(tmp_path))
    sys.dont_write_bytecode = written


def names(version):
    return [part.name for part in version.parts]


CLEANING = """
    import math
    LIMIT = 5
    UNUSED = 6
    def clean(x): return min(LIMIT, halve(x))
    def halve(x): return math.floor(x / 2)
    def unused(x): return UNUSED
"""
DAILY = """
    import cleaning
    from latewood import asset

    @asset(owners=["team:data"])
    def daily(x: int) -> int:
        return cleaning.clean(x)

    def other(): return 1
"""


def test_parts_are_what_is_reached(project):
    version = project.write(cleaning=CLEANING, daily=DAILY).inspect()
    assert names(version) == ["cleaning.py:LIMIT", "cleaning.py:clean", "cleaning.py:halve", "daily.py:daily"]
    assert (version.file, version.qualname, version.given) == ("daily.py", "daily", False)
    assert (version.packages, version.uncovered) == ((), ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x / 2", "x / 3"),
        ("LIMIT = 5", "LIMIT = 4"),
        ("LIMIT = 5", "LIMIT = 5\nLIMIT += 1"),
        ("import math", "import cmath as math"),
        ("def halve(x)", "def halve(x=1)"),
    ],
)
def test_what_is_reached_counts(project, old, new):
    before = project.version(cleaning=CLEANING, daily=DAILY)
    assert project.version(cleaning=textwrap.dedent(CLEANING).replace(old, new)) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("UNUSED = 6", "UNUSED = 7"),
        ("return UNUSED", "return 0"),
        ("LIMIT = 5", "\n# The limit.\nLIMIT = (5)"),
        ("def clean(x): return", 'def clean(x):\n    """Cleaned."""\n    return'),
    ],
)
def test_what_is_not_reached_does_not_count(project, old, new):
    before = project.version(cleaning=CLEANING, daily=DAILY)
    assert project.version(cleaning=textwrap.dedent(CLEANING).replace(old, new)) == before


def test_latewood_decorators_do_not_count_and_others_do(project):
    before = project.version(cleaning=CLEANING, daily=DAILY)
    assert project.version(daily=DAILY.replace("team:data", "team:ops")) == before
    grouped = DAILY.replace("@asset", "@group.asset").replace("@group", "@group", 1)
    grouped = grouped.replace("import asset", "import AssetGroup\n    group = AssetGroup('g', prefix='p')")
    assert project.version(daily=grouped) == before
    cached = DAILY.replace("    def daily", "    @functools.lru_cache(3)\n    def daily").replace(
        "import c", "import functools, c"
    )
    assert len({before, project.version(daily=cached), project.version(daily=cached.replace("(3)", "(4)"))}) == 3


def test_decorators_of_the_project_count_with_what_they_were_given(project):
    deco = """
        import functools
        def times(n):
            def wrap(f):
                @functools.wraps(f)
                def inner(*args): return n * f(*args)
                return inner
            return wrap
    """
    daily = """
        from deco import times
        from latewood import asset
        @asset
        @times(2)
        def daily(x): return x
    """
    version = project.write(deco=deco, daily=daily).inspect()
    assert {"daily.py:daily", "deco.py:times", "deco.py:times.<locals>.wrap.<locals>.inner"} <= set(names(version))
    changed = [daily.replace("times(2)", "times(3)"), daily.replace("return x", "return -x")]
    assert len({version.version, *(project.version(daily=text) for text in changed)}) == 3
    assert project.version(daily=daily, deco=deco.replace("n * f", "n + f")) != version.version


CLOSURES = """
    from latewood import asset
    def scale(x, by): return x * by
    def made(i, f):
        @asset(key=f"a{i}")
        def a(x: int) -> int: return scale(x, i) + f(x)
        return a
    def plus(n): return lambda x: x + n
    daily = [made(1, plus(1)), made(2, plus(1)), made(1, plus(2)), made(1.0, plus(1)), made(1, plus(1))]
"""


def test_captured_values_count(project):
    module = project.write(daily=CLOSURES).load()
    inspector = Inspector(project.root)
    versions = [inspector.code_version(asset) for asset in module.daily]
    assert len({version.version for version in versions}) == 4
    assert versions[0] == versions[4]
    assert names(versions[0]) == [
        "daily.py:made.<locals>.a",
        "daily.py:made.<locals>.a[f]",
        "daily.py:made.<locals>.a[i]",
        "daily.py:plus.<locals>.<lambda>",
        "daily.py:plus.<locals>.<lambda>[n]",
        "daily.py:scale",
    ]


def test_defaults_in_loops_count_by_value(project):
    text = """
        daily = []
        for n in (1, 2):
            def task(x, *, by=n): return x * by
            daily.append(task)
    """
    project.write(daily=text)
    assert project.inspect("daily.0").version != project.inspect("daily.1").version


@pytest.mark.parametrize(
    "values",
    [
        ["{'a': [1, 2.5]}", "{'a': [1, 2.25]}", "{'a': (1, 2.5)}"],
        ["{1, 2}", "{1, 3}", "frozenset({1, 2})"],
        ["datetime.date(2013, 1, 1)", "datetime.date(2013, 1, 2)"],
        ["re.compile('a')", "re.compile('a', re.I)"],
        ["Color.RED", "Color.BLUE"],
        ["Point(1, 2)", "Point(2, 1)"],
        ["functools.partial(max, 1)", "functools.partial(max, 2)", "functools.partial(min, 1)"],
        ["math.sin", "math.cos", "math"],
        ["[f, g]", "[g, f]", "[f, f]"],
        ["float('nan')", "-0.0", "0.0"],
    ],
)
def test_values_of_many_kinds_are_told_apart(project, values):
    text = """
        import dataclasses, datetime, enum, functools, math, re
        class Color(enum.Enum): RED = 1; BLUE = 2
        @dataclasses.dataclass(frozen=True, slots=True)
        class Point: x: int; y: int
        def f(): return 1
        def g(): return 2
        def made(value): return lambda: value
        daily = [VALUES]
    """.replace("VALUES", ", ".join(f"made({value})" for value in [*values, *values]))
    module = project.write(daily=text).load()
    versions = [Inspector(project.root).code_version(function) for function in module.daily]
    assert len({version.version for version in versions}) == len(values)
    assert versions[: len(values)] == versions[len(values) :]
    assert not any(version.uncovered for version in versions)


def test_lambdas_on_one_line_are_told_apart(project):
    project.write(daily="daily = [lambda: 1, lambda: 2, lambda: lambda: 3, (lambda: lambda: 4)()]")
    assert len({project.inspect(f"daily.{n}").version for n in range(4)}) == 4
    assert all(not project.inspect(f"daily.{n}").uncovered for n in range(4))


def test_assets_of_one_name_are_told_apart(project):
    text = "def _(): return 1\nfirst = _\ndef _(): return 2\nsecond = _\n"
    project.write(daily=text)
    assert project.inspect("first").version != project.inspect("second").version


def test_classes_count_with_methods_bases_and_nested_names(project):
    text = """
        from dataclasses import dataclass
        FACTOR = 2
        class Base:
            def total(self): return self.x * FACTOR
        @dataclass
        class Row(Base):
            x: int
        def daily(row: "Row"): return row.total()
    """
    assert names(project.write(daily=text).inspect()) == [
        "daily.py:Base",
        "daily.py:FACTOR",
        "daily.py:Row",
        "daily.py:daily",
    ]


def test_packages_re_exports_and_relative_imports(project):
    project.write(
        flights__in____init__="from .cleaning import clean as tidy\nfrom . import limits\n",
        flights__in__cleaning="from .limits import LIMIT\ndef clean(x): return min(x, LIMIT)\n",
        flights__in__limits="LIMIT = 5\nFLOOR = 1\nOTHER = 2\n",
        flights__in__routes="def worst(x): return x\ndef best(x): return x\n",
        daily="""
            import flights.routes
            def daily(x): return flights.tidy(x) + flights.limits.FLOOR + flights.routes.worst(x)
        """,
    )
    assert names(project.inspect()) == [
        "daily.py:daily",
        "flights/cleaning.py:clean",
        "flights/limits.py:FLOOR",
        "flights/limits.py:LIMIT",
        "flights/routes.py:worst",
    ]


def test_star_imports_and_imports_inside_functions(project):
    project.write(
        cleaning="LIMIT = 5\ndef clean(x): return min(x, LIMIT)\n",
        late="def late(x): return x\ndef no(): pass\n",
        daily="from cleaning import *\ndef daily(x):\n    import late as l\n    return l.late(clean(x))\n",
    )
    assert names(project.inspect()) == [
        "cleaning.py:LIMIT",
        "cleaning.py:clean",
        "daily.py:daily",
        "late.py:late",
    ]


def test_which_of_two_names_is_meant_counts(project):
    cleaning = "def one(x): return 1\ndef two(x): return 2\n"
    daily = "from cleaning import one as a, two as b\ndef daily(x): return a(x) - b(x)\n"
    before = project.version(cleaning=cleaning, daily=daily)
    assert project.version(daily=daily.replace("one as a, two as b", "two as a, one as b")) != before


def test_the_last_of_several_bindings_counts(project):
    daily = "from math import {} as f\nfrom math import {} as f\ndef daily(x): return f(x)\n"
    assert project.version(daily=daily.format("sin", "cos")) != project.version(daily=daily.format("cos", "sin"))


def test_conditional_definitions_count_with_their_conditions(project):
    daily = """
        FAST = True
        if FAST:
            def step(x): return x
        else:
            from cleaning import step
        try:
            import no_such_module as maybe
        except ImportError:
            maybe = None
        def daily(x): return step(x), maybe
    """
    before = project.version(cleaning="def step(x): return -x\n", daily=daily)
    assert project.version(daily=daily.replace("if FAST", "if not FAST")) != before
    assert project.version(daily=daily.replace("FAST = True", "FAST = 1")) != before
    assert project.version(daily=daily, cleaning="def step(x): return 0\n") != before
    assert (
        project.version(daily=daily.replace("maybe = None", "maybe = 0"), cleaning="def step(x): return -x\n") != before
    )


def test_registries_count_with_the_functions_they_hold(project):
    registry = """
        STEPS = {}
        def step(name, weight=1):
            def keep(f):
                STEPS[name] = f, weight
                return f
            return keep
    """
    steps = "from registry import step\n@step('a')\ndef first(x): return x\n"
    daily = "import steps\nfrom registry import STEPS\ndef daily(x): return STEPS['a'](x)\n"
    before = project.version(registry=registry, steps=steps, daily=daily)
    assert project.version(steps=steps.replace("return x", "return -x")) != before
    assert project.version(steps=steps.replace("'a'", "'a', 2")) != before


def test_an_attribute_that_cannot_be_resolved_includes_the_module(project):
    project.write(
        cleaning="import math\nA = 1\ndef f(): return g()\ndef g(): return math.pi\nprint\n",
        daily="import cleaning\ndef daily(name): return getattr(cleaning, name)\n",
    )
    version = project.inspect()
    assert names(version) == [
        "cleaning.py:*",
        "cleaning.py:A",
        "cleaning.py:f",
        "cleaning.py:g",
        "daily.py:daily",
    ]
    assert version.uncovered == ()
    dynamic = project.write(daily="import cleaning\ndef daily(name): return cleaning.__dict__[name]\n").inspect()
    assert names(dynamic) == names(version)


def test_names_replaced_from_another_module_count(project):
    project.write(
        cleaning="def clean(x): return x\n",
        patch="import cleaning\ndef better(x): return -x\ncleaning.clean = better\n",
        daily="import patch, cleaning\ndef daily(x): return cleaning.clean(x)\n",
    )
    assert "patch.py:better" in names(project.inspect())


def test_packages_enter_by_name_and_version(project):
    import numpy  # noqa: ICN001, PLC0415 - the version that is installed, whatever it is

    text = "import math, numpy.linalg as la, pandas\ndef daily(x): return la.norm(math.sqrt(x))\n"
    assert project.write(daily=text).inspect().packages == (("numpy", numpy.__version__),)


def test_a_package_named_unlike_its_module(project):
    version = project.write(
        daily="def daily(d):\n    import dateutil.parser\n    return dateutil.parser.parse(d)\n"
    ).inspect()
    assert [name for name, _ in version.packages] == ["python-dateutil"]


def test_recursion_ends_and_the_order_of_visits_does_not_matter(project):
    text = """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def inner():
            def loop(n): return loop(n - 1) if n else even(n)
            return loop
        daily = inner()
    """
    module = project.write(daily=text).load()
    first, second = Inspector(project.root), Inspector(project.root)
    functions = [module.even, module.odd, module.daily]
    forward = [first.code_version(function) for function in functions]
    backward = [second.code_version(function) for function in reversed(functions)]
    assert forward == backward[::-1]
    assert len({version.version for version in forward}) == 3


def test_without_source_nothing_ever_matches(project):
    project.write(daily="exec('def daily(x): return x')\n")
    module = project.load()
    versions = [Inspector(project.root).code_version(module.daily) for _ in range(2)]
    assert versions[0].version != versions[1].version
    assert versions[0].uncovered == (
        "no source of function daily: never reused; pass it as a parameter or give a code_version",
    )


def test_an_opaque_captured_value_never_matches(project):
    project.write(daily="import threading\ndef made(lock): return lambda: lock\ndaily = made(threading.Lock())\n")
    module = project.load()
    versions = [Inspector(project.root).code_version(module.daily) for _ in range(2)]
    assert versions[0].version != versions[1].version
    assert "lock, captured by daily.py:made.<locals>.<lambda>: a lock cannot be compared" in versions[0].uncovered[0]


def test_globals_that_no_source_binds_count_by_value(project):
    text = "globals()['rate'] = {}\ndef daily(x): return x * rate\n"
    assert project.version(daily=text.format(2)) != project.version(daily=text.format("int('3')"))


def test_what_is_not_covered_is_said(project):
    text = """
        import json, os
        TABLE = json.load(open(os.devnull + "")) if os.environ.get("NO") else 1
        def daily(row, name): return getattr(row, name) + TABLE
    """
    assert project.write(daily=text).inspect().uncovered == (
        "getattr with a computed name in daily (daily.py)",
        "reads data at import: load() in TABLE (daily.py)",
        "reads data at import: open() in TABLE (daily.py)",
        "reads the environment at import in TABLE (daily.py)",
    )


def test_partials_methods_and_callable_objects(project):
    text = """
        import functools
        class Adder:
            def __init__(self, n): self.n = n
            def __call__(self, x): return x + self.n
            def twice(self, x): return x + 2 * self.n
        def f(x, y): return x
        daily = [Adder(1), Adder(2), Adder(1).twice, Adder(2).twice]
        daily += [functools.partial(f, 1), functools.partial(f, y=1), f, Adder, max]
    """
    project.write(daily=text)
    versions = [project.inspect(f"daily.{n}") for n in range(9)]
    assert len({version.version for version in versions}) == 9
    assert versions == [project.inspect(f"daily.{n}") for n in range(9)]
    assert [(version.file, version.qualname) for version in versions[2:5]] == [("daily.py", "Adder.twice")] * 2 + [
        ("daily.py", "f")
    ]


def test_a_given_version_is_taken_as_it_is(project):
    module = project.write(daily=DAILY, cleaning=CLEANING).load()
    version = Inspector(project.root).code_version(module.daily, "3")
    assert (version.version, version.given, version.parts, version.file) == ("3", True, (), "daily.py")


def test_sources_are_those_of_loaded_and_reached_modules(project):
    project.write(
        cleaning=CLEANING,
        late="def late(x): return x\n",
        never="",
        daily="import cleaning, json\ndef daily(x):\n    from late import late\n    return late(x)\n",
    )
    inspector = Inspector(project.root)
    inspector.code_version(project.load().daily)
    sources = inspector.first_party_sources()
    assert list(sources) == ["cleaning.py", "daily.py", "late.py"]
    assert sources["late.py"] == b"def late(x): return x\n"


def test_latewood_run_as_a_module_is_no_source_of_the_project(project, monkeypatch):
    project.write(daily="def daily(x): return x\n", tool="")
    inspector = Inspector(project.root)
    inspector.code_version(project.load().daily)
    ours = types.ModuleType("__main__")
    ours.__file__ = str(project.root / "tool.py")
    ours.__spec__ = importlib.machinery.ModuleSpec("latewood.cli.entry", None)
    monkeypatch.setitem(sys.modules, "__main__", ours)
    assert list(inspector.first_party_sources()) == ["daily.py"]
