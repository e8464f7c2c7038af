"""`latewood.toml` at a project's root, parsed once: its tables, and the lines on which they are written.

`[resources]` and `[environments.NAME.resources]` configure resources, `[connectors]` and
`[environments.NAME.connectors]` connectors, `[locations]` says what locations are run by.
Tables of other names are others', but for those that are nearly one of these.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from latewood.engine.loading.problems import Problems
from latewood.promises import Place

FILE: Final = "latewood.toml"
_TABLES: Final = ("resources", "environments", "locations", "connectors")
_OF_ENVIRONMENT: Final = ("resources", "connectors")


class ProjectFile:
    """The file below `root`, which need not be there. What is wrong with it is added to the problems."""

    def __init__(self, root: Path, problems: Problems) -> None:
        self.root = root
        self.problems = problems
        self._path = root / FILE
        self._lines: list[str] = []
        self._tables: dict[tuple[str, ...], Mapping[str, Any]] = {(): self._document()}
        self._refuse_misspelt((), _TABLES)
        for name, table in self.table("environments").items():
            if isinstance(table, dict):
                self._refuse_misspelt(("environments", name), _OF_ENVIRONMENT)

    def table(self, *names: str) -> Mapping[str, Any]:
        """The table of this name, part by part; empty where there is none. Whatever else stands there is a problem."""
        if names not in self._tables:
            found = self.table(*names[:-1]).get(names[-1], {})
            if not isinstance(found, dict):
                self.problems.at(self.place(*names), f"{title(names)}: expected a table, found another value")
                found = {}
            self._tables[names] = found
        return self._tables[names]

    def place(self, *names: str, field: str = "") -> Place:
        """Where a table stands, or a field in it, as far as a look at the lines can tell."""
        start = self._header(names)
        if start is None:
            return self.place(*names[:-1], field=names[-1])
        for number, line in enumerate(self._lines[start:], start=start + 1):
            if line.lstrip().startswith("["):
                break
            if field and re.match(rf"\s*{_pattern(field)}\s*[.=]", line):
                return Place(str(self._path), number)
        return Place(str(self._path), start or 1)

    def _header(self, names: tuple[str, ...]) -> int | None:
        """The number of the line with the table's header, or else of the first header of a table in it."""
        title = r"\s*\.\s*".join(map(_pattern, names))
        for end in ("]", r"\.") if names else ():
            for number, line in enumerate(self._lines, start=1):
                if re.match(rf"\s*\[\s*{title}\s*{end}", line):
                    return number
        return None if names else 0

    def _document(self) -> Mapping[str, Any]:
        if not self._path.is_file():
            return {}
        try:
            text = self._path.read_text(encoding="utf-8")
            self._lines = text.splitlines()
            return tomllib.loads(text)
        except (OSError, ValueError) as error:  # decoding errors of text and of TOML are ValueErrors
            line = re.search(r"line (\d+)", str(error))
            cause = f"{error.strerror}" if isinstance(error, OSError) else str(error).partition(" (at")[0]
            self.problems.at(Place(str(self._path), int(line[1]) if line else 1), f"cannot be read as TOML: {cause}")
            return {}

    def _refuse_misspelt(self, within: tuple[str, ...], known: Collection[str]) -> None:
        for name in self.table(*within):
            near = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
            if near and name not in known:
                message = f"[{title((*within, name))}]: no such table; did you mean [{title((*within, near[0]))}]?"
                self.problems.at(self.place(*within, name), message)


def _pattern(part: str) -> str:
    return rf"""["']?{re.escape(part)}["']?"""


def title(names: tuple[str, ...]) -> str:
    """The name of a table as it is written."""
    return ".".join(name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"' for name in names)
