"""Steps in other languages: what they are given, what they make and say, and what becomes of those that go wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest

from crash.conftest import facts_of
from crash.engines import until
from crash.project import Project
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.engine.loading.loader import load_file
from latewood.engine.storage.store import ArtifactAddress
from latewood.engine.values.codecs import decode
from latewood.errors import DefinitionsInvalid
from latewood.events import CheckEvaluated, FailureKind, StepFailed, StepSucceeded
from processes import is_alive

HEAD = """
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from latewood import *
from latewood.processes import ReportedCheck, command
from latewood.resources import Secret
import pyarrow as pa

Sold = Table["product: string, pieces: int64"]

@asset
def sold() -> Sold:
    return pa.table({"product": ["saw", "axe", "nail"], "pieces": [7, 3, 90]})
"""


@pytest.fixture
def project(workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").touch()
    return Project(workspace, tmp_path, HEAD)


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return written


def made_of(project, key):
    """All versions of the asset, oldest first."""
    id_ = sha256(key.encode()).hexdigest()[:12]
    return [output for output in project.made() if output.asset == id_]


def value_of(project, key, annotation):
    """The value of the newest version."""
    return decode(project.workspace.store.open(ArtifactAddress(made_of(project, key)[-1].artifact)), annotation)


def logs_of(project):
    facts = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, StepSucceeded | StepFailed)]
    return project.workspace.store.read(ArtifactAddress(facts[-1].logs)).decode()


def failure_of(project, key="made"):
    """The one failure of a run of this asset, which is nothing else."""
    assert project.ran(f"+{key}")[2] == 1
    return project.failures()[-1]


def test_its_start_is_in_the_log_before_it_acts(project, tmp_path, monkeypatch):
    acted, seen = tmp_path / "acted", []
    project.define(f"""
        @asset
        @command("touch {acted}; echo 1 > $LATEWOOD_OUTPUT", files=[])
        def made() -> int: ...
    """)
    append_many = project.workspace.log.append_many

    def late(batches):
        if any(event.type == "step.started" for batch in batches for each in batch.appends for event in each.events):
            until = time.monotonic() + 0.3
            while not acted.exists() and time.monotonic() < until:
                time.sleep(0.01)
            seen.append(acted.exists())
        return append_many(batches)

    monkeypatch.setattr(project.workspace.log, "append_many", late)
    assert project.ran("made") == (1, 0, 0)
    assert (seen, acted.exists()) == ([False], True)


# ── languages ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_script_of_bash_reads_and_writes_tables(project):
    project.define('''
        @asset
        @command("""
            head -1 "$LATEWOOD_INPUT_SOLD" > "$LATEWOOD_OUTPUT"
            tail -n +2 "$LATEWOOD_INPUT_SOLD" | sort -t, -k2 -n -r | head -"$LATEWOOD_PARAM_TOP" >> "$LATEWOOD_OUTPUT"
            printf '{"type": "metadata", "metadata": {"kept": %d}}\\\\n' "$LATEWOOD_PARAM_TOP" >> "$LATEWOOD_MESSAGES"
            echo sorted
        """, files=[], reads={"sold": "sold.csv"}, writes="best.csv")
        def best(sold: Sold, *, top: int = 2) -> Sold:
            """What sold best."""
    ''')
    assert project.ran() == (2, 0, 0)
    assert value_of(project, "best", pa.Table).to_pydict() == {"product": ["nail", "saw"], "pieces": [90, 7]}
    assert (made_of(project, "best")[-1].metadata["kept"], made_of(project, "best")[-1].metadata["rows"]) == (2, 2)
    assert logs_of(project) == "sorted\n"
    assert project.ran() == (0, 0, 0), "nothing is computed twice"


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on the PATH")
def test_a_program_of_node_does_the_same_without_any_package(project, write):
    write(
        "report.js",
        """
        const fs = require("fs")
        const context = JSON.parse(fs.readFileSync(process.env.LATEWOOD_CONTEXT, "utf8"))
        const say = (message) => fs.appendFileSync(process.env.LATEWOOD_MESSAGES, JSON.stringify(message) + "\\n")
        const rows = fs.readFileSync(process.argv[2], "utf8").trim().split("\\n").map(JSON.parse)
        const pieces = rows.reduce((sum, row) => sum + row.pieces, 0)
        say({ type: "log", message: `protocol ${context.protocol}`, level: "warning" })
        say({ type: "check", check: "something_sold", passed: pieces > 0, metadata: { pieces } })
        say({ type: "materialization", id: 1, metadata: { products: rows.length } })
        fs.writeFileSync(process.argv[3], `<p>${pieces} pieces</p>`)
        """,
    )
    project.define('''
        @asset
        @command(["node", "report.js", "{sold}", "{output}"], files=["report.js"], reads={"sold": "sold.jsonl"},
                 writes="report.html", checks=[ReportedCheck("something_sold", blocking=True)])
        def report(sold: Sold) -> Path:
            """A page."""
    ''')
    assert project.ran() == (2, 0, 0)
    assert value_of(project, "report", Path).read_text() == "<p>100 pieces</p>"
    assert made_of(project, "report")[-1].artifact.endswith(".file.html")
    assert made_of(project, "report")[-1].metadata["products"] == 3
    (verdict,) = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, CheckEvaluated)]
    assert (verdict.check, verdict.passed, verdict.blocking, verdict.metadata) == (
        "something_sold",
        True,
        True,
        {"pieces": 100},
    )
    assert "WARNING latewood.user.report: protocol 1" in logs_of(project)


def test_a_program_of_python_that_knows_nothing_of_latewood(project, write):
    write(
        "total.py",
        """
