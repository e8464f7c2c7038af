"""Secrets: references to values that live elsewhere, and which values this process has seen behind them.

A reference may be shown, compared and recorded; the value is read where a step asks for it and is kept nowhere but in
this module's memory, which says what must not be recorded (`latewood.engine.values.redaction`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from latewood.errors import SecretUnavailable

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

ROOT: Final = "latewood project root"
"""Where pydantic's validation context says which folder a secret's relative path starts from."""

_BYTES_MAX: Final = 65_536

# Of the whole process on purpose: what was revealed to anybody in it is recorded by nobody in it.
_seen: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that is not written down: the environment variable `env`, or the content of the file `file`.

    It is read by `reveal` alone. Text of any kind, JSON and comparisons know the reference only.
    """

    env: str = ""
    file: str = ""
    root: Path | None = field(default=None, compare=False)
    """Where a relative path starts; None = where the process was started."""

    def __post_init__(self) -> None:
        if bool(self.env) == bool(self.file):
            raise ValueError('expected a reference: Secret(env="NAME") or Secret(file="PATH")')

    def __repr__(self) -> str:
        kind, name = next(iter(self.reference.items()))
        return f"Secret({kind}={name!r})"

    @property
    def name(self) -> str:
        """What stands in place of the value: the variable's name or the file's path."""
        return self.env or self.file

    @property
    def reference(self) -> dict[str, str]:
        """The reference as configuration says it: {env: NAME} or {file: PATH}."""
        return {"env": self.env} if self.env else {"file": self.file}

    def reveal(self, environ: Mapping[str, str] = os.environ) -> str:
        """The value, read afresh; of a file without the line's end. Raises SecretUnavailable."""
        value = environ.get(self.env) if self.env else self._content()
        if not value:
            where = f"environment variable {self.env}" if self.env else f"file {self.file}"
            raise SecretUnavailable(f"secret {self.name}: expected a value in {where}, found none")
        _seen[value] = self.name
        return value

    def _content(self) -> str:
        path = Path(self.file) if self.root is None else self.root / self.file
        try:
            with path.open("rb") as file:
                content = file.read(_BYTES_MAX + 1)
            if len(content) > _BYTES_MAX:
                raise SecretUnavailable(f"secret {self.name}: expected at most {_BYTES_MAX:,} bytes, found more")
            return content.decode().rstrip("\r\n")
        except OSError as error:
            raise SecretUnavailable(f"secret {self.name}: the file cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SecretUnavailable(f"secret {self.name}: expected UTF-8 text, found other bytes") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """As a field: validated from a reference, never from a value; dumped as the reference."""
        from pydantic_core import core_schema  # noqa: PLC0415 - start-up: loaded by now, somebody defines a model

        return core_schema.with_info_plain_validator_function(
            _validated,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: secret.reference),
        )


def seen() -> Mapping[str, str]:
    """The values that were revealed in this process, with the names of their secrets."""
    return _seen


def _validated(given: Any, info: Any) -> Secret:
    """The secret that is referred to. What was given instead is never shown: it may be the value."""
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - start-up: pydantic calls this

    root = (info.context or {}).get(ROOT)
    match given:
        case Secret():
            return given if root is None else replace(given, root=root)
        case {"env": str(name), **rest} if name and not rest:
            return Secret(env=name, root=root)
        case {"file": str(path), **rest} if path and not rest:
            return Secret(file=path, root=root)
    raise PydanticCustomError(
        "secret_reference",
        'expected a reference, {env = "NAME"} or {file = "PATH"}, found something else, which is not shown',
    )
