"""What steps printed and logged, as pages of lines in either direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import graphene

from latewood.commands.printed import Cursor, Lines, LinesWanted, StepPrinted, printed_by_steps
from latewood.commands.printed_run import RunPrinted, printed_by_runs
from latewood.commands.run_progress import refuse_unplanned
from latewood.errors import UsageError
from latewood.model.keys import RunId
from latewood.projections.runs import RunRow
from latewood_graphql.calls import ProjectAt
from latewood_graphql.fields import given, many
from latewood_graphql.pages import FIRST_MAX, checked_first, cursor_of, key_of

_UNKNOWN_MAX: Final = 20
"""Plans are read for so many steps in a query, to say whether there is such a step."""


class LogLine(graphene.ObjectType):
    """One line of what an attempt of a step, or a check of it, printed or logged."""

    cursor = graphene.String(
        required=True,
        description="Its place, which stays; `after` goes on behind it and `before` ends before it.",
        resolver=lambda line, _info: cursor_of(list(line.cursor)),
    )
    step = graphene.Int(required=True, description="The number of the step.")
    attempt = graphene.Int(
        required=True, description="The number of the attempt; 0 for a check in the lines of a whole run."
    )
    check = graphene.String(required=True, description="The check that printed it; empty for the step itself.")
    number = graphene.Int(required=True, description="Its place in what the attempt or the check printed, from 1.")
    text = graphene.String(required=True, description="What it says, without the end of the line.")


class LogLines(graphene.ObjectType):
    """Lines in a row, or with `search` those of them that match. Cursors are those of all that was looked at."""

    nodes = many(LogLine, "The lines, in their order.", resolver=given("lines.lines"))
    start_cursor = graphene.String(
        description="What `before` takes to have the page before; null where nothing was looked at."
    )
    end_cursor = graphene.String(
        description="What `after` takes to have the next page, also of lines yet to come; null for no line at all."
    )
    has_next_page = graphene.Boolean(required=True, description="Whether there are lines behind these by now.")
    has_previous_page = graphene.Boolean(required=True, description="Whether there are lines before these.")
    is_over = graphene.Boolean(
        required=True,
        description="Whether nothing more will be printed: the step, or the run, has ended.",
        resolver=given("lines.is_over"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesPage:
    """Lines that were asked for `backwards` or not, with what is known of those beyond."""

    lines: Lines
    asked: Cursor | None
    backwards: bool

    @property
    def start_cursor(self) -> str | None:
        """Of the first line that was looked at."""
        seen = self.lines.seen
        return _text(seen[0] if seen else self.asked)

    @property
    def end_cursor(self) -> str | None:
        """Of the last one."""
        seen = self.lines.seen
        return _text(seen[1] if seen else self.asked)

    @property
    def has_next_page(self) -> bool:
        """There is what was asked for to end before."""
        return self.asked is not None if self.backwards else self.lines.more

    @property
    def has_previous_page(self) -> bool:
        """There is what was asked for to go on behind."""
        return self.lines.more if self.backwards else self.asked is not None


def log_arguments() -> dict[str, Any]:
    """The arguments of a page of lines."""
    most = f"up to {FIRST_MAX:,}"
    return {
        "step": graphene.Int(
            description="The number of the step; by default of all: what has ended, in that order, and what goes on."
        ),
        "first": graphene.Int(description=f"How many lines from the beginning, or from `after` on, {most}; 1,000."),
        "after": graphene.String(description="Only lines behind this one."),
        "last": graphene.Int(description=f"Instead of `first`: how many lines up to the end, or to `before`, {most}."),
        "before": graphene.String(description="Only lines before this one."),
        "search": graphene.String(
            required=True, default_value="", description="Only lines with this text, in whatever case."
        ),
    }


async def logs_page(project: ProjectAt, row: RunRow, *, search: str, **asked: Any) -> LinesPage:
    """The page that is asked for, of all runs that it is asked of at once.

    Raises UsageError for directions that contradict, cursors of other lists and steps that the run does not have.
    """
    run, has_ended = row.run, row.ended_position is not None
    step, backwards = asked.get("step"), asked.get("last") is not None or asked.get("before") is not None
    if backwards and (asked.get("first") is not None or asked.get("after") is not None):
        raise UsageError("logs: expected `first` and `after`, or `last` and `before`; found some of both")
    beyond = cursor_given(asked.get("before") if backwards else asked.get("after"), of_step=step is not None)
    how_many = asked.get("last") if backwards else asked.get("first")
    wanted = LinesWanted(
        limit=FIRST_MAX if how_many is None else checked_first(how_many),
        beyond=beyond,
        search=search,
        backwards=backwards,
    )
    call, there, up_to = project.call, project.workspace, project.position

    def of_runs(runs: Sequence[RunId]) -> Mapping[RunId, RunPrinted]:
        return printed_by_runs(there, runs, wanted, up_to=up_to, is_now=up_to >= call.position)

    def of_steps(steps: Sequence[tuple[RunId, int]]) -> Mapping[tuple[RunId, int], StepPrinted]:
        return printed_by_steps(there, steps, up_to=up_to)

    found: Lines
    if step is None:
        of_run: RunPrinted = await call.load((project.name, up_to), f"printed {wanted}", run, of_runs)
        found = await call.in_the_end(lambda log: of_run.lines(replace(there, log=log), is_over=has_ended))
    else:
        of_step: StepPrinted = await call.load((project.name, up_to), "printed", (run, step), of_steps)
        if not of_step.events:
            told_nothing = "runs that have told nothing of that step yet"
            await call.few("logs(step:)", (project.name, up_to, run, step), of=told_nothing, most=_UNKNOWN_MAX)
            call.refuse_late()
            refuse_unplanned(there, row, step)
        found = await call.in_the_end(lambda _: of_step.lines(there.store, wanted, has_ended=has_ended))
    return LinesPage(lines=found, asked=beyond, backwards=backwards)


def cursor_given(text: str | None, *, of_step: bool) -> Cursor | None:
    """The line that is meant. Raises UsageError for a cursor of another list."""
    found: Sequence[Any] | None = key_of(text, list)
    if found is None:
        return None
    is_of_it = len(found) == 3 if of_step else len(found) % 3 == 2  # noqa: PLR2004 - as cursors are
    if not is_of_it or any(type(part) is not int for part in found):
        raise UsageError(f"expected the cursor of a line of {'the step' if of_step else 'the run'}, found {text!r}")
    return tuple(found)


def _text(cursor: Cursor | None) -> str | None:
    return None if cursor is None else cursor_of(list(cursor))
