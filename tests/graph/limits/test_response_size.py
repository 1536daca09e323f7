"""A response has at most TIDEGRAPH_RESPONSE_LIMIT bytes, whatever multiplies its values."""

import asyncio
import gc
import tracemalloc
from decimal import Decimal
from typing import Any

import orjson
import pytest

from db import orders
from db.engine.database import Database
from db.models import Change, Customer, Order, OrderLine
from db.money import Money
from graph.global_ids import MAX_ID_LENGTH
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line
from tests.shared_tidb import Statements

LIMIT = 20_000
CURRENCIES = ("EUR", "USD", "GBP", "CHF")
ADVICE = "Ask for smaller pages, fewer fields or fewer aliases."
OF_ORDER = "query ($id: ID!) { node(id: $id) { ... on Order { %s } } }"
TRANSITION = "mutation ($items: [TransitionOrderItem!]!) { transitionOrders(input: {items: $items}) { %s } }"
UPDATE = "mutation ($input: UpdateOrderInput!) { updateOrder(input: $input) { %s } }"


def aliased(count: int, field: str) -> str:
    """The field so many times, each under an alias of its own."""
    return " ".join(f"a{number}: {field}" for number in range(count))


async def large_order(database: Database, customer: Customer, count: int = 50) -> Order:
    return await create_order(database, customer, *[line("S" * 60)] * count)


async def body(api: Api, query: str, **variables: Any) -> bytes:
    response = await api.client.post("/graphql", json={"query": query, "variables": variables})
    assert 200 == response.status_code
    return response.content


def too_large(content: bytes, limit: int = LIMIT) -> bool:
    """Whether it is what a query gets whose response is too large: one error and no data."""
    message = f"The response would be larger than {limit:,} bytes. {ADVICE}"
    error = {"message": message, "extensions": {"code": "RESPONSE_TOO_LARGE", "limit": limit}}
    return orjson.loads(content) == {"data": None, "errors": [error]}


