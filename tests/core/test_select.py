"""The selection language over a small graph.

flights/raw ──> flights/daily ──> delays ──> report
          └───> weather ────────────────────┘          2013
"""

from dataclasses import dataclass

import pytest

from latewood.decide.select import select
from latewood.decide.selection import AllOf, AnyOf, Not, Reach, Term, parse, show, uses_status, with_names
from latewood.errors import UsageError
from latewood.model.graph import Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    group: str = "default"
    tags: dict[str, str]
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


GRAPH = Graph.of(
    {
        "flights/raw": [],
        "flights/daily": ["flights/raw"],
        "weather": ["flights/raw"],
        "delays": ["flights/daily"],
        "report": ["delays", "weather"],
        "2013": [],
    }
)
ATTRIBUTES = {
    "flights/raw": Asset(group="ingest", tags={"tier": "gold"}, owners=("team:data",), kinds=("csv",)),
    "flights/daily": Asset(group="ingest", tags={"tier": "silver"}, kinds=("table", "arrow")),
    "weather": Asset(group="my group", tags={"lang": "c++"}, owners=("team:data", "me@acme.com")),
    "delays": Asset(tags={"tiers": "gold"}),
    "report": Asset(tags={}, owners=("team:reports",)),
    "2013": Asset(group="", tags={}),
}
STATUS = {
    "flights/raw": ("fresh",),
    "flights/daily": ("stale", "running"),
    "weather": ("stale", "failed"),
    "delays": ("stale",),
    "report": ("missing",),
    "2013": ("fresh",),
}
ALL = ("2013", "flights/raw", "flights/daily", "weather", "delays", "report")


def selected(text):
    return " ".join(select(parse(text), GRAPH, ATTRIBUTES, STATUS.__getitem__))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # keys and globs
        ("delays", "delays"),
        ("key:delays", "delays"),
        ("'delays'", "delays"),
        ("*", " ".join(ALL)),
        ("flights/*", "flights/raw flights/daily"),
        ("*a*y*", "flights/daily delays"),
        ("?eather", "weather"),
        ("2013", "2013"),
        # edges
        ("+delays", "flights/raw flights/daily delays"),
        ("1+delays", "flights/daily delays"),
        ("0+delays", "delays"),
        ("flights/daily+", "flights/daily delays report"),
        ("flights/daily+1", "flights/daily delays"),
        ("+flights/daily+", "flights/raw flights/daily delays report"),
        ("1+flights/daily+1", "flights/raw flights/daily delays"),
        ("99+report", "flights/raw flights/daily weather delays report"),
        ("2013+", "2013"),
        ("2+2013", "2013"),
        ("2+2013+2", "2013"),
        ("(delays or weather)+", "weather delays report"),
        ("1+(delays or weather)+2", "flights/raw flights/daily weather delays report"),
        ("group:ingest+1", "flights/raw flights/daily weather delays"),
        ("+flights/d*", "flights/raw flights/daily"),
        ("(1+delays)+", "flights/daily delays report"),
        (" + delays ", "flights/raw flights/daily delays"),
        # attributes
        ("group:ingest", "flights/raw flights/daily"),
        ("group:in*", "flights/raw flights/daily"),
        ('group:"my group"', "weather"),
        ('group:""', "2013"),
        ("tag:tier", "flights/raw flights/daily"),
        ("tag:tier=gold", "flights/raw"),
        ("tag:tier=*", "flights/raw flights/daily"),
        ("tag:*=gold", "flights/raw delays"),
        ('tag:lang="c++"', "weather"),
        ("owner:team:data", "flights/raw weather"),
        ("owner:team:*", "flights/raw weather report"),
        ("owner:me@acme.com", "weather"),
        ("kind:arrow", "flights/daily"),
        ("kind:arrow and kind:csv", ""),
        ("status:waiting", ""),
        ("not owner:*", "2013 flights/daily delays"),
        ("status:stale", "flights/daily weather delays"),
        ("status:running", "flights/daily"),
        # sets
        ("status:stale and not status:failed", "flights/daily delays"),
        ("delays or weather and group:ingest", "delays"),
        ("(delays or weather) and group:ingest", ""),
        ("not flights/* and not 2013", "weather delays report"),
        ("not not delays", "delays"),
        ("not (delays, weather)", "2013 flights/raw flights/daily report"),
        ("report,delays , weather", "weather delays report"),
    ],
)
def test_selects(text, expected):
    assert selected(text) == expected


