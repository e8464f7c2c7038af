"""An IO of one's own: Arrow tables as tables of a Postgres database, the rows of a partition beside each other.

One transaction per store, so that whoever reads the table finds all rows of a partition or those that were there.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pyarrow as pa
from psycopg2.extras import execute_values
from psycopg2.sql import SQL, Composed, Identifier

from latewood.io import IO, Place
from latewood.resources import Resource, Secret

_POSTGRES = {
    "int64": "bigint",
    "double": "double precision",
    "string": "text",
    "date32[day]": "date",
    "bool": "boolean",
}


class ShopDatabase(Resource):
    """Where the shop's tables are."""

    dsn: Secret = Secret(env="SHOP_DSN")

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor; what it did is there as a whole or not at all."""
        with closing(psycopg2.connect(self.dsn.reveal())) as connection, connection, connection.cursor() as cursor:
            yield cursor


class PostgresTable(IO):
    """`PostgresTable("sales_{environment}")`: a table whose columns the asset's type declares, `Table[…]`."""

    holds_partitions = True
    database: ShopDatabase

    def store(self, place: Place, value: pa.Table) -> None:
        """Replace the partition's rows; the table is made when it is first stored to."""
        names = ["latewood_partition", "latewood_row", *value.column_names]
        types = ["text", "bigint", *(_POSTGRES[str(field.type)] for field in value.schema)]
        declared = SQL(", ").join(
            SQL(f"{{}} {type_}").format(Identifier(n)) for n, type_ in zip(names, types, strict=True)
        )
        rows = [(place.partition, number, *row.values()) for number, row in enumerate(value.to_pylist())]
        table = Identifier(place.name)
        with self.database.transaction() as cursor:
            cursor.execute(SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(table, declared))
            cursor.execute(SQL("DELETE FROM {} WHERE latewood_partition = %s").format(table), (place.partition,))
            columns = SQL(", ").join(map(Identifier, names))
            execute_values(cursor, SQL("INSERT INTO {} ({}) VALUES %s").format(table, columns), rows)

    def load(self, place: Place) -> pa.Table:
        """The partition's rows in the order in which they were stored, with the declared columns."""
        columns = place.annotation.columns
        names = SQL(", ").join(Identifier(column.name) for column in columns)
        schema = pa.schema([(column.name, pa.type_for_alias(column.type)) for column in columns])
        query = SQL("SELECT {} FROM {} WHERE latewood_partition = %s ORDER BY latewood_row")
        with self.database.transaction() as cursor:
            cursor.execute(query.format(names, Identifier(place.name)), (place.partition,))
            rows = [dict(zip(schema.names, row, strict=True)) for row in cursor.fetchall()]
        return pa.Table.from_pylist(rows, schema=schema)

    def exists(self, place: Place) -> bool:
        """Whether there is the table; a partition may have no rows."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (place.name,))
            return bool(cursor.fetchone()[0])

    def fingerprint(self, place: Place) -> str:
        """A hash of the partition's rows."""
        with self.database.transaction() as cursor:
            cursor.execute(_fingerprint(Identifier(place.name)), (place.partition,))
            return f"rows:{cursor.fetchone()[0]}"


def _fingerprint(table: Identifier) -> Composed:
    return SQL(
        "SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY latewood_row)), 'none') "
        "FROM {} t WHERE latewood_partition = %s"
    ).format(table)