import json, os, sys
assert not any(name.startswith("latewood") for name in sys.modules)
context = json.load(open(os.environ["LATEWOOD_CONTEXT"]))
total = sum(json.loads(line)["pieces"] for line in open(context["inputs"]["sold"]["path"]))
with open(os.environ["LATEWOOD_MESSAGES"], "a") as messages:
    print(json.dumps({"type": "materialization", "value": {"total": total}, "data_version": "mine"}), file=messages)
""",
    )
    project.define("""
        @asset
        @command(["python3", "total.py"], files=["total.py"], reads={"sold": "in/sold.jsonl"})
        def total(sold: Sold) -> dict[str, int]: ...
    """)
    assert project.ran() == (2, 0, 0)
    assert value_of(project, "total", dict[str, int]) == {"total": 100}
    assert made_of(project, "total")[-1].data_version == "given:mine"


def test_a_program_that_writes_where_it_is_started(project, write):
    write("Makefile.sh", "mkdir -p build && ls > build/found && cat lib/words >> build/found")
    write("lib/words", "ax\n")
    write("lib/deeper/more", "")
    write("secret.txt", "not declared")
    project.define("""
        @asset
        @command(["/bin/sh", "Makefile.sh"], files=["Makefile.sh", "lib"], writes="build/found")
        def found() -> Path: ...
    """)
    assert project.ran("found") == (1, 0, 0)
    assert value_of(project, "found", Path).read_text() == "Makefile.sh\nbuild\nlib\nax\n", "nothing else is there"


# ── what is given ─────────────────────────────────────────────────────────────────────────────────────

HOSTILE = "'; touch pwned; $(touch pwned) `touch pwned` \"&& touch pwned\n{output} {{name}} --help -e * \\ \u00e9"


def test_values_are_never_part_of_what_is_run(project, tmp_path):
    project.define(
        '''
        PRINTED = "import sys, os, json; open(sys.argv[-1], 'w').write(json.dumps(sys.argv[1:-1]))"

        @asset
        @command(["python3", "-c", PRINTED, "a b", "x={text}", "{{text}}", "{ text }", "a\\nb", "", "{output}"],
                 files=[])
        def arguments(*, text: str = HOSTILE) -> list[str]: ...

        @asset
        @command("""printf %s "$LATEWOOD_PARAM_TEXT" > "$LATEWOOD_OUTPUT" """, files=[], writes="text.txt")
        def script(*, text: str = HOSTILE) -> str: ...
    '''.replace("HOSTILE", repr(HOSTILE))
    )
    assert project.ran("arguments or script") == (2, 0, 0)
    expected = ["a b", f"x={HOSTILE}", "{text}", "{ text }", "a\nb", ""]
    assert value_of(project, "arguments", list[str]) == expected
    assert value_of(project, "script", str) == HOSTILE
    assert not list(tmp_path.rglob("pwned"))


def test_the_context_says_what_is_given_and_where_everything_is(project):
    project.define("""
        days = Daily("2026-03-02", "2026-03-05")
        COPY = 'cat "$LATEWOOD_CONTEXT" > "$LATEWOOD_OUTPUT"'

        @asset(partitions=days)
        def rows(day: PartitionKey) -> int:
            return int(day[-1])

        @asset(partitions=days)
        @command(COPY, files=[])
        def told(rows: int, window: TimeWindow, context: Context, *, top: int = 3) -> dict: ...

        @asset
        @command(COPY + '; cat in/*.json > /dev/null', files=[], reads={"rows": "in/*.json"})
        def all_told(rows: Partitioned[int]) -> dict: ...
    """)
    assert project.ran("rows or told or all_told") == (7, 0, 0)
    told = value_of(project, "told", dict)
    data_version = [output.data_version for output in made_of(project, "rows")]
    assert (told["protocol"], told["attempt"], told["partition"], told["assets"]) == (1, 1, "2026-03-04", ["told"])
    assert told["window"] == {"start": "2026-03-04T00:00:00+00:00", "end": "2026-03-05T00:00:00+00:00"}
    assert told["parameters"] == {"top": 3}
    assert told["inputs"]["rows"]["data_version"] == data_version[2]
    assert told["inputs"]["rows"]["type"] == "int"
    assert Path(told["outputs"]["result"]["path"]).name == "result.json"
    assert isinstance(told["step"], int)
    assert told["run"]
    several = value_of(project, "all_told", dict)
    assert "assets" not in several, "who is not told of its asset has the same result under any name"
    parts = several["inputs"]["rows"]["partitions"]
    assert [part["data_version"] for part in parts] == data_version
    assert [Path(part["path"]).name for part in parts] == [f"2026-03-0{day}.json" for day in (2, 3, 4)]


def test_a_path_is_handed_over_as_the_artifact_or_under_the_name_that_is_asked_for(project, write):
    write("data.csv", "a\n")
    project.define("""
        @asset
        def data() -> Path:
            return Path(__file__).with_name("data.csv")

        @asset
        @command('test -r "$LATEWOOD_INPUT_DATA" && cat renamed.csv > "$LATEWOOD_OUTPUT"', files=[],
                 reads={"data": "renamed.csv"}, writes="copy.csv")
        def copy(data: Path) -> Path: ...

        @asset
        @command(["cp", "{data}", "{output}"], files=[])
        def again(data: Path) -> Path: ...
    """)
    assert project.ran("+copy or +again") == (3, 0, 0)
    versions = {output.asset: output.data_version for output in project.made()}
    assert len(set(versions.values())) == 1


OTHER = """
from latewood import asset
from latewood.resources import Resource, Secret

