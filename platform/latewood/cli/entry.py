"""The `latewood` command: answers `--version` at once and leaves everything else to click."""

import io
import sys

from latewood import __version__


def main() -> None:
    """Run the command line; ends the process with one of the codes in `latewood.cli.exits`."""
    if sys.argv[1:] == ["--version"]:
        print(f"latewood {__version__}")  # noqa: T201 - this is what was asked for
        return
    import signal

    from latewood.cli.app import run

    for name in (signal.SIGTERM, signal.SIGHUP):  # containers and schedulers say so what a person says with Ctrl-C
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a sign that it cannot show is no reason to fail
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
