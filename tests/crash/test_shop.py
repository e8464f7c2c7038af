"""examples/shop: a user's own IO keeps an asset in a table of a real Postgres database."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import psycopg2
import pytest

from latewood.commands.explaining import why
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.reproducing import reproduce
from latewood.commands.showing import show
from latewood.engine.loading.loader import load_file
from latewood.errors import StoreError, UsageError

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture
def shop(workspace, superuser_url, tmp_path, monkeypatch):
    copytree(SHOP, tmp_path / "shop")
    (tmp_path / "latewood.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "postgres_table", raising=False)  # that of another test's folder
    dsn = superuser_url.reveal().replace("+psycopg2", "")
    monkeypatch.setenv("SHOP_DSN", dsn)
    return Shop(workspace, tmp_path, dsn)


class Shop:
    def __init__(self, workspace, folder, dsn):
        self.workspace = workspace
        self.folder = folder
        self.dsn = dsn

    def load(self, environment="prod"):
        return load_file(self.folder / "shop/assets.py", root=self.folder, environment=environment)

    def run(self, selection="*", environment="prod"):
        within = replace(self.workspace, environment=environment)
        return materialize(within, prepare(within, self.load(environment), Asked(selection=selection)))

    def ran(self, selection="*", environment="prod"):
        tally = self.run(selection, environment).tally
        return tally.ran, tally.reused, tally.failed

    def sql(self, statement):
        connection = psycopg2.connect(self.dsn)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    def edit(self, before, after):
        file = self.folder / "shop/assets.py"
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))


ROWS = "SELECT latewood_partition, product, amount FROM sales_prod ORDER BY 1, latewood_row"


def test_the_rows_of_a_partition_are_replaced_and_those_of_others_left(shop):
    assert shop.ran() == (7, 0, 0)
    first = [("2026-03-02", "axe", 2), ("2026-03-02", "saw", 4), ("2026-03-04", "axe", 4), ("2026-03-04", "saw", 8)]
    assert shop.sql(ROWS) == first
    assert shop.ran() == (0, 0, 0)
    shop.edit("2 * day", "3 * day")
    assert shop.ran() == (6, 1, 0)  # the closed day is as it was
    assert [amount for _, _, amount in shop.sql(ROWS)] == [2, 6, 4, 12]
    assert json.loads((shop.folder / "exports/prod/total.json").read_text()) == {"axe": 6, "saw": 18}
    assert (shop.folder / "exports/prod/sales-2026-03-03.csv").read_text() == '"product","amount"\n'


def test_a_row_that_is_changed_by_hand_is_found_and_mended(shop):
    shop.run()
    shop.sql("UPDATE sales_prod SET amount = 100 WHERE latewood_partition = '2026-03-04' AND product = 'axe'")
    # Whoever only reads the log knows what was last seen; where the code is loaded, its IO looks.
    assert read(shop.workspace).assessed["sales"].status.value == "fresh"
    (finding,) = why(shop.workspace, "sales", partition="2026-03-04", loaded=shop.load()).findings
    assert (finding.cause.value, finding.path) == ("changed outside of Latewood", "sales_prod[2026-03-04]")
    assert shop.ran() == (1, 2, 0)
    assert [amount for _, _, amount in shop.sql(ROWS)] == [2, 4, 4, 8]


def test_an_environment_has_a_table_of_its_own(shop):
    shop.run()
    assert shop.ran("sales", environment="dev") == (0, 3, 0)  # computed in prod, and copied from there by the IO
    assert shop.sql("SELECT count(*) FROM sales_dev") == [(4,)]


def test_a_store_that_fails_leaves_the_rows_that_were_there(shop):
    shop.run()
    before = shop.sql(ROWS)
    shop.sql("ALTER TABLE sales_prod ADD CHECK (amount < 10)")
    shop.edit("2 * day", "30 * day")
    assert shop.ran("sales") == (1, 0, 2)
    assert shop.sql(ROWS) == before


def test_a_database_that_is_away_is_one_clear_error_and_tells_no_credential(shop, monkeypatch):
    shop.run()
    monkeypatch.setenv("SHOP_DSN", "postgresql://me:hunter2secret@127.0.0.1:1/nowhere")
    with pytest.raises(StoreError, match=r"cannot look at sales_prod\[2026-03-02\]: OperationalError") as refused:
        shop.run()
    assert "hunter2secret" not in str(refused.value)


def test_what_lies_in_a_table_is_reproduced_from_it_and_shown_there(shop):
    run = shop.run().run
    found = reproduce(shop.workspace, run, home=shop.folder / "home", root=shop.folder)
    assert found.is_identical
    # What only reads the table is told by what it was loaded.
    total = found.outputs[-1]
    assert total.asset == "total"
    alone = reproduce(shop.workspace, total.version, home=shop.folder / "home", root=shop.folder)
    assert [(output.asset, alone.is_identical) for output in alone.outputs] == [("total", True)]
    with pytest.raises(UsageError, match=r"lies at sales_prod.*where PostgresTable keeps it"):
        show(shop.workspace, "sales", partition="2026-03-04")
    shop.edit("2 * day", "3 * day")
    shop.run()
    with pytest.raises(UsageError, match=r"sales_prod\[2026-03-02\] was overwritten by run"):
        reproduce(shop.workspace, run, home=shop.folder / "home", root=shop.folder)
