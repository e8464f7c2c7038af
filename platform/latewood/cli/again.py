"""`latewood rerun` and `latewood reproduce`: what was done, done again."""

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console

from latewood.cli import exits
from latewood.cli.materialize import execute, plan_of_loaded, prepared_for
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, content_text, plural, print_json, table
from latewood.commands.plan_words import change_text
from latewood.commands.reproducing import Reproduced, Reproduction, reproduce
from latewood.commands.rerunning import rerun_of
from latewood.commands.surroundings import Surroundings
from latewood.commands.workspace import latewood_home
from latewood.engine.loading.importing import project_root
from latewood.engine.storage.caches import caches_in_use
from latewood.events import Verdict

_SHOWN = 50
_STYLE = {
    Verdict.IDENTICAL: "green",
    Verdict.SAME_SHAPE: "yellow",
    Verdict.DIFFERENT: "red",
    Verdict.FAILED: "red",
    Verdict.NOT_RUN: "dim",
}


def rerun_command(
    *, named: str, only: str, parameters: tuple[str, ...], dry_run: bool, detach: bool, json_: bool, quiet: bool
) -> int:
    """Ask again for what a run was asked for; exit code."""
    started = time.perf_counter()
    home = latewood_home(os.environ).absolute()
    with caches_in_use(home):  # the code that runs lies there
        root = project_root(Path.cwd())
        again = rerun_of(open_workspace(), named, only=only, parameters=parameters, home=home, root=root)
        if dry_run:
            return plan_of_loaded(again.workspace, again.loaded, again.asked, json_=json_)
        prepared = prepared_for(again.workspace, again.loaded, again.asked)
        if detach:
            from latewood.cli import serving

            return serving.detach(again.workspace, prepared, json_=json_)
        return execute(again.workspace, prepared, started, json_=json_, quiet=quiet)


def reproduce_command(*, named: str, only: str, force: bool, json_: bool) -> int:
    """Run recorded steps again and compare; 0 if every output is identical."""
    workspace = open_workspace()
    found = reproduce(
        workspace,
        named,
        home=latewood_home(os.environ).absolute(),
        root=project_root(Path.cwd()),
        only=only,
        force=force,
    )
    if json_:
        print_json(_json(found))
    else:
        _print(console(), found)
    return exits.OK if found.is_identical else exits.STEP_FAILED


def _print(out: Console, found: Reproduction) -> None:
    rows = table("asset", "outputs", "verdict")
    counts = Counter((output.asset, output.fact.verdict) for output in found.outputs)
    for (key, verdict), count in counts.items():
        rows.add_row(key, f"{count:,}", verdict, style=_STYLE[verdict])
    out.print(rows)
    apart = [output for output in found.outputs if output.fact.verdict is not Verdict.IDENTICAL]
    for output in apart[:_SHOWN]:
        out.print(_line(output), style=_STYLE[output.fact.verdict])
    if apart[_SHOWN:]:
        out.print(f"{plural(len(apart[_SHOWN:]), 'output')} more; --json lists all", style="dim")
    for line in surroundings_lines(found.surroundings):
        out.print(line, style="yellow" if apart else "dim")
    if found.reused:
        out.print(f"{plural(found.reused, 'step')} reused what other runs had computed: not run here", style="dim")
    identical = len(found.outputs) - len(apart)
    summary = f"{identical:,} of {plural(len(found.outputs), 'output')} identical"
    out.print(f"{summary}, as reproduction {found.reproduction} of the log", style="red" if apart else "green")


def _line(output: Reproduced) -> str:
    name = f"{output.asset} {output.partition}".rstrip() + f" ({output.version})"
    if output.difference is None:
        return f"{name} {output.fact.verdict}: {output.fact.message}"
    found = output.difference
    values = f": {found.before} -> {found.after}" if found.before or found.after else ""
    return f"{name} {output.fact.verdict}, first difference at {found.place}{values}"


def surroundings_lines(found: Surroundings) -> list[str]:
    """What is other now than it was then, a line each."""
    lines = [f"other now: Python {found.python[0]} -> {found.python[1]}"] if found.python else []
    lines += [f"other now: {change_text(change)}" for change in found.code]
    lines += [f"other now: the content of {path}, which a parameter names" for path in found.contents]
    lines += [
        f"other now: {f'{change.asset} {change.partition}'.rstrip()}, made elsewhere: "
        f"{content_text(change.before)} -> {content_text(change.after)}"
        for change in found.external
    ]
    return lines + [
        f"other now: the configuration of {name}; it ran with that of then" for name in found.configurations
    ]


def _json(found: Reproduction) -> dict[str, Any]:
    python, surroundings = found.surroundings.python, found.surroundings
    return {
        "reproduction": found.reproduction,
        "identical": found.is_identical,
        "reused": found.reused,
        "outputs": [
            {
                "asset": output.asset,
                "partition": output.partition,
                "version": output.version,
                "verdict": output.fact.verdict,
                "data_version": output.fact.data_version,
                "message": output.fact.message,
                "difference": None
                if output.difference is None
                else {
                    "place": output.difference.place,
                    "before": output.difference.before,
                    "after": output.difference.after,
                },
            }
            for output in found.outputs
        ],
        "changes": {
            "python": None if python is None else {"before": python[0], "after": python[1]},
            "code": [
                {"subject": c.subject, "name": c.name, "before": c.before, "after": c.after} for c in surroundings.code
            ],
            "contents": surroundings.contents,
            "configurations": surroundings.configurations,
            "external": [change._asdict() for change in surroundings.external],
        },
    }