LINES = "... on Order { lines { sku } }"
QUERIES = {
    "aliases of lines": OF_ORDER % aliased(180, "lines { name }"),
    "aliases of nested objects": OF_ORDER % aliased(180, "lines { unitPrice { amount } total { amount } }"),
    "aliases of rows": f"{{ orders {{ nodes {{ {aliased(190, 'id')} }} }} }}",
    "objects with edges": f"{{ orders {{ nodes {{ lines {{ sku }} {aliased(190, 'customer { id }')} }} }} }}",
    "type names": f"{{ orders {{ nodes {{ customer {{ name }} {aliased(190, '__typename')} }} }} }}",
    "nodes": f"query ($id: ID!) {{ {aliased(15, f'nodes(ids: [$id, $id]) {{ id {LINES} }}')} }}",
    "history": OF_ORDER % aliased(30, "history(first: 100) { nodes { fields { field before after } } }"),
    "edges": OF_ORDER % aliased(150, "history { edges { cursor node { fields { after } } } }"),
    "abstract": f"query ($id: ID!) {{ {aliased(190, f'node(id: $id) {{ id {LINES} }}')} }}",
    "lists": f"{{ orders {{ nodes {{ customer {{ id }} {aliased(190, 'allowedTransitions')} }} }} }}",
    "introspection": f"{{ {aliased(10, '__schema { types { name description fields { name } } }')} }}",
    "summary": f"{{ orderSummary {{ {aliased(190, 'total { amount currency }')} }} }}",
    "long aliases": f"{{ orders(first: 100) {{ nodes {{ {'x' * 250}: id {'y' * 250}: id }} }} }}",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_a_response_that_is_too_large_is_refused(database: Database, query: str) -> None:
    """Its size is what the limit says, to the byte; one byte more, and there is an error and no data."""
    customer = await create_customer(database)
    order = await large_order(database, customer)
    for number in range(40):
        await create_order(database, customer, total=Money(Decimal(10), CURRENCIES[number % 4]))
    variables = {"id": global_id(order)} if "$id" in query else {}
    async with Api.of(database) as api:
        content = await body(api, query, **variables)
    size = len(content)
    assert b'{"data":' == content[:8]
    assert size > LIMIT

    async with Api.of(database, response_limit=size) as api:
        assert content == await body(api, query, **variables)
    async with Api.of(database, response_limit=size - 1) as api:
        assert too_large(await body(api, query, **variables), size - 1)
    async with Api.of(database, response_limit=LIMIT) as api:
        assert too_large(await body(api, query, **variables))


async def test_nothing_is_read_after_the_limit(database: Database) -> None:
    """Rows count while they are fetched, though little of them is selected; the next level is not read."""
    for _ in range(60):
        customer = await create_customer(database, name="N" * 200)
    await create_order(database, customer)
    query = "{ customers(first: 60) { nodes { email orders { nodes { lines { position } } } } } }"
    async with Api.of(database, response_limit=10_000) as api:
        with Statements(database) as statements:
            content = await body(api, query)

    assert too_large(content, 10_000)
    assert 1 == len(statements)


async def test_a_mutation_that_was_written_says_so(database: Database) -> None:
    """Its object is null, the error is below its field, and its user errors are there, none."""
    customer = await create_customer(database)
    order = await large_order(database, customer)
    selected = f"order {{ version {aliased(20, 'lines { sku name }')} }} userErrors {{ code }}"
    async with Api.of(database, response_limit=LIMIT) as api:
        sent = {"id": global_id(order), "reference": "NEW"}
        answer = await api.send(UPDATE % selected, input=sent)
    (error,) = answer["errors"]
    (stored,) = await orders.get_many(database.reader(), "id", [order.id])

    assert {"updateOrder": {"order": None, "userErrors": []}} == answer["data"]
    assert {"code": "RESPONSE_TOO_LARGE", "limit": LIMIT} == error["extensions"]
    assert ["updateOrder", "order"] == error["path"][:2]
    assert "NEW" == stored.reference


async def test_later_mutations_are_not_carried_out(database: Database) -> None:
    """Each of them says so at its own field; the one before is stored."""
    customer = await create_customer(database)
    order = await large_order(database, customer)
    first = (
        f'updateOrder(input: {{id: $id, reference: "A"}}) {{ order {{ {aliased(20, "lines { sku }")} }} }}'
    )
    second = 'createCustomer(input: {username: "late", name: "Late"}) { customer { name } }'
    async with Api.of(database, response_limit=LIMIT) as api:
        answer = await api.send(f"mutation ($id: ID!) {{ {first} {second} }}", id=global_id(order))
        late = await api.data('{ customer(by: {username: "late"}) { name } }')
    found = {
        error["path"][0]: (error["extensions"]["code"], len(error["path"])) for error in answer["errors"]
    }
    (stored,) = await orders.get_many(database.reader(), "id", [order.id])

    assert ("RESPONSE_TOO_LARGE", 1) == found["createCustomer"]
    assert ("RESPONSE_TOO_LARGE", 1) < found["updateOrder"]
    assert ("A", {"customer": None}) == (stored.reference, late)


async def test_a_batch_keeps_its_outcomes(database: Database) -> None:
    """The objects of all results are null, and there is one error for them."""
    customer = await create_customer(database)
    stored = [await large_order(database, customer) for _ in range(3)]
    items = [{"id": global_id(order), "to": "PAID"} for order in stored]
    selected = f"results {{ outcome order {{ id {aliased(20, 'lines { sku }')} }} }} userErrors {{ code }}"
    async with Api.of(database, response_limit=LIMIT) as api:
        answer = await api.send(TRANSITION % selected, items=items)
    (error,) = answer["errors"]
    results = [{"outcome": "UPDATED", "order": None}] * 3

    assert {"transitionOrders": {"results": results, "userErrors": []}} == answer["data"]
    assert ["transitionOrders", "results"] == error["path"][:2]


async def test_a_dry_run_is_rolled_back(database: Database) -> None:
    """As if its payload had been shown."""
    order = await large_order(database, await create_customer(database))
    selected = f"order {{ {aliased(20, 'lines { sku }')} }} userErrors {{ code }}"
    async with Api.of(database, response_limit=LIMIT) as api:
        sent = {"id": global_id(order), "reference": "NEW", "dryRun": True}
        answer = await api.send(UPDATE % selected, input=sent)
    found = await orders.get_many(database.reader(), "id", [order.id])

    assert {"updateOrder": {"order": None, "userErrors": []}} == answer["data"]
    assert [order] == found
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]


@on_sqlite
async def test_user_errors_alone_can_be_too_large(database: Database) -> None:
    """What a payload cannot leave out ends it, still below its field."""
    items = [{"id": "x", "to": "PAID"}] * 100
    async with Api.of(database, response_limit=LIMIT) as api:
        answer = await api.send(TRANSITION % aliased(50, "userErrors { message path }"), items=items)
    (error,) = answer["errors"]

    assert answer["data"] in (None, {"transitionOrders": None})
    assert "RESPONSE_TOO_LARGE" == error["extensions"]["code"]
    assert ["transitionOrders", "a0"] <= error["path"][:2]


async def test_the_same_conflict_many_times(database: Database) -> None:
    """Of a stale order 30 times in a batch its history is read once, and shown up to the limit."""
    order = await large_order(database, await create_customer(database))
    price = {"amount": "1", "currency": "EUR"}
    changed = [{"sku": "T" * 60, "name": "Tea", "quantity": 1, "unitPrice": price}] * 50
    selected = "userErrors { ... on VersionConflictError { changes { fields { after } } current { id } } }"
    items = [{"id": global_id(order), "to": "PAID", "expectedVersion": 1}] * 30
    async with Api.of(database, response_limit=LIMIT) as api:
        await api.data(UPDATE % "order { version }", input={"id": global_id(order), "lines": changed})
        content = await body(api, TRANSITION % aliased(5, selected), items=items)

    assert len(content) < 1_000
    assert b"RESPONSE_TOO_LARGE" in content


