"""A bound key's mutation locks nobody else's rows, also while its transaction is open.

Every mutation, real and as a dry run, names other customers' objects and unique values. Before its COMMIT or
ROLLBACK is sent, another session tries to lock all rows of the others without waiting.
"""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from db import customers, errors, models
from db.engine import database as database_module
from db.engine.database import Database
from db.engine.pools import Limits
from graph import schema
from graph.global_ids import GlobalId
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import KINDS
from tests.factories import global_id
from tests.graph.writing import mutations
from tests.two_customers import TwoCustomers

# TiDB's code for a lock that was not to be had at once.
NOWAIT = 3572
EURO = {"amount": "1", "currency": "EUR"}
LINES = [{"sku": "B", "name": "B", "quantity": 2, "unitPrice": EURO}]
NEW = {"customerId": "<ada>", "total": EURO}
HERS, HIS, OTHER = "<ada's order>", "<bob's order>", "<bob's other order>"
# Each mutation, its inputs, and whether a unique value of Bob's makes the transaction end at once.
CASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "createCustomer": (mutations.CREATE_CUSTOMER, {"username": "bob", "name": "x"}, False),
    "updateCustomer": (mutations.UPDATE_CUSTOMER, {"id": "<bob>", "name": "x"}, False),
    "updateCustomer version": (
        mutations.UPDATE_CUSTOMER,
        {"id": "<bob>", "name": "x", "expectedVersion": 7},
        False,
    ),
    "updateCustomer username": (mutations.UPDATE_CUSTOMER, {"id": "<ada>", "username": "bob"}, True),
    "updateCustomer email": (mutations.UPDATE_CUSTOMER, {"id": "<ada>", "email": "bob@example.com"}, True),
    "archiveCustomer": (mutations.ARCHIVE_CUSTOMER, {"id": "<bob>"}, False),
    "restoreCustomer": (mutations.RESTORE_CUSTOMER, {"id": "<bob>"}, False),
    "deleteCustomer": (mutations.DELETE_CUSTOMER, {"id": "<bob>"}, False),
    "deleteCustomer own": (mutations.DELETE_CUSTOMER, {"id": "<ada>"}, False),
    "eraseCustomer": (mutations.ERASE_CUSTOMER, {"id": "<bob>"}, False),
    "eraseCustomer deleted": (mutations.ERASE_CUSTOMER, {"id": "<gone>"}, False),
    "eraseCustomer own": (mutations.ERASE_CUSTOMER, {"id": "<ada>"}, False),
    "upsertCustomers": (
        mutations.UPSERT_CUSTOMERS,
        {
            "items": [
                {"username": "ada", "name": "x", "email": "bob@example.com"},
                {"username": "bob", "name": "x"},
            ]
        },
        False,
    ),
    "upsertCustomers email": (
        mutations.UPSERT_CUSTOMERS,
        {"items": [{"username": "ada", "name": "x", "email": "bob@example.com"}]},
        False,
    ),
    "createOrder": (mutations.CREATE_ORDER, {**NEW, "customerId": "<bob>"}, False),
    "createOrder own": (mutations.CREATE_ORDER, NEW, False),
    "createOrder reference": (mutations.CREATE_ORDER, {**NEW, "reference": "bob-1"}, True),
    "updateOrder": (mutations.UPDATE_ORDER, {"id": HIS, "lines": LINES}, False),
    "updateOrder reference": (mutations.UPDATE_ORDER, {"id": HERS, "reference": "bob-1"}, True),
    "updateOrder own": (mutations.UPDATE_ORDER, {"id": HERS, "lines": LINES}, False),
    "transitionOrder": (mutations.TRANSITION_ORDER, {"id": HIS, "to": "PAID"}, False),
    "deleteOrder": (mutations.DELETE_ORDER, {"id": HIS}, False),
    "deleteOrder own": (mutations.DELETE_ORDER, {"id": HERS}, False),
    "createOrders": (
        mutations.CREATE_ORDERS,
        {
            "items": [
                {**NEW, "reference": "bob-1"},
                {**NEW, "customerId": "<bob>", "reference": "new"},
                {**NEW, "lines": LINES, "total": None},
                {**NEW, "reference": "new-2"},
            ]
        },
        False,
    ),
    "upsertOrders": (
        mutations.UPSERT_ORDERS,
        {
            "items": [
                {**NEW, "reference": "bob-1"},
                {**NEW, "customerId": "<bob>", "reference": "bob-2"},
                {**NEW, "reference": "ada-2"},
                {**NEW, "customerId": "<bob>", "reference": "new"},
                {**NEW, "reference": "new-2"},
            ]
        },
        False,
    ),
    "transitionOrders": (
        mutations.TRANSITION_ORDERS,
        {"items": [{"id": HIS, "to": "PAID"}, {"id": HERS, "to": "PAID"}, {"id": OTHER, "to": "PAID"}]},
        False,
    ),
    "transitionOrders one": (mutations.TRANSITION_ORDERS, {"items": [{"id": HIS, "to": "PAID"}]}, False),
}
BATCHES = {name for name, (_, sent, _) in CASES.items() if "items" in sent}
MODES = [
    (name, mode) for name in CASES for mode in ("EACH", "ALL_OR_NOTHING") if name in BATCHES or mode == "EACH"
]


