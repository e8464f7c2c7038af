"""Commands in tests: run as they are, or given in place of."""

from pathlib import Path

import pytest

from latewood import asset, check
from latewood.processes import command
from latewood.testing import Project


@asset
@command(["sh", "words.sh", "{output}"], files=["words.sh"], writes="words.txt")
def words(*, count: int = 2) -> str:
    """Says hello."""


@asset
@command('wc -w < "$LATEWOOD_INPUT_WORDS" > "$LATEWOOD_OUTPUT"', files=[], reads={"words": "words.txt"})
def counted(words: str) -> int:
    """How many words there are."""


@check(counted)
@command('test "$(cat "$LATEWOOD_INPUT_COUNTED")" -gt 1 && echo true > "$LATEWOOD_OUTPUT"', files=[])
def several(counted: int) -> bool:
    """More than one."""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "words.sh").write_text('for n in $(seq "$LATEWOOD_PARAM_COUNT"); do printf "hello "; done > "$1"')
    with Project([words, counted, several], root=tmp_path) as made:
        yield made


def test_a_project_runs_them_as_any_task(project):
    run = project.materialize()
    assert (run["words"], run["counted"]) == ("hello hello ", 2)
    assert project.materialize().outcomes == {"words": "fresh", "counted": "fresh"}


def test_what_they_read_may_be_given(project):
    project.give("words", "a b c")
    assert project.materialize("counted")["counted"] == 3


def test_one_without_files_is_called_by_itself():
    assert counted("a b") == 2
    assert several(3) is True
    assert Path(__file__).is_file()
