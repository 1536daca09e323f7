"""Several mutations in one request, and what their payloads read."""

from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.shared_tidb import Statements

PRICE = '{ amount: "1", currency: "EUR" }'


async def test_mutations_run_in_order_and_see_each_other(api: Api) -> None:
    """The second finds the handle taken by the first, the third the name of the second."""
    data = await api.data(
        """
        mutation {
          a: createCustomer(input: { username: "ada", name: "A" }) { customer { name } userErrors { code } }
          b: createCustomer(input: { username: "ada", name: "B" }) { customer { name } userErrors { code } }
          c: createCustomer(input: { username: "grace", name: "C" }) { customer { name } userErrors { code } }
        }
        """
    )

    assert {
        "a": {"customer": {"name": "A"}, "userErrors": []},
        "b": {"customer": None, "userErrors": [{"code": "TAKEN"}]},
        "c": {"customer": {"name": "C"}, "userErrors": []},
    } == data


async def test_edges_of_a_payload_are_read_after_its_write(database: Database, api: Api) -> None:
    """Each payload shows its customer's orders as they were then, although all ask for the same page."""
    customer = await create_customer(database)

    data = await api.data(
        """
        mutation ($id: ID!, $price: MoneyInput!) {
          a: createOrder(input: { customerId: $id, total: $price, reference: "A" }) { ...Orders }
          b: createOrder(input: { customerId: $id, total: $price, reference: "B" }) { ...Orders }
          c: createOrder(input: { customerId: $id, total: $price, reference: "A" }) { ...Orders }
          d: updateCustomer(input: { id: $id, name: "New" }) {
            customer { name orders { nodes { reference customer { name } } } }
          }
        }
        fragment Orders on CreateOrderPayload {
          order { customer { name orders { nodes { reference } } } }
        }
        """,
        id=global_id(customer),
        price={"amount": "1", "currency": "EUR"},
    )

    assert {
        "a": {"order": {"customer": {"name": customer.name, "orders": {"nodes": [{"reference": "A"}]}}}},
        "b": {
            "order": {
                "customer": {
                    "name": customer.name,
                    "orders": {"nodes": [{"reference": "B"}, {"reference": "A"}]},
                }
            }
        },
        "c": {"order": None},
        "d": {
            "customer": {
                "name": "New",
                "orders": {
                    "nodes": [
                        {"reference": "B", "customer": {"name": "New"}},
                        {"reference": "A", "customer": {"name": "New"}},
                    ]
                },
            }
        },
    } == data


async def test_new_lines_are_read_after_they_replaced_the_old(database: Database, api: Api) -> None:
    """Two updates of one order in one request each show their own lines."""
    order = await create_order(database, await create_customer(database), line("OLD"))
    template = 'sku: "%s", name: "N", quantity: 1, unitPrice: ' + PRICE

    data = await api.data(
        "mutation ($id: ID!) {"
        f" a: updateOrder(input: {{ id: $id, lines: [{{ {template % 'A'} }}] }}) {{ ...Lines }}"
        f" b: updateOrder(input: {{ id: $id, lines: [{{ {template % 'B'} }}] }}) {{ ...Lines }}"
        "} fragment Lines on UpdateOrderPayload { order { version lines { sku } } }",
        id=global_id(order),
    )

    assert {
        "a": {"order": {"version": 2, "lines": [{"sku": "A"}]}},
        "b": {"order": {"version": 3, "lines": [{"sku": "B"}]}},
    } == data


async def test_a_new_order_reads_its_edges_once(database: Database, api: Api, statements: Statements) -> None:
    """Two edges of a payload are two statements, after those of the write."""
    customer = await create_customer(database)
    query = """
    mutation ($id: ID!, $price: MoneyInput!) {
      createOrder(input: { customerId: $id, total: $price }) { order { %s } }
    }
    """
    counts = []
    for selection in ("id", "id customer { name } lines { sku } again: customer { id }"):
        statements.clear()
        await api.data(query % selection, id=global_id(customer), price={"amount": "1", "currency": "EUR"})
        counts.append(len(statements))

    assert 2 == counts[1] - counts[0]
