import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from latewood.decide import syntax
from latewood.decide.fingerprint import changed_parts, combine, computed_version, given_version
from latewood.decide.module_names import module_names
from latewood.decide.scopes import Import, references
from latewood.decide.syntax import line_of, syntax_digest
from latewood.model.code import CodeChange, CodePart


def digest(source):
    return syntax_digest(ast.parse(source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x  =  (1)  # one"),
        ("x = 'a'", 'x = u"a"'),
        ("x = 'ab'", "x = 'a' 'b'"),
        ("x = 1000", "x = 1_000"),
        ("def f(a,b): return a", "def f(\n    a,\n    b,\n):\n\n    return a\n"),
        ("def f(): return 1", 'def f():\n    """Says one."""\n    return 1'),
        ("class C:\n    x: int", 'class C:\n    """A class."""\n    x: int\n    """A field."""'),
        ("x = f'{a}bc'", "x = f'{a}' 'b' f'' 'c'"),
        ("x = [] # type: list[int]", "x = []"),
    ],
)
def test_what_the_reader_sees_only_does_not_count(one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = '1'", "x = 1"),
        ("x = 'é'", "x = 'e\\u0301'"),
        ("x = 1e999", "x = -1e999"),
        ("f(a, b)", "f(b, a)"),
        ("f(*a)", "f(**a)"),
        ("{**a, 'b': 1}", "{'b': 1, **a}"),
        ("def f(a, /, b): pass", "def f(a, b, /): pass"),
        ("def f(a, *, b): pass", "def f(a, b): pass"),
        ("def f(a, b=1): pass", "def f(a=1, b=None): pass"),
        ("def f(a: int): pass", "def f(a: str): pass"),
        ("def f(): global a, b", "def f(): global ab"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = f'{a:>3}'", "x = f'{a:>4}'"),
        ("if a:\n    b()\n    c()", "if a:\n    b()\nc()"),
        ("async def f(): pass", "def f(): pass"),
        ("x: int = 1", "x = 1"),
    ],
)
def test_what_the_interpreter_sees_counts(one, other):
    assert digest(one) != digest(other)


def test_deep_trees_need_no_deep_stack():
    terms = 3 * sys.getrecursionlimit()
    chain: ast.expr = ast.Name("a", ast.Load())
    for _ in range(terms):
        chain = ast.BinOp(chain, ast.Add(), ast.Constant(1))
    assert len(syntax_digest(chain)) == 32
    assert references(chain).chains == {("a",)}


EVERY_SYNTAX = r'''
from __future__ import annotations
import os.path as p
from . import sibling
LIMIT: int = 0x_FFFF_FFFF_FFFF_FFFF_FFFF
big, small, z, text = 1e400, -0.0, 3j, "\ud800 é \U0001FAE8 \x00 '\""
spec = f"{big!r:>{small}} {text=} {{}}" "tail" f"{z:}" rf"\d{text:%Y}"
quoted = f'{"inner"}' f"{spec['k']}"
@decorator(1, *args, k=2, **kw)
async def f(a, /, b: int = 1, *c, d, e=..., **g) -> None:
    """Gone."""
    global LIMIT
    async with a as x, b: await x
    async for i in [j async for j in b if j]: yield i
    try:
        assert b, "no"
    except* (ValueError, TypeError) as error:
        raise RuntimeError from error
    else: pass
    finally: del x[1:2, ...], a.b
    while (n := len(c)) > 1 and not n <= 2 < 3: LIMIT += n; continue
    match a:
        case {"k": [1, *rest], **others} | C(x=None, y=-1) if rest: return
        case str() as s: nonlocal_ = lambda q, *, r=1: (q, r)
        case _: pass
class D(B, metaclass=M):
    x: list[*Ts] = field(default_factory=list)
    def m(self): return super().m() if self else {**self.d, 1: {2, 3}}
'''

PRINT_DIGESTS = """
import ast, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("syntax", sys.argv[1])
syntax = importlib.util.module_from_spec(spec)
spec.loader.exec_module(syntax)
print(json.dumps([syntax.syntax_digest(node) for node in ast.parse(sys.stdin.read()).body]))
"""


def interpreters():
    """Pythons that Latewood supports and this machine has, the running one first."""
    pyenv = Path.home() / ".pyenv" / "versions"
    found = [sys.executable]
    for minor in (11, 12, 13):
        found += sorted(str(path) for path in pyenv.glob(f"3.{minor}.*/bin/python3"))
        found += [path for path in [shutil.which(f"python3.{minor}")] if path]
    return found


def test_every_python_gives_the_same_digests(tmp_path):
    assert syntax.__file__ is not None
    results = {}
    for python in interpreters():
        ran = subprocess.run(
            [python, "-I", "-c", PRINT_DIGESTS, syntax.__file__],
            input=EVERY_SYNTAX.encode("utf-8", "surrogatepass"),
            capture_output=True,
            cwd=tmp_path,
            check=False,
        )
        if ran.returncode == 0 or python == sys.executable:  # a pyenv shim may name a version that is not there
            results[python] = json.loads(ran.stdout)
    expected = [syntax_digest(node) for node in ast.parse(EVERY_SYNTAX).body]
    assert all(found == expected for found in results.values()), results


