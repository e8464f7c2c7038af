"""Which assets events are about."""

from typing import get_type_hints

import pytest

from latewood.decide.concerned import ABOUT_ASSETS, assets_of, assets_of_event
from latewood.events import TYPES, HeadsMoved, OutputMade, StepSucceeded
from latewood.model.keys import AssetId, RunId, VersionId

NAMING = {"asset": "AssetId", "assets": "tuple[latewood.model.keys.AssetId", "outputs": "tuple", "moves": "dict"}


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_what_names_an_asset_of_its_own_is_about_it(type_):
    hints = {name: str(hint) for name, hint in get_type_hints(TYPES[type_]).items()}
    names = any(said in hints.get(field, "") for field, said in NAMING.items())
    assert not names or type_ in ABOUT_ASSETS


def test_a_step_is_about_what_it_makes_each_once():
    made = [
        OutputMade(asset=AssetId(asset), output="x", data_version="d", artifact="a", size=1, accepted=True, head=True)
        for asset in ("one", "two", "one")
    ]
    fact = StepSucceeded(
        run=RunId("r"),
        step=0,
        attempt=1,
        environment="prod",
        code="c",
        logic="l",
        inputs_digest="i",
        outputs=tuple(made),
        duration_ms=1.0,
    )
    assert list(assets_of(fact)) == ["one", "two"]


def test_moved_heads_are_about_their_assets_and_what_is_of_no_known_type_about_none():
    fact = HeadsMoved(environment="prod", moves={AssetId("one"): {VersionId("r.0"): ("",)}}, reason="")
    assert list(assets_of(fact)) == ["one"]
    assert assets_of_event("test.noted", '{"asset": "one"}') == []
