"""Where the columns of a query's result come from: known or said to be not, and never guessed."""

import pytest

from latewood.decide.sql.columns import derivations
from latewood.decide.sql.query import read_query
from latewood.model.column_sources import Derivation, compact, derivation_of

TABLES = {
    "flights.daily": ["Year", "carrier", "dep_delay", "arr_delay"],
    "airlines": ["carrier", "name"],
    "lists": ["k", "xs", "s"],
}


def sources(query, *columns, tables=TABLES):
    """By column of the result what it comes from, in short; `?` where that is not all, or nothing is known."""
    found = derivations(read_query(query), tables, columns)
    assert [each.column for each in found] == list(columns)
    return {
        each.column: " ".join(
            [*(f"{table.partition('.')[0]}.{column}" for table, column in each.sources)]
            + {"exact": [], "partial": ["?"], "unknown": ["?"]}[each.confidence]
        )
        for each in found
    }


EXACT = [
    ("SELECT carrier, avg(dep_delay) m, count(*) n FROM flights.daily GROUP BY ALL",
     {"carrier": "flights.carrier", "m": "flights.dep_delay", "n": ""}),
    ("SELECT * EXCLUDE (year, carrier) FROM flights.daily d",
     {"dep_delay": "flights.dep_delay", "arr_delay": "flights.arr_delay"}),
    ("SELECT a.name, d.year FROM flights.daily d JOIN airlines a USING (carrier) WHERE arr_delay > 1",
     {"name": "airlines.name", "year": "flights.Year"}),
    ("FROM airlines JOIN flights.daily USING (carrier) SELECT carrier",
     {"carrier": "airlines.carrier flights.carrier"}),
    ("WITH x AS (SELECT carrier c, dep_delay + arr_delay s FROM flights.daily) FROM (SELECT c, sum(s) h FROM x)",
     {"c": "flights.carrier", "h": "flights.arr_delay flights.dep_delay"}),
    ("WITH airlines AS (SELECT carrier, upper(name) AS name FROM airlines) SELECT name FROM airlines",
     {"name": "airlines.name"}),
    ("SELECT carrier FROM flights.daily UNION ALL SELECT name FROM airlines",
     {"carrier": "airlines.name flights.carrier"}),
    ("SELECT carrier FROM airlines UNION BY NAME SELECT name, carrier FROM airlines",
     {"carrier": "airlines.carrier", "name": "airlines.name"}),
    ("SELECT dep_delay AS a, a * 2 AS b FROM flights.daily", {"a": "flights.dep_delay", "b": "flights.dep_delay"}),
    ("SELECT dep_delay AS carrier, carrier AS b FROM flights.daily",
     {"carrier": "flights.dep_delay", "b": "flights.carrier"}),
    ("SELECT (SELECT max(name) FROM airlines a WHERE a.carrier = d.carrier) m FROM flights.daily d",
     {"m": "airlines.name"}),
    ("SELECT k, x FROM lists, unnest(lists.xs) u(x)", {"k": "lists.k", "x": "lists.xs"}),
    ("SELECT lists.s.f AS f, list_transform(xs, x -> x + k) y FROM lists", {"f": "lists.s", "y": "lists.k lists.xs"}),
    ("WITH RECURSIVE r AS (SELECT carrier, name FROM airlines UNION ALL SELECT name, carrier FROM r) FROM r",
     {"carrier": "airlines.carrier airlines.name", "name": "airlines.carrier airlines.name"}),
    ("SELECT sum(dep_delay) FILTER (arr_delay > 1) OVER (PARTITION BY carrier) s FROM flights.daily",
     {"s": "flights.arr_delay flights.carrier flights.dep_delay"}),
    ("SELECT i, 'x' AS c, :p AS p, DATE '2013-01-01' AS d FROM range(3) r(i)", {"i": "", "c": "", "p": "", "d": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), EXACT)
def test_what_a_value_is_computed_from(query, expected):
    assert sources(query, *expected) == expected


NOT_KNOWN = [
    ("SELECT lists FROM lists", {"lists": "?"}),  # a row as a whole
    ("SELECT #1 FROM airlines", {"carrier": "?"}),
    ("SELECT COLUMNS('c.*') FROM airlines", {"carrier": "?"}),
    ("PIVOT airlines ON carrier USING max(name)", {"AA": "?"}),
    ("SELECT rowid FROM airlines", {"rowid": "?"}),
    ("SELECT EXISTS (FROM airlines) AS e FROM lists", {"e": "?"}),
    ("SELECT coalesce(name, other.x) AS n FROM airlines, other", {"n": "airlines.name ?"}),
    ("SELECT * FROM airlines, other", {"carrier": "?", "name": "?", "x": "?"}),
]


@pytest.mark.parametrize(("query", "expected"), NOT_KNOWN)
def test_what_only_the_database_knows_is_said_to_be_unknown(query, expected):
    assert sources(query, *expected) == expected


def test_a_result_that_the_parser_did_not_foresee_is_not_explained_by_it():
    assert sources("SELECT carrier FROM airlines", "carrier", "name") == {"carrier": "?", "name": "?"}
    assert sources("SELECT carrier FROM airlines", "other") == {"other": "?"}


def test_columns_of_one_name_in_two_cases_are_not_told_apart():
    assert sources("SELECT a FROM t", "a", tables={"t": ["a", "A"]}) == {"a": "?"}


def test_many_queries_within_each_other_are_looked_at_once():
    parts = ["c0 AS (SELECT carrier a, name b FROM airlines)"]
    parts += [f"c{i} AS (SELECT x.a || y.b a, x.b || y.a b FROM c{i - 1} x, c{i - 1} y)" for i in range(1, 25)]
    assert sources(f"WITH {', '.join(parts)} SELECT a FROM c24", "a") == {"a": "airlines.carrier airlines.name"}


EXPRESSIONS = [
    ("SELECT carrier, avg(dep_delay) m, count(*) AS n, 1 one FROM flights.daily GROUP BY ALL",
     {"carrier": "", "m": "AVG(daily.dep_delay)", "n": "COUNT(*)", "one": "1"}),
    ("WITH x AS (SELECT carrier c, dep_delay + arr_delay s FROM flights.daily d) FROM (SELECT c, s AS h FROM x)",
     {"c": "", "h": "d.dep_delay + d.arr_delay"}),  # where it is computed, and not where it is passed on
    ("SELECT carrier FROM flights.daily UNION ALL SELECT upper(name) FROM airlines", {"carrier": ""}),
    ("WITH RECURSIVE r AS (SELECT carrier, name FROM airlines UNION ALL SELECT name, carrier FROM r) FROM r",
     {"carrier": "", "name": ""}),
    ("SELECT :p AS p, CASE WHEN name = 'x y' THEN 'A' END AS k /* said */ FROM airlines",
     {"p": "$p", "k": "CASE WHEN airlines.name = 'x y' THEN 'A' END"}),
    (f"SELECT {' + '.join(['length(name)'] * 40)} AS n FROM airlines", {"n": ""}),  # it is read in the query
    ("SELECT COLUMNS('c.*') FROM airlines", {"carrier": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), EXPRESSIONS)
def test_how_a_value_is_computed(query, expected):
    found = derivations(read_query(query), TABLES, list(expected))
    assert {each.column: each.expression for each in found} == expected


PASSED_ON = [Derivation(column=f"c{i}", confidence="exact", sources=(("t", f"c{i}"),)) for i in range(100)]


def test_what_is_recorded_is_short_where_columns_are_passed_on_and_comes_back():
    mean = Derivation(column="mean", confidence="partial", sources=(("t", "delay"),))
    recorded = compact([*PASSED_ON, mean], bytes_max=2_048)
    assert len(recorded) == 2
    assert [derivation_of(each.column, recorded) for each in (*PASSED_ON, mean)] == [*PASSED_ON, mean]


def test_where_not_all_fits_it_is_recorded_from_what_columns_come_and_not_how():
    many = [
        Derivation(column=f"c{i}", confidence="exact", sources=(("t", "a"),), expression=f"a + {i}") for i in range(9)
    ]
    assert [derivation_of(each.column, compact(many, bytes_max=2_048)) for each in many] == many
    (group,) = compact(many, bytes_max=200)
    assert (group.columns, group.expression) == (tuple(f"c{i}" for i in range(9)), "")


def test_of_what_does_not_fit_nothing_is_recorded():
    mean = Derivation(column="mean", confidence="exact", sources=(("t", "delay"),))
    recorded = compact([mean, *PASSED_ON], bytes_max=200)
    assert derivation_of("mean", recorded) == mean
    assert derivation_of("c1", recorded) is None
