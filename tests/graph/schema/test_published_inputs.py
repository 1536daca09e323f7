"""Inputs have exactly the fields that clients were told."""

import pytest

from tests.published_schema import fields_of

OPTIONS = {"idempotencyKey": "String", "dryRun": "Boolean!"}
VERSIONED = {"id": "ID!", "expectedVersion": "Int", **OPTIONS}
BATCH = {"mode": "BatchMode!", **OPTIONS}
NEW_ORDER = {
    "customerId": "ID!",
    "total": "MoneyInput",
    "lines": "[OrderLineInput!]",
    "reference": "String",
    "placedAt": "DateTime",
}
INPUTS = {
    "MoneyInput": {"amount": "Decimal!", "currency": "CurrencyCode!"},
    "OrderLineInput": {
        "sku": "String!",
        "name": "String!",
        "quantity": "Int!",
        "unitPrice": "MoneyInput!",
    },
    "CreateCustomerInput": {"username": "String!", "name": "String!", "email": "String", **OPTIONS},
    "UpdateCustomerInput": {
        "id": "ID!",
        "username": "String",
        "name": "String",
        "email": "String",
        **VERSIONED,
    },
    **{
        f"{verb}CustomerInput": {"id": "ID!", **VERSIONED}
        for verb in ("Archive", "Restore", "Delete", "Erase")
    },
    "CreateOrderInput": {**NEW_ORDER, **OPTIONS},
    "UpdateOrderInput": {
        "id": "ID!",
        "total": "MoneyInput",
        "lines": "[OrderLineInput!]",
        "reference": "String",
        "placedAt": "DateTime",
        **VERSIONED,
    },
    "TransitionOrderInput": {"to": "OrderStatus!", **VERSIONED},
    "DeleteOrderInput": VERSIONED,
    "UpsertCustomersInput": {"items": "[UpsertCustomerItem!]!", **BATCH},
    "UpsertCustomerItem": {
        "username": "String!",
        "name": "String!",
        "email": "String",
        "expectedVersion": "Int",
    },
    "CreateOrdersInput": {"items": "[CreateOrderItem!]!", **BATCH},
    "CreateOrderItem": NEW_ORDER,
    "UpsertOrdersInput": {"items": "[UpsertOrderItem!]!", **BATCH},
    "UpsertOrderItem": NEW_ORDER | {"reference": "String!", "expectedVersion": "Int"},
    "TransitionOrdersInput": {"items": "[TransitionOrderItem!]!", **BATCH},
    "TransitionOrderItem": {"id": "ID!", "to": "OrderStatus!", "expectedVersion": "Int"},
    "CustomerBy": {"id": "ID", "username": "String", "email": "String"},
    "OrderBy": {"id": "ID", "reference": "String"},
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_are_as_published(name: str) -> None:
    """Each input has these fields of these types and no others."""
    assert INPUTS[name] == fields_of(name)
