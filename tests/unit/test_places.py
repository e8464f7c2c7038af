"""Places and IO: names that templates make, files that formats write, what is refused, and what counts for reuse."""

import fcntl
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from latewood import Table
from latewood.engine.loading.loader import load_file
from latewood.engine.values.encoded import Encoded
from latewood.engine.values.file_io import BUILT_IN, FileIO
from latewood.errors import DefinitionsInvalid, ValueRefused
from latewood.io import Csv, Json, Parquet, Place
from latewood.model.keys import PartitionKey
from latewood.places import FILES, Address, identity, is_fingerprint, kept_at, name_at, name_of, own_place

HEAD = """
from typing import Any

import pyarrow as pa
from latewood import *
from latewood.io import *
from latewood.partitions import *
from latewood.resources import *

days = Daily("2013-01-01", "2013-01-04")
"""


@pytest.fixture
def load(tmp_path):
    """Loads a file with these definitions."""

    def write(source, others=None):
        file = tmp_path / "defs.py"
        file.write_text(HEAD + dedent(source))
        return load_file(file, root=tmp_path, others=others)

    return write


@pytest.fixture
def refused(load):
    """What is said of a file that cannot be loaded."""

    def write(source, others=None):
        with pytest.raises(DefinitionsInvalid) as caught:
            load(source, others)
        return str(caught.value)

    return write


def only(loaded):
    (asset,) = loaded.assets
    return asset


# ── names of places ──────────────────────────────────────────────────────────────────────────────────────

KEYS = """
    @asset(partitions=Dynamic("keys"), io=Json("out/{environment}/{asset}/{partition}.json"))
    def one(key: PartitionKey) -> int: return 1
"""


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("2013-01-01", "2013-01-01"),
        ("2013-01-01T05:00", "2013-01-01T05:00"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("..", "%2E."),
        ("/root", "%2Froot"),
        ("a\\b", "a%5Cb"),
        ("%2F", "%252F"),
        ("Köln", "K%C3%B6ln"),
        (".hidden", "%2Ehidden"),
        ("{environment}", "%7Benvironment%7D"),
    ],
)
def test_a_key_is_one_segment_of_a_path_whatever_it_contains(load, key, name):
    asset = only(load(KEYS))
    assert name_at(asset, PartitionKey(key), "dev") == f"out/dev/one/{name}.json"
    assert own_place(asset, PartitionKey(key), "dev") == f"Json:out/dev/one/{name}.json"


def test_dimensions_of_a_grid_are_filled_in_one_by_one(load):
    asset = only(
        load("""
        @asset(partitions=Grid(day=days, region=Static(["eu", "us"])), io=Json("{region}/{day}.json"))
        def one(key: GridKey) -> int: return 1
    """)
    )
    assert name_at(asset, PartitionKey("day=2013-01-01, region=eu"), "prod") == "eu/2013-01-01.json"


def test_a_place_that_holds_all_partitions_is_told_apart_by_their_keys():
    kept = kept_at("sales", PartitionKey("2013-01-01"), holds_partitions=True)
    assert kept == "sales[2013-01-01]"
    assert name_of(kept, PartitionKey("2013-01-01"), holds_partitions=True) == "sales"
    assert kept_at("a[b]", PartitionKey(""), holds_partitions=True) == "a[b]"


@pytest.mark.parametrize("place", ["a/b.parquet", "odd:#name#", "prod.sales[2013]"])
def test_an_address_comes_back_from_its_text(place):
    address = Address("Parquet", place, "file1:0123")
    assert Address.of(address.written) == address
    assert Address.of("0123.parquet") is None
    assert address.connector == ""


def test_the_address_of_what_a_job_has_left_names_its_connector():
    address = Address.in_system("local", "db.t/day=2026-01-01", "e1")
    assert address.written == "io:@local:db.t/day=2026-01-01#e1"
    assert Address.of(address.written) == address
    assert address.connector == "local"


def test_fingerprints_are_one_printable_word():
    assert is_fingerprint("file1:ab/c=")
    assert not any(map(is_fingerprint, ("", "a b", "a#b", "ä", "a\n", "x" * 201, 7, None)))


# ── what is refused when definitions load ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('io="out.json"', "io: expected an IO, such as Parquet(…), found 'out.json'"),
        ('io=Json("{partitoin}.json")', "has no {partitoin} to fill in; did you mean {partition}?"),
        ('io=Json("out.json")', 'io: place "out.json" is the same for all partitions; put {partition} into it'),
        ('io=Json("{partition")', "a brace itself is written twice"),
        ('io=Json("{partition!r}")', "expected plain names in braces"),
        ('io=Json("{partition.x}")', "has no {partition.x} to fill in"),
        ('io=Json("")', "expected a place of one line"),
        ('io=Json("{partition}\\n")', "expected a place of one line"),
        ('io=Parquet("{partition}.parquet")', "io: Parquet stores tables and frames, but the type is int"),
    ],
)
def test_what_cannot_be_a_place_is_refused_with_the_way_out(refused, options, said):
    found = refused(f"""
        @asset(partitions=days, {options})
        def one(window: TimeWindow) -> int: return 1
    """)
    assert said in found


