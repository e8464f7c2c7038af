"""Live values that functions captured, as text to be digested: data by value, code by its source."""

import copyreg
import enum
import hashlib
import types
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from latewood.decide.fingerprint import digest_of
from latewood.engine.code.code_nodes import computed_defaults, node_of, statements_on
from latewood.engine.code.resolution import Definition, Reached, Resolution, Target, is_own
from latewood.engine.code.sources import Outside
from latewood.model.code import CodePart


@dataclass(frozen=True, slots=True)
class Located:
    """A function's place in its source, and all that it reaches from there."""

    definition: Definition
    reached: Reached
    computed_defaults: tuple[str, ...]


class Functions:
    """Where live functions are written. One answer per code object: functions made in a loop share it."""

    def __init__(self, resolution: Resolution) -> None:
        self._resolution = resolution
        self._known: dict[int, tuple[types.CodeType, Located | None]] = {}

    def located(self, function: types.FunctionType) -> Located | None:
        """The place of a function; None if no first-party source has it."""
        code = function.__code__
        known = self._known.get(id(code))
        if known is None:
            # The code object is kept, so that its id stays its own. Hashing it by value would be slow.
            known = self._known[id(code)] = (code, self._locate(function))
        return known[1]

    def _locate(self, function: types.FunctionType) -> Located | None:
        code = function.__code__
        source = self._resolution.sources.of_file(code.co_filename, function.__globals__)
        statements = statements_on(source.tree.body, code.co_firstlineno) if source is not None else []
        node = node_of(statements, code)
        if source is None or node is None:
            return None
        definition = self._resolution.function(source, node, code.co_qualname, frozenset(code.co_freevars))
        # What is defined once, outside any loop or function, has its defaults decided by the source.
        once = any(node is statement for statement in statements)
        defaults = () if once else tuple(computed_defaults(node.args))
        return Located(definition, self._resolution.reached(definition), defaults)


