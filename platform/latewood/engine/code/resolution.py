"""What the names in first-party source stand for, and the definitions that they reach.

Names are followed through the source: imports, re-exports, attributes of modules, `import *`. Live values
are asked where the source does not say: functions kept in registries, names replaced from another module.
The content that counts is the source's. What is not seen: changes that one module makes at import to plain
data of another.
"""

import ast
import builtins
import functools
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from latewood.decide.fingerprint import digest_of
from latewood.decide.module_names import Binding, Statement, statement_of
from latewood.decide.scopes import Chain, Import, References, chain_of, references
from latewood.decide.syntax import syntax_digest
from latewood.engine.code.sources import OWN_PACKAGES, Outside, Source, Sources
from latewood.model.code import CodePart

Target = tuple[Source, str]
"""A global name of a module, or all of the module: `WHOLE`."""

WHOLE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One definition by itself, and what it names: others, packages, globals that no source binds."""

    part: CodePart
    targets: frozenset[Target]
    injected: frozenset[Target]
    packages: frozenset[tuple[str, str]]
    uncovered: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reached:
    """All that some code reaches; grows while it is collected."""

    parts: set[CodePart] = field(default_factory=set)
    injected: set[Target] = field(default_factory=set)
    packages: set[tuple[str, str]] = field(default_factory=set)
    uncovered: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a name stands for. The labels go into the digest of the code that uses the name."""

    labels: list[str] = field(default_factory=list)
    targets: set[Target] = field(default_factory=set)
    injected: set[Target] = field(default_factory=set)
    outside: set[Outside] = field(default_factory=set)

    def include(self, other: "_Meaning") -> None:
        self.labels.extend(other.labels)
        self.targets.update(other.targets)
        self.injected.update(other.injected)
        self.outside.update(other.outside)


