"""The serialisation of Python syntax that code versions are digests of.

It is our own, because `ast.dump` and bytecode differ between Python versions. What counts is what the
parser understood: comments, blank lines, quotes, parentheses, positions, type comments and `u` prefixes do
not. A statement that is only a string, above all a docstring, does nothing and does not count. Annotations
count: a task's are its interface, a class's are its fields, and one rule for all is easier to foresee.

Only the standard library is imported, so that any interpreter can load this file alone.
"""

import ast
import hashlib
from collections.abc import Iterable

SCHEME = "ast1"
"""Name of this serialisation. A change that alters any stored digest needs a new name."""

_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FIELDS: dict[type[ast.AST], tuple[tuple[str, str], ...]] = {}


def syntax_digest(node: ast.AST) -> str:
    """32 hexadecimal digits of the syntax of `node`, the same on every supported Python. Cost: O(nodes)."""
    return hashlib.sha256(_serialised(node).encode()).hexdigest()[:32]


def body_digest(source: str, name: str) -> str | None:
    """The digest of the function of that name in the module, whatever it is called and decorated with; None if nowhere.

    Raises SyntaxError.
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return syntax_digest(ast.Lambda(args=node.args, body=ast.Module(body=node.body, type_ignores=[])))  # type: ignore[arg-type]  # never compiled
    return None


def line_of(source: str, qualname: str) -> int | None:
    """The line where `qualname` is first defined or assigned in `source`, for messages; None if nowhere.

    Accepts the names of code parts: `clean`, `Cleaner.run`, `make.<locals>.inner`, `make[step]`; and the key that a
    call gives to a query. What is not Python, or not yet, has no lines.
    """
    path = [name for name in qualname.partition("[")[0].split(".") if name != "<locals>"]
    try:
        body: Iterable[ast.AST] = ast.parse(source).body
    except SyntaxError:
        return None
    line = None
    for name in path:
        node = next((found for statement in body for found in ast.walk(statement) if _names(found, name)), None)
        if node is None:
            return line if name == "<lambda>" else None
        line = getattr(node, "lineno", None)
        body = ast.iter_child_nodes(node)
    return line


def _names(node: ast.AST, name: str) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name == name
        case ast.Call(args=[ast.Constant(value=str() as key), *_]):
            return key == name
        case ast.Name(ctx=ast.Store()):
            return node.id == name
        case ast.alias():
            return (node.asname or node.name) == name
        case _:
            return False


def _serialised(root: ast.AST) -> str:
    """`Class(field=value …)`, without absent fields and empty lists.

    So a field that a later Python adds, and this code does not use, changes nothing. A stack instead of
    recursion: long chains of `+` are deep trees.
    """
    out: list[str] = []
    stack: list[object] = [root]
    while stack:
        item = stack.pop()
        if type(item) is str:
            out.append(item)
            continue
        if not isinstance(item, ast.AST):
            out.append("-" if item is None else f"{item!r} ")
        elif isinstance(item, ast.Constant):
            out.append(_constant(item))
        elif isinstance(item, ast.Name):
            out.append(f"Name({item.id})")
        elif isinstance(item, ast.JoinedStr):
            stack.append(")")
            stack.extend(reversed(_string_pieces(item)))
            out.append("JoinedStr(")
        else:
            _open(item, out, stack)
    return "".join(out)


def _open(node: ast.AST, out: list[str], stack: list[object]) -> None:
    """Write the head of `node` and leave its fields on the stack."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = tuple((name, f"{name}=") for name in reversed(kind._fields) if name not in _IGNORED_FIELDS)
        _FIELDS[kind] = fields
    out.append(f"{kind.__name__}(")
    stack.append(")")
    for name, label in fields:
        value = getattr(node, name, None)
        if value is None:
            continue
        if type(value) is list:
            items = [item for item in value if not is_bare_string(item)]
            if not items:
                continue
            stack.append("]")
            # Identifiers in lists (`global a, b`) need a separator; nodes and None bring their own ends.
            stack.extend(f"{item} " if type(item) is str else item for item in reversed(items))
            stack.append("[")
        else:
            stack.append(f"{value} " if type(value) is str else value)
        stack.append(label)


def is_bare_string(node: object) -> bool:
    """Whether a statement is only a string, such as a docstring: it has no effect."""
    return type(node) is ast.Expr and type(node.value) is ast.Constant and type(node.value.value) is str


def _string_pieces(node: ast.JoinedStr) -> list[object]:
    """The values of an f-string, adjacent text merged and empty text dropped: parsers differ in both."""
    pieces: list[object] = []
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        if text:
            pieces.append(f"{text!a} ")
            text = ""
        pieces.append(value)
    if text:
        pieces.append(f"{text!a} ")
    return pieces


def _constant(node: ast.Constant) -> str:
    """Type and value.

    `ascii`, since what `repr` escapes depends on the interpreter's Unicode tables; `hex`, since decimal
    digits of huge integers are limited.
    """
    value = node.value
    text = hex(value) if type(value) is int else ascii(value)
    return f"{type(value).__name__}:{text} "
