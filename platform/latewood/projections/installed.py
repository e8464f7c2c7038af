"""The read models that every Latewood database has."""

from typing import Final

from latewood.events import SCHEMA_VERSIONS
from latewood.projections.artifacts import ArtifactsProjection
from latewood.projections.asset_events import AssetEventsProjection
from latewood.projections.automations import AutomationsProjection
from latewood.projections.carried import CarriedProjection
from latewood.projections.catalog import CatalogProjection
from latewood.projections.configurations import ConfigurationsProjection
from latewood.projections.dynamic import DynamicProjection
from latewood.projections.environments import EnvironmentsProjection
from latewood.projections.launchables import LaunchablesProjection
from latewood.projections.notifications import NotificationsProjection
from latewood.projections.places import PlacesProjection
from latewood.projections.pools import PoolsProjection
from latewood.projections.renames import RenamesProjection
from latewood.projections.retractions import RetractionsProjection
from latewood.projections.runs import RunsProjection
from latewood.projections.tasks import TasksProjection
from latewood.projections.tokens import TokensProjection
from latewood.projections.versions import VersionsProjection
from latewood_eventlog.codec import Upcasters
from latewood_eventlog.projector import Projection

PROJECTIONS: Final[tuple[Projection, ...]] = (
    ArtifactsProjection(),
    AssetEventsProjection(),
    AutomationsProjection(),
    CarriedProjection(),
    CatalogProjection(),
    ConfigurationsProjection(),
    DynamicProjection(),
    EnvironmentsProjection(),
    LaunchablesProjection(),
    NotificationsProjection(),
    PlacesProjection(),
    PoolsProjection(),
    RenamesProjection(),
    RetractionsProjection(),
    RunsProjection(),
    TasksProjection(),
    TokensProjection(),
    VersionsProjection(),
)

UPCASTERS: Final = Upcasters(current=SCHEMA_VERSIONS)
