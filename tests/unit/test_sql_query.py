"""Queries as they are written: what they read, what they ask for, and where they are wrong."""

import pytest

from latewood.decide.sql.pieces import by_full_names, pieces
from latewood.decide.sql.query import QueryFault, read_query


def tables(text, dialect="duckdb"):
    return [mention.name for mention in read_query(text, dialect).tables]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM flights.daily d JOIN airlines USING (carrier)", ["flights.daily", "airlines"]),
        ('FROM "flights/daily", x, (SELECT * FROM x)', ["flights/daily", "x"]),
        ("WITH f AS (SELECT * FROM g) SELECT * FROM f, h", ["g", "h"]),
        ("WITH f AS (SELECT * FROM f) SELECT * FROM f", ["f"]),
        ("WITH f AS (FROM a), g AS (FROM f, g) SELECT * FROM g", ["a", "g"]),
        ("WITH RECURSIVE f AS (FROM a UNION ALL SELECT * FROM f) FROM f", ["a"]),
        ("SELECT (WITH f AS (FROM a) SELECT max(x) FROM f) FROM b WHERE x IN (SELECT x FROM f)", ["a", "b", "f"]),
        ("SELECT i FROM range(3) r(i), unnest([1, 2]), (VALUES (1)) v(x), orders o, o.items", ["orders"]),
        ("PIVOT flights ON carrier USING sum(delay)", ["flights"]),
        ("SELECT a FROM Flights UNION SELECT a FROM flights", ["Flights"]),
    ],
)
def test_tables_are_what_is_read_and_no_ctes_functions_and_rows(text, expected):
    assert tables(text) == expected


def test_a_table_is_named_by_its_parts_and_its_place():
    (table,) = read_query('SELECT 1\n  FROM a."b.c".d').tables
    assert (table.parts, table.at) == (("a", "b.c", "d"), (2, 8))
    assert tables("SELECT a FROM `p.d.t` WHERE x = @y", "bigquery") == ["p.d.t"]


@pytest.mark.parametrize(
    ("text", "bound", "names"),
    [
        ("SELECT :a, x FROM t WHERE x>=$b AND y=:a;", "SELECT $a, x FROM t WHERE x>=$b AND y=$a", ["a", "b"]),
        ("SELECT x[1:n], [:n,:m], {'a':b}, y::int", "SELECT x[1:n], [$n,$m], {'a':b}, y::int", ["n", "m"]),
        ("SELECT ':a', $$:b$$ /* :c */ FROM t -- :d", "SELECT ':a', $$:b$$          FROM t", []),
        ("SELECT short:x FROM t WHERE a=:x LIMIT :z", "SELECT short:x FROM t WHERE a=$x LIMIT $z", ["x", "z"]),
    ],
)  # fmt: skip
def test_parameters_are_marked_where_they_are_and_nothing_else_is(text, bound, names):
    query = read_query(text)
    assert (query.bound, [mention.name for mention in query.parameters]) == (bound, names)


def test_each_database_is_given_its_own_marks():
    assert read_query("SELECT a FROM t WHERE b=:c", "bigquery").bound == "SELECT a FROM t WHERE b=@c"
    assert read_query("SELECT a FROM t WHERE b=:c", "spark").bound == "SELECT a FROM t WHERE b=:c"


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("SELECT (1\nFROM t", (2, 1), "expected )"),
        ("SELECT a b c FROM t", (1, 12), 'something else than "c"'),
        ("SELECT\n  'abc", (2, 3), "expected the end of a text"),
        ("SELECT 1;\nSELECT 2", (2, 1), "expected one query, found 2 statements"),
        ("  DELETE FROM t", (1, 3), 'expected a query (SELECT …), found "DELETE"'),
        ("-- nothing", (1, 1), "found none"),
        ("SELECT a FROM t WHERE b = ?", (1, 27), "expected parameters by name"),
        ("SELECT a FROM t WHERE b = $1", (1, 27), "expected parameters by name"),
        ("SELECT a FROM t WHERE", (1, 17), 'expected more after "WHERE"'),
    ],
)
def test_a_fault_says_where_what_was_expected_and_what_was_found(text, at, said):
    with pytest.raises(QueryFault) as fault:
        read_query(text)
    assert fault.value.at == at
    assert said in fault.value.message


