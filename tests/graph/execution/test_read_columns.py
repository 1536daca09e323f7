"""A page fetches only the columns that are asked for where an index has them; the answers stay the same."""

from typing import Any

import pytest

from db.engine.database import Database
from db.pagination import covering_indexes
from graph.global_ids import GlobalId
from graph.schema import build
from tests.api import Api
from tests.factories import create_customer, create_order
from tests.shared_tidb import Statements
from tests.shop import open_shop

# Every field with what is below it, and how many statements it takes besides the page's own.
CUSTOMER = {
    **dict.fromkeys(("id", "username", "name", "email", "version"), 0),
    **dict.fromkeys(("createdAt", "updatedAt", "archivedAt", "ordersCount"), 0),
    "orders { nodes { status } pageInfo { endCursor } }": 1,
    "orderStats { count total { amount currency } }": 1,
    "history { totalCount { value } }": 1,
}
ORDER = {
    **dict.fromkeys(("id", "reference", "status", "allowedTransitions", "version"), 0),
    **dict.fromkeys(("placedAt", "createdAt", "updatedAt", "total { amount currency }"), 0),
    "customer { username }": 1,
    "lines { sku total { amount } }": 1,
    "history { totalCount { value } }": 1,
}
PAGES = [
    ("{ page: customers(includeArchived: true) { %s } }", CUSTOMER, 1),
    ('{ page: customers(where: {createdAt: {gt: "2026-01-01T00:00:00Z"}}) { %s } }', CUSTOMER, 1),
    ("{ page: customers(orderBy: {field: USERNAME}) { %s } }", CUSTOMER, 1),
    ("{ page: orders(first: 100) { %s } }", ORDER, 1),
    ("{ page: orders(where: {status: {eq: PAID}}, orderBy: {field: CREATED_AT}) { %s } }", ORDER, 1),
    (
        "{ customers(last: 1, where: {orders: {some: {}}}) { nodes { page: orders(last: 50) { %s } } } }",
        ORDER,
        2,
    ),
]
# Nodes have many ways to be asked for.
FORMS = [
    "nodes { %s }",
    "edges { cursor node { ... on Node { id } ... { %s } } } pageInfo { endCursor }",
    "edges { node { __typename } } edges { node { version @skip(if: true) ...Row } } pageInfo { endCursor }",
]


def query(page: str, form: str, kind: str, selected: str) -> str:
    row = f" fragment Row on {kind} {{ %s }}" if "...Row" in form else ""
    return (page % form + row) % selected


def rows(data: Any) -> list[Any]:
    """The nodes of the page."""
    page = data["page"] if "page" in data else data["customers"]["nodes"][0]["page"]
    return [edge["node"] for edge in page["edges"]] if "edges" in page else page["nodes"]


@pytest.mark.parametrize(("kind", "fields"), [("Customer", CUSTOMER), ("Order", ORDER)])
def test_every_field_is_asked_for(kind: str, fields: dict[str, int]) -> None:
    """The fields above are all that the types have."""
    assert set(build()._schema.type_map[kind].fields) == {each.split()[0] for each in fields}  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("page", "fields", "own"), PAGES)
async def test_a_field_alone_is_what_it_is_among_all(
    database: Database,
    api: Api,
    statements: Statements,
    page: str,
    form: str,
    fields: dict[str, int],
    own: int,
) -> None:
    """The same value and the same number of statements, however the rest of the row is left out."""
    await open_shop(database)
    kind = "Customer" if fields is CUSTOMER else "Order"
    together = rows(await api.data(query(page, FORMS[0], kind, " ".join(fields))))

    assert together
    for field, further in fields.items():
        statements.clear()
        alone = rows(await api.data(query(page, form, kind, field)))
        name = field.split()[0]

        assert [row[name] for row in together] == [row[name] for row in alone]
        assert own + further == len(statements), field


@pytest.mark.parametrize(
    ("selected", "fetched"),
    [
        ("nodes { id placedAt }", {"id", "placed_at"}),
        ("pageInfo { endCursor }", {"id", "placed_at"}),
        ("pageInfo { hasNextPage }", {"id", "placed_at"}),
        ("nodes { id lines { sku } }", {"id", "placed_at"}),
        ("nodes { id status }", None),
        ("nodes { customer { id } }", None),
    ],
)
async def test_only_what_is_read_is_fetched(
    database: Database, api: Api, statements: Statements, selected: str, fetched: set[str] | None
) -> None:
    """Where an index has it; otherwise the row is looked up anyhow, and all of it comes."""
    await create_order(database, await create_customer(database))
    statements.clear()
    await api.data(f"{{ orders {{ {selected} }} }}")
    (shown,) = {text for text in statements if " AS side" in text}
    every = {"id", "customer_id", "reference", "status", "total", "currency", "placed_at", "version"}
    every |= {"created_at", "updated_at"}

    assert (fetched or every) == {
        name for name in every if f"orders.{name}" in shown.partition("FROM orders")[0]
    }


