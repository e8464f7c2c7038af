"""What a piece of syntax refers to outside itself, by the scope rules of the language.

A parameter named like a global function is no reference to it. Only the standard library is imported, and
nothing is run.
"""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Chain = tuple[str, ...]
"""A name and the attributes taken from it: `cleaning.clean_delay` is `("cleaning", "clean_delay")`."""


@dataclass(frozen=True, slots=True)
class Import:
    """One name of one import statement: `name` of `module`, or `module` itself where `name` is empty."""

    level: int
    module: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What one node refers to.

    `chains`: free names with their attributes. `imports`: imports inside functions and classes, with the
    attributes taken from them. `binds`, `binds_imports`: names bound where the node stands. `mutates`: free
    names that are rebound, or whose items or attributes change. `executed`: names used outside function
    bodies, that is when the module is imported. `own_module`: any name of the module may be used
    (`globals()`, `eval`). `unresolvable`: what syntax cannot tell, in words.
    """

    chains: frozenset[Chain] = frozenset()
    imports: frozenset[tuple[Import, Chain]] = frozenset()
    binds: frozenset[str] = frozenset()
    binds_imports: tuple[tuple[str, Import], ...] = ()
    mutates: frozenset[str] = frozenset()
    executed: frozenset[str] = frozenset()
    own_module: bool = False
    unresolvable: frozenset[str] = frozenset()


def references(node: ast.AST) -> References:
    """What `node` refers to outside itself. Cost: O(nodes)."""
    walk = _Walk()
    walk.run([node], walk.top)
    return walk.result()


def chain_of(node: ast.AST) -> Chain | None:
    """The name and attributes that `node` is, or None if it is anything else than `a.b.c`."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else None


@dataclass(slots=True, kw_only=True, eq=False)
class _Scope:
    kind: str
    parent: "_Scope | None" = None
    bound: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    imports: list[tuple[str, Import]] = field(default_factory=list)
    loads: set[Chain] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    computed: set[str] = field(default_factory=set)
    mutated: set[str] = field(default_factory=set)


class _Walk:
    """One pass over a node. When a scope ends, what it does not bind goes up to the scope around it."""

    def __init__(self) -> None:
        self.top = _Scope(kind="module")
        self.functions_deep = 0
        self.imports: set[tuple[Import, Chain]] = set()
        self.executed: set[str] = set()
        self.unresolvable: set[str] = set()

    def result(self) -> References:
        top = self.top
        called = top.calls - top.bound
        self.unresolvable.update(f"{name}()" for name in called & {"eval", "exec"})
        return References(
            chains=frozenset(top.loads),
            imports=frozenset(self.imports),
            binds=frozenset(top.bound),
            binds_imports=tuple(top.imports),
            mutates=frozenset(top.mutated),
            executed=frozenset(self.executed),
            own_module=not called.isdisjoint(("eval", "exec", "globals")),
            unresolvable=frozenset(self.unresolvable),
        )

    def run(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        """Visit in source order with a stack: nested expressions cost no recursion, only scopes do."""
        stack = [node for node in nodes if node is not None]
        stack.reverse()
        while stack:
            node = stack.pop()
            visit = _VISITS.get(type(node))
            if visit is not None:
                stack.extend(reversed(visit(self, node, scope)))
                continue
            found: list[ast.AST] = []
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, ast.AST):
                    found.append(value)
                elif type(value) is list:
                    found.extend(item for item in value if isinstance(item, ast.AST))
            found.reverse()
            stack.extend(found)

    def load(self, chain: Chain, scope: _Scope) -> None:
        name = chain[0]
        if not self.functions_deep:
            self.executed.add(name)
            if "environ" in chain:
                self.unresolvable.add("reads the environment at import")
        # A class body may read the global of a name before it binds its own: `rate = rate`.
        if scope.kind != "class" or name not in scope.bound:
            (self.top if name in scope.globals else scope).loads.add(chain)

    def mutate(self, node: ast.AST, scope: _Scope) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            (self.top if node.id in scope.globals else scope).mutated.add(node.id)

    def close(self, scope: _Scope, outer: _Scope) -> None:
        """Hand up what `scope` leaves free; resolve what it imported itself.

        Names bound in a class body are visible to nothing inside it; its own uses were sorted out by `load`.
        """
        bound = scope.bound - scope.globals - scope.nonlocals if scope.kind != "class" else set()
        imported = {name for name, _ in scope.imports} & bound
        used: set[str] = set()
        for chain in scope.loads:
            if chain[0] in imported:
                used.add(chain[0])
                self.imports.update((origin, chain[1:]) for name, origin in scope.imports if name == chain[0])
            elif chain[0] not in bound:
                outer.loads.add(chain)
        self.imports.update((origin, ()) for name, origin in scope.imports if name not in used)
        outer.calls |= scope.calls - bound
        outer.mutated |= scope.mutated - bound
        outer.computed |= scope.computed - bound
        if not scope.computed.isdisjoint(bound):
            self.unresolvable.add("getattr with a computed name")