def test_two_assets_at_one_place_are_refused_here_and_across_locations(load, refused):
    source = """
        @asset(io=Json("out/all.json"))
        def one() -> int: return 1
    """
    both = refused(source + source.replace("one", "other"))
    assert '"other" is stored at out/all.json too, and they would overwrite each other' in both
    other = only(load(source.replace("one", "elsewhere")))
    assert '"elsewhere" is stored at out/all.json too' in refused(source, {other.key: other})
    apart = load(source.replace("all", "{asset}") + source.replace("one", "other").replace("all", "{asset}"))
    assert len(apart.assets) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('Json("out/x")', 'Json("./out/x")'),
        ('Json("out/x")', 'Csv("out//x")'),
        ('Json("out/{environment}.x")', 'Parquet("new/../out/{environment}.x")'),
        ('Json("out/x")', 'Json(f"{Path(__file__).parent}/out/x")'),
        ('Json("out/other")', 'Csv("out/{asset}")'),
    ],
)
def test_a_file_is_the_same_place_however_its_path_is_written_and_whatever_stores_there(refused, one, other):
    found = refused(f"""
        from pathlib import Path

        @asset(io={one})
        def one() -> int: return 1

        @asset(io={other})
        def other() -> Any: return 1
    """)
    assert '"other" is stored at' in found
    assert "would overwrite each other" in found


def test_what_is_no_file_is_told_apart_as_it_is_written():
    assert identity("Parquet:a//b") == identity("Json:./a/b") != identity("Json:/a/b") == identity("Csv://a/b")
    assert identity("Shelf:a//b") != identity("Shelf:a/b")
    assert set(BUILT_IN) == FILES


OWN = """
    class Shelf(IO):
        def __init__(self, place, depth=1):
            super().__init__(place)
            self.depth = depth
        def load(self, place): return self.depth
        def store(self, place, value): helper(value)
        def exists(self, place): return True
        def fingerprint(self, place): return "1"

    def helper(value): pass

    @asset(io=Shelf("shelf/{environment}"))
    def one() -> int: return 1
"""


def test_an_io_of_ones_own_is_refused_where_it_cannot_be_compared(refused):
    assert "Shelf.depth: expected what can be written as JSON" in refused(OWN.replace("depth=1", "depth=open"))
    assert '"Json" is what Latewood calls an IO of its own' in refused(OWN.replace("Shelf", "Json"))
    assert "Shelf has no place; its __init__ calls" in refused(OWN.replace("super().__init__(place)", "pass"))


def test_a_value_that_only_another_locations_code_can_load_is_refused_there(load, refused):
    other = only(load(OWN))
    found = refused("@asset\ndef two(one: int) -> int: return one", {other.key: other})
    assert 'parameter "one": "one" lies at shelf/{environment}, where only Shelf of its own location' in found
    files = only(load('@asset(io=Json("out.json"))\ndef one() -> int: return 1'))
    assert len(load("@asset\ndef two(one: int) -> int: return one", {files.key: files}).assets) == 1


# ── what counts for reuse ────────────────────────────────────────────────────────────────────────────────


def test_the_code_and_the_configuration_of_an_io_count_and_nothing_else_of_it(load):
    def version(source):
        return only(load(source)).task.code.version

    before = version(OWN)
    assert version(OWN.replace("helper(value): pass", "helper(value): pass  # a comment")) == before
    others = {
        version(OWN.replace("helper(value): pass", "helper(value): print(value)")),
        version(OWN.replace('"shelf/{environment}"', '"shelf/{environment}", 2')),
        version(OWN.replace("shelf/", "other/")),
        version(OWN.replace("@asset(io", '@asset(code_version="3", io')),
        version(OWN.replace("@asset(io", '@asset(code_version="3", io').replace("shelf/", "other/")),
        version(OWN.replace('io=Shelf("shelf/{environment}")', "")),
    }
    assert len({before, *others}) == 7


def test_an_io_asks_for_resources_as_a_task_does(load):
    loaded = load("""
        class Shop(Resource):
            url: str = "here"

        class Shelf(IO):
            shop: Shop
            def load(self, place): return self.shop.url
            def store(self, place, value): pass
            def exists(self, place): return True
            def fingerprint(self, place): return "1"

        @asset(io=Shelf("shelf"))
        def one() -> int: return 1
    """)
    (use,) = only(loaded).task.uses
    assert (use.resource, use.parameter) == ("Shop", "result.io.shop")
    assert loaded.resources["Shop"].instance.url == "here"


