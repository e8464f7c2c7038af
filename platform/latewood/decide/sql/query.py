"""A query as its author wrote it: the tables it reads, the parameters it asks for, and the digest of what it says.

It is run as it is written, but for how parameters are marked, and it is its tokens that are digested: the parser
equates some of what databases tell apart, so what it would write itself is neither run nor what versions are made of.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Final

from sqlglot import exp, tokenize
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]  # it exports them, and does not say so

from latewood.errors import DefinitionError

SCHEME: Final = "sql1"
"""How queries are digested. A change that alters any digest, or the result of any query, needs a new name."""

MARKS: Final = {"duckdb": "$", "spark": ":", "hive": ":", "bigquery": "@"}
"""The dialects there are, and what a parameter begins with where their database is given it by name."""

_FIRST: Final = ("select", "with", "from", "(", "values", "pivot", "unpivot")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_WORDS: Final = re.compile(r"[A-Za-z_]\w*(?:\s+\w+)*")
_FROM: Final = re.compile(r"from \d+:(\d+)$")


class QueryFault(DefinitionError):
    """What is wrong with a query; line and column of its text, both from 1."""

    def __init__(self, message: str, at: tuple[int, int]) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A table, parameter or function where a query first names it: `at` are line and column, from 1.

    `parts` are those of a table's name.
    """

    name: str
    at: tuple[int, int]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a dialect.

    text        as it was written
    bound       as its database is given it: with parameters marked as it has them, without comments and a semicolon
    tables      what it reads: no CTEs and no functions
    parameters  what it asks for by `:name` or `$name`
    changing    functions and samples that give another result each time
    outside     functions that read what is no table
    ordered     whether it says the order of its rows
    digest      equal for what says the same: neither layout, comments nor the case of keywords count
    tree        the parser's
    """

    text: str
    bound: str
    dialect: str
    tables: tuple[Mention, ...]
    parameters: tuple[Mention, ...]
    changing: tuple[Mention, ...]
    outside: tuple[Mention, ...]
    ordered: bool
    digest: str
    tree: exp.Expr = field(repr=False, compare=False)


def read_query(text: str, dialect: str = "duckdb") -> Query:
    """The query that a text is. Raises QueryFault: where, what was expected there and what was found."""
    if dialect not in MARKS:
        raise QueryFault(f'dialect: expected one of {", ".join(MARKS)}, found "{dialect}"', (1, 1))
    plain, tokens = _tokens(text, dialect)
    sites = list(_sites(tokens))
    tree = _parsed(plain, tokens, sites, dialect)
    names = frozenset(node.meta.get("start") for node in tree.find_all(exp.Identifier))
    words = [(token, after) for token, after in pairwise([*tokens, tokens[-1]]) if token.start not in names]
    called = [_mention(token) for token, after in words if after.token_type is TokenType.L_PAREN]
    sampling = _SAMPLES if tree.find(exp.TableSample) is not None else ()
    alone = [_mention(token) for token, _ in words if token.text.lower() in (*_CHANGING_ALONE, *sampling)]
    return Query(
        text=text,
        bound=_marked(plain, sites, dialect)[: tokens[-1].end + 1],
        dialect=dialect,
        tables=_firsts(_tables(tree)),
        parameters=_firsts(Mention(name=name.text, at=_place(mark)) for mark, name in sites),
        changing=_firsts([*alone, *(mention for mention in called if mention.name.lower() in _CHANGING)]),
        outside=_firsts(mention for mention in called if _is_outside(mention.name.lower())),
        ordered=tree.args.get("order") is not None,
        digest=_digest(plain, tokens, sites, names, dialect),
        tree=tree,
    )


def _tokens(text: str, dialect: str) -> tuple[str, list[Token]]:
    """The text with spaces in place of comments, and its tokens without semicolons at the end.

    A keyword of two words, `ORDER BY`, may have a comment inside.
    """
    try:
        tokens = tokenize(text, dialect=dialect)
        if any(not text[one.end + 1 : other.start].isspace() for one, other in pairwise(tokens)):
            text = _without_comments(text, tokens)
            tokens = tokenize(text, dialect=dialect)
    except TokenError as error:
        message = "expected the end of a text, of a name in quotes or of a comment, found the end of the query"
        raise QueryFault(message, _unclosed(text, error)) from None
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise QueryFault("expected a query (SELECT …), found none", (1, 1))
    if tokens[0].text.lower() not in _FIRST:
        raise QueryFault(f'expected a query (SELECT …), found "{tokens[0].text}"', _place(tokens[0]))
    return text, tokens


def _without_comments(text: str, tokens: Sequence[Token]) -> str:
    """The text with spaces in place of all that is no token, so that places stay."""
    pieces, at = [], 0
    for token in tokens:
        gap = text[at : token.start]
        pieces += [re.sub(r"[^\n]", " ", gap), text[token.start : token.end + 1]]
        at = token.end + 1
    return "".join(pieces)


def _parsed(text: str, tokens: Sequence[Token], sites: Iterable["Site"], dialect: str) -> exp.Expr:
    """The one query of the text, to whose parser a parameter looks the same whatever marks it."""
    marks = {mark.start for mark, _ in sites}
    same = [_as_mark(token) if token.start in marks else token for token in tokens]
    try:
        trees = [tree for tree in Dialect.get_or_raise(dialect).parser().parse(same, text) if tree is not None]
    except ParseError as error:
        raise _fault_of(error) from None
    if len(trees) > 1:
        second = next(after for end, after in pairwise(tokens) if end.token_type is TokenType.SEMICOLON)
        raise QueryFault(f"expected one query, found {len(trees)} statements", _place(second))
    if not isinstance(trees[0], exp.Query | exp.Values | exp.Pivot):
        raise QueryFault("expected a query (SELECT …), found another statement", _place(tokens[0]))
    return trees[0]


def _fault_of(error: ParseError) -> QueryFault:
    found = error.errors[0] if error.errors else {}
    said, near = str(found.get("description") or error).partition("\n")[0], str(found.get("highlight") or "")
    at = int(found.get("line") or 1), max(1, int(found.get("col") or 1) - max(0, len(near) - 1))
    if said.startswith("Expecting "):
        return QueryFault(f'expected {said.removeprefix("Expecting ")} at "{near}"', at)
    if said.startswith("Required keyword"):
        return QueryFault(f'expected more after "{near}"', at)
    return QueryFault(f'expected something else than "{near}" there', at)


def _unclosed(text: str, error: TokenError) -> tuple[int, int]:
    """Where what is not closed begins."""
    found = _FROM.search(str(error.__cause__))
    start = int(found[1]) if found is not None else 0
    return text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1


def _as_mark(token: Token) -> Token:
    return Token(TokenType.PARAMETER, "$", token.line, token.col, token.start, token.end, token.comments)


def _place(token: Token) -> tuple[int, int]:
    return token.line, max(1, token.col - (token.end - token.start))


def _mention(token: Token) -> Mention:
    return Mention(name=token.text, at=_place(token))


def _firsts(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Each name once, where it is first; databases take `Flights` and `flights` for one."""
    found: dict[str, Mention] = {}
    for mention in sorted(mentions, key=lambda mention: mention.at):
        found.setdefault(mention.name.casefold(), mention)
    return tuple(found.values())


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────