def _generic(walk: _Walk, node: Any, scope: _Scope) -> _Scope:
    """The scope of annotations, bases and body: one of its own if there are type parameters."""
    parameters = getattr(node, "type_params", [])
    if not parameters:
        return scope
    inner = _Scope(kind="generic", parent=scope, bound={parameter.name for parameter in parameters})
    for parameter in parameters:
        walk.run((getattr(parameter, "bound", None), getattr(parameter, "default_value", None)), inner)
    return inner


def _function(walk: _Walk, node: Any, scope: _Scope) -> list[ast.AST]:
    arguments: ast.arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    walk.run([*getattr(node, "decorator_list", ()), *arguments.defaults, *arguments.kw_defaults], scope)
    around = _generic(walk, node, scope)
    if not isinstance(node, ast.Lambda):
        scope.bound.add(node.name)
        walk.run((_annotation(argument.annotation) for argument in every), around)
        walk.run((_annotation(node.returns),), around)
    inner = _Scope(kind="function", parent=around, bound={argument.arg for argument in every})
    walk.functions_deep += 1
    walk.run([node.body] if isinstance(node, ast.Lambda) else node.body, inner)
    walk.functions_deep -= 1
    walk.close(inner, around)
    if around is not scope:
        walk.close(around, scope)
    return []


