"""What no event could hold is refused where it is written, and not when it would be recorded."""

import pytest

from latewood import Static, asset
from latewood.commands.parameters import require_recordable
from latewood.decide.sweep import Sweep
from latewood.engine.loading.loader import load_objects
from latewood.errors import DefinitionError, DefinitionsInvalid, UsageError

NUL, HALF = "a\0b", "\ud800"


def problems(tmp_path, **options):
    @asset(**options)
    def one() -> int:
        return 1

    with pytest.raises(DefinitionsInvalid) as invalid:
        load_objects([one], root=tmp_path, location="test")
    return [(problem.line > 0, problem.message) for problem in invalid.value.problems]


@pytest.mark.parametrize(
    "options",
    [
        {"description": NUL},
        {"description": HALF},
        {"group": NUL},
        {"tags": {HALF: "x"}},
        {"owners": [NUL]},
        {"kinds": [HALF]},
        {"metadata": {"deep": [{"in": NUL}]}},
        {"code_version": NUL},
        {"pool": NUL},
        {"image": HALF},
    ],
    ids=str,
)
def test_an_option_is_refused_at_its_line(tmp_path, options):
    ((at_a_line, message),) = problems(tmp_path, **options)
    assert at_a_line
    assert f"{next(iter(options))}: expected text that can be recorded, found" in message


def test_a_code_version_is_a_name(tmp_path):
    ((_, message),) = problems(tmp_path, code_version="x" * 100_000)
    assert "code_version: expected at most 200 characters, found 100,000" in message


@pytest.mark.parametrize("default", [NUL, HALF], ids=repr)
def test_a_default_is_refused(tmp_path, default):
    @asset
    def one(*, word: str = default) -> str:
        return word

    with pytest.raises(DefinitionsInvalid, match="expected values that can be recorded, found"):
        load_objects([one], root=tmp_path, location="test")


@pytest.mark.parametrize("value", [NUL, HALF, [{"in": NUL}], {HALF: 1}], ids=repr)
def test_a_given_value_is_refused(value):
    with pytest.raises(UsageError, match=r'parameter "one.word": expected text that can be recorded, found'):
        require_recordable(Sweep.of({"one": {"word": value}}))


def test_a_backslash_is_text():
    require_recordable(Sweep.of({"one": {"word": "\\u0000"}}))


def test_a_key_has_room_in_an_index():
    assert Static(["ü" * 1_000]).keys
    with pytest.raises(DefinitionError, match="expected at most 2,000 bytes, found 2,002"):
        Static(["ü" * 1_001])