def _tables(tree: exp.Expr) -> Iterator[Mention]:
    for table in tree.find_all(exp.Table):
        parts = [part for part in table.parts if isinstance(part, exp.Identifier)]
        if len(parts) != len(table.parts) or (len(parts) == 1 and is_cte(table)) or _is_of_a_row(table):
            continue
        yield mention_of(parts, tuple(part.name for part in parts))


def mention_of(said: Sequence[exp.Identifier], names: tuple[str, ...]) -> Mention:
    """What these say, which is so called, where the first of them begins."""
    at = said[0].meta
    column = max(1, at.get("col", 1) - (at.get("end", 0) - at.get("start", 0)))
    return Mention(name=".".join(names), at=(at.get("line", 1), column), parts=names)


def is_cte(table: exp.Table) -> bool:
    """Whether a WITH that can be seen from there names something so.

    Of a WITH each part sees those before it, and itself where that is recursive; else the name is still a table's.
    """
    name = table.name.casefold()
    node: exp.Expr = table
    while (above := node.parent) is not None:
        seen: Sequence[exp.Expr] = ()
        if isinstance(above, exp.With):
            index = next(index for index, part in enumerate(above.expressions) if part is node)
            seen = above.expressions[: index + bool(above.args.get("recursive"))]
            above = above.parent or above  # its other parts were looked at just now
        elif (found := above.args.get("with_")) is not None:
            seen = found.expressions
        if any(part.alias.casefold() == name for part in seen):
            return True
        node = above
    return False


def _is_of_a_row(table: exp.Table) -> bool:
    """Whether it is a list in the rows of a table beside it, as in `FROM orders o, o.items`."""
    select = table.find_ancestor(exp.Select)
    if not table.db or select is None:
        return False
    return any(other is not table and other.alias_or_name == table.db for other in rows_of(select))