class Resolution:
    """The definitions of one project by name, each worked out once. Cost: O(nodes) of the modules reached."""

    def __init__(self, root: Path) -> None:
        self.sources = Sources(root)
        self._definitions: dict[Target, Definition] = {}
        self._meanings: dict[tuple[Source, Chain], _Meaning] = {}
        self._open: set[tuple[Source, str]] = set()

    def reached(self, *first: Definition, targets: Iterable[Target] = ()) -> Reached:
        """Everything reachable from `first` and `targets`: a set, so neither order nor cycles matter."""
        reached = Reached()
        seen = set(targets)
        waiting = [*first, *(self._definition(target) for target in seen)]
        while waiting:
            definition = waiting.pop()
            reached.parts.add(definition.part)
            reached.injected.update(definition.injected)
            reached.packages.update(definition.packages)
            reached.uncovered.update(definition.uncovered)
            waiting.extend(self._definition(target) for target in definition.targets - seen)
            seen |= definition.targets
        return reached

    def function(self, source: Source, node: ast.AST, qualname: str, captured: frozenset[str]) -> Definition:
        """The function at `node`. What counts of the names it has `captured` are their live values."""
        statement = statement_of(node)
        if "<locals>" in qualname:
            # A decorator may be a variable of the enclosing function; the live object shows what it did.
            names = source.names.bindings
            known = [pair for pair in statement.decorators if (_decorator_chain(pair[0]) or ("",))[0] in names]
            statement = replace(statement, decorators=tuple(known))
        return self._described(source, qualname, [statement], captured)

    def package(self, outside: Outside) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
        """What a module without covered source contributes: its distribution, or a note."""
        if outside.kind == "extension":
            return frozenset(), frozenset({f"C extension {outside.module}"})
        if outside.kind != "package":
            return frozenset(), frozenset()
        found = self.sources.distribution(outside)
        if found is None:
            return frozenset(), frozenset({f"package {outside.module}: no installed distribution lists it"})
        return frozenset(() if found[0] in OWN_PACKAGES else (found,)), frozenset()

    def place(self, value: types.FunctionType | type) -> Target | None:
        """The global definition that a live function or class comes from, if its source is first-party."""
        source: Source | Outside | None
        if isinstance(value, types.FunctionType):
            # The code's own name: `functools.wraps` gives a wrapper the name of what it wraps.
            line, qualname = value.__code__.co_firstlineno, value.__code__.co_qualname
            source = self.sources.of_file(value.__code__.co_filename, value.__globals__)
        else:
            line, qualname = 0, value.__qualname__
            source = self.sources.module(value.__module__)
        if not isinstance(source, Source):
            return None
        name = qualname.partition(".")[0]
        if name not in source.names.bindings:
            name = next(_names_bound_on(source, line), WHOLE)
        return source, name

    def _definition(self, target: Target) -> Definition:
        found = self._definitions.get(target)
        if found is None:
            source, name = target
            found = self._module(source) if name == WHOLE else self._global(source, name)
            self._definitions[target] = found
        return found

    def _module(self, source: Source) -> Definition:
        """A module as a whole: all its names, and what its other statements do."""
        rest = self._described(source, WHOLE, source.names.loose)
        meaning = _Meaning()
        for origin in source.names.stars:
            meaning.include(self._imported(source, replace(origin, name=""), ()))
        for name, binding in source.names.bindings.items():
            if binding.statements or any(origin.name for origin in binding.imports):
                meaning.include(self._named(source, (name,)))
        packages, uncovered = self._outside(meaning.outside)
        return replace(
            rest,
            targets=rest.targets | meaning.targets,
            injected=rest.injected | meaning.injected,
            packages=rest.packages | packages,
            uncovered=rest.uncovered | uncovered,
        )

    def _global(self, source: Source, name: str) -> Definition:
        """One global name: its statements in the source, and the functions that its live value holds."""
        definition = self._described(source, name, source.names.bindings[name].statements)
        places = {self.place(value) for value in _functions_in(source.live.get(name), self._is_first_party)}
        return replace(definition, targets=definition.targets | {place for place in places if place} - {(source, name)})

    def _described(
        self,
        source: Source,
        qualname: str,
        statements: Iterable[Statement],
        captured: frozenset[str] = frozenset(),
    ) -> Definition:
        """The definition made of `statements`: their syntax, and what each name they use stands for."""
        texts: list[str] = []
        uses: list[References] = []
        for statement in statements:
            texts.append("statement")
            for condition in statement.conditions:
                texts += ("if", syntax_digest(condition))
                uses.append(references(condition))
            for decorator, used in statement.decorators:
                if not self._is_own(source, decorator):
                    texts += ("@", syntax_digest(decorator))
                    uses.append(used)
            texts.append(syntax_digest(statement.node))
            uses.append(statement.references)
        meaning, wiring = self._meaning_of(source, uses, captured)
        packages, uncovered = self._outside(meaning.outside)
        unresolvable = frozenset[str]().union(*(used.unresolvable for used in uses))
        return Definition(
            part=CodePart(name=f"{source.file}:{qualname}", digest=digest_of([*texts, "names", *sorted(wiring)])),
            targets=frozenset(meaning.targets),
            injected=frozenset(meaning.injected),
            packages=packages,
            uncovered=uncovered | {f"{what} in {qualname} ({source.file})" for what in unresolvable},
        )

    def _meaning_of(
        self, source: Source, uses: Iterable[References], captured: frozenset[str]
    ) -> tuple[_Meaning, set[str]]:
        """All that `uses` refer to, and for each name what it stands for, as texts."""
        meaning = _Meaning()
        wiring: set[str] = set()
        for used in uses:
            for chain in used.chains:
                if chain[0] not in captured:
                    found = self._named(source, chain)
                    meaning.include(found)
                    wiring.add(f"{'.'.join(chain)} = {' | '.join(found.labels)}")
            for origin, attributes in used.imports:
                found = self._imported(source, origin, attributes)
                meaning.include(found)
                wiring.add(f"import {origin} {'.'.join(attributes)} = {' | '.join(found.labels)}")
            if used.own_module:
                meaning.targets.add((source, WHOLE))
        return meaning, wiring

    def _named(self, source: Source, chain: Chain) -> _Meaning:
        """What a global name with attributes stands for in a module; empty for builtins and unknown names."""
        key = (source, chain[0])
        found = self._meanings.get((source, chain))
        if found is not None:
            return found
        if key in self._open:
            return _Meaning()
        self._open.add(key)
        found = self._bound(source, chain)
        if source.names.stars or not found.labels:
            found.include(self._unbound(source, chain))
        self._open.remove(key)
        if not self._open:  # else it may lack what is still being resolved further up
            self._meanings[source, chain] = found
        return found

    def _bound(self, source: Source, chain: Chain) -> _Meaning:
        binding = source.names.bindings.get(chain[0], Binding())
        meaning = _Meaning()
        if binding.statements:
            meaning.targets.add((source, chain[0]))
            meaning.labels.append(f"{source.file}:{chain[0]}")
        for origin in binding.imports:
            meaning.include(self._imported(source, origin, chain[1:]))
        return meaning

    def _unbound(self, source: Source, chain: Chain) -> _Meaning:
        """A name that no statement of the module binds: from `import *`, a builtin, or set from outside."""
        name = chain[0]
        for origin in source.names.stars:
            module = self.sources.module(_absolute(source, origin))
            if isinstance(module, Source):
                found = self._named(module, chain)
                if found.labels:
                    return found
            elif name in source.live and not hasattr(builtins, name):
                return _Meaning(labels=[f"{module.module}.{name}"], outside={module})
        value = source.live.get(name)
        if isinstance(value, types.ModuleType):  # a module imported elsewhere is an attribute of its package
            return self._member(self.sources.module(value.__name__), chain[1:])
        is_free = name in source.live and name not in source.names.bindings
        if is_free and not (name.startswith("__") and name.endswith("__")):
            return _Meaning(labels=[f"{source.file}:{name}"], injected={(source, name)})
        return _Meaning()

    def _imported(self, source: Source, origin: Import, attributes: Chain) -> _Meaning:
        names = (origin.name, *attributes) if origin.name else attributes
        return self._member(self.sources.module(_absolute(source, origin)), names)

    def _member(self, module: Source | Outside, names: Chain) -> _Meaning:
        """What `names` taken from `module` one after the other stand for."""
        if isinstance(module, Outside):
            if module.kind == "namespace" and names:
                return self._member(self.sources.module(f"{module.module}.{names[0]}"), names[1:])
            return _Meaning(labels=[".".join((module.module, *names)) + f" ({module.kind})"], outside={module})
        if names:
            found = self._named(module, names)
            if found.labels:
                return found
            if module.package == module.module:
                inner = self.sources.module(f"{module.module}.{names[0]}")
                if not isinstance(inner, Outside) or inner.kind != "absent":
                    return self._member(inner, names[1:])
        # The module itself is used, or an attribute that its source does not name: anything in it may count.
        return _Meaning(labels=[f"{module.file}:{WHOLE}"], targets={(module, WHOLE)})

    def _outside(self, modules: Iterable[Outside]) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
        packages, uncovered = frozenset[tuple[str, str]](), frozenset[str]()
        for module in modules:
            found, notes = self.package(module)
            packages, uncovered = packages | found, uncovered | notes
        return packages, uncovered

    def _is_own(self, source: Source, decorator: ast.expr) -> bool:
        """Whether a decorator is Latewood's, by its import or its live value: no logic of the user."""
        chain = _decorator_chain(decorator)
        if chain is None:
            return False
        outside = self._named(source, chain).outside
        return any(module.kind == "own" for module in outside) or is_own(_live(source.live, chain))

    def _is_first_party(self, kind: type) -> bool:
        return isinstance(self.sources.module(kind.__module__), Source)