def test_an_unknown_dialect_is_told_with_those_there_are():
    with pytest.raises(QueryFault, match="expected one of duckdb, spark, hive, bigquery"):
        read_query("SELECT 1", "oracle")


def test_what_gives_another_result_each_time_and_what_reads_outside_is_known():
    query = read_query("SELECT now(), current_date, t.today, \"now\" FROM read_csv('x'), t USING SAMPLE 3")
    assert [mention.name for mention in query.changing] == ["now", "current_date", "SAMPLE"]
    assert [mention.name for mention in query.outside] == ["read_csv"]
    assert not read_query('SELECT "current_date", t.localtime, sample FROM t').changing


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("select  a\n from t -- why\n order by b ;", True),
        ("SELECT a /* x */ FROM t Order By b", True),
        ("SELECT A FROM t ORDER BY b", False),
        ("SELECT a FROM t ORDER BY b DESC", False),
        ("SELECT a FROM t", False),
    ],
)
def test_layout_comments_and_the_case_of_keywords_do_not_count(text, same):
    assert (read_query(text).digest == read_query("SELECT a FROM t ORDER BY b").digest) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT Date FROM t", "SELECT date FROM t"),  # a keyword that is a column's name here
        ("SELECT E'A' FROM t", "SELECT E'a' FROM t"),
        ("SELECT j->'a.b' FROM t", "SELECT j->'$.a.b' FROM t"),  # the parser takes both for one path
        ('SELECT "a" FROM t', 'SELECT "A" FROM t'),
        ("SELECT :a FROM t", "SELECT a FROM t"),
        ("SELECT 1 FROM t", "SELECT 1.0 FROM t"),
        ("SELECT list FROM t", "SELECT List FROM t"),
    ],
)
def test_what_a_database_tells_apart_counts(one, other):
    assert read_query(one).digest != read_query(other).digest


def test_the_dialect_counts_and_how_a_parameter_is_marked_does_not():
    assert read_query("SELECT 1", "spark").digest != read_query("SELECT 1").digest
    assert read_query("SELECT :a, COUNT(*)").digest == read_query("SELECT $a, count(*)").digest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT a.b.x, a.b.*, b.x FROM a.b", {"a.b.x": (1, 8), "a.b.*": (1, 15)}),
        ("SELECT 1 FROM t JOIN `A`.b ON t.x = a.b.x.y", {"a.b.x.y": (1, 37)}),
        ("SELECT x FROM a.b WHERE EXISTS (SELECT 1 FROM t WHERE t.x = a.b.x)", {"a.b.x": (1, 61)}),
        ("SELECT b.x.y FROM a.b", {}),
        ("SELECT a.b.x FROM t AS a WHERE x IN (SELECT x FROM a.b)", {}),
        ("SELECT a.b.x FROM a.b AS c, UNNEST(c.list) AS a", {}),
    ],
)
def test_columns_are_found_that_say_both_parts_of_their_table(text, found):
    query = read_query(text, "bigquery")
    tables = {table.name: table for table in query.tables}
    assert {column.name: column.at for column in by_full_names(query, tables)} == found


def test_in_pieces_tables_give_way_wherever_they_are_named_and_are_still_called_as_the_query_has_it():
    text = """
    WITH raw AS (SELECT * FROM flights)  -- not the asset
    SELECT raw.a, flights.b, f.c FROM raw JOIN FLIGHTS ON :n = 1, `a.b` AS f, x.`a/b`, world.open.flights
    WHERE k IN (SELECT k FROM flights f)
    """
    query = read_query(text, "bigquery")
    tables = {mention.name.replace(".", "_"): mention for mention in query.tables if len(mention.parts) < 3}
    found = pieces(query, tables)
    between = [(each["table"], each["as"]) for each in found if not isinstance(each, str)]
    assert between == [("flights", "flights"), ("flights", "FLIGHTS"), ("a_b", ""), ("x_a/b", "a/b"), ("flights", "")]
    said = "".join(each if isinstance(each, str) else "<>" for each in found)
    assert " ".join(said.split()) == (
        "WITH raw AS (SELECT * FROM <>) SELECT raw.a, flights.b, f.c FROM raw JOIN <> ON @n = 1, <> AS f, <>, "
        "world.open.flights WHERE k IN (SELECT k FROM <> f)"
    )
