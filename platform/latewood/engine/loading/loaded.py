"""What a location is once it was loaded: a module of its own, since who only reads has no need of what loads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from latewood.engine.loading.location_settings import LocationSettings
from latewood.model.automations import Automation
from latewood.model.definitions import AssetDefinition, BareTask, Output
from latewood.model.keys import AssetKey
from latewood.model.workflows import Launchable

if TYPE_CHECKING:
    from latewood.engine.loading.configuration import Configured, Recorded
    from latewood.engine.loading.live_io import LiveIO
    from latewood.engine.loading.signature import LiveTask
    from latewood.promises import Place

PROD: Final = "prod"
"""The environment that a location is configured for when nobody says another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A location as its code stands: definitions to record, sources to keep, functions to call.

    `tasks`, `checks`, `handlers` and `observers` hold the live functions by the asset's key, by key and check name, by
    the workflow whose failures they hear of, and by the external asset they look at, `sensors` by name; `ios` store
    what does not go to the artifact store, by asset. Relative paths in parameters are
    so to `root`; `paths` are the folders that imports of its sources start from, relative to where those lie.
    `settings` say what it is to be run by: nothing where it was loaded as it was deployed, by what was said then.
    `resources` are configured for `environment`; `configurations` is what is recorded of that. `offered` are tasks
    that other locations may refer to, `bare` their live functions by name. What is made by tasks of other locations
    has no live function here. `places` say where in the code an asset is defined. `readable` are external assets
    with an IO, also where it is not asked. `besides` are other locations that are looked at together with this one,
    as if they were deployed too. `code` is the folder that its sources lie in, which is not `root` where it was
    loaded as it was deployed. Where it is `apart` another process has loaded it: nothing live is here, and what it
    runs is for that Python to run.
    """

    location: str
    root: Path
    assets: tuple[AssetDefinition, ...]
    sources: Mapping[str, bytes]
    tasks: "Mapping[AssetKey, LiveTask]"
    checks: "Mapping[tuple[AssetKey, str], LiveTask]"
    launchables: tuple[Launchable, ...] = ()
    handlers: "Mapping[str, LiveTask]" = field(default_factory=dict)
    resources: "Mapping[str, Configured]" = field(default_factory=dict)
    environment: str = PROD
    paths: tuple[str, ...] = ()
    settings: LocationSettings = field(default_factory=LocationSettings)
    observers: "Mapping[AssetKey, LiveTask]" = field(default_factory=dict)
    ios: "Mapping[AssetKey, LiveIO]" = field(default_factory=dict)
    offered: tuple[BareTask, ...] = ()
    bare: "Mapping[str, LiveTask]" = field(default_factory=dict)
    places: "Mapping[AssetKey, Place]" = field(default_factory=dict)
    readable: frozenset[AssetKey] = frozenset()
    automations: tuple[Automation, ...] = ()
    sensors: "Mapping[str, LiveTask]" = field(default_factory=dict)
    besides: "tuple[Loaded, ...]" = ()
    code: Path = field(default_factory=Path)
    configurations: "Mapping[str, Recorded]" = field(default_factory=dict)
    apart: bool = False

    @property
    def together(self) -> "tuple[Loaded, ...]":
        """It and those besides."""
        return (self, *self.besides)

    @property
    def unconfigured(self) -> list[str]:
        """The resources that its functions ask for and that have no configuration."""
        live = (
            *self.tasks.values(),
            *self.checks.values(),
            *self.handlers.values(),
            *self.observers.values(),
            *self.sensors.values(),
        )
        resources = [*(function.resources for function in live), *(io.resources for io in self.ios.values())]
        asked = {cls.__resource_name__ for asked in resources for cls in asked.values()}
        return sorted(asked - self.resources.keys())

    def outputs_of(self, key: AssetKey) -> tuple[Output, ...]:
        """The outputs of the task that makes this asset."""
        return next(asset.task.outputs for asset in self.assets if asset.key == key)