def _annotation(node: ast.expr | None) -> ast.expr | None:
    """The annotation, parsed if it was written as a string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return node
    return node


def _class(walk: _Walk, node: ast.ClassDef, scope: _Scope) -> list[ast.AST]:
    walk.run(node.decorator_list, scope)
    around = _generic(walk, node, scope)
    walk.run([*node.bases, *node.keywords], around)
    inner = _Scope(kind="class", parent=around)
    walk.run(node.body, inner)
    walk.close(inner, around)
    if around is not scope:
        walk.close(around, scope)
    scope.bound.add(node.name)
    return []


def _type_alias(walk: _Walk, node: Any, scope: _Scope) -> list[ast.AST]:
    around = _generic(walk, node, scope)
    walk.run((node.value,), around)
    if around is not scope:
        walk.close(around, scope)
    return [node.name]


def _comprehension(walk: _Walk, node: Any, scope: _Scope) -> list[ast.AST]:
    first: ast.comprehension = node.generators[0]
    inner = _Scope(kind="comprehension", parent=scope)
    walk.run((first.iter,), scope)
    walk.run((first.target, *first.ifs, *node.generators[1:]), inner)
    walk.run((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,), inner)
    walk.close(inner, scope)
    return []


def _name(walk: _Walk, node: ast.Name, scope: _Scope) -> list[ast.AST]:
    if isinstance(node.ctx, ast.Load):
        walk.load((node.id,), scope)
    else:
        scope.bound.add(node.id)
        if node.id in scope.globals or node.id in scope.nonlocals:
            walk.mutate(node, scope)
    return []


def _attribute(walk: _Walk, node: ast.Attribute, scope: _Scope) -> list[ast.AST]:
    if not isinstance(node.ctx, ast.Load):
        walk.mutate(node, scope)
    chain = chain_of(node)
    if chain is None:
        return [node.value]
    walk.load(chain, scope)
    return []


def _subscript(walk: _Walk, node: ast.Subscript, scope: _Scope) -> list[ast.AST]:
    if not isinstance(node.ctx, ast.Load):
        walk.mutate(node, scope)
    return [node.value, node.slice]


_READERS = frozenset({"open", "load", "getenv"})


def _call(walk: _Walk, node: ast.Call, scope: _Scope) -> list[ast.AST]:
    chain = chain_of(node.func)
    name = chain[-1] if chain else node.func.attr if isinstance(node.func, ast.Attribute) else ""
    rest: list[ast.AST] = [node.func, *node.args, *node.keywords]
    if not walk.functions_deep and (name in _READERS or name.startswith("read_")):
        walk.unresolvable.add(f"reads data at import: {name}()")
    if chain and len(chain) == 1:
        scope.calls.add(name)
    match name, node.args:
        case "getattr", [subject, ast.Constant(value=str(attribute)), *_]:
            subject_chain = chain_of(subject)
            if subject_chain:
                walk.load((*subject_chain, attribute), scope)
                return [*node.args[2:]]
        case "getattr", [subject, *_]:
            subject_chain = chain_of(subject)
            if subject_chain:
                scope.computed.add(subject_chain[0])
            else:
                walk.unresolvable.add("getattr with a computed name")
        case "setattr" | "delattr", [subject, *_]:
            walk.mutate(subject, scope)
        case "import_module" | "__import__", [ast.Constant(value=str(module)), *_] if module[:1] != ".":
            walk.imports.add((Import(0, module, ""), ()))
        case "import_module" | "__import__", _:
            walk.unresolvable.add("import of a computed name")
        case _:
            pass
    return rest


_CHANGING = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem"}
) | frozenset({"popleft", "register", "remove", "reverse", "setdefault", "sort", "update"})


def _expression(walk: _Walk, node: ast.Expr, scope: _Scope) -> list[ast.AST]:
    call = node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _CHANGING:
        walk.mutate(call.func.value, scope)
    return [node.value]


def _assignment(walk: _Walk, node: Any, scope: _Scope) -> list[ast.AST]:
    """Values before targets, as the language evaluates them."""
    if isinstance(node, ast.Assign):
        return [node.value, *node.targets]
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        walk.load((node.target.id,), scope)
    annotation = _annotation(getattr(node, "annotation", None))
    return [part for part in (node.value, annotation, node.target) if part is not None]


def _walrus(walk: _Walk, node: ast.NamedExpr, scope: _Scope) -> list[ast.AST]:
    """`:=` inside a comprehension binds in the scope around it."""
    walk.run((node.value,), scope)
    home = scope
    while home.kind == "comprehension" and home.parent is not None:
        home = home.parent
    return _name(walk, node.target, home)


def _import(_walk: _Walk, node: ast.Import, scope: _Scope) -> list[ast.AST]:
    for alias in node.names:
        top = alias.name.partition(".")[0]
        name, module = (alias.asname, alias.name) if alias.asname else (top, top)
        scope.bound.add(name)
        scope.imports.append((name, Import(0, module, "")))
    return []


def _import_from(_walk: _Walk, node: ast.ImportFrom, scope: _Scope) -> list[ast.AST]:
    for alias in node.names:
        name = alias.asname or alias.name
        if name != "*":
            scope.bound.add(name)
        scope.imports.append((name, Import(node.level, node.module or "", alias.name)))
    return []


def _declared(_walk: _Walk, node: Any, scope: _Scope) -> list[ast.AST]:
    (scope.globals if isinstance(node, ast.Global) else scope.nonlocals).update(node.names)
    return []


def _bound_name(_walk: _Walk, node: Any, scope: _Scope) -> list[ast.AST]:
    """`except … as name` and the captures of `match`."""
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name is not None:
        scope.bound.add(name)
    return list(ast.iter_child_nodes(node))


_VISITS: dict[type[ast.AST], Callable[[_Walk, Any, _Scope], list[ast.AST]]] = {
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _function,
    ast.ClassDef: _class,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.Expr: _expression,
    ast.Assign: _assignment,
    ast.AugAssign: _assignment,
    ast.AnnAssign: _assignment,
    ast.NamedExpr: _walrus,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _declared,
    ast.Nonlocal: _declared,
    ast.ExceptHandler: _bound_name,
    ast.MatchAs: _bound_name,
    ast.MatchStar: _bound_name,
    ast.MatchMapping: _bound_name,
}
if hasattr(ast, "TypeAlias"):  # Python 3.12
    _VISITS[ast.TypeAlias] = _type_alias
