"""The log's own tables. The migrations create them; a test holds both against each other."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSON, UUID

SCHEMA: Final = "latewood"
"""The Postgres schema that holds every table; each connection's search path."""

SCHEMA_VERSION: Final = 5
"""The migration that this code is written for."""

metadata: Final = MetaData()

# Text that is compared or sorted must mean the same on every server: byte order, whatever the locale.
Name: Final = Text(collation="C")

schema_version: Final = Table("schema_version", metadata, Column("version", Integer, nullable=False))

events: Final = Table(
    "events",
    metadata,
    Column("project", Name, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("stream", Name, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", Name, nullable=False),
    Column("schema_version", SmallInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", BigInteger),
    Column("data", JSON, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("position", name="events_position_key"),
    UniqueConstraint("event_id", name="events_event_id_key"),
    UniqueConstraint("project", "stream", "version", name="events_stream_version_key"),
)

log_head: Final = Table(
    "log_head",
    metadata,
    Column("one", SmallInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

leases: Final = Table(
    "leases",
    metadata,
    Column("project", Name, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("renewed_at", DateTime(timezone=True), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
)

projections: Final = Table(
    "projections",
    metadata,
    Column("name", Name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("checkpoint", BigInteger, nullable=False),
)