class Locks:
    """What of the others is locked at each COMMIT and ROLLBACK, tried in another session."""

    def __init__(self, database: Database, two: TwoCustomers) -> None:
        self.database, self.two = database, two
        self.ends: list[tuple[str, list[str]]] = []
        self._statements: list[str] = []
        self._engine = database.writes.sync_engine
        self._events = {
            "before_cursor_execute": self._sent,
            "commit": lambda _connection: self._end("COMMIT"),
            "rollback": lambda _connection: self._end("ROLLBACK"),
        }

    def __enter__(self) -> "Locks":
        for event, listener in self._events.items():
            sa.event.listen(self._engine, event, listener)
        return self

    def __exit__(self, *_: object) -> None:
        for event, listener in self._events.items():
            sa.event.remove(self._engine, event, listener)

    def _sent(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self._statements.append(statement)

    def _end(self, how: str) -> None:
        # SQLAlchemy calls this on its way to the driver: the transaction is still open.
        last = self._statements[-1].split()[0] if self._statements else ""
        self.ends.append((f"{last} {how}", await_only(self.locked())))

    async def locked(self) -> list[str]:
        """The tables and keys of which another session cannot lock all rows that are not Ada's."""
        found = []
        for name, statement in self._probes():
            async with self.database.reads.connect() as connection:
                await connection.exec_driver_sql("BEGIN PESSIMISTIC")
                try:
                    await connection.execute(statement.with_for_update(nowait=True))
                except sa.exc.DBAPIError as error:
                    if errors.driver_code(error.orig) != NOWAIT:
                        raise
                    found.append(name)
                finally:
                    await connection.exec_driver_sql("ROLLBACK")
        return found

    def _probes(self) -> Iterator[tuple[str, sa.Select[Any]]]:
        table, orders = models.customers, models.orders
        bob, bobs = self.two.bob, [order.id for order in self.two.bobs]
        yield "customers", sa.select(table.c.name).where(table.c.id == bob.id)
        for column in (table.c.username, table.c.email):
            yield column.name, sa.select(table.c.id).where(column == getattr(bob, column.name))
        yield "orders", sa.select(orders.c.status).where(orders.c.id.in_(bobs))
        references = [order.reference for order in self.two.bobs]
        yield "reference", sa.select(orders.c.id).where(orders.c.reference.in_(references))
        yield "order_lines", sa.select(*models.order_lines.c).where(models.order_lines.c.order_id.in_(bobs))
        for his in (models.customer_words, models.history):
            yield his.name, sa.select(*his.c).where(his.c.customer_id == bob.id)


@pytest.fixture
async def bound(two: TwoCustomers, database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """Asks with all scopes, and a key that is bound to Ada; its transactions may take long."""
    monkeypatch.setattr(database_module, "END_TIMEOUT", 60)
    monkeypatch.setattr(database_module, "DRY_RUN_SECONDS", 60)
    secret = await create_key(database, "admin", customer_id=two.ada.id)
    async with Api.of(database, auth="keys", request_timeout=60) as api:
        api.client.headers.update(bearer(secret))
        yield api


def placed(input: Any, two: TwoCustomers) -> Any:
    """The input with ids in the places of names."""
    text = json.dumps(input)
    names = {
        "<ada>": global_id(two.ada),
        "<bob>": global_id(two.bob),
        "<gone>": GlobalId("Customer", two.bob.id + 12345).encode(),
        HERS: global_id(two.adas[0]),
        HIS: global_id(two.bobs[0]),
        OTHER: global_id(two.bobs[1]),
    }
    for name, node in names.items():
        text = text.replace(name, node)
    return json.loads(text)


def test_every_mutation_is_among_them() -> None:
    """A new one is to be added to the cases."""
    mutation = schema.build()._schema.mutation_type

    assert mutation
    assert {*mutation.fields} == {name.split()[0] for name in CASES}


@pytest.mark.parametrize("database_url", KINDS[1:2], indirect=True)
@pytest.mark.parametrize(("name", "mode"), MODES)
async def test_no_mutation_locks_anothers_row(
    two: TwoCustomers, bound: Api, database: Database, name: str, mode: str
) -> None:
    """Dry, with a key and real; only a unique value that is taken is locked, and for no other statement."""
    document, sent, conflicts = CASES[name]
    asked = placed(sent, two) | ({"mode": mode} if name in BATCHES else {})
    if name == "eraseCustomer own":
        await take_erased_name(database, two)
    with Locks(database, two) as locks:
        for more in ({"dryRun": True}, {"dryRun": True, "idempotencyKey": "a"}, {"idempotencyKey": "b"}, {}):
            await bound.send(document, input={**asked, **more})

    held = [(how, locked) for how, locked in locks.ends if locked]
    assert len(locks.ends) >= 4
    if not conflicts:
        assert [] == held
    assert {"UPDATE ROLLBACK", "INSERT ROLLBACK"} >= {how for how, _ in held}
    names = {*itertools.chain.from_iterable(each for _, each in held)}
    assert {"username", "email", "reference", "customers", "orders"} >= names


@pytest.mark.parametrize("database_url", KINDS[1:2], indirect=True)
async def test_anothers_mutations_do_not_wait_for_a_bound_keys_dry_run(
    two: TwoCustomers, bound: Api, database: Database
) -> None:
    """Of the rows that it names, with the same idempotency key, and while its transaction is open."""
    secret = await create_key(database, "admin", name="bob", customer_id=two.bob.id)
    limits = Limits(lock_timeout=1, retry_attempts=1)
    answers: list[Any] = []
    async with Database(database.url, limits) as other, Api.of(other, auth="keys") as bobs:
        bobs.client.headers.update(bearer(secret))

        async def mutate() -> None:
            sent = [
                (mutations.TRANSITION_ORDER, {"id": HIS, "to": "PAID"}),
                (mutations.UPDATE_ORDER, {"id": OTHER, "reference": "bob-3"}),
                (mutations.CREATE_ORDER, {**NEW, "customerId": "<bob>"}),
                (mutations.UPDATE_CUSTOMER, {"id": "<bob>", "name": "x"}),
            ]
            for number, (document, each) in enumerate(sent):
                key = {"idempotencyKey": f"key {number}"}
                answers.append(await mutations.run(bobs, document, **placed(each, two), **key))

        sa.event.listen(database.writes.sync_engine, "rollback", lambda _: await_only(mutate()), once=True)
        document, sent, _ = CASES["transitionOrders"]
        asked = {**placed(sent, two), "mode": "EACH", "dryRun": True, "idempotencyKey": "key 0"}
        await bound.send(document, input=asked)

    assert [[]] * 4 == [answer["userErrors"] for answer in answers]


async def take_erased_name(database: Database, two: TwoCustomers) -> None:
    """Give Bob the username that Ada would get."""
    name = f"erased-{two.ada.id}"
    await database.write(lambda transaction: customers.update(transaction, two.bob.id, {"username": name}))
    two.bob = two.bob._replace(username=name)
