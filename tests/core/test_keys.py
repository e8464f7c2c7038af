"""What enters a reuse key, and what does not."""

from hashlib import sha256

import msgspec
import pytest

from builders import catalog, code, number
from latewood.decide.keys import (
    check_key,
    configuration_digest,
    digest,
    inputs_digest,
    logic_digest,
    parameters_of,
    path_texts,
    read_version,
    reuse_key,
)
from latewood.model.definitions import CheckDefinition, Input, UsedResource
from latewood.model.relations import Identity
from latewood.model.scheme_kinds import Daily, Monthly, Static, Weekly
from latewood.model.types import ANY, Field, TypeSpec

TASK = catalog("b <- a")["b"].task
DEEP = msgspec.structs.replace(TASK, parameters=(number("depth", 3.0), number("quiet", 0.0, in_key=False)))
DAYS = Daily("2013-01-01")
PATH = TypeSpec(kind="path")


def logic(task, contents=None, scheme=None, **given):
    return logic_digest(task, parameters_of(task, given), contents or {}, scheme)


def with_path(type_, value):
    return msgspec.structs.replace(TASK, parameters=(msgspec.structs.replace(number("file", value), type=type_),))


def test_a_digest_is_32_hex_digits_of_sha256_over_length_prefixed_parts():
    assert digest("ab", "") == sha256(b"2:ab0:").hexdigest()[:32]


@pytest.mark.parametrize(
    ("one", "other"),
    [(("ab", "c"), ("a", "bc")), (("a", "b"), ("ab",)), ((), ("",)), (("1:a",), ("a",)), (("é",), ("e",))],
)
def test_no_two_lists_of_parts_read_the_same(one, other):
    assert digest(*one) != digest(*other)


def test_a_parameter_is_given_or_fixed_or_by_default():
    task = msgspec.structs.replace(DEEP, fixed={"depth": 6.0, "quiet": 1.0})

    assert parameters_of(DEEP, {}) == {"depth": 3.0, "quiet": 0.0}
    assert parameters_of(task, {}) == {"depth": 6.0, "quiet": 1.0}
    assert parameters_of(task, {"depth": 9.0, "unknown": 1.0}) == {"depth": 9.0, "quiet": 1.0}
    assert parameters_of(task, {"depth": None})["depth"] is None


def test_logic_is_the_task_its_code_and_its_keyed_parameters():
    assert logic(DEEP) == logic(DEEP, depth=3.0, quiet=1.0)
    different = [
        logic(DEEP),
        logic(DEEP, depth=4.0),
        logic(msgspec.structs.replace(DEEP, name="assets:c")),
        logic(msgspec.structs.replace(DEEP, code=code("b-2"))),
        logic(TASK),
    ]
    assert len(set(different)) == len(different)


def test_logic_is_the_same_whatever_the_asset_is_called_and_however_it_is_run():
    other = catalog("z <- a")["z"].task
    assert logic(msgspec.structs.replace(other, name=TASK.name, code=TASK.code)) == logic(TASK)
    assert logic(msgspec.structs.replace(TASK, pool="p", priority=3, image="i", subsettable=True)) == logic(TASK)


def use(values, *, resource="Store", parameter="store", unkeyed=("wait",)):
    return UsedResource(parameter=parameter, resource=resource, unkeyed=unkeyed, values=values)


def test_a_resource_counts_by_its_name_and_keyed_values():
    def with_(*uses):
        return logic(msgspec.structs.replace(TASK, uses=uses))

    one = with_(use({"url": "a", "wait": 1}))
    assert one.startswith(f"{logic(TASK)}+")
    assert one == with_(use({"url": "a", "wait": 2}))
    others = {
        with_(use({"url": "b", "wait": 1})),
        with_(use({"url": "a", "wait": 1}, resource="Shop")),
        with_(use({"url": "a", "wait": 1}, parameter="shop")),
        with_(use({"url": "a", "wait": 1}, unkeyed=())),
        with_(use({"url": "a"}), use({"url": "a"}, parameter="zoo")),
        with_(use({})),
        with_(use(None)),
        logic(TASK),
    }
    assert len(others | {one}) == 9


def test_a_configuration_is_recorded_with_what_decides_nothing_and_with_references():
    digests = {
        configuration_digest("Store", {"url": "a"}, {}),
        configuration_digest("Store", {"url": "a", "wait": 1}, {}),
        configuration_digest("Store", {"url": "a"}, {"token": {"env": "A"}}),
        configuration_digest("Store", {"url": "a"}, {"token": {"file": "A"}}),
        configuration_digest("Shop", {"url": "a"}, {}),
    }
    assert len(digests) == 5


def test_a_given_version_is_a_promise_about_one_file():
    mine = msgspec.structs.replace(TASK, code=code("1", given=True))
    theirs = msgspec.structs.replace(TASK, code=msgspec.structs.replace(mine.code, file="other/assets.py"))

    assert logic(mine) != logic(theirs)


def test_a_computed_version_says_all_there_is_to_say():
    elsewhere = msgspec.structs.replace(TASK.code, file="other/assets.py", qualname="g")

    assert logic(msgspec.structs.replace(TASK, code=elsewhere)) == logic(TASK)


def test_the_context_tells_a_task_which_assets_it_makes():
    tells = lambda key: msgspec.structs.replace(
        catalog(key)[key].task, name="assets:f", code=code("1"), receives=(("context", "context"),)
    )

    assert logic(tells("x")) != logic(tells("y"))


