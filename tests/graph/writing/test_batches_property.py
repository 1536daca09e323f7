"""Whatever the batches: they leave what the same items leave as single mutations, one after another."""

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.engine.database import Database
from db.maintenance import data_checks
from db.models import customers, history, idempotency_keys, metadata, orders
from tests.api import Api
from tests.factories import create_customer, global_id
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.table_rows import rows_of

# An owner's handle stands for its id, where a row has one.
OF_THE_RUN = {
    *("id", "created_at", "updated_at", "placed_at", "at", "request_id", "idempotency_key", "customer_id")
}
NAMES = st.sampled_from(["a", "b", "c", "d"])
# Few addresses, so that one handle wants another's.
CUSTOMERS = st.fixed_dictionaries(
    {"username": NAMES, "name": st.sampled_from(["X", "Y"])},
    optional={"email": st.none() | st.sampled_from(["a@x", "b@x"]), "expectedVersion": st.integers(1, 2)},
)
AMOUNTS = st.sampled_from(["0", "1", "2.5"])
MONEY = st.fixed_dictionaries({"amount": AMOUNTS, "currency": st.sampled_from(["EUR", "USD"])})
LINES = st.lists(
    st.fixed_dictionaries(
        {"sku": NAMES, "name": NAMES, "quantity": st.integers(1, 3), "unitPrice": MONEY},
    ),
    min_size=1,
    max_size=2,
)
ORDERS = st.one_of(
    st.fixed_dictionaries({"reference": NAMES, "customerId": st.integers(0, 1), key: value})
    for key, value in (("total", MONEY), ("lines", LINES))
)
quick = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def batches(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    return st.lists(st.lists(items, min_size=1, max_size=5), min_size=1, max_size=3)


async def empty(database: Database) -> None:
    async def work(transaction: Any) -> None:
        for table in reversed(metadata.sorted_tables):
            await transaction.execute(table.delete())

    await database.write(work)


async def left(database: Database) -> dict[str, list[Any]]:
    """All rows but for ids and times; what belongs to an object by its handle or reference."""
    names = {row[0]: row[1] for row in await rows_of(database, customers)}
    references = {row[0]: row[2] for row in await rows_of(database, orders)}
    found = {}
    for table in metadata.sorted_tables:
        if table is idempotency_keys:
            continue
        rows = [dict(zip(table.c.keys(), row, strict=True)) for row in await rows_of(database, table)]
        for row in rows:
            for column, known in (("customer_id", names), ("order_id", references)):
                if column in row:
                    row[f"{column} of"] = known[row.pop(column)]
            if table is history:
                known = names if row["kind"] == "Customer" else references
                row["object_id"] = known[row["object_id"]]
                sides = orjson.loads(row["fields"])
                row["fields"] = sorted((name, side) for name, side in sides.items() if name not in OF_THE_RUN)
        kept = ({name: row[name] for name in row.keys() - OF_THE_RUN} for row in rows)
        found[table.name] = sorted(map(repr, (sorted(row.items()) for row in kept)))
    return found


async def done_singly(api: Api, mutation: str, batches: list[list[Any]], done: list[list[bool]]) -> None:
    """Each item that was done as a batch of its own: it is done again."""
    for items, were in zip(batches, done, strict=True):
        for item, was in zip(items, were, strict=True):
            if was:
                assert [] == (await run(api, mutation, items=[item]))["userErrors"]


async def done_together(api: Api, mutation: str, batches: list[list[Any]]) -> list[list[bool]]:
    payloads = [await run(api, mutation, items=items, mode="EACH") for items in batches]
    return [[bool(each["outcome"]) for each in payload["results"]] for payload in payloads]


@given(sent=batches(CUSTOMERS))
@quick
async def test_upserts_of_customers_equal_single_ones(database: Database, api: Api, sent: Any) -> None:
    """Rows, words and histories are the same."""
    await empty(database)
    done = await done_together(api, mutations.UPSERT_CUSTOMERS, sent)
    together = await left(database)

    await empty(database)
    await done_singly(api, mutations.UPSERT_CUSTOMERS, sent, done)

    assert together == await left(database)


@given(sent=batches(ORDERS))
@quick
async def test_upserts_of_orders_equal_single_ones(database: Database, api: Api, sent: Any) -> None:
    """Rows, lines and histories are the same, and totals are those of the lines."""

    async def start() -> Any:
        await empty(database)
        owners = [
            global_id(await create_customer(database, username=name, name=name)) for name in ("one", "two")
        ]
        return [[{**item, "customerId": owners[item["customerId"]]} for item in items] for items in sent]

    done = await done_together(api, mutations.UPSERT_ORDERS, await start())
    together = await left(database)
    wrong = (await data_checks.check_order_totals(database)).wrong

    await done_singly(api, mutations.UPSERT_ORDERS, await start(), done)

    assert [] == wrong
    assert together == await left(database)


@given(sent=batches(ORDERS))
@quick
async def test_upserts_equal_creations_and_updates(database: Database, api: Api, sent: Any) -> None:
    """The first of a reference is what createOrder stores, the others what updateOrder makes of it."""
    owner = await start_anew(database)
    items = [[{**item, "customerId": owner} for item in each] for each in sent]
    done = await done_together(api, mutations.UPSERT_ORDERS, items)
    together = await left(database)

    owner, ids = await start_anew(database), {}
    for each, were in zip(sent, done, strict=True):
        for item in [item for item, was in zip(each, were, strict=True) if was]:
            reference, content = item["reference"], {**item, "customerId": owner}
            if reference in ids:
                del content["customerId"]
                payload = await run(api, mutations.UPDATE_ORDER, id=ids[reference], **content)
            else:
                payload = await run(api, mutations.CREATE_ORDER, **content)
            assert [] == payload["userErrors"]
            ids[reference] = payload["order"]["id"]

    assert together == await left(database)


async def start_anew(database: Database) -> str:
    await empty(database)
    return global_id(await create_customer(database, username="one", name="One"))
