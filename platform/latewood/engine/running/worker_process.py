"""A worker process as its engine has it: started, called, and ended, whatever becomes of it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from select import POLLIN, POLLOUT, poll
from time import monotonic
from types import MappingProxyType
from typing import IO, Final, NamedTuple, Self

import msgspec
from msgspec.structs import replace

from latewood import __version__
from latewood.engine.loading.configuration import secrets_of
from latewood.engine.processes.environment import environment_of
from latewood.engine.running.calls import PROCESS_ENDED, too_late
from latewood.engine.running.live_logs import live_log, printed_so_far
from latewood.engine.running.memory import Bounds, kill_commands, memory_of
from latewood.engine.running.process_ends import Died, End, Overdue, Phase, TooLarge, failure_of, not_expected
from latewood.engine.running.process_limits import ProcessLimits
from latewood.engine.running.redacted_answers import without_secrets
from latewood.engine.running.worker_protocol import (
    Answer,
    Answered,
    Call,
    CallRange,
    Checked,
    Close,
    Closed,
    Copied,
    Defined,
    Elements,
    Failed,
    Hello,
    Load,
    NothingThere,
    Open,
    Opened,
    Place,
    Placing,
    Recall,
    Referred,
    Referring,
    Refused,
    Request,
    Returned,
    ReturnedRange,
    Running,
    Seen,
    Sensed,
    Sighted,
    decode_answer,
    encode,
)
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.recordable import text
from latewood.engine.values.redaction import redacted
from latewood.errors import LatewoodError, SecretUnavailable, StoreError
from latewood.events import Failure, FailureKind

_PIECE: Final = 1 << 16
_LOOK_MS: Final = 200
"""How soon it is noticed that a process has ended that leaves others behind."""

_LOOK_CLOSELY_MS: Final = 20
"""The same where its memory is limited: what it can take meanwhile is some 50 MB."""

_LAST_WORDS_S: Final = 5
"""How long a process may live that can answer no more."""

_STDERR_MAX: Final = 2_000
"""Characters of what a worker printed before it died: the end says why."""

_STDERR_READ: Final = 1 << 19
"""Bytes that they are taken from: of a secret that is cut a part would not be recognized."""


class _Limit(NamedTuple):
    """By when something is to be heard, on this process' clock; of how many seconds that is the end."""

    at: float
    seconds: float


class WorkerUnusable(LatewoodError):
    """A location's code cannot be loaded by its interpreter as it was deployed; says which, and why."""

    def __init__(self, location: str, interpreter: str, cause: str, kind: FailureKind = FailureKind.REFUSED) -> None:
        super().__init__(f"{location} cannot be loaded as it was deployed, by {interpreter}:\n{cause}")
        self.location = location
        self.interpreter = interpreter
        self.cause = cause
        self.kind = kind


def failed_by(error: LatewoodError | OSError) -> Failed:
    """What comes of a request that there was no process for."""
    kind = FailureKind.STORE if isinstance(error, StoreError) else FailureKind.REFUSED
    kind = error.kind if isinstance(error, WorkerUnusable) else kind
    return Failed(failure=Failure(kind=kind, error=type(error).__name__, message=text(str(error))))


MayPlace = Callable[[Placing, Callable[[bool], None]], None]
"""Hears what is about to be stored at its place, and how to answer."""


def refuse_placing(_: Placing, answer: Callable[[bool], None]) -> None:
    """Nothing is stored at places by those who did not ask for it."""
    answer(False)


