"""The `latewood` command: answers `--version` at once and leaves everything else to click."""

import gc
import io
import sys
from typing import Final

from latewood import __version__

_COLLECTED_EVERY: Final = 50_000
"""New objects after which garbage is looked for: imports leave none, and looking took a tenth of a short command."""


def main() -> None:
    """Run the command line; ends the process with one of the codes in `latewood.cli.exits`."""
    if sys.argv[1:] == ["--version"]:
        print(f"latewood {__version__}")  # noqa: T201 - this is what was asked for
        return
    gc.set_threshold(_COLLECTED_EVERY)
    _hide_token()
    import signal

    from latewood.cli.app import run

    for name in (signal.SIGTERM, signal.SIGHUP):  # containers and schedulers say so what a person says with Ctrl-C
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a sign that it cannot show is no reason to fail
    sys.exit(run(sys.argv[1:]))


def _hide_token() -> None:
    """Start anew with a token that was among the arguments in a variable: others see the arguments of a process.

    For as long as Python takes to start they can see it all the same; who minds sets the variable.
    """
    token, rest = _without_token(sys.argv[1:])
    if token is not None:
        import os

        start = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
        os.execve(sys.executable, [*start, *rest], {**os.environ, "LATEWOOD_TOKEN": token})  # noqa: S606 - itself


def _without_token(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The token among the options before the command, and all else."""
    token, rest, number = None, list[str](), 0
    while number < len(arguments) and arguments[number].startswith("-"):
        option, equals, value = arguments[number].partition("=")
        taken = 1 if equals or option not in ("--server", "--token") else 2
        if option == "--token" and (equals or number + 1 < len(arguments)):
            token = value if equals else arguments[number + 1]
        else:
            rest += arguments[number : number + taken]
        number += taken
    return token, rest + arguments[number:]


if __name__ == "__main__":
    main()
