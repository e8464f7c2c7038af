"""A project in a folder of its own: a file of definitions, runs of it, and what came of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent

from crash.conftest import facts_of
from latewood.commands.explaining import why
from latewood.commands.materializing import Prepared, Result, materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.views import AsOf
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.events import Failure, OutputMade, StepFailed, StepSucceeded


@dataclass(frozen=True)
class Project:
    """A workspace, the folder of its code, and what each version of that begins with."""

    workspace: Workspace
    folder: Path
    head: str = ""

    def define(self, source: str) -> None:
        """Let this be its definitions from here on."""
        (self.folder / "assets.py").write_text(self.head + dedent(source))

    def within(self, environment: str) -> Workspace:
        """The workspace in that environment."""
        return replace(self.workspace, environment=environment)

    def load(self, environment: str = "prod") -> Loaded:
        """Its definitions as they are for that environment."""
        return load_file(self.folder / "assets.py", root=self.folder, environment=environment)

    def prepared(self, selection: str = "*", environment: str = "prod", **asked: object) -> Prepared:
        """A run that is deployed and planned."""
        return prepare(self.within(environment), self.load(environment), Asked(selection=selection, **asked))

    def run(self, selection: str = "*", environment: str = "prod", **asked: object) -> Result:
        """What came of a run."""
        return materialize(self.within(environment), self.prepared(selection, environment, **asked))

    def ran(self, selection: str = "*", environment: str = "prod", **asked: object) -> tuple[int, int, int]:
        """How many steps of a run were executed, reused, and failed."""
        tally = self.run(selection, environment, **asked).tally
        return tally.ran, tally.reused, tally.failed

    def made(self) -> list[OutputMade]:
        """Every output that was ever made."""
        succeeded = (fact for fact in facts_of(self.workspace.log) if isinstance(fact, StepSucceeded))
        return [output for fact in succeeded for output in fact.outputs]

    def failures(self) -> list[Failure]:
        """Every failure of a step."""
        return [fact.failure for fact in facts_of(self.workspace.log) if isinstance(fact, StepFailed)]

    def why(self, key: str, environment: str = "prod", **how: object) -> list[tuple[str, str]]:
        """Cause and path of every finding."""
        return [(f.cause.value, f.path) for f in why(self.within(environment), key, **how).findings]

    def status(self, key: str, environment: str = "prod", as_of: int | None = None) -> str:
        """How the asset stands, now or then."""
        found = read(self.within(environment), **({} if as_of is None else {"as_of": AsOf(as_of)}))
        return found.assessed[key].status.value
