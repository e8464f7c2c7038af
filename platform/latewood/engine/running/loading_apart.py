"""Loading a location by its own interpreter: what a worker does for it, and what is made of its answer.

Definitions come back as data. Nothing that runs does: whoever loads so can deploy and plan, and workers run it.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file, load_module
from latewood.engine.loading.location_settings import LocationSettings
from latewood.engine.loading.shared import shared_by, stand_in
from latewood.engine.running.worker_process import Worker, WorkerUnusable
from latewood.engine.running.worker_protocol import Defined, Load, Open, Problem, Referred, Referring, Refused
from latewood.errors import DefinitionError, DefinitionsInvalid
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.promises import Place
from latewood.sharing import Reference, Resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """A location that is loaded by a process of its own: which, by which interpreter, and with which variables.

    The process is ended once it takes longer than `limit_s`.
    """

    location: str
    entry: str
    root: Path
    settings: LocationSettings
    interpreter: str
    variables: Mapping[str, str]
    limit_s: float | None = None


def load_apart(
    apart: Apart,
    *,
    others: Mapping[AssetKey, AssetDefinition],
    environment: str,
    resolve: Resolve,
    environ: Mapping[str, str],
) -> Loaded:
    """The location as its code stands, without anything live.

    Raises DefinitionsInvalid with all problems, WorkerUnusable where the interpreter cannot load it. Cost: starting
    Python, and importing what the location does.
    """
    to_load = Load(
        location=apart.location,
        entry=apart.entry,
        root=str(apart.root),
        environment=environment,
        others=tuple(others.values()),
        directory=apart.settings.directory,
    )
    return _loaded(apart, to_load, environment, environ, lambda asked: _referred(asked, resolve))


def load_deployed_apart(apart: Apart, to_open: Open, *, environ: Mapping[str, str]) -> Loaded:
    """The location as it was deployed, without anything live. Raises as `load_apart` does."""
    loaded = _loaded(apart, replace(to_open, told=True), to_open.environment, environ, lambda _: Referred())
    return dataclasses.replace(loaded, code=Path(to_open.folder))


def _loaded(
    apart: Apart,
    message: Load | Open,
    environment: str,
    environ: Mapping[str, str],
    refer: Callable[[Referring], Referred],
) -> Loaded:
    with Worker(message, interpreter=apart.interpreter, environ=environ, variables=apart.variables) as worker:
        found = _in_time(worker, refer, apart)
    if isinstance(found, Refused):
        problems = found.problems or (Problem(message=found.message),)
        raise DefinitionsInvalid(tuple(DefinitionError(p.message, file=p.file, line=p.line) for p in problems))
    return Loaded(
        location=apart.location,
        root=apart.root,
        code=apart.root,
        assets=found.assets,
        sources=found.sources,
        tasks={},
        checks={},
        launchables=found.launchables,
        environment=environment,
        paths=found.paths,
        settings=apart.settings,
        offered=found.offered,
        places={key: Place(file, line) for key, (file, line) in found.places.items()},
        readable=frozenset(found.readable),
        automations=found.automations,
        configurations=found.configurations,
        apart=True,
    )


def _in_time(worker: Worker, refer: Callable[[Referring], Referred], apart: Apart) -> Defined | Refused:
    if apart.limit_s is None:
        return worker.load(refer)
    over = threading.Event()

    def end() -> None:
        over.set()
        worker.interrupt()

    ending = threading.Timer(apart.limit_s, end)
    ending.daemon = True
    ending.start()
    try:
        return worker.load(refer)
    except WorkerUnusable:
        if not over.is_set():
            raise
        cause = f"it takes longer than {apart.limit_s:.0f} s"
        raise WorkerUnusable(apart.location, apart.interpreter, cause) from None
    finally:
        ending.cancel()


def _referred(asked: Referring, resolve: Resolve) -> Referred:
    try:
        return Referred(shared=shared_by(resolve(asked.reference)))
    except DefinitionError as error:
        return Referred(problem=error.message)


def loaded_for(load: Load, refer: Callable[[Referring], Referred]) -> Defined | Refused:
    """What the worker answers that was asked to load a location."""

    def resolve(reference: Reference) -> Callable[..., object]:
        found = refer(Referring(reference=reference))
        if found.shared is None:
            raise DefinitionError(found.problem)
        return stand_in(found.shared)

    root, others = Path(load.root), {asset.key: asset for asset in load.others}
    try:
        if (root / load.entry).is_file():
            loaded = load_file(
                root / load.entry,
                root=root,
                location=load.location,
                others=others,
                environment=load.environment,
                resolve=resolve,
            )
        else:
            loaded = load_module(
                load.entry,
                root=root,
                location=load.location,
                others=others,
                environment=load.environment,
                resolve=resolve,
            )
    except DefinitionsInvalid as error:
        problems = tuple(Problem(message=p.message, file=p.file, line=p.line) for p in error.problems)
        return Refused(message=str(error), problems=problems)
    return defined_of(loaded)


def defined_of(loaded: Loaded) -> Defined:
    """As much of what was loaded as is data."""
    return Defined(
        assets=loaded.assets,
        sources=dict(loaded.sources),
        paths=loaded.paths,
        launchables=loaded.launchables,
        offered=loaded.offered,
        automations=loaded.automations,
        configurations=dict(loaded.configurations),
        places={key: (place.file, place.line) for key, place in loaded.places.items()},
        readable=tuple(loaded.readable),
    )