class Till(Resource):
    token: Secret = Secret(env="THEIRS")

@asset
def other(till: Till) -> int:
    return 1
"""


def test_a_command_sees_neither_the_database_nor_other_secrets(project, write, tmp_path, monkeypatch):
    for name in ("LATEWOOD_DATABASE_URL", "LATEWOOD_HOME", "PGPASSWORD", "PYTHONPATH", "THEIRS"):
        monkeypatch.setenv(name, "planted-value")
    write("other.py", OTHER)
    other = load_file(tmp_path / "other.py", root=tmp_path)
    materialize(project.workspace, prepare(project.workspace, other, Asked(selection="*")))
    monkeypatch.setenv("MINE", "of-the-shell")
    monkeypatch.setenv("TOKEN_OF_MINE", "planted-token")
    project.define("""
        @asset
        @command("env; echo $TOKEN | rev", files=[], env={"TOKEN": Secret(env="TOKEN_OF_MINE"), "PLAIN": "x{top}"})
        def made(*, top: int = 3) -> None: ...
    """)
    assert project.ran("made") == (1, 0, 0)
    printed = logs_of(project)
    assert "planted-value" not in printed
    assert "planted-token" not in printed
    assert "nekot-detnalp" in printed, "the command itself has it"
    assert "TOKEN=[secret TOKEN_OF_MINE]\n" in printed
    assert "MINE=of-the-shell\n" in printed
    assert "PLAIN=x3\n" in printed


def test_what_is_told_of_a_failure_has_no_piece_of_a_secret(project, monkeypatch):
    monkeypatch.setenv("TOKEN_OF_MINE", "planted-token-of-mine")
    project.define("""
        @asset
        @command('printf "$TOKEN" >&2; printf "x%.0s" $(seq 1490) >&2; exit 3', files=[],
                 env={"TOKEN": Secret(env="TOKEN_OF_MINE")})
        def made() -> None: ...
    """)
    assert project.ran("made") == (0, 0, 1)
    (failed,) = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, StepFailed)]
    assert "mine" not in failed.failure.message
    assert failed.failure.message.endswith("x" * 1490)


# ── what counts ───────────────────────────────────────────────────────────────────────────────────────

COUNTED = """
    @asset
    @command(["sh", "count.sh"], files=FILES)
    def count() -> None: ...