class Capture:
    """One collection of everything that a live value consists of.

    `text` is equal for two values only if they are equal as logic; `reached` gathers the code. A value that
    cannot be known gets a text that never occurs again, and a note.
    """

    def __init__(self, resolution: Resolution, functions: Functions) -> None:
        self.reached = Reached()
        self._resolution = resolution
        self._functions = functions
        self._open: list[int] = []
        self._texts: dict[int, str] = {}
        self._injected: set[Target] = set()

    def text(self, value: object, name: str) -> str:
        """The text of one value; `name` says in notes what it is."""
        kind = type(value)
        if kind in _SCALARS:
            return _scalar(value)
        if id(value) in self._open:
            return f"cycle {self._open.index(id(value))}"
        self._open.append(id(value))
        try:
            return f"{kind.__name__}({self._composed(value, name)})"
        finally:
            self._open.pop()

    def _composed(self, value: object, name: str) -> str:
        """What a value is made of. Subclasses of containers may hold more than items: those are reduced."""
        builtin = type(value) in _CONTAINERS
        match value:
            case types.FunctionType():
                text = self._function(value)
            case type():
                text = self._class(value, name)
            case types.ModuleType():
                text = self._module(value)
            case enum.Enum():
                text = f"{self.text(type(value), name)}.{value.name}"
            case PurePath():  # pickled differently from Python 3.13 on
                text = ascii(str(value))
            case list() | tuple() if builtin:
                text = _joined(self.text(item, name) for item in value)
            case set() | frozenset() if builtin:
                text = _joined(sorted(self.text(item, name) for item in value))
            case dict() if builtin:
                text = _joined(self.text(part, name) for item in value.items() for part in item)
            case _:
                inner = self._inner(value)
                text = self._reduced(value, name) if inner is None else self.text(inner, name)
        return text

    def _inner(self, value: object) -> object:
        """The function that one of Latewood's objects or another package's wrapper is about, if it is one."""
        if is_own(value) and hasattr(value, "function"):
            return value.function
        wrapped: object = getattr(value, "__dict__", {}).get("__wrapped__")
        return wrapped if self._resolution.place(type(value)) is None else None

    def _function(self, function: types.FunctionType) -> str:
        done = self._texts.get(id(function))
        if done is not None:
            return done
        located = self._functions.located(function)
        if located is None:
            return self._sourceless(function)
        part = located.definition.part
        self._include(located.reached)
        texts = [part.name, part.digest]
        for variable, value in _captured(function, located.computed_defaults):
            text = self.text(value, f"{variable}, captured by {part.name}")
            self.reached.parts.add(CodePart(name=f"{part.name}[{variable}]", digest=digest_of([text])))
            texts += (variable, text)
        done = self._texts[id(function)] = digest_of(texts)
        return done

    def _sourceless(self, function: types.FunctionType) -> str:
        module = self._resolution.sources.module(function.__module__ or "")
        if isinstance(module, Outside) and module.kind in {"own", "stdlib", "package"}:
            self._include_outside(module)
            return f"{function.__module__}.{function.__qualname__}"
        return self._unknown(f"no source of function {function.__qualname__}")

    def _include(self, other: Reached) -> None:
        """Take in what source reaches, and the live values of names that no source binds."""
        self.reached.parts.update(other.parts)
        self.reached.packages.update(other.packages)
        self.reached.uncovered.update(other.uncovered)
        for target in other.injected - self._injected:
            self._injected.add(target)
            source, name = target
            label = f"{source.file}:{name}"
            text = self.text(source.live[name], f"global {label}")
            self.reached.parts.add(CodePart(name=label, digest=digest_of([text])))

    def _include_outside(self, module: Outside) -> None:
        packages, uncovered = self._resolution.package(module)
        self.reached.packages.update(packages)
        self.reached.uncovered.update(uncovered)

    def _class(self, kind: type, name: str) -> str:
        label = f"{kind.__module__}.{kind.__qualname__}"
        place = self._resolution.place(kind)
        if place is None:
            module = self._resolution.sources.module(kind.__module__)
            if isinstance(module, Outside):
                self._include_outside(module)
            return label
        self._include(self._resolution.reached(targets=[place]))
        label = f"{place[0].file}:{kind.__qualname__}"
        if "<locals>" not in kind.__qualname__:
            return label
        # A class made inside a function: its methods capture what is around them, like any function.
        members = {key: _plain_member(member) for key, member in vars(kind).items() if key not in _CLASS_KEYS}
        return digest_of([label, self.text(kind.__bases__, name), self.text(members, name)])

    def _module(self, module: types.ModuleType) -> str:
        found = self._resolution.sources.module(module.__name__)
        if isinstance(found, Outside):
            self._include_outside(found)
            return module.__name__
        self._include(self._resolution.reached(targets=[(found, "*")]))
        return found.file

    def _reduced(self, value: object, name: str) -> str:
        """Any other object, as it would be pickled: what makes it, and its state."""
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            made = reduce(value) if reduce else value.__reduce_ex__(4)
            if not isinstance(made, str):
                made = tuple(list(part) if isinstance(part, Iterator) else part for part in made)
        except Exception as error:  # noqa: BLE001 - objects refuse to be pickled with any exception
            kind = type(value).__qualname__
            return self._unknown(f"{name}: a {kind} cannot be compared ({type(error).__name__})")
        if isinstance(made, str):
            return f"{self.text(type(value), name)} {getattr(value, '__module__', '')}.{made}"
        return _joined(self.text(part, name) for part in made)

    def _unknown(self, why: str) -> str:
        self.reached.uncovered.add(f"{why}: never reused; pass it as a parameter or give a code_version")
        return uuid.uuid4().hex


def _captured(function: types.FunctionType, computed: Iterable[str]) -> Iterator[tuple[str, object]]:
    """The values a function took from where it was made: variables of its closure, defaults in `computed`."""
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield variable, cell.cell_contents
        except ValueError:
            yield variable, "not assigned yet"
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    values = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
    values |= function.__kwdefaults__ or {}
    for variable in computed:
        yield variable, values.get(variable)


def _joined(texts: Iterable[str]) -> str:
    return "".join(f"{len(text)}:{text}" for text in texts)


def _plain_member(member: object) -> object:
    """A class's member without its descriptor: what code it is."""
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if isinstance(member, property):
        return (member.fget, member.fset, member.fdel)
    return member


_CLASS_KEYS = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__"})
_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)})
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
_LONG = 1000


def _scalar(value: object) -> str:
    """Type and value. Hexadecimal for integers: decimal digits of huge ones are limited."""
    kind = type(value).__name__
    if isinstance(value, bytes) and len(value) > _LONG:
        return f"{kind}:{hashlib.sha256(value).hexdigest()}"
    return f"{kind}:{value:#x}" if type(value) is int else f"{kind}:{value!a}"
