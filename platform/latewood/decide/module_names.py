"""The global names of a module, and the statements that decide what each stands for."""

import ast
import copy
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace

from latewood.decide.scopes import Import, References, references
from latewood.decide.syntax import is_bare_string, syntax_digest

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statement:
    """A statement (or one function expression), the conditions it stands under, and its decorators apart."""

    node: ast.AST
    conditions: tuple[ast.expr, ...]
    references: References
    decorators: tuple[tuple[ast.expr, References], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """All that decides what one global name stands for, in source order."""

    imports: list[Import] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleNames:
    """The names of a module; `stars` are its `from x import *`, `loose` the statements that bind nothing."""

    bindings: dict[str, Binding]
    stars: tuple[Import, ...]
    loose: tuple[Statement, ...]


def module_names(tree: ast.Module) -> ModuleNames:
    """The global names of a module and the statements that make or change each. Cost: O(nodes).

    A name's statements are those that bind it, those that assign its items or attributes, bare calls that
    mention it, and those that at import use a function of the module which may change it
    (`register("x", 3)`). The `__main__` guard is left out: workers import modules, they do not run them.
    """
    bindings: dict[str, Binding] = {}
    stars: list[Import] = []
    loose: list[Statement] = []
    statements = list(_statements(tree.body, ()))
    changes = _changes_of_functions(statements)
    bound = {name for statement in statements for name in statement.references.binds}
    for statement in statements:
        stars.extend(origin for name, origin in statement.references.binds_imports if name == "*")
        for name, part in _affected(statement, changes, bound_before=bindings):
            if name in bound or stars:  # else it is a builtin's
                bindings.setdefault(name, Binding()).statements.append(part)
        for name, origin in statement.references.binds_imports:
            if name != "*":
                bindings.setdefault(name, Binding()).imports.append(origin)
        if not statement.references.binds:
            loose.append(statement)
    return ModuleNames(bindings=bindings, stars=tuple(stars), loose=tuple(loose))


def statement_of(node: ast.AST, conditions: tuple[ast.expr, ...] = ()) -> Statement:
    """The statement that `node` is. Decorators stand apart, because not all of them are logic."""
    decorators: list[ast.expr] = []
    if isinstance(node, DEFINITIONS) and node.decorator_list:
        decorators = node.decorator_list
        node = copy.copy(node)
        node.decorator_list = []
    return Statement(
        node=node,
        conditions=conditions,
        references=references(node),
        decorators=tuple((decorator, references(decorator)) for decorator in decorators),
    )


def _statements(body: list[ast.stmt], conditions: tuple[ast.expr, ...]) -> Iterable[Statement]:
    """The statements of a module in source order.

    `if` is opened, its test becoming a condition. Whatever else encloses statements (`try`, `for`, `with`)
    is one statement, because any line of it may decide about the others.
    """
    for node in body:
        if isinstance(node, ast.If) and not any(isinstance(part, ast.NamedExpr) for part in ast.walk(node.test)):
            otherwise = ast.UnaryOp(op=ast.Not(), operand=node.test)
            if not _is_main_guard(node.test):
                yield from _statements(node.body, (*conditions, node.test))
            yield from _statements(node.orelse, (*conditions, otherwise))
        elif not is_bare_string(node):
            yield statement_of(node, conditions)


def _is_main_guard(test: ast.expr) -> bool:
    return syntax_digest(test) == _MAIN_GUARD


_MAIN_GUARD = syntax_digest(ast.parse('__name__ == "__main__"', mode="eval").body)


def _affected(
    statement: Statement, changes: dict[str, frozenset[str]], bound_before: Container[str]
) -> Iterable[tuple[str, Statement]]:
    """The names whose value depends on `statement`, and what of it counts for each."""
    uses = statement.references
    if isinstance(statement.node, ast.Import | ast.ImportFrom):
        for name, origin in uses.binds_imports:
            # A plain import says no more than where it leads. Its condition and its place among others that
            # bind the name do count, but not the other names of the same line.
            if statement.conditions or name in bound_before:
                alias = ast.alias(name=origin.name or origin.module, asname=name)
                node = ast.ImportFrom(module=origin.module, names=[alias], level=origin.level)
                yield name, replace(statement, node=node, references=References())
        return
    executed = uses.executed.union(*(used.executed for _, used in statement.decorators))
    names = set(uses.binds).union(*(changes[name] for name in executed & changes.keys()))
    if not isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef):
        names |= uses.mutates
    if isinstance(statement.node, ast.Expr):
        names |= {chain[0] for chain in uses.chains}
    for name in names:
        yield name, statement


def _changes_of_functions(statements: list[Statement]) -> dict[str, frozenset[str]]:
    """For each function or class of the module that may change globals, itself or by others: which."""
    defined = {
        statement.node.name: statement.references for statement in statements if isinstance(statement.node, DEFINITIONS)
    }
    changes = {name: uses.mutates for name, uses in defined.items() if uses.mutates}
    settled = not changes
    while not settled:
        settled = True
        for name, uses in defined.items():
            called = {chain[0] for chain in uses.chains} & changes.keys()
            reached = uses.mutates.union(*(changes[other] for other in called))
            if len(reached) > len(changes.get(name, ())):
                changes[name] = reached
                settled = False
    return changes
