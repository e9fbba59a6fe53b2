"""The tables. Revisions and epochs are whole numbers; prices are millionths of the currency."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    false,
)

SCHEMA_VERSION = 1
"""Raised with every change that an older program could not read; not for columns with a default."""

metadata = MetaData()

# Names are ordered and compared byte by byte, whatever locale the database server has.
_Name = String().with_variant(String(collation="C"), "postgresql")
# SQLite makes only a plain INTEGER the row id itself, which saves an index.
_Counter = BigInteger().with_variant(Integer, "sqlite")

products = Table(
    "products",
    metadata,
    Column("product_id", _Name, primary_key=True),
    Column("display_name", String, nullable=False),
    Column("unit_price_micros", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `unit_price_micros` is the price quoted to the subject when the grant was made: a later price of
# the catalogue does not change it, so that no price changes without a revision.
grants = Table(
    "grants",
    metadata,
    Column("subject", _Name, primary_key=True),
    Column("product_id", _Name, ForeignKey(products.c.product_id), primary_key=True),
    Column("max_quantity", Integer, nullable=False),
    Column("unit_price_micros", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Revisions are consecutive: a reader that sees a hole has lost something. `nothing_lost` is false
# for rows of programs that did not know it: state issued before them is then taken for outdated.
changes = Table(
    "changes",
    metadata,
    Column("revision", _Counter, primary_key=True, autoincrement=False),
    Column("subject", _Name, nullable=False),
    Column("product_id", _Name, nullable=False),
    Column("kind", String, CheckConstraint("kind IN ('granted', 'revoked')"), nullable=False),
    Column("max_quantity", Integer, nullable=False),
    Column("unit_price_micros", BigInteger, nullable=False),
    Column("commit_time_us", BigInteger, nullable=False),
    Column("nothing_lost", Boolean, nullable=False, server_default=false()),
)

# One row. `epoch` is the unix time in milliseconds at which the history began, so that a database
# made anew has a higher one. `floor` is the oldest revision from which the history can be resumed.
meta = Table(
    "meta",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
    Column("currency_code", String, nullable=False),
)

# Which process does what only one at a time should do, and until when.
leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)

# At most one row: the database that the history was written in, as PostgreSQL tells it. A copy that
# was restored elsewhere finds another one's name here.
origin = Table(
    "origin",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("place", String, nullable=False),
)
