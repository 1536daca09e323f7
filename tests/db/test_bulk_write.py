"""Many rows in one INSERT: each gets its own id, whoever else inserts meanwhile."""

import asyncio
from functools import partial
from typing import Any

import sqlalchemy as sa

from db.audit import changes
from db.batches import bulk_write, order_batches
from db.batches.order_changes import OrderInput
from db.engine.database import Database
from db.models import customers, order_lines
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer, line
from tests.faults.proxy import TidbProxy

AT_ONCE, EACH = 8, 200


async def insert(batch: int, count: int, transaction: Transaction) -> dict[str, int]:
    """New customers; their ids by handle."""
    moment = changes.utc_now()
    shared = {"name": "Ada", "version": 1, "created_at": moment, "updated_at": moment}
    names = [f"{batch}-{count}-{number}" for number in range(count)]
    mine = customers.c.username.in_(names)
    rows = [{"username": name, **shared} for name in names]
    return dict(zip(names, await bulk_write.insert(transaction, customers, rows, mine), strict=True))


async def at_once(database: Database, count: int) -> list[asyncio.Task[dict[str, int]]]:
    return [asyncio.create_task(database.write(partial(insert, batch, count))) for batch in range(AT_ONCE)]


@on_tidb
async def test_inserts_at_once_do_not_mix_their_ids(proxied: Database, proxy: TidbProxy) -> None:
    """TiDB carries them out side by side, and gives the ids out by turns."""
    await asyncio.gather(*await at_once(proxied, 1))
    proxy.clear()
    proxy.stall()
    tasks = await at_once(proxied, EACH)
    while len(proxy.packets) < AT_ONCE:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    proxy.resume()
    told = {name: row_id for done in await asyncio.gather(*tasks) for name, row_id in done.items()}
    stored = await proxied.reader().fetch(sa.select(customers.c.username, customers.c.id))

    assert AT_ONCE * EACH == len(told)
    assert told.items() <= {row.username: row.id for row in stored}.items()


async def test_orders_that_look_alike_have_their_own_lines(database: Database) -> None:
    """Without references, for one customer, with one total and, as it may be, at one moment."""
    owner = await create_customer(database)
    values: dict[str, Any] = {"customer_id": owner.id}
    sent = [OrderInput(values, None, [line(f"SKU-{number}")]) for number in range(20)]
    done = await database.write(lambda transaction: order_batches.create(transaction, sent, True))
    stored = await database.reader().fetch(sa.select(order_lines.c.order_id, order_lines.c.sku))

    assert {item.row.id: f"SKU-{number}" for number, item in enumerate(done)} == dict(map(tuple, stored))
