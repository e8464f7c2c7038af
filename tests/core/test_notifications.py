"""What there is to tell by a Notify, and in which words."""

import json
from datetime import UTC, datetime

import pytest

from latewood.decide.notifications import (
    About,
    Over,
    OverdueNow,
    Told,
    Trouble,
    body_of,
    in_words,
    signature_of,
    told_by,
)
from latewood.events import Notification
from latewood.model.automations import Occasion

T0 = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = {"1": "orders", "2": "stock", "3": "sales"}
ALL = About(names=("shop", "prod", "shop.py", "told"), on=tuple(Occasion), keys=KEYS)


def over(position, *failures, failing=(), checks=()):
    return Over(
        position=position,
        at=T0,
        run=f"run{position}",
        failures=[Trouble(asset, f"ValueError: {asset}") for asset in failures],
        checks=[Trouble(asset, "check is_large") for asset in checks],
        failing=set(failing),
    )


def told(about, *occurrences):
    """What is told of these, one after the other."""
    state, found = Told(), []
    for occurrence in occurrences:
        new, state = told_by(about, state, occurrence)
        found += [(each.occasion.value, each.assets) for each in new]
    return found, state


def test_what_failed_recovers_once_nothing_of_it_fails_any_more():
    assert told(ALL, over(1, "1", "2", failing="12"), over(2, failing="2"), over(3), over(4)) == (
        [("failed", ("orders", "stock")), ("recovered", ("orders",)), ("recovered", ("stock",))],
        Told(),
    )


def test_what_was_never_told_does_not_recover():
    assert told(ALL, over(1, failing="1"), over(2)) == ([], Told())
    only_stock = About(names=ALL.names, on=ALL.on, keys={"2": "stock"})
    assert told(only_stock, over(1, "1", failing="1"), over(2)) == ([], Told())


def test_only_the_occasions_that_were_asked_for_are_told_but_all_are_kept_in_mind():
    about = About(names=ALL.names, on=[Occasion.RECOVERED], keys=KEYS)
    assert told(about, over(1, "1", failing="1"), over(2)) == ([("recovered", ("orders",))], Told())


def test_a_check_that_blocks_nothing_leaves_nothing_that_recovers():
    assert told(ALL, over(1, checks="1"), over(2)) == ([("check failed", ("orders",))], Told())
    refused = [("check failed", ("orders",)), ("recovered", ("orders",))]
    assert told(ALL, over(1, checks="1", failing="1"), over(2)) == (refused, Told())


def test_what_is_overdue_is_told_once_by_each_policy():
    def now(position, policy, overdue):
        return OverdueNow(position=position, at=T0, policy=f"shop.py:{policy}", overdue=overdue)

    occurrences = [now(1, "a", "1"), now(2, "a", "12"), now(3, "b", "1"), now(4, "a", "2"), now(5, "a", "")]
    found, state = told(ALL, *occurrences)
    assert found == [
        ("overdue", ("orders",)),
        ("overdue", ("stock",)),
        ("overdue", ("orders",)),
        ("recovered", ("orders",)),
        ("recovered", ("stock",)),
    ]
    assert state == Told(overdue={"shop.py:b": ("1",)})


def test_what_is_kept_in_mind_has_room_in_one_event_however_many_policies_there_are():
    keys = {str(n): f"asset{n}" for n in range(1_000)}
    about, state = About(names=ALL.names, on=ALL.on, keys=keys), Told()
    for occurrence in (
        over(1, *list(keys)[:500], failing=keys),
        OverdueNow(position=2, at=T0, policy="a", overdue=list(keys)[:200]),
        OverdueNow(position=3, at=T0, policy="b", overdue=list(keys)),
        over(4, *keys, failing=keys),
    ):
        _, state = told_by(about, state, occurrence)
    kept = {policy: len(assets) for policy, assets in state.overdue.items()}
    assert (len(state.failing), kept) == (500, {"a": 200, "b": 100})


def test_an_id_is_that_of_its_cause_and_occasion():
    def ids(about, occurrence):
        return [each.id for each in told_by(about, Told(failing=("3",)), occurrence)[0]]

    first = ids(ALL, over(1, "1", checks="2", failing="1"))
    assert len(set(first)) == 3
    assert ids(ALL, over(1, "1", checks="2", failing="1")) == first
    other = About(names=(*ALL.names[:3], "other"), on=ALL.on, keys=KEYS)
    others = [ids(ALL, over(2, "1", checks="2", failing="1")), ids(other, over(1, "1", checks="2", failing="1"))]
    assert len({*first, *others[0], *others[1]}) == 9


def test_it_names_the_first_assets_and_counts_the_others_in_lines_that_are_short():
    keys = {str(n): f"asset{n}" for n in range(30)}
    about = About(names=ALL.names, on=ALL.on, keys=keys)
    failures = [Trouble(asset, f"ValueError: {asset}\nand more {'x' * 500}") for asset in keys]
    failures[0] = Trouble("0", "失" * 500)
    ((found,), _) = told_by(about, Told(), Over(position=1, at=T0, run="r", failures=failures, failing=set(keys)))
    assert (len(found.assets), found.count, len(found.lines)) == (20, 30, 5)
    assert (found.lines[0], found.lines[1]) == ("失" * 99 + "…", "ValueError: 1")
    assert in_words("prod", found) == f"failed in prod: asset0, asset1, asset2 and 27 more, run r\n{found.lines[0]}"


def test_the_body_is_the_same_bytes_each_time():
    found = Notification(
        id="msg_1", occasion=Occasion.OVERDUE, at=T0, assets=("orders",), count=1, lines=("by current",)
    )
    body = body_of("shop", "prod", "told", found)
    assert body == body_of("shop", "prod", "told", found)
    assert json.loads(body) == {
        "text": "overdue in prod: orders\nby current",
        "type": "overdue",
        "timestamp": "2026-03-01T00:00:00Z",
        "id": "msg_1",
        "data": {
            "project": "shop",
            "environment": "prod",
            "notify": "told",
            "assets": ["orders"],
            "count": 1,
            "run": "",
            "lines": ["by current"],
        },
    }


def test_a_signature_is_that_of_the_specification():
    """The example of Standard Webhooks, whose libraries are held against it."""
    secret, id_ = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = signature_of(secret, id_, 1_614_265_330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(ValueError, match=r"base64|Only"):
        signature_of("whsec_no base64!", id_, 1, b"")
