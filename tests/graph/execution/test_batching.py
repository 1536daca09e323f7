"""The number of statements: one for each field that reads, however many parents it has."""

from typing import Any

import pytest

from db import models
from db.engine.database import Database
from db.maintenance import seed
from db.maintenance.sample_data import Sample
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.shared_tidb import Statements

THREE_LEVELS = """
query ($first: Int) {
  customers(first: $first) {
    nodes {
      username
      ...Recent
      older: orders(first: 1) { nodes { id } }
    }
  }
}
fragment Recent on Customer {
  orders(first: 3) {
    edges { node { id customer { name orders(first: 2) { nodes { lines { sku } } } } lines { sku } } }
    pageInfo { hasNextPage }
  }
}
"""


async def test_statements_do_not_grow_with_parents(
    database: Database, api: Api, statements: Statements
) -> None:
    """One customer and fifty cost the same: a statement for each field that reads."""
    for _ in range(50):
        customer = await create_customer(database)
        await create_order(database, customer, line("A"), line("B"))
        await create_order(database, customer)
    counts = []
    for first in (1, 50):
        statements.clear()
        data = await api.data(THREE_LEVELS, first=first)
        counts.append(len(statements))

        assert first == len(data["customers"]["nodes"])

    # customers; orders(3), orders(1) and orders(2); lines; customer; lines
    assert [7, 7] == counts


async def test_a_thousand_parents_are_one_batch(database: Database, api: Api, statements: Statements) -> None:
    """Fifty customers' twenty orders ask for their lines in one statement."""
    await seed.fill(database, Sample(1), customer_count=50, orders_each=20, progress=lambda _rows: None)
    statements.clear()

    data = await api.data(
        "{ customers(first: 50) { nodes { orders(first: 20) { nodes { lines { sku } } } } } }"
    )

    orders = [order for customer in data["customers"]["nodes"] for order in customer["orders"]["nodes"]]
    assert 1000 == len(orders)
    assert ["customers", "orders", "order_lines"] == [table_of(each) for each in statements]


def table_of(statement: str) -> str:
    """The table that a SELECT reads."""
    names = [table.name for table in models.metadata.sorted_tables]
    return next(name for name in reversed(names) if f"FROM {name}" in statement)


NESTED = {
    "two pages": ("a: orders(first: 1) { nodes { id } } b: orders(first: 2) { nodes { id } }", 3),
    "one page twice": ("a: orders { nodes { id } } b: orders { edges { cursor } }", 2),
    "one page in two spellings": (
        "a: orders { nodes { id } } b: orders(first: 20, after: null) { nodes { id } }",
        2,
    ),
    "fragments": (
        "... on Customer { orders { nodes { id } } } ... on Node { id } orders { nodes { lines { sku } } }",
        3,
    ),
    "further down": ("orders { nodes { customer { username orders { nodes { id } } } } }", 4),
    "no rows": ("orders(first: 0) { pageInfo { hasNextPage } }", 2),
}
AT_ROOT = {
    "two pages": ("a: customers(first: 1) { nodes { id } } b: customers(first: 2) { nodes { id } }", 2),
    "one page twice": ("a: customers { nodes { id } } b: customers { nodes { name } }", 1),
    "two filters": (
        "a: customers { nodes { id } } b: customers(includeArchived: true) { nodes { id } }",
        2,
    ),
}


@pytest.mark.parametrize(("selection", "expected"), NESTED.values(), ids=NESTED)
async def test_a_nested_page_is_a_statement_whatever_it_is_called(
    database: Database, api: Api, statements: Statements, selection: str, expected: int
) -> None:
    """Aliases and fragments with the same arguments share a statement, with others they do not."""
    for _ in range(3):
        customer = await create_customer(database)
        for _ in range(3):
            await create_order(database, customer, line())
    statements.clear()

    await api.data("{ customers { nodes { " + selection + " } } }")

    assert expected == len(statements)


@pytest.mark.parametrize(("selection", "expected"), AT_ROOT.values(), ids=AT_ROOT)
async def test_a_root_page_is_a_statement_whatever_it_is_called(
    api: Api, statements: Statements, selection: str, expected: int
) -> None:
    """The same holds where there is no parent."""
    await api.data("{ " + selection + " }")

    assert expected == len(statements)


async def test_branches_do_not_split_each_others_batches(
    database: Database, api: Api, statements: Statements
) -> None:
    """Where they ask for some of the same rows, each field still has one statement: always the same six."""
    await seed.fill(database, Sample(1), customer_count=10, orders_each=4, progress=lambda _rows: None)
    counts = set()
    for _ in range(5):
        statements.clear()
        await api.data(
            """
            {
              a: orders(first: 1) { nodes { customer { orders(first: 1) { nodes { id } } } } }
              b: orders(first: 40) { nodes { customer { orders(first: 2) { nodes { id } } } } }
            }
            """
        )
        counts.add(len(statements))

    assert {6} == counts


async def test_root_look_ups_of_one_request_are_batched(
    database: Database, api: Api, statements: Statements
) -> None:
    """Two customers by handle are one statement; another key is one more, an order also."""
    for name in ("ada", "grace"):
        customer = await create_customer(database, username=name, email=f"{name}@example.com")
        await create_order(database, customer, reference=f"SO-{name}")
    statements.clear()

    await api.data("""
    {
      a: customer(by: { username: "ada" }) { name }
      b: customer(by: { username: "grace" }) { name }
      c: customer(by: { username: "nobody" }) { name }
      d: customer(by: { email: "ada@example.com" }) { name }
      e: order(by: { reference: "SO-ada" }) { id }
      f: order(by: { reference: "SO-grace" }) { id }
    }
    """)

    assert ["customers", "customers", "orders"] == sorted(table_of(each) for each in statements)


async def test_nodes_are_a_statement_for_each_type(
    database: Database, api: Api, statements: Statements
) -> None:
    """However many ids there are, also twice the same, and `node` joins the batch."""
    ids = []
    for _ in range(5):
        customer = await create_customer(database)
        ids += [global_id(customer), global_id(await create_order(database, customer))]
    statements.clear()

    data = await api.data(
        "query ($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { id } node(id: $id) { id } }",
        ids=ids + ids + ["rubbish"],
        id=ids[0],
    )

    assert ids + ids == [node["id"] for node in data["nodes"][:-1]]
    assert ["customers", "orders"] == [table_of(each) for each in statements]


async def test_ids_of_nothing_cost_no_statement(api: Api, statements: Statements) -> None:
    """What cannot be an id is not looked for."""
    await api.data('{ node(id: "x") { id } customer(by: { id: "x" }) { id } nodes(ids: ["x", "y"]) { id } }')

    assert [] == statements


async def test_a_relation_asks_for_each_key_once(
    database: Database, api: Api, statements: Statements
) -> None:
    """Ten orders of one customer look for one customer."""
    customer = await create_customer(database)
    for _ in range(10):
        await create_order(database, customer)
    statements.clear()

    data: dict[str, Any] = await api.data("{ orders { nodes { customer { id } } } }")

    assert 10 == len(data["orders"]["nodes"])
    assert 1 == statements[-1].partition(" IN ")[2].count(",") + 1