def rows_of(select: exp.Select) -> list[exp.Expr]:
    """The tables, subqueries and lists that it is from."""
    first = select.args.get("from_")
    return [*([first.this] if first else []), *(join.this for join in select.args.get("joins") or ())]


# ── functions ─────────────────────────────────────────────────────────────────────────────────────────────────

_CHANGING_NAMES: Final = """
    age current_date current_datetime current_localtime current_localtimestamp current_time current_timestamp currval
    gen_random_uuid generate_uuid get_current_time get_current_timestamp nextval now rand randn random setseed
    statement_timestamp tablesample today transaction_timestamp txid_current unix_timestamp uuid uuidv4 uuidv7
"""
_CHANGING: Final = frozenset(_CHANGING_NAMES.split())
_CHANGING_ALONE: Final = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")
_SAMPLES: Final = ("sample", "tablesample")
_OUTSIDE: Final = frozenset(("getenv", "glob", "query", "query_table", "sniff_csv"))


def _is_outside(name: str) -> bool:
    """Files and other databases, and tables of which only the run would say the name."""
    return name.startswith("read_") or name.endswith("_scan") or name in _OUTSIDE


# ── parameters ────────────────────────────────────────────────────────────────────────────────────────────────

Site = tuple[Token, Token]
"""A parameter's mark, and its name right behind it."""

_OPERANDS: Final = frozenset(
    {
        TokenType.COLON,
        TokenType.END,
        TokenType.IDENTIFIER,
        TokenType.NUMBER,
        TokenType.PARAMETER,
        TokenType.R_BRACE,
        TokenType.R_BRACKET,
        TokenType.R_PAREN,
        TokenType.STRING,
        TokenType.VAR,
    }
)
"""Behind these a colon is no parameter's, but that of a part of a list (`[1:n]`), a struct (`{'a':b}`) or an alias."""


def _sites(tokens: Sequence[Token]) -> Iterator[Site]:
    for number, (mark, name) in enumerate(pairwise([*tokens, tokens[-1]])):
        before = tokens[number - 1] if number else None
        follows = name.start == mark.end + 1
        if mark.token_type is TokenType.PLACEHOLDER or (
            mark.token_type is TokenType.PARAMETER and not (follows and _WORD.match(name.text))
        ):
            raise QueryFault(f'expected parameters by name, as in :name, found "{mark.text}"', _place(mark))
        is_mark = mark.token_type is TokenType.PARAMETER or (
            mark.token_type is TokenType.COLON and not (before is not None and _is_operand(before, mark))
        )
        if is_mark and follows and _WORD.match(name.text):
            yield mark, name


def _is_operand(before: Token, mark: Token) -> bool:
    return before.token_type in _OPERANDS or (before.end + 1 == mark.start and bool(_WORD.fullmatch(before.text)))


def _marked(text: str, sites: Iterable[Site], dialect: str) -> str:
    """The text with parameters marked as the dialect has it: as long as before, so that places stay."""
    pieces = list(text)
    for mark, _ in sites:
        pieces[mark.start] = MARKS[dialect]
    return "".join(pieces)


# ── the digest ────────────────────────────────────────────────────────────────────────────────────────────────

_AS_WRITTEN: Final = frozenset({TokenType.LIST, TokenType.ARRAY, TokenType.MAP, TokenType.STRUCT})
"""Keywords that the parser takes for functions also where they are names of columns."""

_MARK: Final = ":"


def _digest(
    text: str, tokens: Sequence[Token], sites: Sequence[Site], names: Collection[int | None], dialect: str
) -> str:
    """32 hex digits of the tokens: keywords and functions in one case, all else as it is written.

    A word is a keyword where the parser has not found a name: `SELECT Date` is a column of that spelling.
    """
    marks = {mark.start for mark, _ in sites}
    words = [SCHEME, dialect]
    for token, after in pairwise([*tokens, None]):
        assert token is not None, "the last is only looked ahead to"
        word = _MARK if token.start in marks else text[token.start : token.end + 1]
        called = after is not None and after.token_type is TokenType.L_PAREN
        keyword = token.token_type is not TokenType.VAR and token.token_type not in _AS_WRITTEN
        if token.start not in names and (keyword or called) and _WORDS.fullmatch(word):
            word = " ".join(word.lower().split())
        words.append(word)
    return sha256("".join(f"{len(word)}:{word}" for word in words).encode("utf-8", "surrogatepass")).hexdigest()[:32]
