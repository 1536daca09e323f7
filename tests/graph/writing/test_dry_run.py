"""`dryRun`: everything is checked and carried out, the payload shows what would be, and then it is undone."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.user_errors import illegal_transition, invalid, not_found, taken
from tests.table_rows import keys_of, stored_rows

EURO = {"amount": "1", "currency": "EUR"}
LINES = [{"sku": "B", "name": "B", "quantity": 2, "unitPrice": EURO}]
# What each mutation is sent, by names of ids, and what its payload shows of what would be.
SENT: dict[str, dict[str, Any]] = {
    "createCustomer": {"username": "new", "name": "New"},
    "updateCustomer": {"id": "customer", "name": "Changed"},
    "archiveCustomer": {"id": "customer"},
    "restoreCustomer": {"id": "archived"},
    "deleteCustomer": {"id": "archived"},
    "eraseCustomer": {"id": "customer"},
    "upsertCustomers": {
        "items": [{"username": "kept", "name": "Changed"}, {"username": "new", "name": "New"}]
    },
    "createOrder": {"customerId": "customer", "lines": LINES},
    "updateOrder": {"id": "order", "lines": LINES},
    "transitionOrder": {"id": "order", "to": "PAID"},
    "deleteOrder": {"id": "order"},
    "createOrders": {"items": [{"customerId": "customer", "lines": LINES}]},
    "upsertOrders": {"items": [{"customerId": "customer", "lines": LINES, "reference": "SO-1"}]},
    "transitionOrders": {"items": [{"id": "order", "to": "PAID"}]},
}
NESTED = """
mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order {
      lines { sku }
      history { totalCount { value } nodes { action version } }
      customer {
        name
        orders { totalCount { value } nodes { reference lines { sku } } }
        orderStats { count }
        history { totalCount { value } }
      }
    }
    userErrors { code }
  }
}
"""


async def everything(database: Database) -> Any:
    """All tables with the keys of mutations, which no dry run leaves."""
    return await stored_rows(database), await keys_of(database)


async def ids_of(database: Database) -> dict[str, str]:
    customer = await create_customer(database, username="kept", name="Kept")
    archived = await create_customer(database, archived_at=datetime(2026, 1, 1, tzinfo=UTC))
    order = await create_order(database, customer, line("A"), reference="SO-1")
    return {name: global_id(row) for name, row in locals().items() if name != "database"}


def named(sent: Any, ids: dict[str, str]) -> Any:
    match sent:
        case dict():
            return {name: named(each, ids) for name, each in sent.items()}
        case list():
            return [named(each, ids) for each in sent]
    return ids.get(sent, sent)


def without_times(payload: Any) -> Any:
    """A payload without what differs with each run: ids of new objects, and times."""
    match payload:
        case dict():
            left = payload.keys() - {"id", "placedAt", "archivedAt"}
            return {name: without_times(payload[name]) for name in sorted(left)}
        case list():
            return [without_times(each) for each in payload]
    return payload


def document(name: str) -> str:
    word = "".join(f"_{each.lower()}" if each.isupper() else each for each in name).upper()
    text: str = getattr(mutations, word)
    return text


@pytest.mark.parametrize("name", SENT)
async def test_a_dry_run_shows_what_would_be_and_stores_nothing(
    database: Database, api: Api, name: str
) -> None:
    """And the real one, with the same key, then does just that."""
    sent = named(SENT[name], await ids_of(database)) | {"idempotencyKey": "a key"}
    before = await everything(database)

    rehearsed = await run(api, document(name), **sent, dryRun=True)
    after = await everything(database)
    done = await run(api, document(name), **sent)

    assert [] == rehearsed["userErrors"]
    assert before == after
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]
    assert without_times(done) == without_times(rehearsed)
    assert before[0] != await stored_rows(database)
    assert ["a key"] == [row[1] for row in await keys_of(database)]


async def test_edges_of_a_dry_run_show_what_would_be(database: Database, api: Api) -> None:
    """Lines, nested connections, counts, sums and histories are read inside of the transaction."""
    ids = await ids_of(database)
    sent = {"customerId": ids["customer"], "lines": LINES, "reference": "SO-2"}
    before = await everything(database)

    payload = (await api.data(NESTED, input={**sent, "dryRun": True}))["createOrder"]

    orders = [{"reference": "SO-2", "lines": [{"sku": "B"}]}, {"reference": "SO-1", "lines": [{"sku": "A"}]}]
    assert {
        "lines": [{"sku": "B"}],
        "history": {"totalCount": {"value": 1}, "nodes": [{"action": "CREATED", "version": 1}]},
        "customer": {
            "name": "Kept",
            "orders": {"totalCount": {"value": 2}, "nodes": orders},
            "orderStats": [{"count": 2}],
            "history": {"totalCount": {"value": 1}},
        },
    } == payload["order"]
    assert before == await everything(database)


async def test_only_the_dry_one_of_two_is_undone(database: Database, api: Api) -> None:
    """Whichever comes first; what follows is read from the database as it is."""
    node = (await ids_of(database))["customer"]
    rename = "updateCustomer(input: {id: $id, name: %s, dryRun: %s}) { customer { name %s } }"
    shown = "orders { totalCount { value } } history { nodes { version } }"
    one, two, three = (
        rename % (name, dry, shown) for name, dry in (('"A"', "true"), ('"B"', "false"), ('"C"', "true"))
    )
    data = await api.data(f"mutation ($id: ID!) {{ a: {one} b: {two} c: {three} }}", id=node)

    assert [("A", [2, 1]), ("B", [2, 1]), ("C", [3, 2, 1])] == [
        (each["customer"]["name"], [change["version"] for change in each["customer"]["history"]["nodes"]])
        for each in data.values()
    ]
    after = await api.data("query ($id: ID!) { customer(by: {id: $id}) { name version } }", id=node)
    assert {"name": "B", "version": 2} == after["customer"]
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]


Refusal = tuple[str, dict[str, Any], Callable[[dict[str, str]], Any]]
REFUSED: dict[str, Refusal] = {
    "a rule": ("deleteCustomer", {"id": "customer"}, lambda _: invalid("CUSTOMER_HAS_ORDERS", "id")),
    "taken": ("createCustomer", {"username": "kept", "name": "A"}, lambda _: taken("kept", "username")),
    "not there": ("deleteOrder", {"id": "customer"}, lambda ids: not_found(ids["customer"], "id")),
    "illegal": (
        "transitionOrder",
        {"id": "order", "to": "REFUNDED"},
        lambda _: illegal_transition("PENDING", ["PAID", "CANCELLED"]),
    ),
    "bad input": ("createCustomer", {"username": "a", "name": ""}, lambda _: invalid("REQUIRED", "name")),
}


@pytest.mark.parametrize("key", [{}, {"idempotencyKey": "a key"}], ids=["no key", "a key"])
@pytest.mark.parametrize("case", REFUSED)
async def test_a_dry_run_has_the_user_errors_of_a_real_one(
    database: Database, api: Api, case: str, key: dict[str, str]
) -> None:
    """And keeps none of them under its key."""
    name, sent, problem = REFUSED[case]
    ids = await ids_of(database)
    before = await everything(database)

    payload = await run(api, document(name), **named(sent, ids), **key, dryRun=True)

    assert [problem(ids)] == payload.pop("userErrors")
    assert [None] == list(payload.values())
    assert before == await everything(database)
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "broken",
    ['history(after: "rubbish") { nodes { version } }', "orders(first: 101) { nodes { id } }"],
)
async def test_a_payload_that_cannot_be_read_undoes_it_too(database: Database, api: Api, broken: str) -> None:
    """The edges beside it may be on their way by then: the connection comes back clean, and is used again."""
    node = (await ids_of(database))["customer"]
    shown = (
        f"name a: orders {{ nodes {{ lines {{ sku }} }} }} b: orders(last: 1) {{ nodes {{ id }} }} {broken}"
    )
    dry = f'updateCustomer(input: {{id: $id, name: "Dry", dryRun: true}}) {{ customer {{ {shown} }} }}'
    before = await everything(database)

    for _ in range(5):
        assert "BAD_USER_INPUT" == await api.code(f"mutation ($id: ID!) {{ {dry} }}", id=node)
        assert before == await everything(database)
        assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]

    payload = await run(api, mutations.UPDATE_CUSTOMER, id=node, name="Real")
    assert ("Real", 2) == (payload["customer"]["name"], payload["customer"]["version"])


async def test_a_dry_run_waits_for_no_other_connection(database: Database, api: Api) -> None:
    """Its payload, edges too, is read in its transaction: it holds no locks while it waits for the pool."""
    ids = await ids_of(database)
    async with AsyncExitStack() as held:
        for _ in range(database.reads.pool.size()):  # type: ignore[attr-defined]
            await held.enter_async_context(database.reads.connect())
        payload = await api.data(
            NESTED, input={"customerId": ids["customer"], "lines": LINES, "dryRun": True}
        )

    assert [] == payload["createOrder"]["userErrors"]


async def test_a_dry_run_ends_before_its_payload_is_read_where_that_takes_too_long(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds locks: others then get them, and what is left of the payload is TIMEOUT at its path."""
    monkeypatch.setattr("db.engine.database.DRY_RUN_SECONDS", 0)
    ids = await ids_of(database)
    before = await everything(database)
    answer = await api.send(NESTED, input={"customerId": ids["customer"], "lines": LINES, "dryRun": True})
    paths = {(*map(str, error["path"]),) for error in answer["errors"]}

    assert {"TIMEOUT"} == {error["extensions"]["code"] for error in answer["errors"]}
    assert {("createOrder", "order")} == {path[:2] for path in paths}
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]
    assert before == await everything(database)
    assert [] == (await run(api, mutations.TRANSITION_ORDER, id=ids["order"], to="PAID"))["userErrors"]


async def test_a_dry_run_that_is_too_slow_does_not_spoil_what_follows(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next mutation of the request has a transaction of its own, and a time of its own."""
    ids = await ids_of(database)
    monkeypatch.setattr("db.engine.database.DRY_RUN_SECONDS", 0)
    dry, real = [
        f'updateCustomer(input: {{id: $id, name: "{name}", dryRun: {dry}}})'
        " { customer { name orders { nodes { id } } } }"
        for name, dry in (("A", "true"), ("B", "false"))
    ]
    answer = await api.send(f"mutation ($id: ID!) {{ a: {dry} b: {real} }}", id=ids["customer"])

    assert [("a", "customer", "orders")] == [tuple(error["path"]) for error in answer["errors"]]
    assert "B" == answer["data"]["b"]["customer"]["name"]
