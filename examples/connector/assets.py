"""Lines that are counted by `wc`, as a job that goes on when the engine that has asked for it is gone."""

from pathlib import Path

from latewood import asset
from latewood.plugin import runs_on


@asset
def text() -> Path:
    path = Path("text.txt")
    path.write_text("one\ntwo\nthree\n")
    return path


@asset
@runs_on("shell", options={"command": 'sleep "$SECONDS_EACH"; wc -l < "$IN_TEXT"; echo counted >&2'})
def lines(text: Path, *, seconds_each: float = 1.0) -> int: ...


@asset
def report(lines: int) -> str:
    return f"{lines} lines"
