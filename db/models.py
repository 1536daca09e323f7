"""The tables, their keys and the index under every public sort."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

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

    @property
    def shown_email(self) -> str | None:
        """The address as it was entered; `email` is the key that it is compared by."""
        return self.email if self.entered_email is None else self.entered_email


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
    sa.Column("username", sa.String(250), nullable=False),
    sa.Column("name", sa.String(250), nullable=False),
    sa.Column("email", sa.String(254)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("archived_at", UtcDateTime),
    # What was entered where it differs from `email`, the normal form without case. With this alone the
    # address has no key: an older customer has it.
    sa.Column("entered_email", sa.String(254)),
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
    sa.Column("customer_id", RowId, nullable=False),
    sa.Column("reference", sa.String(64)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("total", Amount, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
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

# What search finds a customer by. The key begins with the word, so that words with one beginning lie
# together; words scatter by themselves, and within a frequent one the customers' AUTO_RANDOM ids do.
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

# No foreign key: what was deleted stays here. Each change of an object raises its version, so the key is
# its place in the history; it scatters as the objects' own ids do, and takes no further index.
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

# A row is written with the change that it stands for; TiDB deletes it some time after it has expired.
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

# Looked up by the SHA-256 of the key that a request brings; the key itself is nowhere.
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
