"""The digest of a query: formatting never counts, any change of a word does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from latewood.decide.sql.query import QueryFault, read_query

KEYWORDS = ("SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IS", "NULL", "AS", "CASE", "WHEN", "THEN", "ELSE", "END")
names = st.sampled_from(["a", "b", "carrier", "Date", '"Mean delay"', "t.x", "rows"])
values = st.sampled_from(["1", "2.50", "'it''s'", "'A'", ":minutes", "NULL", "TRUE", "date '2013-01-01'"])


def written(*parts: str | st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    """The words of the parts, one after the other."""
    return st.tuples(*(st.just([part]) if isinstance(part, str) else part for part in parts)).map(
        lambda found: [word for words in found for word in words]
    )


operands = st.one_of(names, values).map(lambda word: [word])
terms = st.recursive(
    operands,
    lambda inner: st.one_of(
        written("(", inner, st.sampled_from([["+"], ["-"], ["||"]]), inner, ")"),
        written(st.sampled_from([["coalesce"], ["round"], ["my_function"]]), "(", inner, ")"),
        written("CASE", "WHEN", inner, "IS", "NOT", "NULL", "THEN", inner, "ELSE", inner, "END"),
        written("sum", "(", inner, ")", "OVER", "(", "PARTITION", "BY", inner, ")"),
        written("CAST", "(", inner, "AS", "INTEGER", ")"),
    ),
    max_leaves=4,
)
queries = written(
    "SELECT",
    terms,
    "AS",
    st.sampled_from([["x"], ["Total"]]),
    "FROM",
    st.sampled_from([["flights"], ["flights.daily", "AS", "t"], ["(", "SELECT", "*", "FROM", "u", ")", "AS", "t"]]),
    "WHERE",
    terms,
    st.sampled_from([["<"], [">="], ["="], ["<>"]]),
    terms,
    st.sampled_from([[], ["ORDER", "BY", "x"], ["GROUP", "BY", "ALL"], ["LIMIT", "10"]]),
)
gaps = st.sampled_from([" ", "\n", "  \t", " /* SELECT ' */ ", " -- why; \n", "\n\n"])
cases = st.sampled_from([str.lower, str.upper, str.title, str])
QUOTED_OR_NAMED = set("abx") | {"carrier", "Date", "rows", "t", "u", "Total", "flights"}


def is_keyword(word):
    return word.isalpha() and word not in QUOTED_OR_NAMED


def digest(words):
    return read_query(" ".join(words)).digest


@settings(max_examples=30)
@given(queries, st.data())
def test_formatting_never_counts(words, data):
    shown = [data.draw(cases)(word) if is_keyword(word) else word for word in words]
    text = "".join(word + data.draw(gaps) for word in shown) + data.draw(st.sampled_from(["", ";", " ;\n"]))
    assert read_query(text).digest == digest(words)


@settings(max_examples=30)
@given(queries, st.data())
def test_any_change_of_a_word_counts(words, data):
    index = data.draw(st.integers(0, len(words) - 1))
    others = ["a", "B", "'a'", "3", "<", ">", "+", "*", "max", "DISTINCT", "OR", ":other", "Rows"]
    instead = data.draw(st.sampled_from([[], [words[index], words[index]], *([other] for other in others)]))
    changed = [*words[:index], *instead, *words[index + 1 :]]
    if [w.lower() if is_keyword(w) else w for w in changed] == [w.lower() if is_keyword(w) else w for w in words]:
        return
    try:
        other = digest(changed)
    except QueryFault:
        return
    assert other != digest(words)