@pytest.mark.parametrize(
    ("text", "selection", "canonical"),
    [
        ("key:a", Term(field="key", pattern="a"), "a"),
        ("a,b,c", AnyOf(of=tuple(Term(field="key", pattern=k) for k in "abc")), "a or b or c"),
        ("+(a)", Reach(of=Term(field="key", pattern="a"), up=None, down=0), "+a"),
        ("02+a+", Reach(of=Term(field="key", pattern="a"), up=2, down=None), "2+a+"),
        ("not(a)", Not(of=Term(field="key", pattern="a")), "not a"),
        (
            "(a or b) and c",
            AllOf(of=(parse("a or b"), Term(field="key", pattern="c"))),
            "(a or b) and c",
        ),
        ("'and'", Term(field="key", pattern="and"), '"and"'),
        ("'2'+3", Reach(of=Term(field="key", pattern="2"), up=0, down=3), '"2"+3'),
        ('"it\'s "\'"x"\'', Term(field="key", pattern='it\'s "x"'), '''"it's "'"'"x"'"'""'''),
        ("tag:a='b c'", Term(field="tag", pattern="a=b c"), 'tag:"a=b c"'),
        ("'group:x'", Term(field="key", pattern="group:x"), '"group:x"'),
    ],
)
def test_reads_and_writes(text, selection, canonical):
    assert parse(text) == selection
    assert show(selection) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a and (b or",
            'character 12: expected an asset, an attribute such as group:x, or "(", found the end',
        ),
        ("a and (b or", "found the end\n  a and (b or\n             ^"),
        ("", "character 1: expected an asset"),
        ("a b", 'character 3: expected "and", "or", "," or the end, found "b"\n  a b\n    ^'),
        ("a AND b", 'expected "and", "or", "," or the end, found "AND"'),
        ("(a\nb", 'expected "and", "or", "," or ")" for the "(" at character 1, found "b"\n  (a b\n     ^'),
        ("a)", 'found ")"'),
        ("+", "found the end"),
        ("+not a", 'character 2: expected an asset, an attribute such as group:x, or "(", found "not"'),
        ("a++", 'character 3: expected "and"'),
        ("and", 'found "and"'),
        ('a or "b', "character 6: expected a closing quote, found none"),
        ("gruop:x", 'one of key, group, tag, owner, kind, status before the colon, found "gruop"'),
        ("group:", 'expected a value after "group:"'),
        (
            "status:old",
            "expected one of fresh, stale, missing, failed, running, waiting, retracted, absent after the colon",
        ),
    ],
)
def test_errors_point_at_the_place(text, message):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("delay", "near: delays"),
        ("dealys or weather", "near: delays"),
        ("daily", "near: flights/daily"),
        ("daily/*", "near: flights/daily"),
        ("flights", "near: flights/daily, flights/raw"),
        ("not xyz", '"*" selects all'),
        ("?", '"*" selects all'),
        ("[a-z]*", '"*" selects all'),
    ],
)
def test_an_asset_that_does_not_exist_is_an_error_with_the_near_ones(text, way_out):
    with pytest.raises(UsageError) as caught:
        selected(text)
    assert way_out in str(caught.value)


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("group:ingset", 'expected a group that some asset has, found "ingset". Near it: ingest'),
        ("delays or tag:gold", "Near it: tier=gold, tiers=gold"),
        ("not kind:nothing", "There are: arrow"),
        ("owner:data", "Near it: team:data"),
        ("owner:x*", "There are: "),
    ],
)
def test_an_attribute_that_no_asset_has_is_an_error_with_the_near_ones(text, way_out):
    with pytest.raises(UsageError) as caught:
        selected(text)
    assert way_out in str(caught.value)


def test_any_owner_is_no_slip_where_nobody_owns_anything():
    alone = {"a": Asset(tags={})}
    assert select(parse("owner:*"), Graph.of({"a": ()}), alone) == ()
    with pytest.raises(UsageError, match="No asset has any"):
        select(parse("owner:me"), Graph.of({"a": ()}), alone)


def test_what_was_renamed_is_selected_by_its_other_name():
    selection = parse("+a and not (b, a/*)+1 or group:a")
    assert show(with_names(selection, {"a": "the new", "b": "c"})) == '+"the new" and not (c or a/*)+1 or group:a'


def test_everything_of_nothing_is_nothing():
    assert select(parse("*"), Graph.of({}), {}) == ()


def test_status_is_asked_only_if_the_selection_uses_it():
    assert uses_status(parse("+(a and not status:stale), b"))
    assert not uses_status(parse("+(a and not group:stale), b"))
    assert select(parse("delays"), GRAPH, ATTRIBUTES) == ("delays",)
    with pytest.raises(UsageError, match='found "status:"'):
        select(parse("status:stale"), GRAPH, ATTRIBUTES)


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000, "not " * 2_500, "+(" * 5_000, "(" * 60 + "a" + ")" * 60, "a or " * 2_000, '"' * 9_999],
)
def test_hostile_text_is_refused_in_a_few_words(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "*a" * 5_000, "?" * 10_000, "9" * 10_000, "[" * 9_999 + "*", "päron", "a\\b"]
)
def test_hostile_names_match_nothing(text):
    with pytest.raises(UsageError, match='no asset "'):
        selected(text)


def test_wide_and_deep_selections_within_reason_work():
    assert selected(" or ".join(["delays"] * 2_000)) == "delays"
    nested = parse("+(not " * 25 + "delays" + ")" * 25)
    assert parse(show(nested)) == nested
    assert select(nested, GRAPH, ATTRIBUTES) == ALL
    assert selected("(" * 50 + "delays" + ")" * 50) == "delays"
    assert selected("report+999999999") == "report"
