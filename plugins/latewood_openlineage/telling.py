"""Events to an HTTP endpoint or to a file, each told for good before the next."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from openlineage.client.event_v2 import DatasetEvent, RunEvent
from openlineage.client.serde import Serde
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider
from requests import RequestException, Session

from latewood.plugin import Happening, Listener, TransientError
from latewood_openlineage.events import event_of

Event = RunEvent | DatasetEvent

_ENDPOINT: Final = "api/v1/lineage"
_REFUSED: Final = frozenset({400, 413, 422})
"""What an endpoint says of an event, whoever sends it. All else is of the endpoint, or of who may ask it."""

_WORDS_MAX: Final = 300


def listen(to: str, *, namespace: str = "", api_key: str = "") -> Listener:
    """Tells an address or a file. Raises ValueError for what is neither."""
    scheme = to.partition("://")[0] if "://" in to else ""
    if not scheme:
        return _Telling(_ToFile(Path(to)), namespace)
    if scheme not in ("http", "https"):
        raise ValueError(f"expected http://… or https://…, or a file; found {scheme}://")
    parts = urlsplit(to)
    if not parts.hostname or parts.username or parts.password:
        raise ValueError("expected an address as http://localhost:5000, without a password in it")
    return _Telling(_ToAddress(to, api_key), namespace)


class _Telling:
    """Tells events in their order, and goes on after those that are refused."""

    def __init__(self, send: Callable[[Iterable[Event]], list[str]], namespace: str) -> None:
        self._send = send
        self._namespace = namespace

    def tell(self, happenings: Sequence[Happening], /) -> Sequence[str]:
        return self._send(event_of(each, self._namespace) for each in happenings)


class _ToAddress:
    """A POST for each. An address without a path is where Marquez has its own."""

    def __init__(self, to: str, api_key: str) -> None:
        parts = urlsplit(to)
        has_path = parts.path not in ("", "/")
        self._host = parts.netloc
        session = Session()
        session.max_redirects = 0  # a POST that follows one becomes a GET, which is answered well and tells nothing
        self._transport = HttpTransport(
            HttpConfig(
                url=to,
                endpoint=to if has_path else _ENDPOINT,
                auth=ApiKeyTokenProvider({"apiKey": api_key}) if api_key else TokenProvider({}),
                session=session,
                retry={"total": 0, "redirect": 0},  # who has asked waits, and asks again
            )
        )

    def __call__(self, events: Iterable[Event]) -> list[str]:
        refused = []
        for event in events:
            try:
                self._transport.emit(event)
            except RequestException as error:
                answer = error.response
                if answer is None:
                    raise TransientError(f"{self._host} cannot be reached: {type(error).__name__}") from None
                said = f"{self._host} answered {answer.status_code} {answer.reason or ''}".rstrip()
                if answer.status_code not in _REFUSED:
                    raise TransientError(said) from None
                words = "".join(each if each.isprintable() else " " for each in answer.text[:_WORDS_MAX])
                refused.append(f"{_called(event)}: {said} {words}".rstrip())
        return refused


class _ToFile:
    """A line for each, on the disk when they are told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, events: Iterable[Event]) -> list[str]:
        try:
            with self._path.open("ab+") as file:
                _end_with_a_line(file.fileno())
                file.write(b"".join(Serde.to_json(event).encode() + b"\n" for event in events))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TransientError(f"{self._path}: {error.strerror or error}") from None
        return []


def _end_with_a_line(file: int) -> None:
    """Cut off half a line, which a crash has left: it is told again."""
    size = end = os.fstat(file).st_size
    while end:
        start = max(0, end - 4_096)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)


def _called(event: Event) -> str:
    if isinstance(event, RunEvent):
        return f"{event.eventType.value if event.eventType else ''} of {event.job.name}, {event.run.runId}".lstrip()
    return f"dataset {event.dataset.name}"