@pytest.mark.parametrize("kind", ["window", "range"])
def test_a_window_is_told_with_its_length_and_zone_but_not_where_the_scheme_begins_or_ends(kind):
    task = msgspec.structs.replace(TASK, receives=(("asked", kind),))

    assert logic(task, scheme=DAYS) == logic(task, scheme=Daily("2010-01-01", "2020-01-01"))
    others = [DAYS, Daily("2013-01-01", timezone="Asia/Tokyo"), Monthly("2013-01"), Static(["a"]), None]
    assert len({logic(task, scheme=scheme) for scheme in others}) == 4  # neither keys nor nothing tell of windows


def test_a_key_alone_tells_nothing_but_itself():
    task = msgspec.structs.replace(TASK, receives=(("asked", "key"),))

    assert len({logic(task, scheme=scheme) for scheme in (DAYS, Monthly("2013-01"), None)}) == 1


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (PATH, "in.csv"),
        (TypeSpec(kind="vartuple", args=(PATH,)), ["in.csv", "in.csv"]),
        (TypeSpec(kind="dict", args=(TypeSpec(kind="str"), PATH)), {"in.csv": "in.csv"}),
        (TypeSpec(kind="dataclass", fields=(Field(name="file", type=PATH),)), {"file": "in.csv", "n": 1}),
    ],
)
def test_a_path_enters_by_content_wherever_it_stands(type_, value):
    task = with_path(type_, value)

    assert set(path_texts(task, parameters_of(task, {}))) == {"in.csv"}
    assert logic(task) != logic(task, {"in.csv": "file1:x"}) != logic(task, {"in.csv": "file1:y"})
    assert logic(task, {"other.csv": "file1:x"}) == logic(task)


def test_no_path_is_no_path():
    optional = TypeSpec(kind="union", args=(PATH, TypeSpec(kind="none")))
    task = with_path(optional, None)
    assert list(path_texts(task, {"file": None})) == []
    assert logic(task, {"in.csv": "file1:x"}) == logic(task)

    outside = msgspec.structs.replace(task, parameters=(msgspec.structs.replace(task.parameters[0], in_key=False),))
    assert list(path_texts(outside, {"file": "in.csv"})) == []


def test_what_is_read_through_an_input():
    plain = Input(name="a", asset="a", mapping=Identity(), type=ANY)
    lazy = msgspec.structs.replace(plain, lazy=True)
    one, two = [("k1", "json1:x")], [("k1", "json1:x"), ("k2", "json1:y")]

    assert read_version(plain, one) == "json1:x"
    assert read_version(plain, []) == "none1:"
    assert read_version(plain, two).startswith("range1:")
    assert read_version(plain, two) != read_version(plain, two[::-1])
    assert read_version(plain, two) != read_version(plain, [("k1", "json1:x"), ("k3", "json1:y")])
    # who iterates over partitions sees their keys, be it one
    assert read_version(lazy, one) != read_version(lazy, [("k2", "json1:x")])


def test_inputs_count_by_name_and_order():
    read = [("a", "json1:x"), ("b", "json1:y")]

    assert inputs_digest(read) != inputs_digest(read[::-1])
    assert inputs_digest(read) != inputs_digest([("a", "json1:y"), ("b", "json1:x")])
    assert inputs_digest([("a", "json1:x")]) != inputs_digest([("b", "json1:x")])


def test_a_reuse_key_is_logic_and_inputs_and_partition():
    keys = [reuse_key(*parts) for parts in (("l", "i", "p"), ("m", "i", "p"), ("l", "j", "p"), ("l", "i", "q"))]

    assert len(set(keys)) == 4


def key_of(check, data="json1:x", partition="", contents=None, scheme=None):
    return check_key(check, data, partition, contents or {}, scheme)


def test_a_check_counts_by_its_name_logic_data_and_partition():
    check = CheckDefinition(name="has_rows", task=DEEP)
    deeper = msgspec.structs.replace(DEEP, parameters=(number("depth", 4.0),))
    keys = [
        key_of(check),
        key_of(msgspec.structs.replace(check, name="other")),
        key_of(msgspec.structs.replace(check, task=deeper)),
        key_of(msgspec.structs.replace(check, task=msgspec.structs.replace(DEEP, code=code("2")))),
        key_of(check, "json1:y"),
        key_of(check, partition="2013-01-01"),
    ]

    assert len(set(keys)) == len(keys)
    assert key_of(msgspec.structs.replace(check, blocking=True, description="…")) == keys[0]


def test_a_check_counts_by_what_lies_behind_its_paths():
    check = CheckDefinition(name="has_rows", task=with_path(PATH, "limits.csv"))
    contents = [{}, {"limits.csv": "file1:a"}, {"limits.csv": "file1:b"}]

    assert len({key_of(check, contents=found) for found in contents}) == 3
    assert key_of(check, contents={"other.csv": "file1:a"}) == key_of(check)


def test_a_check_that_is_told_the_window_counts_by_its_kind():
    told = CheckDefinition(name="has_rows", task=msgspec.structs.replace(DEEP, receives=(("w", "window"),)))
    untold = CheckDefinition(name="has_rows", task=DEEP)
    schemes = [Daily("2013-01-07", "2014-01-06"), Weekly("2013-01-07", "2014-01-06")]

    assert len({key_of(told, partition="2013-01-07", scheme=scheme) for scheme in schemes}) == 2
    assert len({key_of(untold, partition="2013-01-07", scheme=scheme) for scheme in schemes}) == 1