def test_outputs_are_stored_each_by_its_own(load):
    loaded = load("""
        @asset(outputs={"a": Out(int, io=Json("a.json")), "b": int})
        def both() -> dict: return {"a": 1, "b": 2}
    """)
    assert {a.key: a.stored and a.stored.place for a in loaded.assets} == {"both/a": "a.json", "both/b": None}


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Order:
    product: str
    net: float


def table(**columns):
    return pa.table(columns)


FRAME = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="key"))


@pytest.mark.parametrize(
    ("io", "annotation", "value"),
    [
        (Parquet("x.parquet"), pa.Table, table(x=[1, None], y=["", "b"])),
        (Parquet("x.parquet"), pa.Table | None, table(x=[1])),
        (Parquet("x.parquet"), pd.DataFrame, FRAME),
        (Parquet("x.parquet"), pl.DataFrame, pl.DataFrame({"x": [1.5, None]})),
        (Parquet("x.parquet"), pa.Table, table(x=[1]).slice(1)),
        (Csv("x.csv"), pa.Table, table(x=[1, None], y=["", 'b,c\n"d"'], z=[None, "null"])),
        (Csv("x.csv"), Table["x: int32, y: date32?"], table(x=pa.array([1], "int32"), y=pa.array([None], "date32"))),
        (Csv("x.csv"), Table["x: string"], table(x=pa.array([], "string"))),
        (Csv("x.csv"), pl.DataFrame, pl.DataFrame({"x": [1.5, None]})),
        (Json("x.json"), list[Order], [Order("axe", 1.0), Order("säge", float("nan"))]),
        (Json("x.json"), int | None, None),
    ],
)
def test_what_is_stored_in_a_file_comes_back_as_it_was(io, annotation, value, tmp_path):
    place = Place(name=f"new/folder/{io.place}", root=tmp_path, annotation=annotation)
    assert not io.exists(place)
    io.store(place, value)
    assert io.exists(place)
    again = io.load(place)
    assert type(again) is type(value)
    assert str(again) == str(value)
    assert [path.name for path in place.path.parent.iterdir()] == [io.place]
    before = io.fingerprint(place)
    io.store(place, value)
    assert io.fingerprint(place) == before
    assert is_fingerprint(before)


@pytest.mark.parametrize(
    ("io", "annotation", "value", "said"),
    [
        (Parquet("x"), pa.Table | None, None, "Parquet stores tables, found a value that is stored as json"),
        (Csv("x"), pa.Table, table(x=pa.array([1], "int32")), "column x is int32 and comes back as int64; declare it"),
        (Csv("x"), pa.Table, table(x=["1"]), "column x is string and comes back as int64; declare it, Table[…]"),
        (Csv("x"), pa.Table, table(x=[[1]]), "Csv cannot store the table"),
        (Csv("x"), pd.DataFrame, FRAME, "Csv cannot store the table"),
        (Json("x"), int | Path, Path(__file__), "Json stores plain values and records, found a value that is stored"),
    ],
)
def test_what_a_format_would_not_give_back_is_refused_and_the_old_file_stays(io, annotation, value, said, tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(ValueRefused) as refusal:
        io.store(Place(name="x", root=tmp_path, annotation=annotation), value)
    assert said in str(refusal.value)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]


class Unwritable(FileIO):
    def content(self, encoded: Encoded, _):
        return "text is no bytes"


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(TypeError):
        Unwritable("x").store(Place(name="x", root=tmp_path, annotation=int), 1)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]


def test_what_a_writer_that_died_has_left_is_used_again_and_is_gone_then(tmp_path):
    left = tmp_path / ".x.writing"
    left.write_bytes(b"half of something long")
    Json("x").store(Place(name="x", root=tmp_path, annotation=int), 1)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"1")]


def test_who_is_at_the_same_place_is_left_alone(tmp_path):
    other = tmp_path / ".x.writing"
    with other.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Json("x").store(Place(name="x", root=tmp_path, annotation=int), 1)
        file.write(b"2")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"1", ".x.writing": b"2"}


def test_a_link_beside_the_file_is_not_followed(tmp_path):
    (tmp_path / "precious").write_bytes(b"kept")
    (tmp_path / ".x.writing").symlink_to(tmp_path / "precious")
    Json("x").store(Place(name="x", root=tmp_path, annotation=int), 1)
    assert ((tmp_path / "precious").read_bytes(), (tmp_path / "x").read_bytes()) == (b"kept", b"1")
