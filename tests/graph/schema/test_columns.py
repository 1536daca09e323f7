"""What the schema derives from the declarations of columns in db/models.py."""

from typing import Any

import pytest
from strawberry.utils.str_converters import to_camel_case

from db.models import columns_with, customers, metadata
from graph.schema import build

SCHEMA = build()._schema
TABLES = {"Customer": "customers", "Order": "orders"}


def fields_of(name: str) -> set[str]:
    kind: Any = SCHEMA.type_map[name]
    return set(kind.fields)


@pytest.mark.parametrize("kind", TABLES)
def test_every_exposed_column_is_a_field(kind: str) -> None:
    """With a filter if it is writable. A foreign key is shown as the object that it refers to."""
    table = metadata.tables[TABLES[kind]]
    exposed = {name: to_camel_case(name.removesuffix("_id")) for name in columns_with(table, "exposed")}
    writable = {field for name, field in exposed.items() if name in columns_with(table, "writable")}

    assert set() == set(exposed.values()) - fields_of(kind)
    assert set() == writable - fields_of(f"{kind}Where")


@pytest.mark.parametrize("input_type", ["CreateCustomerInput", "UpdateCustomerInput", "UpsertCustomerItem"])
def test_every_writable_column_of_customers_is_an_input_field(input_type: str) -> None:
    """Columns that are stored with another one have no field of their own."""
    writable = [
        name for name in columns_with(customers, "writable") if "stored_with" not in customers.c[name].info
    ]

    assert ["username", "name", "email"] == writable
    assert set() == {to_camel_case(name) for name in writable} - fields_of(input_type)
