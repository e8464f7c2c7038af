"""A worker: a process that has one location's code as it was deployed, and calls its tasks for an engine.

`python -P -m latewood.engine.running.worker`, by the location's own interpreter. It reads calls from standard input and
answers on standard output; user code sees neither. It has no way to the database. It ends at once when its input does,
be it in the middle of user code, with all that it has started: then its engine is gone.
"""

import dataclasses
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from platform import python_version
from queue import Queue
from typing import BinaryIO

from latewood import __version__
from latewood.engine.loading.importing import WorkingTreeModules
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_archived, load_tasks
from latewood.engine.loading.shared import resolve_recorded
from latewood.engine.loading.signature import LiveTask
from latewood.engine.running.answering import Caller
from latewood.engine.running.loading_apart import defined_of, loaded_for
from latewood.engine.running.step_logs import listening
from latewood.engine.running.worker_protocol import (
    Answer,
    Close,
    Closed,
    Hello,
    Load,
    Open,
    Opened,
    Placing,
    Referred,
    Referring,
    Refused,
    decode_call,
    decode_open,
    decode_place,
    decode_referred,
    encode,
)
from latewood.errors import DefinitionsInvalid
from latewood.model.definitions import TaskDefinition


def main() -> None:
    """Load the location that the first line names, then answer one call a line until there are no more."""
    requests, answer = _private_pipes()
    waiting: Queue[bytes] = Queue()
    threading.Thread(target=_read, args=(requests, waiting), name="latewood-requests", daemon=True).start()
    answer(Hello(latewood=__version__))
    opened = decode_open(waiting.get())
    if isinstance(opened, Load):

        def refer(asked: Referring) -> Referred:
            answer(asked)
            return decode_referred(waiting.get())

        answer(loaded_for(opened, refer))
        return
    root, folder = Path(opened.root), Path(opened.folder)
    try:
        loaded = _loaded(opened, folder, root)
    except DefinitionsInvalid as error:
        answer(Refused(message="\n".join(map(str, error.problems))))
        return
    elsewhere = WorkingTreeModules(root, folder)
    if fault := elsewhere.fault:
        answer(Refused(message=fault))
        return
    if opened.told:
        answer(defined_of(loaded))
        return
    tasks = {bare.name: bare.task.code for bare in loaded.offered}
    code = {} if opened.made else {asset.key: asset.task.code for asset in loaded.assets}
    answer(Opened(python=python_version(), code=code, tasks=tasks))

    def may_place(asked: Placing) -> bool:
        answer(asked)
        return decode_place(waiting.get()).allowed

    caller = Caller(opened, loaded, elsewhere, answer, may_place)
    with listening():
        while True:
            match decode_call(waiting.get()):
                case Close():
                    answer(Closed(failures=caller.close()))
                case request:
                    answer(caller.answer(request))
                    for verdict in caller.following():
                        answer(verdict)


def _loaded(opened: Open, folder: Path, root: Path) -> Loaded:
    if opened.made:
        loaded = load_tasks(
            folder,
            opened.location,
            opened.paths,
            {asset.task.shared.name for asset in opened.made if asset.task.shared},
            root=root,
            configurations=opened.configurations,
            environment=opened.environment,
            entry=opened.entry,
        )
        tasks = {asset.key: _used(loaded, asset.task) for asset in opened.made}
        return dataclasses.replace(loaded, assets=opened.made, tasks=tasks)
    return load_archived(
        folder,
        opened.location,
        opened.paths,
        root=root,
        configurations=opened.configurations,
        others={asset.key: asset for asset in opened.others},
        environment=opened.environment,
        resolve=resolve_recorded(opened.shared),
        entry=opened.entry,
    )


def _used(loaded: Loaded, task: TaskDefinition) -> LiveTask:
    """The task's function for what another location uses it for."""
    assert task.shared is not None, "made by a task of this location"
    live = loaded.bare[task.shared.name]
    # In a workflow what is positional may have been given a value: then it is a parameter.
    annotations = {**live.inputs, **live.parameters}
    return dataclasses.replace(
        live,
        inputs={input_.name: annotations[input_.name] for input_ in task.inputs if input_.loads},
        parameters={parameter.name: annotations[parameter.name] for parameter in task.parameters},
        outputs={output.name: live.outputs[output.name] for output in task.outputs},
    )


def _read(requests: BinaryIO, waiting: "Queue[bytes]") -> None:
    for line in requests:
        waiting.put(line)
    if os.getpgrp() == os.getpid():  # so its engine starts it; what user code has started is of its group
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _private_pipes() -> tuple[BinaryIO, Callable[[Answer], None]]:
    """Where requests come from and answers go to; what user code reads and prints is kept away from both."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    def answer(message: Answer) -> None:
        answers.write(encode(message) + b"\n")
        answers.flush()

    return requests, answer


if __name__ == "__main__":
    main()