@pytest.mark.parametrize(
    ("paging", "selected", "probes", "limit"),
    [
        ("first: 2, after: $cursor", "nodes { id }", 0, 2),
        ("first: 2, after: $cursor", "nodes { id } pageInfo { endCursor }", 0, 2),
        ("first: 2, after: $cursor", "nodes { id } pageInfo { hasNextPage }", 0, 3),
        ("first: 2, after: $cursor", "nodes { id } pageInfo { hasPreviousPage }", 1, 2),
        ("first: 2, after: $cursor", "pageInfo { hasPreviousPage hasNextPage @skip(if: true) }", 1, 2),
        ("last: 2, before: $cursor", "nodes { id } pageInfo { hasNextPage }", 1, 2),
        ("last: 2, before: $cursor", "nodes { id } pageInfo { hasPreviousPage }", 0, 3),
        ("last: 2, before: $cursor", "nodes { id } pageInfo { ...Both }", 1, 3),
    ],
)
async def test_rows_around_a_page_are_looked_for_only_if_selected(
    database: Database, api: Api, paging: str, selected: str, probes: int, limit: int
) -> None:
    """By a probe beyond the cursor, and by one row more on the other side."""
    customer = await create_customer(database)
    for _ in range(7):
        await create_order(database, customer)
    edges = (await api.data("{ orders { edges { cursor } } }"))["orders"]["edges"]
    fragment = "fragment Both on PageInfo { hasNextPage hasPreviousPage }" if "...Both" in selected else ""
    query = f"query ($cursor: String) {{ orders({paging}) {{ {selected} }} }} {fragment}"
    body = {"query": query, "variables": {"cursor": edges[3]["cursor"]}}
    with Statements(database) as statements:
        response = await api.client.post("/graphql", json=body, headers={"tidegraph-receipt": "1"})
    answer = response.json()
    page_info = answer["data"]["orders"].get("pageInfo", {})
    (statement,) = statements

    assert probes == statement.count(" UNION ALL ")
    assert probes + limit == answer["extensions"]["receipt"]["rows"]
    assert all(page_info.values())


async def test_a_count_alone_reads_no_page(database: Database, api: Api, statements: Statements) -> None:
    """At the root; nested it is read with the customer."""
    customer = await create_customer(database)
    await create_order(database, customer)
    statements.clear()
    await api.data("{ orders { __typename totalCount { value } } }")

    assert 1 == len(statements)
    statements.clear()
    await api.data("{ customers { nodes { orders { totalCount { value } } } } }")

    assert 1 == len(statements)


async def test_aliases_that_share_a_batch_go_on_sharing(
    database: Database, api: Api, statements: Statements
) -> None:
    """What one of them reads is there for the other, too, and no statement more."""
    order = await create_order(database, await create_customer(database))
    statements.clear()
    data = await api.data(
        "{ customers { nodes { one: orders { nodes { id } } two: orders(first: 20) { nodes { version } } } }"
        " again: customers { nodes { orders { edges { node { reference } } } } } }"
    )

    assert [{"version": order.version}] == data["customers"]["nodes"][0]["two"]["nodes"]
    assert [{"node": {"reference": None}}] == data["again"]["nodes"][0]["orders"]["edges"]
    # Customers and their orders.
    assert 2 == len(statements)


async def test_the_row_of_a_mutation_has_its_own_pages(database: Database, api: Api) -> None:
    """A payload's edges are read like a query's."""
    customer = await create_customer(database)
    order = await create_order(database, customer)
    mutation = """
    mutation ($id: ID!) {
      archiveCustomer(input: {id: $id}) { customer { name orders { nodes { id placedAt } } } }
      restoreCustomer(input: {id: $id}) { customer { name orders { nodes { version } } } }
    }
    """
    data = await api.data(mutation, id=GlobalId("Customer", customer.id).encode())

    (archived,) = data["archiveCustomer"]["customer"]["orders"]["nodes"]
    assert GlobalId("Order", order.id).encode() == archived["id"]
    assert [{"version": 1}] == data["restoreCustomer"]["customer"]["orders"]["nodes"]


def test_a_column_that_was_not_fetched_cannot_be_read() -> None:
    """It is no null; the row's class has the name that its type is told by."""
    row = covering_indexes.row_type("orders", ("id", "placed_at"))(1, None)

    assert "Order" == type(row).__name__
    with pytest.raises(AttributeError):
        row.reference  # noqa: B018