def _names_bound_on(source: Source, line: int) -> Iterator[str]:
    """The global names bound by the statement that holds a line: where a lambda was written."""
    for name, binding in source.names.bindings.items():
        for statement in binding.statements:
            first, last = getattr(statement.node, "lineno", 0), getattr(statement.node, "end_lineno", 0)
            if first <= line <= last and name in statement.references.binds:
                yield name


def is_own(value: object) -> bool:
    """Whether a live value is one of Latewood's functions, classes or their instances."""
    while isinstance(value, functools.partial):
        value = value.func
    home = value if isinstance(value, types.FunctionType | type) else type(value)
    return str(home.__module__).partition(".")[0] in OWN_PACKAGES


def _live(names: Mapping[str, object], chain: Chain) -> object:
    """The live value of a name, followed through modules only: attributes of objects may run code."""
    value = names.get(chain[0])
    for attribute in chain[1:]:
        if not isinstance(value, types.ModuleType):
            break
        value = vars(value).get(attribute)
    return value


def _decorator_chain(decorator: ast.expr) -> Chain | None:
    return chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _absolute(source: Source, origin: Import) -> str:
    """The full name of the module that an import in `source` names."""
    if not origin.level:
        return origin.module
    package = source.package.split(".")
    base = package[: len(package) - origin.level + 1]
    return ".".join([*base, origin.module] if origin.module else base)


def _functions_in(value: object, is_first_party: Callable[[type], bool]) -> Iterator[types.FunctionType | type]:
    """The functions and classes that a live value is or holds: in containers, wrappers and own instances."""
    waiting, seen = [value], {id(value)}
    while waiting:
        item = waiting.pop()
        if isinstance(item, types.FunctionType | type):
            yield item
        for part in _held(item, is_first_party):
            if type(part) not in _PLAIN and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def _held(item: object, is_first_party: Callable[[type], bool]) -> Iterable[object]:
    """What one live value holds. Only what cannot run code is looked at."""
    held: Iterable[object] = ()
    if isinstance(item, dict | types.MappingProxyType):
        held = item.values()
    elif isinstance(item, list | tuple | set | frozenset | deque):
        held = item
    elif isinstance(item, functools.partial):
        held = (item.func, *item.args, *item.keywords.values())
    elif isinstance(item, types.MethodType):
        held = (item.__func__, item.__self__)
    elif is_own(item):
        held = (getattr(item, "function", None),)
    elif isinstance(item, types.FunctionType | _CACHED) or is_first_party(type(item)):
        # A function's attributes hold what it wraps, and the registry of singledispatch.
        held = getattr(item, "__dict__", {}).values() if not isinstance(item, type) else ()
    return tuple(held)


_CACHED = type(functools.cache(is_own))
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
