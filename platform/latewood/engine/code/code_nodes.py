"""The syntax that a code object was compiled from."""

import ast
import inspect
import types
from bisect import bisect_right
from collections.abc import Iterator

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def statements_on(body: list[ast.stmt], line: int) -> list[ast.stmt]:
    """The statements of `body` that hold a line. Order: last first. Cost: O(log statements)."""
    found = []
    index = bisect_right(body, line, key=_first_line) - 1
    while index >= 0 and line <= (body[index].end_lineno or 0):
        found.append(body[index])
        index -= 1
    return found


def node_of(statements: list[ast.stmt], code: types.CodeType) -> FunctionNode | None:
    """The node in `statements` that `code` was compiled from; None if there is none, or no telling which."""
    line, name = code.co_firstlineno, code.co_name
    found: list[FunctionNode] = []
    for statement in statements:
        if isinstance(statement, _FUNCTIONS) and _first_line(statement) == line and statement.name == name:
            return statement
        found.extend(
            node
            for node in ast.walk(statement)
            if (isinstance(node, _FUNCTIONS) and node.name == name and _first_line(node) == line)
            or (isinstance(node, ast.Lambda) and name == "<lambda>" and node.lineno == line)
        )
    if len(found) > 1 and name == "<lambda>":
        found = _lambdas_around(found, code)
    return found[0] if len(found) == 1 else None


def _lambdas_around(found: list[FunctionNode], code: types.CodeType) -> list[FunctionNode]:
    """Of several lambdas on one line, the innermost whose body holds all instructions of `code`."""
    spots = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and end_line is not None and column is not None and end_column  # not the prologue
    ]
    if not spots:  # Python 3.12 gives what returns a constant no place
        return [node for node in found if isinstance(node, ast.Lambda) and _compiled(node) == _form(code)]
    spans = [(node, _span(node.body)) for node in found if isinstance(node, ast.Lambda)]
    around = [(node, span) for node, span in spans if all(span[0] <= start and end <= span[1] for start, end in spots)]
    innermost = max((span[0] for _, span in around), default=None)
    return [node for node, span in around if span[0] == innermost]


def _compiled(node: ast.Lambda) -> tuple[object, ...]:
    whole = compile(ast.Expression(node), "", "eval", dont_inherit=True)
    *_, own = (constant for constant in whole.co_consts if isinstance(constant, types.CodeType))
    return _form(own)


def _form(code: types.CodeType) -> tuple[object, ...]:
    """What code without names does; constants as written, since 1 and True are equal."""
    stars = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return code.co_code, repr(code.co_consts), code.co_varnames, code.co_argcount, code.co_posonlyargcount, stars


def _span(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)


def _first_line(node: ast.stmt) -> int:
    """Where a code object says the node begins: at its first decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min((decorator.lineno for decorator in decorators), default=node.lineno)


def computed_defaults(arguments: ast.arguments) -> Iterator[str]:
    """Names of the parameters whose default is more than a literal. Order: as declared."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return (argument.arg for argument, default in pairs if default and not isinstance(default, ast.Constant))