"""


def test_a_declared_file_is_part_of_the_code_by_its_content(project, write):
    write("count.sh", "exit 0\n")
    project.define(COUNTED.replace("FILES", '["count.sh"]'))
    assert project.ran("count") == (1, 0, 0)
    assert project.ran("count") == (0, 0, 0)
    write("count.sh", "exit  0\n")
    assert project.ran("count") == (1, 0, 0)
    assert project.why("count") == []
    write("count.sh", "exit 0\n")
    assert project.ran("count") == (0, 1, 0), "what was made by it before is reused"


def test_a_file_of_the_project_that_is_named_and_not_declared_is_asked_for_at_load(project, write):
    write("count.sh", "exit 0\n")
    for files in ("None", "[]"):
        project.define(COUNTED.replace("FILES", files))
        with pytest.raises(
            DefinitionsInvalid, match=r'count\.sh is a file of the project, and not declared.*files=\["c'
        ):
            project.load()
    project.define(COUNTED.replace("FILES", '["cuont.sh"]'))
    with pytest.raises(DefinitionsInvalid, match=r'assets\.py:\d+: asset "count": files: there is no "cuont\.sh"'):
        project.load()


def test_where_nothing_is_declared_nothing_is_reused(project):
    source = """
        @asset(OPTIONS)
        @command(["true"])
        def made() -> None: ...
    """
    project.define(source.replace("OPTIONS", ""))
    assert [project.ran("made") for _ in range(2)] == [(1, 0, 0), (1, 0, 0)]
    (asset,) = [asset for asset in project.load().assets if asset.key == "made"]
    assert "declares no files" in "".join(asset.task.code.uncovered)
    project.define(source.replace("OPTIONS", "reuse=True"))
    with pytest.raises(DefinitionsInvalid, match="does not say what it runs"):
        project.load()
    project.define(source.replace("OPTIONS", 'code_version="1"'))
    assert [project.ran("made") for _ in range(2)] == [(1, 0, 0), (0, 0, 0)]


def test_a_file_that_changes_between_loading_and_running_fails_the_step(project, write):
    write("count.sh", "exit 0\n")
    project.define(COUNTED.replace("FILES", '["count.sh"]'))
    prepared = project.prepared("count")
    write("count.sh", "exit 1\n")
    assert materialize(project.workspace, prepared).tally.failed == 1
    assert "count.sh was changed since" in project.failures()[-1].message


def test_a_command_that_another_function_calls_is_no_part_of_its_code_and_so_it_is_refused(project):
    project.define("""
        @command(["true"], files=[])
        def inner() -> None: ...

        @asset
        def made() -> None:
            inner()
    """)
    assert "make it a task or an asset of its own" in failure_of(project).message


def test_tasks_of_workflows_make_several_outputs_and_are_reused_wherever_they_are_called(project):
    project.define("""
        class Halves(NamedTuple):
            first: int
            second: list[int]

        @task
        @command('echo $((LATEWOOD_PARAM_BASE + $(cat "$LATEWOOD_INPUT_NUMBER"))) > "$LATEWOOD_OUTPUT_FIRST"\\n'
                 'echo "[1, 2]" > "$LATEWOOD_OUTPUT_SECOND"', files=[])
        def halve(number: int, *, base: int = 1) -> Halves: ...

        @task
        @command('echo "$LATEWOOD_INPUT_ONE" > /dev/null; cp "$LATEWOOD_INPUT_MANY" "$LATEWOOD_OUTPUT"', files=[])
        def join(one: int, many: list[int]) -> list[int]: ...

        @workflow
        def one(number: int = 4) -> list[int]:
            parts = halve(number, base=2)
            return join(parts.first, parts.second)

        @workflow
        def other(number: int = 4) -> list[int]:
            parts = halve(number, base=2)
            return join(parts.first, parts.second)
    """)
    assert project.ran("one/*") == (2, 0, 0)
    assert value_of(project, "one/halve/first", int) == 6
    assert value_of(project, "one/join", list[int]) == [1, 2]
    assert project.ran("other/*") == (0, 2, 0)


def test_several_outputs_each_with_its_own_metadata_and_an_optional_one_that_may_lack(project):
    project.define("""
        @asset(outputs={"train": Sold, "test": Out(Sold, optional=True)})
        @command('''
            cp "$LATEWOOD_INPUT_SOLD" "$LATEWOOD_OUTPUT_TRAIN"
            echo '{"type": "materialization", "output": "train", "metadata": {"share": 0.5}}' >> "$LATEWOOD_MESSAGES"
        ''', files=[])
        def split(sold: Sold) -> None: ...
    """)
    assert project.ran() == (2, 0, 0)
    assert len(project.made()) == 2
    assert made_of(project, "split/train")[-1].metadata == {"rows": 3, "columns": 2, "share": 0.5}


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────


def saying(lines, checks=""):
    said = "\n".join(lines)
    return f"""
        @asset
        @command(["sh", "-c", {'printf %s "$0" >> "$LATEWOOD_MESSAGES"'!r}, {said!r}], files=[]{checks})
        def made() -> int: ...
    """


VALUE = '{"type": "materialization", "value": 3}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no json", 'message 2: expected a JSON object with "type": "materialization"'),
        ("[1]", "message 2: expected a JSON object"),
        ('{"type": "metdata", "metadata": {}}', 'found {"type": "metdata"'),
        ('{"type": "metadata"}', "missing required field `metadata`"),
        ('{"type": "metadata", "metadata": {}, "extra": 1}', "unknown field `extra`"),
        ('{"type": "progress", "share": 2}', "`float` <= 1"),
        ('{"type": "check", "check": "known", "passed": "yes"}', "Expected `bool`, got `str` - at `$.passed`"),
        (
            '{"type": "check", "check": "unknown", "passed": true}',
            'message 2: no check "unknown" is declared; there is known',
        ),
        ('{"type": "materialization", "output": "other"}', 'message 2: no output "other"; there is result'),
        (
            '{"type": "log", "message": "a", "id": 7}\n{"type": "log", "message": "b", "id": 7}',
            "message 3: expected what line 2 says",
        ),
        ('{"type": "log", "mess', "the line was left unfinished"),
    ],
)
def test_a_line_that_is_no_message_fails_the_attempt_and_is_named(project, line, said):
    project.define(saying([VALUE, line], ', checks=["known"]'))
    failure = failure_of(project)
    assert (failure.kind, failure.error) == (FailureKind.USER, "MessageRefused")
    assert said in failure.message


def test_the_same_message_twice_counts_once(project):
    line = '{"type": "log", "message": "heard", "id": "a"}'
    project.define(saying([VALUE, line, "", line, '{"type": "log", "message": "heard"}']))
    assert project.ran("made") == (1, 0, 0)
    assert logs_of(project).count("heard\n") == 2


def test_a_value_that_is_not_what_was_promised_and_one_that_was_not_made(project):
    project.define(saying(['{"type": "materialization", "value": "three"}']))
    assert "expected int, found str" in failure_of(project).message
    project.define(saying(['{"type": "metadata", "metadata": {}}']))
    assert "it wrote nothing to $LATEWOOD_OUTPUT, and reported none" in failure_of(project).message
    project.define("""
        @asset
        @command('echo "no,table" > "$LATEWOOD_OUTPUT"', files=[])
        def made() -> pa.Table: ...
    """)
    assert "result.parquet, found what cannot be read" in failure_of(project).message


def test_a_check_that_was_declared_has_to_be_reported_and_one_that_blocks_keeps_the_version_from_being_head(project):
    project.define(saying([VALUE], ', checks=["known"]'))
    assert 'without the verdict of check "known"' in failure_of(project).message
    said = '{"type": "check", "check": "known", "passed": false, "message": "too few"}'
    project.define(saying([VALUE, said], ', checks=[ReportedCheck("known", blocking=True)]'))
    run = project.run("made")
    assert (run.tally.ran, run.tally.refused) == (1, 1)
    assert project.status("made") == "missing"
    assert project.run("made").tally.ran == 0, "the verdict stands"


def test_what_is_reported_of_a_value_that_goes_to_a_place_is_judged_before_it_gets_there(project, tmp_path):
    source = """
        from latewood.io import Json

        @asset(io=Json("out.json"))
        @command('echo 3 > "$LATEWOOD_OUTPUT"\\n'
                 'echo \\'{"type":"check","check":"good","passed":PASSED}\\' >> "$LATEWOOD_MESSAGES"',
                 files=[], checks=[ReportedCheck("good", blocking=True)])
        def made() -> int: ...
    """
    project.define(source.replace("PASSED", "false"))
    assert project.run("made").tally.refused == 1
    assert not (tmp_path / "out.json").exists()
    project.define(source.replace("PASSED", "true"))
    assert project.ran("made") == (1, 0, 0)
    assert (tmp_path / "out.json").read_text() == "3"


def test_a_check_may_be_a_command(project):
    project.define("""
        @check(sold, blocking=True)
        @command('test "$(wc -l < sold.csv)" -eq 4 && echo true > "$LATEWOOD_OUTPUT"', files=[],
                 reads={"sold": "sold.csv"})
        def complete(sold: Sold) -> bool: ...
    """)
    assert project.ran() == (1, 0, 0)
    (verdict,) = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, CheckEvaluated)]
    assert (verdict.passed, verdict.message) == (True, "")
    assert project.status("sold") == "fresh"


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────


def running(script, options=""):
    return f"""
        @asset({options})
        @command({script!r}, files=[])
        def made() -> None: ...
    """


def test_a_code_other_than_zero_is_a_failure_with_the_last_that_was_said(project):
    project.define(running("echo before; echo broken >&2; exit 7"))
    failure = failure_of(project)
    assert (failure.error, failure.message) == ("ProcessFailed", "the script ended with code 7\nbroken")
    assert failure.traceback == "", "no line of anybody's Python has failed"
    assert sorted(logs_of(project).splitlines()) == ["before", "broken"]
    project.define(running('printf \'{"type": "lo\' >> $LATEWOOD_MESSAGES; kill -9 $$'))
    assert failure_of(project).message == (
        'the script was killed by signal 9 (SIGKILL)\nmessage 1 was left unfinished: {"type": "lo'
    )
    project.define(running("exit 1", "").replace("'exit 1'", '["no-such-program"]'))
    assert failure_of(project).message == "cannot be started: no-such-program: No such file or directory"


def test_retries_are_those_of_any_task(project, tmp_path):
    project.define(running(f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; exit 1; }}", "retries=1"))
    assert project.ran("made") == (1, 0, 0)
    assert len(project.failures()) == 1


def test_a_command_that_closes_its_output_and_one_that_prints_without_end(project):
    project.define(running("exec 1>&- 2>&-; sleep 0.1"))
    assert project.ran("made") == (1, 0, 0)
    project.define(running("set +o pipefail; yes latewood | head -c 100000000; printf 'the end' >&2"))
    assert project.ran("made") == (1, 0, 0)
    printed = logs_of(project)
    assert len(printed) < 20_000_000
    assert printed.startswith("latewood\nlatewood\n")
    assert printed.endswith("the end")
    assert "characters were left out" in printed


def test_nothing_of_a_command_is_left_whether_it_ends_well_or_not(project, tmp_path):
    """Its children, one that left its process group and was orphaned, and one that does not want to end."""
    script = f"""
        sleep 1000 & echo $! >> {tmp_path}/pids
        setsid sh -c 'trap "" TERM; echo $$ >> {tmp_path}/pids; while :; do sleep 1; done' &
        until [ $(wc -l < {tmp_path}/pids) -ge 2 ]; do sleep 0.01; done
    """
    for end in ("exit 0", "exit 3"):
        (tmp_path / "pids").write_text("")
        project.define(running(script + end))
        project.run("made")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert len(pids) == 2
        assert not any(map(is_alive, pids)), end
    assert "that it had started went on, and were ended" in logs_of(project)


def test_a_timeout_ends_a_command_that_ignores_being_asked(project, tmp_path):
    script = f'trap "" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1; done'
    project.define(running(script, "timeouts=timedelta(seconds=0.5)"))
    failure = failure_of(project)
    assert (failure.kind, failure.message) == (FailureKind.TIMEOUT, "still running after 0.5 s")
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_command_is_asked_before_it_is_killed(project, tmp_path):
    project.define(
        running(
            f'trap "touch {tmp_path}/asked; exit 0" TERM; while :; do sleep 0.05; done',
            "timeouts=timedelta(seconds=2)",
        )
    )
    assert failure_of(project).kind is FailureKind.TIMEOUT
    assert (tmp_path / "asked").exists()


def test_its_folder_is_gone_afterwards(project, tmp_path):
    project.define(running(f'pwd > {tmp_path}/where; echo x > "$PWD/left"'))
    assert project.ran("made") == (1, 0, 0)
    where = Path((tmp_path / "where").read_text().strip())
    assert where.name == "work"
    assert not where.parent.exists()


def test_a_folder_whose_owner_and_watcher_die_at_once_is_removed_by_the_next_one_and_no_other_is(tmp_path):
    file, folders = tmp_path / "calls.py", tmp_path / "folders"
    folders.mkdir()
    file.write_text(
        "import sys\n"
        "from latewood.processes import command\n"
        f"@command(['sh', '-c', 'echo $PPID > {tmp_path}/$0; exec sleep $1', '{{name}}', '{{seconds}}'], files=[])\n"
        "def called(*, name: str, seconds: str) -> None: ...\n"
        "called(name=sys.argv[1], seconds=sys.argv[2])\n"
    )

    def call(name, seconds):
        return subprocess.Popen([sys.executable, file, name, seconds], env={**os.environ, "TMPDIR": str(folders)})

    def watcher_of(name):
        until(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text().strip())
        return int((tmp_path / name).read_text())

    lost = call("lost", "1000")
    watcher = watcher_of("lost")
    os.kill(watcher, signal.SIGSTOP)
    lost.kill()
    lost.wait()
    (left,) = folders.iterdir()
    alive = call("alive", "1000")
    try:
        watcher_of("alive")
        assert left.exists(), "its watcher is there still"
        os.kill(watcher, signal.SIGKILL)
        until(lambda: not is_alive(watcher))
        assert call("next", "0").wait() == 0
        (own,) = folders.iterdir()
        assert own != left
    finally:
        alive.terminate()
        alive.wait()
    until(lambda: not list(folders.iterdir()))


def test_called_by_itself_it_is_a_function(project, write):
    write("double.sh", 'echo $(($(cat "$LATEWOOD_INPUT_NUMBER") * LATEWOOD_PARAM_TIMES)) > "$LATEWOOD_OUTPUT"')
    project.define("""
        @task
        @command(["sh", "double.sh"], files=["double.sh"])
        def double(number: int, *, times: int = 2) -> int: ...
    """)
    project.load()
    double = sys.modules["assets"].double
    assert double(4) == 8
    assert double(4, times=3) == 12
