"""How the resources of a location are configured: `latewood.toml` at the project's root, read for one environment.

    [resources.Warehouse]                       # what all environments have in common
    url = "postgresql://warehouse/shop"

    [environments.dev.resources.Warehouse]      # field by field in place of it
    url = "postgresql://localhost/shop"

What neither says is as the class has it by default. No message shows a value: it may be a secret that stands in the
wrong place.
"""

import difflib
import inspect
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.decide.keys import configuration_digest
from latewood.engine.loading.problems import Problems
from latewood.engine.loading.project_file import FILE, ProjectFile
from latewood.engine.loading.signature import without_infinities
from latewood.engine.values.set_order import in_one_order
from latewood.promises import Place
from latewood.secrets import ROOT, Secret
from latewood_eventlog.codec import encode_json

if TYPE_CHECKING:
    from pydantic import ValidationError

    from latewood.resources import Resource

_BYTES_MAX: Final = 16_384
"""Most bytes of a resource's configuration: one event holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A resource as an environment has it: the instance that steps receive, and what is recorded of it.

    `values` are its fields but for secrets, as JSON; `secrets` says where those are to be read.
    """

    instance: "Resource"
    values: dict[str, Any]
    secrets: dict[str, dict[str, str]]
    digest: str

    @property
    def recorded(self) -> "Recorded":
        """What is recorded of it."""
        return Recorded(values=self.values, secrets=self.secrets, digest=self.digest)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration as the log has it: all that an instance is made of again, in any process."""

    values: dict[str, Any]
    secrets: dict[str, dict[str, str]]
    digest: str


def secrets_of(configurations: Iterable[Recorded], root: Path) -> list[Secret]:
    """The secrets that these configurations refer to; a relative path starts from `root`."""
    references = [reference for found in configurations for reference in found.secrets.values()]
    return [Secret(**reference, root=root) for reference in references]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRecorded:
    """Configurations of then, by resource, in place of what the project's file says today.

    Relative paths in them start from `root`.
    """

    root: Path
    configurations: Mapping[str, Recorded]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsGiven:
    """What somebody says of resources in code, in place of the project's file: instances, or the fields' values."""

    root: Path
    resources: "Mapping[str, Resource | Mapping[str, Any]]"


def configure(
    classes: Sequence["type[Resource]"],
    source: "ProjectFile | AsRecorded | AsGiven",
    environment: str,
    problems: Problems,
) -> dict[str, Configured]:
    """The resources of these classes by name, as far as they have no problems; these are added to the others.

    As the project's file says; or as they were recorded: then those that were not are left out; or as they are given.
    """
    by_name: dict[str, type[Resource]] = {}
    for cls in classes:
        other = by_name.setdefault(cls.__resource_name__, cls)
        if other is not cls:
            name = cls.__resource_name__
            message = f'two resources are called "{name}"; give one of them another: class {cls.__name__}(…, name="…")'
            problems.at(_place_of(cls), message)
    if not by_name and not isinstance(source, AsGiven):
        return {}
    if isinstance(source, AsRecorded):
        there = {name: cls for name, cls in by_name.items() if name in source.configurations}
        found = {name: _as_recorded(cls, source, problems) for name, cls in there.items()}
    else:
        file = _Given(source, problems) if isinstance(source, AsGiven) else _Sections(source, environment)
        file.refuse_misspelt(by_name)
        found = {name: _configured(cls, file, source.root, problems) for name, cls in by_name.items()}
    return {name: configured for name, configured in found.items() if configured is not None}


def _as_recorded(cls: "type[Resource]", recorded: AsRecorded, problems: Problems) -> Configured | None:
    """Whatever the class makes of it, it is the configuration that was recorded."""
    then = recorded.configurations[cls.__resource_name__]
    found = _configured(cls, _Then(then), recorded.root, problems)
    return found and replace(found, values=then.values, secrets=then.secrets, digest=then.digest)


def _configured(
    cls: "type[Resource]", file: "_Sections | _Then | _Given", root: Path, problems: Problems
) -> Configured | None:
    from pydantic import ValidationError  # noqa: PLC0415 - start-up: loaded by now, there is a resource

    name = cls.__resource_name__
    faults = list(_faults_of_class(cls))
    for fault in faults:
        problems.at(_place_of(cls), f"resource {name}: {fault}")
    if faults:
        return None
    try:
        instance = file.validated(cls, root)
    except ValidationError as error:
        for field, message in _messages(error, cls).items():
            place = file.place(name, field) or _place_of(cls)
            problems.at(place, f"{name}.{field}: {message}" if field else f"{name}: {message}")
        return None
    except Exception as error:  # noqa: BLE001 - a class's own validators are user code
        problems.at(file.place(name, "") or _place_of(cls), f"resource {name}: {type(error).__name__}: {error}")
        return None
    try:
        values, secrets = _recorded(instance)
        size = len(encode_json((values, secrets)))
        if size > _BYTES_MAX:
            raise ValueError(f"expected at most {_BYTES_MAX:,} bytes, found {size:,}; put what is long into a file")
    except ValueError as error:
        problems.at(file.place(name, "") or _place_of(cls), f"resource {name}: {error}")
        return None
    return Configured(
        instance=_with_absolute_paths(instance, root),
        values=values,
        secrets=secrets,
        digest=configuration_digest(name, values, secrets),
    )


def _faults_of_class(cls: "type[Resource]") -> Iterator[str]:
    unknown = [name for name in cls.__unkeyed__ if name not in cls.model_fields]
    if unknown:
        yield f"unkeyed names {', '.join(unknown)}, which is no field of it"
    for name, field in cls.model_fields.items():
        arms = _arms(field.annotation)
        if Secret in arms and {*arms} != {Secret, type(None)}:
            yield f"{name}: a secret is a field of its own, annotated Secret or Secret | None"


def _arms(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation)


def _recorded(instance: "Resource") -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """The fields but for secrets as JSON, equal for equal values in every process, and the secrets' references."""
    fields = type(instance).model_fields
    secret = {name for name, field in fields.items() if Secret in (field.annotation, *_arms(field.annotation))}
    secrets = {name: found.reference for name in secret if isinstance(found := getattr(instance, name), Secret)}
    values = {}
    for name in [name for name in fields if name not in secret]:
        live = getattr(instance, name)
        if any(isinstance(part, Secret) for part in _parts(live)):
            raise ValueError(f"{name}: a secret is a field of its own, annotated Secret or Secret | None")
        dumped = instance.model_dump(mode="json", include={name})[name]
        values[name] = without_infinities(in_one_order(dumped, live))
    values = msgspec.json.decode(encode_json(values))
    if "\x00" in "".join(map(str, _parts(values))):
        raise ValueError("expected text without NUL characters")
    return values, secrets


