"""README.md is run as it stands: its files are written, its commands run, and their output compared."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from forks import Forks, forks

from e2e.shell import Shell
from latewood_eventlog.server import remove

README = Path(__file__).parents[2] / "README.md"
_FENCED = re.compile(r"^```(python|toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


LIBRARIES = ("click", "msgspec", "numpy", "psycopg2", "pyarrow.parquet", "rich.live", "rich.table", "sqlalchemy.orm")
"""What is not Latewood's and takes long to import."""


@pytest.fixture
def newcomer(environ, tmp_path):
    """A home that was never used: positions in the log are those of the document."""
    home = tmp_path / "home"
    yield {**environ, "LATEWOOD_HOME": str(home)}
    remove(home)


def test_every_file_and_command_of_the_readme_does_what_it_shows(newcomer, tmp_path):
    (tmp_path / "fresh").mkdir()
    shell = Shell(tmp_path / "fresh", newcomer)
    bare = Forks(sys.executable, newcomer, LIBRARIES)
    started = set()
    for language, text in _FENCED.findall(README.read_text()):
        if language != "console":
            _write(shell.folder, text)
            continue
        for (latewood, name, *arguments), shown in _commands(text):
            assert latewood == "latewood"
            # Each command imports all that it needs of Latewood; the second time that need not be shown again.
            if not started:
                done = shell.afresh(name, *arguments)
            elif name in started:
                done = shell.here(name, *arguments)
            else:
                done = bare.run((name, *arguments), shell.folder, shell.environ, workers_too=False)
            started.add(name)
            assert done.code == 0, f"{name} {arguments}: {done.out}{done.err}"
            assert _pattern(shown).fullmatch(_plain(done.out)), f"{name} {arguments} printed\n{done.out}\nnot\n{shown}"


def test_the_tests_of_the_readme_pass(environ, tmp_path, monkeypatch):
    for language, text in _FENCED.findall(README.read_text()):
        if language == "python":
            _write(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    tested = ("-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path)
    done = forks().run_script(Path(pytest.__file__).with_name("__main__.py"), *tested, environ=environ)
    assert "2 passed" in done.out, done.out + done.err


def test_every_command_and_option_that_the_readme_lists_exists_and_the_reverse(shell):
    text = README.read_text()
    for command in re.findall(r"^  (\w+)  ", _help(shell), re.MULTILINE):
        assert f"latewood {command}" in text, command
        for option in re.findall(r"--[a-z-]+", _help(shell, command)):
            assert option in (*_LISTED_BY_HELP, *re.findall(r"--[a-z-]+", text)), f"{command} {option}"
    commands = ("", "materialize", "lineage", "show", "runs", "run", "log tail", "rollback", "env create", "env diff")
    commands += ("gc", "retract", "compare", "rerun", "report", "engine", "run show", "dev", "server", "token create")
    commands += ("openlineage",)
    known = set(re.findall(r"--[a-z-]+", "".join(_help(shell, *command.split()) for command in commands)))
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known


def test_the_table_of_contents_has_every_section_in_its_order_and_links_lead_somewhere():
    text = re.sub(r"^```.*?^```$", "", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^##+ (.*)$", text, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    contents = text[: text.index("\n## ")]
    assert re.findall(r"\[([^]]*)\]\(#([^)]*)\)", contents) == list(zip(headings, anchors, strict=True))
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= set(anchors)


_LISTED_BY_HELP = ("--help", "--file", "--module")


def _help(shell, *command):
    return shell.here(*filter(None, command), "--help").out


def _write(folder, text):
    title, _, body = text.partition("\n")
    match = re.fullmatch(r"# (\S+\.(?:py|toml))(, at the end)?", title)
    assert match, f"a file's block begins with the file's name: {title}"
    with (folder / match[1]).open("a" if match[2] else "w") as file:
        file.write(f"\n\n{body}" if match[2] else text)


def _commands(text):
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield shlex.split(command), shown


def _plain(text):
    """Runs of spaces as one, so that a column may be wider than in the document; no spaces at line ends."""
    return "".join(re.sub(" +", " ", line).rstrip() + "\n" for line in text.splitlines())


def _pattern(shown):
    """… stands for anything in a line; alone on a line, for any number of lines."""
    pattern = ""
    for line in _plain(shown).splitlines():
        pattern += "(.*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.split("…"))) + "\n"
    return re.compile(pattern)
