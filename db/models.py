"""The tables, their row classes, their keys and the index under every public sort.

A column declares once what it is, in its `info` (`ColumnInfo`), and the rest follows from that:

- `exposed`: GraphQL shows it as a field of the object.
- `writable`: clients set and change it; bulk upserts update it.
- `personal`: personal data. Erasure clears it, and stored results of mutations leave it out.
- `audited`: the audit log records its changes.
- `searchable`: customer search finds its words ("words"), or its whole text, too ("whole").
- `stored_with`: it is set together with that column, of which it is a part, and has no field of its own.

A new column takes its migration, a line here in the row class and in the table, and in `graph` its field
and its input.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

import sqlalchemy as sa

from db.column_types import (
    EXPIRY,
    KEYED_OPTIONS,
    TABLE_OPTIONS,
    Amount,
    LongText,
    RowId,
    UtcDateTime,
    auto_random_id,
    index,
)

metadata = sa.MetaData()


class ColumnInfo(TypedDict, total=False):
    """What a column is; see the module's docstring."""

    exposed: bool
    writable: bool
    personal: bool
    audited: bool
    searchable: Literal["words", "whole"]
    stored_with: str


def info(**declared: Unpack[ColumnInfo]) -> dict[Any, Any]:
    """A column's `info`, with its keys checked by mypy."""
    return dict(declared)


def columns_with(table: sa.Table, name: str, value: Any = None) -> tuple[str, ...]:
    """The table's columns that declare `name` in their info, as `value` if one is given."""
    found = [column for column in table.c if column.info.get(name)]
    # orjson takes no subclass of str, as SQLAlchemy's names are.
    return tuple(str(column.name) for column in found if value in (None, column.info[name]))


def updatable_columns(table: sa.Table, key: str) -> tuple[str, ...]:
    """The columns that an upsert by `key` may change."""
    writable = [name for name in columns_with(table, "writable") if name != key]
    return (*writable, "version", "updated_at")


def max_length(table: sa.Table, column: str) -> int:
    """How many characters a text column holds."""
    return int(table.c[column].type.length)  # type: ignore[attr-defined]


def nullable_columns(table: sa.Table) -> dict[str, None]:
    """The columns that are null unless they are set."""
    return {str(column.name): None for column in table.c if column.nullable}


class Customer(NamedTuple):
    """A row of `customers`, its columns in the table's order."""

    id: int
    username: str
    name: str
    email: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    entered_email: str | None = None
    orders_count: int = 0

    @property
    def shown_email(self) -> str | None:
        """The address as it was entered; `email` is the key that it is compared by."""
        return self.email if self.entered_email is None else self.entered_email

    def shown(self, column: str) -> Any:
        """A column's value as clients see it."""
        return self.shown_email if column == "email" else getattr(self, column)


class Order(NamedTuple):
    """A row of `orders`, its columns in the table's order."""

    id: int
    customer_id: int
    reference: str | None
    status: str
    total: Decimal
    currency: str
    placed_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


class OrderLine(NamedTuple):
    """A row of `order_lines`, its columns in the table's order."""

    order_id: int
    position: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    currency: str

    @property
    def total(self) -> Decimal:
        """Computed, not stored: a line's total cannot disagree with the line."""
        return self.unit_price * self.quantity


class Change(NamedTuple):
    """A row of `history`, its columns in the table's order; `customer_id` says whose the object is."""

    object_id: int
    kind: str
    version: int
    action: str
    at: datetime
    principal: str
    request_id: str | None
    idempotency_key: str | None
    fields: str
    customer_id: int | None


class ApiKey(NamedTuple):
    """A row of `api_keys`, its columns in the table's order; `scopes` have spaces between them.

    With a `customer_id` it shows that customer's rows alone.
    """

    digest: str
    name: str
    scopes: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    customer_id: int | None = None


customers = sa.Table(
    "customers",
    metadata,
    auto_random_id(),
    sa.Column(
        "username",
        sa.String(250),
        nullable=False,
        info=info(exposed=True, writable=True, personal=True, audited=True, searchable="whole"),
    ),
    sa.Column(
        "name",
        sa.String(250),
        nullable=False,
        info=info(exposed=True, writable=True, personal=True, audited=True, searchable="words"),
    ),
    sa.Column(
        "email",
        sa.String(254),
        info=info(exposed=True, writable=True, personal=True, audited=True, searchable="whole"),
    ),
    sa.Column("version", sa.Integer, nullable=False, info=info(exposed=True)),
    sa.Column("created_at", UtcDateTime, nullable=False, info=info(exposed=True)),
    sa.Column("updated_at", UtcDateTime, nullable=False, info=info(exposed=True)),
    sa.Column("archived_at", UtcDateTime, info=info(exposed=True, audited=True)),
    # The address as entered, where it differs from `email`, its normal form in lower case. `email` is null
    # if an older customer already has that normal form.
    sa.Column("entered_email", sa.String(254), info=info(writable=True, personal=True, stored_with="email")),
    # Counted in the transaction that creates or deletes an order, without a new version.
    sa.Column(
        "orders_count", sa.Integer, nullable=False, server_default=sa.text("0"), info=info(exposed=True)
    ),
    sa.UniqueConstraint("username", name="uq_customers_username"),
    sa.UniqueConstraint("email", name="uq_customers_email"),
    index("ix_customers_archived_at_created_at", "archived_at", "created_at", "id"),
    index("ix_customers_archived_at_name", "archived_at", "name", "id"),
    index("ix_customers_archived_at_username", "archived_at", "username", "id"),
    index("ix_customers_created_at", "created_at", "id"),
    index("ix_customers_name", "name", "id"),
    **TABLE_OPTIONS,
)