@on_sqlite
async def test_a_response_is_refused_before_its_values_are_made(database: Database) -> None:
    """One payload with 10,000 changes of 50 lines would take 300 MB as objects; the limit ends it early."""
    order = await large_order(database, await create_customer(database))
    price = {"amount": "1", "currency": "EUR"}
    selected = "userErrors { ... on VersionConflictError { changes { fields { before after } } } }"
    items = [{"id": global_id(order), "to": "PAID", "expectedVersion": 1}] * 100
    async with Api.of(database, response_limit=LIMIT) as api:
        for number in range(20):
            lines = [{"sku": "T" * 60, "name": f"Tea {number}", "quantity": 1, "unitPrice": price}] * 50
            await api.data(UPDATE % "order { version }", input={"id": global_id(order), "lines": lines})
        tracemalloc.start()
        try:
            content = await body(api, TRANSITION % aliased(5, selected), items=items)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert b"RESPONSE_TOO_LARGE" in content
    assert peak < 30_000_000


@on_sqlite
async def test_input_is_not_echoed_at_length(database: Database) -> None:
    """An id that is longer than any id comes back cut, in every alias."""
    items = [{"id": "i" * 10_000, "to": "PAID"}] * 50
    selected = aliased(50, "userErrors { ... on NotFoundError { missing } }")
    async with Api.of(database) as api:
        content = await body(api, TRANSITION % selected, items=items)
    found = orjson.loads(content)["data"]["transitionOrders"]

    assert 50 * 50 == sum(map(len, found.values()))
    assert {"i" * (MAX_ID_LENGTH - 1) + "…"} == {error["missing"] for error in found["a0"]}
    assert len(content) < 50 * 50 * 100


@on_sqlite
@pytest.mark.parametrize(
    "query",
    [
        f"{{ {' '.join(name * 50_000 for name in 'abcdefghij')} }}",
        f"{{ {'a' * 251}: __typename }}",
        f"query ($v: {'T' * 90_000}) {{ orders(first: $v) {{ nodes {{ id }} }} }}",
        f'{{ node(id: "x", {"b" * 90_000}: 1) {{ id }} }}',
        f"{{ customers(orderBy: [{{field: {'C' * 90_000}}}]) {{ nodes {{ id }} }} }}",
        f"{{ ...{'F' * 90_000} }}",
        f"{{ orders @{'d' * 90_000} {{ nodes {{ id }} }} }}",
        f'{{ orders(first: "{"1" * 90_000}") {{ nodes {{ id }} }} }}',
        f'{{ orders(after: "{"c" * 90_000}") {{ nodes {{ id }} }} }}',
    ],
)
async def test_messages_are_short(database: Database, query: str) -> None:
    """Whatever name or value they quote."""
    async with Api.of(database, env="development") as api:
        answer = await api.send(query)

    assert len(orjson.dumps(answer)) < 10 * 1_000
    assert all(len(error["message"]) <= 500 for error in answer["errors"])


@on_sqlite
async def test_a_response_has_at_most_a_hundred_errors(database: Database) -> None:
    """One hundred of two hundred fields that are refused."""
    query = f"{{ {aliased(190, 'customer(by: {}) { id }')} }}"
    async with Api.of(database) as api:
        answer = await api.send(query)

    assert 100 >= len(answer["errors"])


@on_sqlite
@pytest.mark.parametrize("mutation", [True, False], ids=["mutation", "query"])
async def test_rows_are_freed_at_once(database: Database, mutation: bool) -> None:
    """What was read for a response that was refused does not wait for the garbage collector."""
    order = await large_order(database, await create_customer(database))
    selected = aliased(30, "lines { sku name }") + " history { nodes { fields { after } } }"
    query = UPDATE % f"order {{ {selected} }}" if mutation else OF_ORDER % selected
    sent = {"input": {"id": global_id(order)}} if mutation else {"id": global_id(order)}
    async with Api.of(database, response_limit=LIMIT) as api:
        gc.collect()
        gc.disable()
        try:
            assert b"RESPONSE_TOO_LARGE" in await body(api, query, **sent)
            # What was cancelled ends in the next turns of the event loop.
            for _ in range(10):
                await asyncio.sleep(0)
            left = [each for each in gc.get_objects() if isinstance(each, OrderLine | Change)]
        finally:
            gc.enable()

    assert [] == left


@on_sqlite
async def test_lists_of_a_batch_let_others_go_first(database: Database) -> None:
    """A large response is built in parts, and is what it would be in one."""
    customer = await create_customer(database)
    for _ in range(100):
        await large_order(database, customer, 20)
    selected = "lines { position sku name quantity unitPrice { amount currency } }"
    query = f"{{ orders(first: 100) {{ nodes {{ id {selected} }} }} }}"
    async with Api.of(database) as api:
        found = (await api.data(query))["orders"]["nodes"]

    assert 100 * 20 == sum(len(each["lines"]) for each in found)
    assert {"S" * 60} == {one["sku"] for each in found for one in each["lines"]}
    assert len(orjson.dumps(found)) > 250_000
