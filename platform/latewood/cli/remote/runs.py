"""Runs: listed, shown, followed, ended, retried, and what they printed."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

import click

from latewood.cli import exits
from latewood.cli.following import follow_looks
from latewood.cli.history import is_grouped, is_only_how_far, notes_of, show_how_far, show_run
from latewood.cli.logs import Ended, show_logs
from latewood.cli.output import console, plural, print_json
from latewood.cli.remote.connection import PAGE, connect, nodes_of, of_project
from latewood.cli.remote.facts import asked_of, facts_of, far_now, looks, row_of, steps_of
from latewood.cli.runs import show_runs
from latewood.errors import UsageError
from latewood.events import CheckEvaluated
from latewood.projections.runs import StepRow

if TYPE_CHECKING:
    from latewood.client import Client, Line

_RUNS: Final = """query (
  $project: String!, $environment: String!, $status: RunState, $first: Int!, $after: String
) {
  project(name: $project) { runs(environment: $environment, status: $status, first: $first, after: $after) {
    nodes { %s progress { ended total } } pageInfo { endCursor hasNextPage }
  } }
}"""
_LINES: Final = """query ($project: String!, $run: ID!, $step: Int, $first: Int!, $after: String) {
  project(name: $project) { run(id: $run) { logs(step: $step, first: $first, after: $after) {
    nodes { step attempt check number text } endCursor hasNextPage
  } } }
}"""


def runs(*, environment: str, status: str | None, limit: int, json_: bool) -> int:
    """List them; those who looked at external assets are no runs for a server."""
    from latewood.client import Run
    from latewood.client.documents import OF_RUN

    client = connect()
    document, given = _RUNS % OF_RUN, {"environment": environment, "status": status and status.upper()}
    pages = nodes_of(lambda after: of_project(client, document, **given, first=min(limit, PAGE), after=after)["runs"])
    found = list(islice(pages, limit))
    rows = [row_of(Run.of(run)) for run in found]
    far = {run["id"]: run["progress"] for run in found if run["progress"] and run["progress"]["total"]}
    ended = {row.run: (far[row.run]["ended"], far[row.run]["total"]) for row in rows if row.run in far}
    return show_runs(rows, ended, is_narrowed=bool(environment or status), json_=json_)


def show(*, run_id: str, all_: bool, follow: bool, json_: bool) -> int:
    """Show one; or follow it."""
    client = connect()
    row = row_of(client.run(run_id))
    if follow:
        return _follow(client, row.run, json_=json_)
    far = far_now(client, row.run) if is_grouped(row, all_=all_, json_=json_) else None
    facts = facts_of(client, row.run)
    if far is not None and is_only_how_far(row, all_=all_, json_=json_):
        show_how_far(asked_of(facts), far, ())
        return exits.OK
    steps = steps_of(client, row.run, facts)
    return show_run(row, asked_of(facts), far, steps, notes_of(facts), all_=all_, json_=json_)


def cancel(*, run_id: str, json_: bool) -> int:
    """End one."""
    run = connect().cancel(run_id)
    if json_:
        print_json({"run": run})
    else:
        console().print(f"run {run} is going to be cancelled")
    return exits.OK


def retry(*, run_id: str, detach: bool, quiet: bool, json_: bool) -> int:
    """Ask for what it has not finished, and follow that."""
    client = connect()
    of = client.run(run_id).id
    launched = client.retry(of)
    if not launched.run:
        if json_:
            print_json({"run": None, "retries": of, "steps": 0})
        else:
            console().print(f"All that run {of} has not finished was made since; nothing is left to retry.")
        return exits.OK
    if detach:
        steps = far_now(client, launched.run).total
        if json_:
            print_json({"run": launched.run, "retries": of, "steps": steps})
        else:
            console().print(f"run {launched.run}: {plural(steps, 'step')} of run {of} asked for again")
            console().print(f"`latewood run {launched.run}` shows how far it is.")
        return exits.OK
    if not json_:
        total = far_now(client, launched.run).total
        console().print(f"run {launched.run} retries {plural(total, 'step')} of run {of}")
    return _follow(client, launched.run, json_=json_, quiet=quiet)


def follow_run(client: "Client", run: str, *, json_: bool, quiet: bool) -> int:
    """Show a run until it has ended; exit code as if it were run here. Ctrl-C only ends the watching."""
    return _follow(client, run, json_=json_, quiet=quiet)


def _follow(client: "Client", run: str, *, json_: bool, quiet: bool = False) -> int:
    return follow_looks(looks(client, run), run, is_served=lambda: True, json_=json_, quiet=quiet)


def logs(*, run_id: str, step: int | None, follow: bool) -> int:
    """Print what its steps printed, or follow one."""
    client = connect()
    if follow and step is None:
        raise UsageError("expected a step to follow, as in `latewood logs RUN STEP --follow`; found none")
    row = row_of(client.run(run_id))
    if follow and row.ended_position is None and step is not None:
        return _print_on(client.logs(row.run, step))
    facts = facts_of(client, row.run)
    found = steps_of(client, row.run, facts)
    printed, going_on = _printed(client, row.run, step)
    running = [entry for entry in found.rows if step in (None, entry.step) and entry.status == "running"]
    return show_logs(row.run, step, found, facts, printed, going_on(running))


def _printed(
    client: "Client", run: str, step: int | None
) -> tuple[Callable[[Ended], str], Callable[[list[StepRow]], list[tuple[StepRow, str]]]]:
    """What was printed of each attempt and check, and of steps that go on."""
    lines = sorted(_lines(client, run, step), key=_source)
    texts = {of: "".join(f"{line['text']}\n" for line in several) for of, several in groupby(lines, key=_source)}

    def of_fact(fact: Ended) -> str:
        if isinstance(fact, CheckEvaluated):
            return next((text for of, text in texts.items() if (of[0], of[2]) == (fact.step, fact.check)), "")
        return texts.get((fact.step, fact.attempt, ""), "")

    def of_steps(rows: list[StepRow]) -> list[tuple[StepRow, str]]:
        return [(row, texts.get((row.step, row.attempt, ""), "")) for row in rows]

    return of_fact, of_steps


def _source(line: Mapping[str, Any]) -> tuple[int, int, str]:
    return line["step"], line["attempt"], line["check"]


def _lines(client: "Client", run: str, step: int | None) -> Iterator[Mapping[str, Any]]:
    given = {"run": run, "step": step, "first": PAGE}
    return nodes_of(lambda after: of_project(client, _LINES, **given, after=after)["run"]["logs"])


def _print_on(lines: "Iterator[Line]") -> int:
    attempt = 1
    try:
        for line in lines:
            if line.attempt != attempt:
                click.echo(f"attempt {line.attempt}", err=True)
                attempt = line.attempt
            click.echo(line.text)
    except KeyboardInterrupt:
        return exits.CANCELLED
    return exits.OK
