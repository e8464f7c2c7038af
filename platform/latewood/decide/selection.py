"""The language in which users say which assets they mean; `select` finds them.

    flights/daily                     that asset
    flights/*   ?aily   *             globs: `*` is any characters, `/` too, and alone is all; `?` is one
    group:g   owner:o   kind:k        by attribute; globs as well
    tag:name   tag:name=value         by tag; globs as well
    status:stale                      fresh, stale, missing, failed, running, waiting, retracted, absent
    +x   x+   +x+   2+x   x+3         and what it reads / what reads it, to the end or so many edges away
    not x   x and y   x or y   x, y   `not` binds tightest, then `and`, then `or`; the comma is `or`
    (x or y)+   "not"   tag:a="c++"   `+` takes groups too; quotes, as in a shell, make plain text of
                                      spaces, marks, digits and the words and, or, not

A key, a glob or an attribute that no asset has is an error, since it is nearly always a slip of the pen (but `*` is all
there is, even nothing); a status that none has selects nothing, since that is what changes from day to day.

Written by hand, as a recursive descent: a parser generator (lark, pyparsing) would be one more dependency
and tens of milliseconds of every start, for ten lines of grammar whose error messages would still be ours.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never, get_args

from latewood.errors import UsageError
from latewood.model.keys import AssetKey

Field = Literal["key", "group", "tag", "owner", "kind", "status"]
Status = Literal["fresh", "stale", "missing", "failed", "running", "waiting", "retracted", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The assets of which a text in that field equals `pattern`, or matches it if it has `*` or `?`."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`of`, and what lies at most `up` edges upstream and `down` edges downstream of it; None: any number."""

    of: "Selection"
    up: int | None
    down: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """All assets but those of `of`."""

    of: "Selection"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """What is in each of these, two or more."""

    of: tuple["Selection", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """What is in at least one of these, two or more."""

    of: tuple["Selection", ...]


Selection: TypeAlias = Term | Reach | Not | AllOf | AnyOf


def parse(text: str) -> Selection:
    """The selection written as `text`. Raises UsageError that points at the first place that cannot be."""
    return _Parser(text).parse()


def show(selection: Selection) -> str:
    """Canonical text: `parse(show(s)) == s` for whatever `parse` returned."""
    match selection:
        case Term(field="key", pattern=pattern):
            bare = pattern not in _WORDS and ":" not in pattern and not _DEPTH.fullmatch(pattern)
            return pattern if bare and _BARE.fullmatch(pattern) else _quoted(pattern)
        case Term(field=field, pattern=pattern):
            return f"{field}:{pattern if _BARE.fullmatch(pattern) else _quoted(pattern)}"
        case Reach(of=of, up=up, down=down):
            before = "" if up == 0 else "+" if up is None else f"{up}+"
            after = "" if down == 0 else "+" if down is None else f"+{down}"
            return f"{before}{_operand(of, Term)}{after}"
        case Not(of=of):
            return f"not {_operand(of, Term | Reach | Not)}"
        case AllOf(of=of):
            return " and ".join(_operand(each, Term | Reach | Not) for each in of)
        case AnyOf(of=of):
            return " or ".join(_operand(each, Term | Reach | Not | AllOf) for each in of)
        case _:
            assert_never(selection)


def uses_status(selection: Selection) -> bool:
    """True if a `status:` term occurs, so that `select` needs to be told the status of assets."""
    match selection:
        case Term(field=field):
            return field == "status"
        case Reach(of=of) | Not(of=of):
            return uses_status(of)
        case AllOf(of=of) | AnyOf(of=of):
            return any(map(uses_status, of))
        case _:
            assert_never(selection)


def with_names(selection: Selection, names: Mapping[AssetKey, AssetKey]) -> Selection:
    """The selection in which assets that have other names by now are called so; a glob means what it matches now."""

    def parts(of: tuple[Selection, ...]) -> tuple[Selection, ...]:
        return tuple(with_names(each, names) for each in of)

    match selection:
        case Term(field="key", pattern=pattern):
            return Term(field="key", pattern=names.get(AssetKey(pattern), pattern))
        case Term():
            return selection
        case Reach(of=of, up=up, down=down):
            return Reach(of=with_names(of, names), up=up, down=down)
        case Not(of=of):
            return Not(of=with_names(of, names))
        case AllOf(of=of):
            return AllOf(of=parts(of))
        case AnyOf(of=of):
            return AnyOf(of=parts(of))
        case _:
            assert_never(selection)


def cut(text: str) -> str:
    """`text`, shortened where an error would otherwise fill a screen."""
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


_TOKEN: Final = re.compile(r"""\s+|[(),+]|(?:[^\s(),+"']|"[^"]*"|'[^']*')+""")
_BARE: Final = re.compile(r"""[^\s(),+"']+""")
_QUOTED: Final = re.compile(r""""([^"]*)"|'([^']*)'""")
_DEPTH: Final = re.compile(r"[0-9]{1,9}")
_FIELD: Final = re.compile(r"""([^"':]*):""")
_FIELDS: Final[Mapping[str, Field]] = {field: field for field in get_args(Field)}
_STATUSES: Final = get_args(Status)
_WORDS: Final = ("and", "or", "not")
_LEVELS_MAX: Final = 50  # of parentheses and nots: far below Python's stack, far above what people read
_SHOWN_MAX: Final = 60  # characters of a user's text in an error


def _operand(selection: Selection, bare: type | UnionType) -> str:
    text = show(selection)
    return text if isinstance(selection, bare) else f"({text})"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', """"'"'\"""") + '"'


