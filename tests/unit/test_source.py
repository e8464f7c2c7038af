"""A function's source is found in a file as it was archived."""

from latewood.commands.source import Source, function_in
from latewood.decide.syntax import line_of


def test_lines_are_those_that_python_counts():
    above = 'text = "a\x0cb\x1cc\x85d\u2028e"\r\n'
    found = function_in("a.py", f"{above}\x0c\ndef one():\r\n    return 1\n\ndef two():\r    return 2\n", "two")
    assert found == Source(file="a.py", line=6, text="def two():\n    return 2\n")


def test_of_several_definitions_of_a_name_it_is_the_last():
    text = "@overload\ndef f(x: int): ...\n@overload\ndef f(x: str): ...\ndef f(x):\n    return x\n"
    assert function_in("a.py", text, "f") == Source(file="a.py", line=5, text="def f(x):\n    return x\n")
    text = "class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, value): ...\n"
    assert function_in("a.py", text, "A.x").line == 4


def test_of_a_query_it_is_the_call_that_makes_its_asset():
    text = 'days = 3\nlate = sql_asset(\n    "reports/late",\n    "SELECT 1",\n)\n'
    call = 'late = sql_asset(\n    "reports/late",\n    "SELECT 1",\n)\n'
    assert function_in("a.py", text, "reports/late") == Source(file="a.py", line=2, text=call)
    assert line_of(text, "reports/late") == 2


def test_a_file_in_another_language_is_shown_as_a_whole():
    assert function_in("a.sql", "SELECT 1 FROM", "a") == Source(file="a.sql", line=1, text="SELECT 1 FROM")
    assert line_of("SELECT 1 FROM", "a") is None