orders = sa.Table(
    "orders",
    metadata,
    auto_random_id(),
    sa.Column("customer_id", RowId, nullable=False, info=info(exposed=True, audited=True)),
    sa.Column("reference", sa.String(64), info=info(exposed=True, writable=True, audited=True)),
    sa.Column("status", sa.String(16), nullable=False, info=info(exposed=True, audited=True)),
    sa.Column("total", Amount, nullable=False, info=info(exposed=True, writable=True, audited=True)),
    sa.Column("currency", sa.String(3), nullable=False, info=info(writable=True, stored_with="total")),
    sa.Column("placed_at", UtcDateTime, nullable=False, info=info(exposed=True, writable=True, audited=True)),
    sa.Column("version", sa.Integer, nullable=False, info=info(exposed=True)),
    sa.Column("created_at", UtcDateTime, nullable=False, info=info(exposed=True)),
    sa.Column("updated_at", UtcDateTime, nullable=False, info=info(exposed=True)),
    sa.UniqueConstraint("reference", name="uq_orders_reference"),
    sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_orders_customer_id"),
    index("ix_orders_created_at", "created_at", "id"),
    index("ix_orders_currency_total", "currency", "total", "id"),
    index("ix_orders_customer_id_created_at", "customer_id", "created_at", "id"),
    index("ix_orders_customer_id_currency_total", "customer_id", "currency", "total", "id"),
    index("ix_orders_customer_id_placed_at", "customer_id", "placed_at", "id"),
    index("ix_orders_customer_id_status_placed_at", "customer_id", "status", "placed_at", "id"),
    index("ix_orders_placed_at", "placed_at", "id"),
    index("ix_orders_status_created_at", "status", "created_at", "id"),
    index("ix_orders_status_currency_total", "status", "currency", "total", "id"),
    index("ix_orders_status_placed_at", "status", "placed_at", "id"),
    **TABLE_OPTIONS,
)

# The key begins with the order's own, so the lines of an order lie together and need no index.
order_lines = sa.Table(
    "order_lines",
    metadata,
    sa.Column("order_id", RowId, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sku", sa.String(64), nullable=False),
    sa.Column("name", sa.String(250), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("unit_price", Amount, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_lines_order_id"),
    **KEYED_OPTIONS,
)

# The search index. The key begins with the word, so that words with the same prefix are adjacent; words are
# spread over the regions by themselves, and the rows of a frequent word by the customers' AUTO_RANDOM ids.
customer_words = sa.Table(
    "customer_words",
    metadata,
    sa.Column("word", sa.String(255), primary_key=True),
    sa.Column("customer_id", RowId, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(
        ["customer_id"], ["customers.id"], name="fk_customer_words_customer_id", ondelete="CASCADE"
    ),
    index("ix_customer_words_customer_id_word", "customer_id", "word"),
    **KEYED_OPTIONS,
)

# The audit log. No foreign key: it keeps the changes of deleted objects. Each change of an object raises its
# version, which completes the key; the objects' random ids spread the rows over the regions.
history = sa.Table(
    "history",
    metadata,
    sa.Column("object_id", RowId, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("principal", sa.String(250), nullable=False),
    sa.Column("request_id", sa.String(128)),
    sa.Column("idempotency_key", sa.String(128)),
    sa.Column("fields", LongText, nullable=False),
    sa.Column("customer_id", RowId),
    **KEYED_OPTIONS,
)

# A row is inserted in the transaction of its change; TiDB's TTL deletes it after it has expired.
idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("principal", sa.String(250), primary_key=True),
    sa.Column("idempotency_key", sa.String(128), primary_key=True),
    sa.Column("mutation", sa.String(64), nullable=False),
    sa.Column("input_hash", sa.String(64), nullable=False),
    sa.Column("outcome", LongText, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    **KEYED_OPTIONS,
    mysql_ttl=EXPIRY,
)

# Looked up by the SHA-256 of the key that a request sends; the key itself is not stored.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("scopes", sa.String(250), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("customer_id", RowId),
    sa.UniqueConstraint("name", name="uq_api_keys_name"),
    **KEYED_OPTIONS,
)