class _Token(NamedTuple):
    kind: str
    """What the grammar sees: the mark or word itself, "depth", "text" or "end"."""
    raw: str
    at: int


class _Parser:
    """Recursive descent, a method for each rule; `level` counts the parentheses and nots around."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = (*self.split(), *[_Token("end", "the end", len(text))] * 3)
        self.at = 0

    def split(self) -> Iterator[_Token]:
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if not found:
                raise self.problem(at, "a closing quote", "none")
            raw, at = found[0], found.end()
            if not raw.isspace():
                special = raw in _WORDS or raw in "(),+"
                kind = raw if special else "depth" if _DEPTH.fullmatch(raw) else "text"
                yield _Token(kind, raw, found.start())

    def take(self, *kinds: str) -> _Token | None:
        token = self.tokens[self.at]
        if token.kind not in kinds:
            return None
        self.at += 1
        return token

    def problem(self, at: int, expected: str, found: str) -> UsageError:
        start = max(0, at - 40)
        excerpt = "".join(c if c.isprintable() else " " for c in self.text[start : at + 40])
        pointer = " " * (at - start) + "^"
        message = f"selection, character {at + 1}: expected {expected}, found {cut(found)}"
        return UsageError(f"{message}\n  {excerpt}\n  {pointer}")

    def unexpected(self, expected: str) -> UsageError:
        token = self.tokens[self.at]
        return self.problem(token.at, expected, token.raw if token.kind == "end" else f'"{token.raw}"')

    def parse(self) -> Selection:
        selection = self.any_of(0)
        if not self.take("end"):
            raise self.unexpected('"and", "or", "," or the end')
        return selection

    def any_of(self, level: int) -> Selection:
        parts = [self.all_of(level)]
        while self.take("or", ","):
            parts.append(self.all_of(level))
        return AnyOf(of=tuple(parts)) if len(parts) > 1 else parts[0]

    def all_of(self, level: int) -> Selection:
        parts = [self.negation(level)]
        while self.take("and"):
            parts.append(self.negation(level))
        return AllOf(of=tuple(parts)) if len(parts) > 1 else parts[0]

    def negation(self, level: int) -> Selection:
        if level > _LEVELS_MAX:
            raise self.unexpected(f"at most {_LEVELS_MAX} levels of parentheses and nots")
        return Not(of=self.negation(level + 1)) if self.take("not") else self.reach(level)

    def reach(self, level: int) -> Selection:
        up: int | None = 0
        first, second, third = self.tokens[self.at : self.at + 3]
        # `2+x` is a depth, `2+` alone the key "2" and what reads it
        if first.kind == "depth" and second.kind == "+" and third.kind in ("text", "depth", "("):
            up = int(first.raw)
            self.at += 2
        elif self.take("+"):
            up = None
        of = self.operand(level)
        down: int | None = 0
        if self.take("+"):
            depth = self.take("depth")
            down = int(depth.raw) if depth else None
        return of if up == down == 0 else Reach(of=of, up=up, down=down)

    def operand(self, level: int) -> Selection:
        if opening := self.take("("):
            selection = self.any_of(level + 1)
            if not self.take(")"):
                raise self.unexpected(f'"and", "or", "," or ")" for the "(" at character {opening.at + 1}')
            return selection
        if token := self.take("text", "depth"):
            return self.term(token)
        raise self.unexpected('an asset, an attribute such as group:x, or "("')

    def term(self, token: _Token) -> Term:
        match = _FIELD.match(token.raw)
        name, value = (match[1], token.raw[match.end() :]) if match else ("key", token.raw)
        field = _FIELDS.get(name)
        pattern = _QUOTED.sub(r"\1\2", value)
        if field is None:
            raise self.problem(token.at, f"one of {', '.join(_FIELDS)} before the colon", f'"{name}"')
        if not value:
            raise self.problem(token.at, f'a value after "{name}:"', "none")
        if field == "status" and pattern not in _STATUSES:
            raise self.problem(token.at, f"one of {', '.join(_STATUSES)} after the colon", f'"{pattern}"')
        return Term(field=field, pattern=pattern)