def _parts(value: Any) -> Iterator[Any]:
    """The value and what is in it."""
    yield value
    match value:
        case Mapping():
            for name, part in value.items():
                yield from _parts(name)
                yield from _parts(part)
        case list() | tuple() | set() | frozenset():
            for part in value:
                yield from _parts(part)
        case _ if hasattr(type(value), "model_fields") or hasattr(type(value), "__dataclass_fields__"):
            names = getattr(type(value), "model_fields", None) or type(value).__dataclass_fields__
            for name in names if not isinstance(value, Secret) else ():
                yield from _parts(getattr(value, name, None))


def _with_absolute_paths(instance: "Resource", root: Path) -> "Resource":
    values = {name: getattr(instance, name) for name in type(instance).model_fields}
    paths = {name: root / value for name, value in values.items() if isinstance(value, PurePath)}
    return instance.model_copy(update=paths) if paths else instance


def _messages(error: "ValidationError", cls: "type[Resource]") -> dict[str, str]:
    """What is wrong by field: the first finding of each. Nothing of what was found is in it."""
    messages: dict[str, str] = {}
    for found in error.errors(include_input=False, include_url=False, include_context=False):
        name = str(found["loc"][0]) if found["loc"] else ""
        inner = ".".join(map(str, found["loc"][1:]))
        match found["type"]:
            case "extra_forbidden" if not inner:
                near = difflib.get_close_matches(name, cls.model_fields, n=1)
                hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(cls.model_fields) or 'none'}"
                message = f"no such field; {hint}"
            case "missing" if not inner:
                message = f"expected a value, found none; write it under [resources.{cls.__resource_name__}] of {FILE}"
            case _:
                message = f"{inner}: {found['msg']}" if inner else found["msg"]
        messages.setdefault(name, message)
    return messages


