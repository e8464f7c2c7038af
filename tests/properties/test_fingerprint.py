import ast
import importlib
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from latewood.decide.fingerprint import changed_parts
from latewood.engine.code.inspection import Inspector

MODULES = ("left_of_two", "right_of_two")


@dataclass(frozen=True)
class Unit:
    """A definition in one of two modules, and the units that its body names."""

    kind: str
    module: int
    uses: tuple[int, ...]
    number: int


@st.composite
def programs(draw):
    size = draw(st.integers(2, 8))
    units = [
        Unit(
            kind=draw(st.sampled_from(["function", "class", "constant", "lambda", "conditional"])),
            module=draw(st.integers(0, 1)),
            uses=tuple(draw(st.lists(st.integers(0, size - 1), max_size=3))),
            number=draw(st.integers(0, 99)),
        )
        for _ in range(size)
    ]
    units[0] = replace(units[0], kind="function", module=0)
    # What is computed at import can use only what stands above it.
    return [
        replace(unit, uses=tuple(use for use in unit.uses if use < index and units[use].module == unit.module))
        if unit.kind == "constant"
        else unit
        for index, unit in enumerate(units)
    ]


def written(program, module, noise):
    lines = [f"import {MODULES[1 - module]} as other"]
    for index, unit in enumerate(program):
        if unit.module != module:
            continue
        uses = [f"{'' if program[use].module == module else 'other.'}unit{use}" for use in unit.uses]
        hidden = next((other for other in range(len(program)) if other not in unit.uses), "s")
        body = ", ".join([*uses, str(unit.number)])
        lines += noise
        lines += {
            "function": [f"def unit{index}(unit{hidden}=0):", *noise, f"    return unit{hidden}, [{body}]"],
            "class": [f"class unit{index}:", f"    def run(self, unit{hidden}=1): return self, [{body}]"],
            "constant": [f"unit{index} = [{body}]"],
            "lambda": [f"unit{index} = lambda unit{hidden}=0: [{body}]"],
            "conditional": ["if len:", f"    def unit{index}(): return [{body}]"],
        }[unit.kind]
    return "\n".join([*lines, ""])


def version(program, *, noise=(), rewrite=str):
    """The code version of unit 0, with both modules loaded from a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        for module, name in enumerate(MODULES):
            (Path(folder) / f"{name}.py").write_text(rewrite(written(program, module, noise)))
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            return Inspector(Path(folder)).code_version(importlib.import_module(MODULES[0]).unit0)
        finally:
            sys.path.remove(folder)
            for name in MODULES:
                sys.modules.pop(name, None)


def reached(program):
    """The units that unit 0 reaches, by the plain definition."""
    seen, waiting = {0}, [0]
    while waiting:
        used = set(program[waiting.pop()].uses) - seen
        seen |= used
        waiting += used
    return seen


@settings(max_examples=40, deadline=None)
@given(programs())
def test_the_version_changes_exactly_with_what_is_reached(program):
    before = version(program)
    assert {part.qualname for part in before.parts} == {f"unit{index}" for index in reached(program)}
    for index, unit in enumerate(program):
        edited = [*program[:index], replace(unit, number=unit.number + 100), *program[index + 1 :]]
        after = version(edited)
        assert (after.version != before.version) == (index in reached(program))
        expected = {f"unit{index}"} & {part.qualname for part in before.parts}
        assert {change.name.partition(":")[2] for change in changed_parts(before, after)} == expected


@settings(max_examples=40, deadline=None)
@given(programs())
def test_layout_and_comments_change_nothing(program):
    before = version(program)
    assert version(program, noise=["", "    # a remark"]) == before
    assert version(program, rewrite=lambda text: ast.unparse(ast.parse(text))) == before