class Worker:
    """One process with one location. To be used in a `with` block; one caller at a time.

    A process that dies is a failure of what it was called for; the next call starts another one. `refuse` says why a
    location that was opened is not used after all, if so.

    Nothing it answers or prints is handed on with a secret in it that the location's configurations refer to, or that
    this process has seen: it may be killed before it can look itself. It does not see the variables `hidden`, which are
    other locations' secrets, but for those that are its own as well, and has these `variables` besides.

    Whatever it is at, it is ended where that takes longer than the `limits` say, by default those of the environment.
    """

    def __init__(
        self,
        opened: Open | Load,
        *,
        interpreter: str,
        environ: Mapping[str, str],
        refuse: Callable[[Opened], str] = lambda _: "",
        hidden: Collection[str] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
        limits: ProcessLimits | None = None,
    ) -> None:
        self._limits = limits or ProcessLimits.of(environ)
        self._phase = Phase.LOADING
        self._limit: _Limit | None = None
        self._whole: _Limit | None = None
        self.location = opened.location
        configurations = opened.configurations.values() if isinstance(opened, Open) else ()
        self._secrets = secrets_of(configurations, Path(opened.root))
        self._open = opened
        self._refuse = refuse
        self._interpreter = interpreter
        own = [secret.env for secret in self._secrets]
        self._environ = {**environment_of(environ, hidden=hidden, own=own), **variables}
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: IO[bytes] | None = None
        self._found = bytearray()
        self._end = failure_of(Died(code=0, printed=""))
        results, project = (opened.results, opened.project) if isinstance(opened, Open) else ("", "")
        self._results = ArtifactStore(Path(results), project)
        self._live: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> Opened:
        """Start the process and load the location. Raises WorkerUnusable."""
        self._begin()
        match self._exchange(self._open, Phase.LOADING):
            case Opened() as opened:
                if because := self._refuse(opened):
                    raise self._unusable(because)
                return opened
            case Refused(message=message):
                raise self._unusable(message)
            case other:
                kind = FailureKind.TIMEOUT if isinstance(other, Overdue) else FailureKind.REFUSED
                raise self._unusable(not_expected(other, self._interpreter), kind)

    def load(self, refer: Callable[[Referring], Referred]) -> Defined | Refused:
        """Start the process and have a location loaded as it stands: what it defines, or what is wrong with that.

        What it prints is printed here. Raises WorkerUnusable.
        """
        self._begin()
        answer = self._exchange(self._open, Phase.LOADING)
        while isinstance(answer, Referring):
            answer = self._exchange(refer(answer), Phase.LOADING)
        if not isinstance(answer, Defined | Refused):
            raise self._unusable(not_expected(answer, self._interpreter))
        sys.stderr.write(f"{said}\n" if (said := self._tail()) else "")
        return answer

    def _begin(self) -> None:
        self.kill()
        self._found.clear()
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            # -P: the folder it is started in is no place to import from.
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the location names
                [self._interpreter, "-P", "-m", "latewood.engine.running.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                env=self._environ,
                cwd=Path(self._open.root, self._open.directory),
                process_group=0,
            )
        except OSError as error:
            raise self._unusable(f"{error.filename or self._interpreter}: {error.strerror}") from error
        assert self._process.stdin is not None, "it was started with pipes"
        os.set_blocking(self._process.stdin.fileno(), False)

    def call(self, call: Call | Recall) -> Returned | Failed:
        """What the task returned, or how it failed. Raises WorkerUnusable as `ask` does."""
        answer = self.ask(call)
        if isinstance(answer, Returned | Failed):
            return answer
        raise self._unusable(f"it answered {type(answer).__name__}")

    def call_range(self, calls: Sequence[Call], *, memory: int | None = None) -> ReturnedRange | Failed:
        """What a task returned for all of these, in one call, or how that failed. Raises as `ask` does."""
        answer = self.ask(CallRange(calls=tuple(calls)), memory=memory)
        if isinstance(answer, ReturnedRange | Failed):
            return answer
        raise self._unusable(f"it answered {type(answer).__name__}")

    def ask(self, request: Request, *, memory: int | None = None, may_place: MayPlace = refuse_placing) -> Answered:
        """What the process answers. Raises WorkerUnusable where the location does not load (again).

        It keeps timeouts itself, and is ended where it cannot: in compiled code that does not return; where it takes
        longer, with all that is loaded and stored for it, than the time that is left for a call; and where it takes
        more than so many bytes of `memory` besides what it had.
        `may_place` hears what is about to be stored at its place, and is to answer in its own time, from any thread.
        """
        called = request.calls if isinstance(request, CallRange) else (request,) if isinstance(request, Call) else ()
        self._live = [live_log(self._results, call.run, call.step, call.attempt) for call in called if call.live]
        limit_s = called[0].limit_s if called else None
        if limit_s is not None and self._whole is None:
            self.hurry(limit_s)
        try:
            if self._process is None or self._process.poll() is not None:  # it may have died since the last call
                self.start()
            if isinstance(request, CallRange) and limit_s is not None and self._whole is not None:
                limit_s = self._whole.at - self._limits.grace_s - monotonic()  # waiting and starting took the rest
                if limit_s <= 0:
                    return Failed(failure=too_late())
                request = replace(request, calls=tuple(replace(call, limit_s=limit_s) for call in request.calls))
            found = self._exchange(request, Phase.READING, memory, may_place, within_s=limit_s)
        finally:
            self._whole = None
        return self._answered(found)

    def following(self) -> Answered:
        """The next of the verdicts that follow the last answer; those of a process that died are failures."""
        if self._process is None:
            return Failed(failure=self._end)
        self._enter(Phase.READING)
        return self._answered(self._heard(self._process, None, refuse_placing))

    def _answered(self, found: Answer | End) -> Answered:
        match found:
            case Returned() | ReturnedRange() | Checked() | Copied() | Seen() | Elements() | Failed() as answer:
                return answer
            case Sensed() | Sighted() | NothingThere() as answer:
                return answer
            case Died(printed=printed) as end:
                return self._ended(failure_of(end), printed)
            case Overdue() as end:
                return self._ended(failure_of(end))
            case TooLarge() as end:
                if self._process is not None:
                    kill_commands(self._process.pid)
                return self._ended(failure_of(end))
            case other:
                raise self._unusable(f"it answered {type(other).__name__}")

    def _ended(self, failure: Failure, printed: str = "") -> Failed:
        """With what was printed while it was called, and what the process itself did before it died."""
        self.kill()
        self._end = failure
        said = "".join(printed_so_far(path) for path in self._live[:1])
        for path in self._live:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return Failed(failure=failure, logs=redacted(said) + printed)

    def close(self) -> dict[str, Failure]:
        """Let it leave the resources that it has entered, then end it; each failure by the resource's name."""
        if self._process is None:
            return {}
        match self._exchange(Close(), Phase.CLOSING):
            case Closed(failures=failures):
                self.kill()
                return failures
            case Overdue() as end:
                self.kill()
                return {self._open.location: failure_of(end)}
            case other:
                self.kill()
                message = f"its process answered {type(other).__name__} when it was to close its resources"
                return {self._open.location: Failure(kind=FailureKind.USER, error=PROCESS_ENDED, message=message)}

    def _exchange(
        self,
        message: Open | Load | Referred | Request | Close,
        phase: Phase,
        memory: int | None = None,
        may_place: MayPlace = refuse_placing,
        *,
        within_s: float | None = None,
    ) -> Answer | End:
        process = self._process
        assert process is not None, "the process was started"
        bounds = None if memory is None else Bounds.of(process.pid, memory)
        self._enter(phase)
        if phase is not Phase.LOADING:
            self.hurry(within_s)
        try:
            return self._say(process, message) or self._heard(process, bounds, may_place)
        except BrokenPipeError:
            return self._died(process)  # before it had read everything

    def _heard(self, process: "subprocess.Popen[bytes]", bounds: Bounds | None, may_place: MayPlace) -> Answer | End:
        """The next answer, whatever the process says before it."""
        try:
            while line := self._line(process, bounds):
                if not isinstance(line, bytes):
                    return line
                match decode_answer(line):
                    case Running(own=own, limit_s=limit_s):
                        self._enter(Phase.OWN if own else Phase.STORING, limit_s)
                    case Hello(latewood=theirs):
                        if theirs != __version__:
                            raise self._unusable(_OTHER.format(theirs, __version__))
                    case Placing() as asked:
                        self._enter(Phase.WAITING)
                        may_place(asked, partial(self._answer_placing, process))
                    case answer:
                        self._see_secrets()
                        return without_secrets(answer)
        except msgspec.MsgspecError as error:
            raise self._unusable(f"it answered what is no answer ({error})") from error
        return self._died(process)

    def hurry(self, within_s: float | None) -> None:
        """So many seconds there are for all that who waits for it asks of it: also to be started for that."""
        self._whole = None if within_s is None else _Limit(monotonic() + within_s + self._limits.grace_s, within_s)

    def _enter(self, phase: Phase, own_s: float | None = None) -> None:
        """So long it may take from now on; what a task does itself takes its own time, where that is limited."""
        limits = self._limits
        match phase:
            case Phase.OWN:
                limit = None if own_s is None else _Limit(monotonic() + own_s + limits.grace_s, own_s)
            case Phase.WAITING:  # for whoever answers, which is not its fault
                limit = None
            case Phase.LOADING:
                limit = _Limit(monotonic() + limits.loading_s, limits.loading_s)
            case Phase.CLOSING:
                limit = _Limit(monotonic() + limits.closing_s, limits.closing_s)
            case _:
                limit = _Limit(monotonic() + limits.around_s, limits.around_s)
        self._phase, self._limit = phase, limit

    @property
    def _overdue(self) -> Overdue | None:
        """How it is overdue now, if it is: at what it does, or with all that it was asked for."""
        phase, limit, whole = self._phase, self._limit, self._whole
        for one in (limit, None if phase is Phase.WAITING else whole):
            if one is not None and monotonic() > one.at:
                return Overdue(seconds=one.seconds, phase=phase)
        return None

    def _say(
        self, process: "subprocess.Popen[bytes]", message: Open | Load | Referred | Request | Close | Place
    ) -> Overdue | None:
        """Have it read this; how it is overdue where it does not."""
        assert process.stdin is not None, "it was started with pipes"
        pipe, looking, left = process.stdin.fileno(), poll(), memoryview(encode(message) + b"\n")
        looking.register(pipe, POLLOUT)
        while left:
            try:
                left = left[os.write(pipe, left) :]
            except BlockingIOError:
                if not looking.poll(_LOOK_MS) and (overdue := self._overdue) is not None:
                    return overdue
        return None

    def _answer_placing(self, process: "subprocess.Popen[bytes]", allowed: bool) -> None:  # noqa: FBT001 - as asked
        if self._process is not process:  # another one is at something else by now
            return
        self._enter(Phase.STORING)
        with suppress(OSError, ValueError):  # it has ended meanwhile
            self._say(process, Place(allowed=allowed))

    def _died(self, process: "subprocess.Popen[bytes]") -> Died:
        try:
            code = process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:  # it has closed its end: whatever it does, nobody will hear of it
            process.kill()
            code = process.wait()
        return Died(code=code, printed=self._tail())

    def _line(self, process: "subprocess.Popen[bytes]", bounds: Bounds | None) -> bytes | Overdue | TooLarge:
        """The next line it writes, nothing when it has ended before that; else how it does neither in time and bounds.

        That the pipe stays open says nothing: what user code has forked holds it as well, and may live longer.
        """
        assert process.stdout is not None, "it was started with pipes"
        pipe, looking, found = process.stdout.fileno(), poll(), self._found
        looking.register(pipe, POLLIN)
        while b"\n" not in found:
            ended = process.poll() is not None
            if looking.poll(0 if ended else _LOOK_MS if bounds is None else _LOOK_CLOSELY_MS):
                piece = os.read(pipe, _PIECE)
                if not piece:
                    return b""
                found += piece
            elif ended:
                return b""
            elif bounds is not None and bounds.are_passed:
                return TooLarge(bounds.bytes_max)
            elif (overdue := self._overdue) is not None:
                return overdue
        line, _, rest = bytes(found).partition(b"\n")
        self._found = bytearray(rest)
        return line

    def _tail(self) -> str:
        assert self._printed is not None, "opened with the process"
        end = self._printed.seek(0, os.SEEK_END)
        self._printed.seek(max(0, end - _STDERR_READ))
        self._see_secrets()
        return redacted(self._printed.read().decode("utf-8", "replace"))[-_STDERR_MAX:].strip()

    def _see_secrets(self) -> None:
        """Read the location's secrets as they are now: what is behind them is replaced from then on."""
        for secret in self._secrets:
            with suppress(SecretUnavailable):  # the worker cannot have it either
                secret.reveal(self._environ)

    @property
    def memory(self) -> int:
        """Bytes that its process takes, 0 if there is none."""
        process = self._process
        return 0 if process is None else memory_of(process.pid)

    def interrupt(self) -> None:
        """End the process, with all that it has started, from another thread: whoever calls it hears that it died."""
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process, with all that it has started, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None, "it was started with pipes"
                with suppress(BrokenPipeError):
                    pipe.close()
        if self._printed is not None:
            self._printed.close()
            self._printed = None

    def _unusable(self, cause: str, kind: FailureKind = FailureKind.REFUSED) -> WorkerUnusable:
        self.kill()
        return WorkerUnusable(self._open.location, self._interpreter, cause, kind)


_OTHER: Final = "its Latewood is {}, and the one that you run is {}; both must be one version"
