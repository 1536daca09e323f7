"""Every mutation as a test sends it: the object whole, its user errors with all that they carry."""

from typing import Any

from tests.api import Api
from tests.graph.writing.user_errors import PROBLEM

CUSTOMER = "customer { id username name email version archivedAt }"
ORDER = """order {
  id reference status version placedAt total { amount currency }
  customer { id } lines { sku name quantity unitPrice { amount currency } }
}"""
DELETED = "deletedId"


def mutation(name: str, shown: str) -> str:
    """`name` with the one argument `input`."""
    kind = f"{name[0].upper()}{name[1:]}Input!"
    answer = f"{shown} userErrors {{ ...Problem }}"
    return f"mutation ($input: {kind}) {{ {name}(input: $input) {{ {answer} }} }} {PROBLEM}"


def batch(name: str, shown: str) -> str:
    """A batch that shows `shown` of each item."""
    return mutation(name, f"results {{ {shown} outcome userErrors {{ ...Problem }} }}")


def with_current(document: str) -> str:
    """The same, and of version conflicts the customer whole."""
    current = "... on VersionConflictError { current { ... on Customer { username name email } } }"
    return document.replace("userErrors { ...Problem }", f"userErrors {{ ...Problem {current} }}")


CREATE_CUSTOMER, UPDATE_CUSTOMER, ARCHIVE_CUSTOMER, RESTORE_CUSTOMER = (
    mutation(f"{verb}Customer", CUSTOMER) for verb in ("create", "update", "archive", "restore")
)
ERASE_CUSTOMER = mutation("eraseCustomer", f"{CUSTOMER} erasedId")
CREATE_ORDER, UPDATE_ORDER, TRANSITION_ORDER = (
    mutation(f"{verb}Order", ORDER) for verb in ("create", "update", "transition")
)
DELETE_CUSTOMER, DELETE_ORDER = (mutation(f"delete{kind}", DELETED) for kind in ("Customer", "Order"))
UPSERT_CUSTOMERS = batch("upsertCustomers", CUSTOMER)
CREATE_ORDERS, UPSERT_ORDERS, TRANSITION_ORDERS = (
    batch(f"{verb}Orders", ORDER) for verb in ("create", "upsert", "transition")
)


async def run(api: Api, mutation: str, **input: Any) -> Any:
    """The payload of the one mutation in a document."""
    (payload,) = (await api.data(mutation, input=input)).values()
    return payload
