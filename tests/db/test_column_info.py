"""What follows from the columns' declarations in `db/models.py`."""

from typing import get_type_hints

import pytest
import sqlalchemy as sa
from strawberry.utils.str_converters import to_camel_case

from db.audit import audit_log, erasure
from db.batches import customer_batches, order_batches
from db.models import ColumnInfo, Customer, Order, columns_with, customers, metadata, nullable_columns, orders
from db.search import search_index
from tests.published_schema import fields_of

# A reference has a field of the object it refers to.
FIELDS = {"customer_id": "customer"}


@pytest.mark.parametrize("table", [customers, orders], ids=["Customer", "Order"])
def test_exposed_columns_are_graphql_fields(table: sa.Table) -> None:
    """Columns that are part of another one, and keys, have no field of their own."""
    kind = "Customer" if table is customers else "Order"
    exposed = {FIELDS.get(name, to_camel_case(name)) for name in columns_with(table, "exposed")}

    assert exposed <= fields_of(kind).keys()
    hidden = {column.name for column in table.c} - {*columns_with(table, "exposed"), "id"}
    assert hidden == {*columns_with(table, "stored_with")}


def test_every_declaration_is_known() -> None:
    """A misspelled key would declare nothing."""
    known = {*get_type_hints(ColumnInfo), "auto_random"}
    assert {key for table in metadata.sorted_tables for column in table.c for key in column.info} <= known


def test_personal_columns_are_erased() -> None:
    """Null where the column allows it, and unique where it must be."""
    assert {
        "username": "erased-7",
        "name": "erased",
        "email": None,
        "entered_email": None,
    } == erasure.erased_values(7)


def test_audited_columns() -> None:
    """In the table's order, amounts last."""
    assert {
        Customer: ("username", "name", "email", "archived_at"),
        Order: ("customer_id", "reference", "status", "placed_at", "total"),
    } == audit_log.AUDITED


def test_searchable_columns() -> None:
    """Identifiers are found as a whole, too."""
    assert (("username", "email"), ("name",)) == (search_index.WHOLE, search_index.WORDS)


def test_upserts_update_writable_columns() -> None:
    """All but the key that the row is found by."""
    assert ("name", "email", "entered_email", "version", "updated_at") == customer_batches.UPDATED_COLUMNS
    assert ("total", "currency", "placed_at", "version", "updated_at") == order_batches.UPDATED_COLUMNS


def test_nullable_columns_are_null_by_default() -> None:
    """A new row names every column."""
    assert {"email": None, "archived_at": None, "entered_email": None} == nullable_columns(customers)