def _place_of(cls: type) -> Place:
    """Where the class is written, as far as that is known."""
    try:
        return Place(inspect.getsourcefile(cls) or "", inspect.getsourcelines(cls)[1])
    except (OSError, TypeError):
        return Place("", 0)


class _Given:
    """What somebody says of resources in code."""

    def __init__(self, given: AsGiven, problems: Problems) -> None:
        self._given = given.resources
        self._problems = problems

    def validated(self, cls: "type[Resource]", root: Path) -> "Resource":
        """The instance; where nothing was given the class has the defaults. Raises what validation does."""
        return cls.model_validate(self._given.get(cls.__resource_name__, {}), context={ROOT: root})

    def place(self, _resource: str, _field: str) -> Place | None:
        """None: the class is where a problem is told."""
        return None

    def refuse_misspelt(self, known: Collection[str]) -> None:
        """Names that are no resource's."""
        for name in self._given.keys() - known:
            hint = f"there are {', '.join(known)}" if known else "nothing here asks for one"
            self._problems.at(Place("", 0), f'resources: no resource "{name}"; {hint}')


class _Then:
    """What was recorded of one resource."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def validated(self, cls: "type[Resource]", root: Path) -> "Resource":
        """The instance. Raises what validation does."""
        fields = {**self._recorded.values, **self._recorded.secrets}
        return cls.model_validate_json(encode_json(fields), context={ROOT: root})

    def place(self, _resource: str, _field: str) -> Place | None:
        """None: it is written in no file."""
        return None


class _Sections:
    """What the project's file says of resources in one environment."""

    def __init__(self, file: ProjectFile, environment: str) -> None:
        self._file = file
        self._tables = (("resources",), ("environments", environment, "resources"))
        self._sections = {
            (table, name): file.table(*table, name) for table in self._tables for name in file.table(*table)
        }

    def validated(self, cls: "type[Resource]", root: Path) -> "Resource":
        """The instance. Raises what validation does."""
        return cls.model_validate(self._values(cls.__resource_name__), context={ROOT: root})

    def _values(self, resource: str) -> dict[str, Any]:
        """The fields as the environment has them, each from the last section that has it."""
        sections = [self._sections.get((table, resource), {}) for table in self._tables]
        return {name: value for section in sections for name, value in section.items()}

    def place(self, resource: str, field: str) -> Place | None:
        """The line of the field, or else of the section; None where there is neither."""
        for table in reversed(self._tables):
            section = self._sections.get((table, resource))
            if section is not None and (field in section or not field):
                return self._file.place(*table, resource, field=field)
        return None

    def refuse_misspelt(self, known: Collection[str]) -> None:
        """Sections of a name that is nearly one of these. Others are of resources that other code has."""
        for table, name in self._sections:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            if near and name not in known and (table, near[0]) not in self._sections:
                header = ".".join(table)
                message = (
                    f'[{header}.{name}]: no resource "{name}"; did you mean "{near[0]}"? '
                    f"If it is another's, write an empty [{header}.{near[0]}] too"
                )
                self._file.problems.at(self._file.place(*table, name), message)
