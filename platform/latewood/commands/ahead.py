"""Tasks of the locations that one command is about: what references to them mean once all of these are deployed."""

from collections.abc import Collection

from latewood.commands.deploying import tasks_offered
from latewood.commands.sharing import Coming, named_task
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loaded import Loaded
from latewood.errors import DefinitionError
from latewood.projections.snapshots import snapshot
from latewood.projections.tasks import Offered
from latewood.sharing import Reference


class Ahead:
    """Looks tasks up among the locations of one command, as each was loaded.

    One that names a version always means the same, and is not looked up here.
    """

    def __init__(self, workspace: Workspace, locations: Collection[str]) -> None:
        self._workspace = workspace
        self._locations = frozenset(locations)
        self._loaded: dict[str, Loaded] = {}
        self._offered: dict[str, list[Offered]] = {}
        self.awaited = ""
        """The location that is not loaded yet and of which a task was asked for last; empty once that was seen to."""

    def add(self, loaded: Loaded) -> None:
        """One more is loaded: its tasks can be referred to."""
        self._loaded[loaded.location] = loaded

    def __call__(self, reference: Reference) -> Coming | None:
        """The task; None where it is of no location of the command. Raises DefinitionError for one that is not there.

        Cost: the first time for each location, O(its definitions).
        """
        location = reference.location
        if reference.version or location not in self._locations:
            return None
        if location not in self._loaded:
            self.awaited = location
            raise DefinitionError(f"{reference}: {location} refers to tasks of this location, too")
        loaded = self._loaded[location]
        if location not in self._offered:
            with snapshot(self._workspace.log) as connection:
                self._offered[location] = tasks_offered(connection, self._workspace, loaded)
        offered = named_task(reference, self._offered[location], "as it is now")
        return Coming(offered=offered, configured=frozenset(loaded.configurations))
