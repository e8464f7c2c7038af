"""What the logic of a task is: its code version, the parts that make it up, and how two of them differ.

These shapes are written to the log with each definition, so that `why` can name the function that changed
without the source of either side.
"""

from typing import Literal

import msgspec


class CodePart(msgspec.Struct, frozen=True, kw_only=True):
    """One definition that a task reaches, and the digest of its syntax and of what its names stand for.

    The name is `FILE:QUALNAME`, the file relative to the project root: `flights/cleaning.py:clean_delay`.
    `FILE:QUALNAME[x]` is the value of `x` that a function captured from around it (a closure's variable or
    a computed default); `FILE:*` are the statements of a module, included as a whole, that define nothing; `FILE:` is a
    file as it is, which a command declares.
    """

    name: str
    digest: str

    @property
    def file(self) -> str:
        """The file, relative to the project root."""
        return self.name.rpartition(":")[0]

    @property
    def qualname(self) -> str:
        """The name inside the file, as Python's `__qualname__` writes it."""
        return self.name.rpartition(":")[2]


class CodeVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a task's logic: given by its author, or the digest of all code that it reaches.

    Equal versions mean equal logic, up to what `uncovered` names. No line numbers are in here: a comment
    or a blank line changes nothing. Order: parts by name, packages by name, `uncovered` by text.
    """

    version: str
    given: bool
    scheme: str
    file: str
    qualname: str
    parts: tuple[CodePart, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    uncovered: tuple[str, ...] = ()


class CodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two code versions; `before` or `after` is None for what was added or removed.

    A part's values are digests; a package's are its versions; `version` is the version as a whole, given by
    the author or one that never occurs again; `scheme` says how versions are made: given, or by which
    serialisation of Latewood's; `shared` is a task of another location, by the deployment that it is from.
    """

    subject: Literal["part", "package", "version", "scheme", "shared"]
    name: str
    before: str | None
    after: str | None
