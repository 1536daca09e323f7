"""On a large TiDB one customer's rows are read by that customer: no others are looked through for them."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from db import customers
from db.engine.database import Database
from db.models import Customer
from db.pagination.sorts import SORTS, Sort
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.plans.explain import Explain
from tests.plans.shop import WHALE

pytestmark = pytest.mark.tidb
PAGE = "pageInfo { hasNextPage endCursor }"
PINNED = {"currency": 'where: {total: {currency: {eq: "EUR"}}}, '}
ORDERS = "nodes { id reference status placedAt lines { sku } customer { name } }"
QUERIES = [
    f"{{ orders {{ {ORDERS} {PAGE} }} }}",
    f"{{ orders(first: 100) {{ nodes {{ id placedAt }} {PAGE} }} }}",
    f"{{ orders(where: {{status: {{eq: PAID}}}}) {{ nodes {{ id }} {PAGE} }} }}",
    f"{{ customers(includeArchived: true) {{ nodes {{ id orders {{ {ORDERS} }} }} {PAGE} }} }}",
    "{ customers(orderBy: {field: NAME}, includeArchived: true) { nodes { name } } }",
    '{ customers(search: "name", includeArchived: true) { nodes { name } totalCount { value } } }',
    "{ orders { totalCount(limit: 100) { value } } }",
]


@pytest.fixture(params=[WHALE, "user-00004"])
async def customer(request: pytest.FixtureRequest, large: Database) -> Customer:
    """One with 100,000 orders, and one with five."""
    (found,) = await customers.get_many(large.reader(), "username", [request.param])
    return found


@pytest.fixture
async def bound(large: Database, customer: Customer) -> AsyncIterator[Api]:
    secret = await create_key(large, "admin", name=uuid4().hex, customer_id=customer.id)
    async with Api.of(large, auth="keys") as api:
        api.client.headers.update(bearer(secret))
        await api.data("{ __typename }")
        yield api


async def assert_few(bound: Api, explain: Explain, query: str) -> None:
    """No table is scanned, and little more is read than a page."""
    await explain.plans()
    await bound.data(query)
    plans = await explain.plans()

    assert plans
    for plan in plans:
        assert [] == list(plan.steps("TableFullScan", "IndexFullScan")), plan
        assert plan.rows_read < 1_000, plan


@pytest.mark.parametrize("query", QUERIES)
async def test_only_the_customers_rows_are_read(bound: Api, explain: Explain, query: str) -> None:
    """However many they are, and however many others there are."""
    await assert_few(bound, explain, query)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("sort", SORTS["orders"], ids=lambda sort: "_".join(sort.fields))
async def test_sorts_are_read_in_the_customers_order(
    bound: Api, explain: Explain, sort: Sort, direction: str
) -> None:
    """Every public sort of orders, at the root."""
    parts = ", ".join(f"{{field: {field}, direction: {direction}}}" for field in sort.fields)
    where = "".join(PINNED[column] for column in sort.pinned)
    await assert_few(
        bound, explain, f"{{ orders({where}orderBy: [{parts}]) {{ nodes {{ id reference }} {PAGE} }} }}"
    )