def test_the_scheme_is_what_stored_digests_were_made_with():
    # A failure here means that every task of every user would run again: name a new scheme, or undo it.
    assert (syntax.SCHEME, digest(EVERY_SYNTAX)) == ("ast1", "ffc45e8fa3f56ae23880734e4351c0a0")


def chains(source):
    return references(ast.parse(source).body[0]).chains


def test_parameters_and_locals_are_no_references():
    assert chains("def f(flights, *, n=N): total = g(flights); return total + n") == {("N",), ("g",)}


def test_scopes_of_comprehensions_lambdas_and_classes():
    assert chains("def f(a): return [x.y for x in a if (z := x)] + [z, x]") == {("x",)}
    assert chains("f = lambda a, b=c: a + b + d") == {("c",), ("d",)}
    assert chains("class C:\n    rate = rate\n    def m(self): return rate") == {("rate",)}
    assert chains("class C:\n    x = 1\n    y = x\n    def m(self): return self.x") == set()
    assert chains("def f():\n    def g(): return h()\n    def h(): return k()\n    return g()") == {("k",)}


def test_attributes_are_followed_from_free_names_only():
    assert chains("def f(row): return cleaning.steps.clean(row.delay)") == {("cleaning", "steps", "clean")}
    assert chains("def f(): return getattr(cleaning, 'clean')(1)") == {("cleaning", "clean")}


def test_imports_inside_functions_are_references():
    found = references(ast.parse("def f():\n    from . import a as b\n    return b.c()"))
    assert found.imports == {(Import(1, "", "a"), ("c",))}


def test_what_syntax_cannot_tell_is_said():
    assert references(ast.parse("def f(a, n): return getattr(a, n)")).unresolvable == {"getattr with a computed name"}
    assert references(ast.parse("def f(n): return eval(n)")).unresolvable == {"eval()"}
    assert references(ast.parse("T = read_csv('t')")).unresolvable == {"reads data at import: read_csv()"}
    assert not references(ast.parse("def f(): return read_csv('t')")).unresolvable


def statements(source, name):
    return [ast.unparse(s.node) for s in module_names(ast.parse(source)).bindings[name].statements]


def test_all_statements_that_make_a_global_are_found():
    source = """
T = {}
U = {}
T['a'] = 1
T.update(b=2)
def register(key, value): T[key] = value
def also(key): register(key, 0)
register('c', 3)
also('d')
@register('e', U)
def g(): pass
if FAST:
    T |= {'f': 6}
def reader(): return T['a']
if __name__ == '__main__':
    T.clear()
"""
    assert statements(source, "T") == [
        "T = {}",
        "T['a'] = 1",
        "T.update(b=2)",
        "register('c', 3)",
        "also('d')",
        "def g():\n    pass",
        "T |= {'f': 6}",
    ]
    assert statements(source, "U") == ["U = {}"]


def test_lines_of_parts():
    source = "import a\n\n@deco\ndef f():\n    x = 1\n    def g(): pass\n\nclass C:\n    def m(self): pass\n"
    assert line_of(source, "f") == 4
    assert line_of(source, "f.<locals>.g") == 6
    assert line_of(source, "f[x]") == 4
    assert line_of(source, "C.m") == 9
    assert line_of(source, "nowhere") is None


PART = CodePart(name="cleaning.py:clean", digest="1" * 32)
OTHER = CodePart(name="daily.py:daily", digest="2" * 32)
PACKAGE = ("pyarrow", "26.0.1")


def version(*parts, packages=(PACKAGE,)):
    return computed_version("daily", parts, packages, (), file="daily.py", qualname="daily")


def test_order_of_parts_does_not_matter_and_every_part_does():
    assert combine("daily", [PART, OTHER], [PACKAGE]) == combine("daily", [OTHER, PART], [PACKAGE])
    sets_of_parts: list[list[CodePart]] = [[], [PART], [PART, OTHER]]
    versions = {
        combine(entry, parts, packages)
        for entry in ("daily", "clean")
        for parts in sets_of_parts
        for packages in ([], [PACKAGE])
    }
    assert len(versions) == 12


def test_changes_name_parts_and_packages():
    changed = CodePart(name=PART.name, digest="3" * 32)
    assert changed_parts(version(PART, OTHER), version(PART, OTHER)) == ()
    assert changed_parts(version(PART, OTHER), version(changed, packages=[("pyarrow", "27.0")])) == (
        CodeChange(subject="part", name="cleaning.py:clean", before=PART.digest, after=changed.digest),
        CodeChange(subject="part", name="daily.py:daily", before=OTHER.digest, after=None),
        CodeChange(subject="package", name="pyarrow", before="26.0.1", after="27.0"),
    )
    assert (PART.file, PART.qualname) == ("cleaning.py", "clean")


def test_changes_of_given_versions():
    two, three = (given_version(text, file="daily.py", qualname="daily") for text in ("2", "3"))
    assert changed_parts(two, three) == (CodeChange(subject="version", name="daily", before="2", after="3"),)
    assert [change.subject for change in changed_parts(version(PART), three)] == ["scheme"]
