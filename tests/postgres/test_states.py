"""What decisions are loaded with."""

import pytest
from sqlalchemy import text

from latewood.projections.snapshots import text_array

HARD = ["", "a", '"', "\\", 'a","b', "{x,y}", "NULL", "a'b", "é 你", "a b", ":name", "%s"]


@pytest.mark.parametrize("texts", [[], [""], HARD, *([one] for one in HARD), HARD * 1000])
def test_a_literal_of_texts_is_those_texts(ledger, texts):
    with ledger.log.engine.connect() as connection:
        found = connection.execute(text("SELECT CAST(:texts AS text[])"), {"texts": text_array(texts)}).scalar()
    assert found == texts
