"""Mutations take and give exactly what clients were told."""

import pytest

from tests.published_schema import arguments_of, fields_of

MUTATIONS = {
    "createCustomer": {"customer": "Customer"},
    "updateCustomer": {"customer": "Customer"},
    "archiveCustomer": {"customer": "Customer"},
    "restoreCustomer": {"customer": "Customer"},
    "deleteCustomer": {"deletedId": "ID"},
    "createOrder": {"order": "Order"},
    "updateOrder": {"order": "Order"},
    "transitionOrder": {"order": "Order"},
    "deleteOrder": {"deletedId": "ID"},
    "eraseCustomer": {"customer": "Customer", "erasedId": "ID"},
    "upsertCustomers": {"results": "[CustomerResult!]!"},
    "createOrders": {"results": "[OrderResult!]!"},
    "upsertOrders": {"results": "[OrderResult!]!"},
    "transitionOrders": {"results": "[OrderResult!]!"},
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutations_take_an_input_and_give_a_payload(name: str) -> None:
    """`XInput!` in, `XPayload` out, with user errors beside what was changed."""
    capitalised = name[0].upper() + name[1:]

    assert {"input": f"{capitalised}Input!"} == arguments_of("Mutation", name)
    assert f"{capitalised}Payload" == fields_of("Mutation")[name]
    assert MUTATIONS[name] | {"userErrors": "[UserError!]!"} == fields_of(f"{capitalised}Payload")


def test_there_are_no_other_mutations() -> None:
    """Those of the table."""
    assert set(MUTATIONS) == set(fields_of("Mutation"))
