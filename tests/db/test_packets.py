"""How many packets a statement costs on the wire, with each driver."""

from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, domain_errors, errors
from db.engine import session_variables
from db.engine.database import Database
from db.models import customers as table
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer
from tests.faults.proxy import QUERY, TidbProxy

pytestmark = on_tidb

BY_ID = (
    "SELECT customers.id, customers.username, customers.name, customers.email, customers.version, "
    "customers.created_at, customers.updated_at, customers.archived_at, customers.entered_email, "
    "customers.orders_count \nFROM customers \nWHERE customers.id = 7"
)


async def _warm_up(database: Database, proxy: TidbProxy) -> None:
    """A new connection, and an engine's first, cost packets of their own."""
    await create_customer(database, name="Old")
    await database.reader().fetch(sa.text("SELECT 1"))
    proxy.clear()


async def test_a_read_is_one_packet(proxied: Database, proxy: TidbProxy) -> None:
    """Nothing is begun and nothing rolled back."""
    await _warm_up(proxied, proxy)
    await customers.get_many(proxied.reader(), "id", [7])

    assert [(QUERY, BY_ID)] == [(packet.command, packet.text) for packet in proxy.packets]
    assert 0 == proxy.connections


async def test_a_read_after_a_failed_one_is_one_packet(proxied: Database, proxy: TidbProxy) -> None:
    """An error of SQL leaves nothing to clean up."""
    await _warm_up(proxied, proxy)
    with pytest.raises(errors.StatementFailed):
        await proxied.reader().fetch(sa.text("SELECT FROM nowhere"))
    await proxied.reader().fetch(sa.text("SELECT 1"))

    assert ["SELECT FROM nowhere", "SELECT 1"] == [packet.text for packet in proxy.packets]


async def test_a_connection_sets_its_variables_by_one_packet(proxied: Database, proxy: TidbProxy) -> None:
    """However many there are."""
    await _warm_up(proxied, proxy)
    async with proxied.reads.connect() as first, proxied.reads.connect() as second:
        await first.execute(sa.text("SELECT 1"))
        await second.execute(sa.text("SELECT 1"))
    wanted = session_variables.statement(proxied.limits.session_variables)

    assert 1 == proxy.connections
    assert [wanted] == [packet.text for packet in proxy.packets if "tidb_txn_mode" in packet.text]


async def test_a_write_of_one_row_is_two_packets(proxied: Database, proxy: TidbProxy) -> None:
    """The statement and COMMIT: the first statement begins, and the pool takes connections back as is."""
    await _warm_up(proxied, proxy)

    async def rename(transaction: Transaction) -> Any:
        return await transaction.execute(table.update().values(name="New"))

    await proxied.write(rename)

    assert ["UPDATE customers SET name='New'", "COMMIT"] == [packet.text for packet in proxy.packets]
    assert 0 == proxy.connections


async def test_a_write_that_is_given_up_is_rolled_back_once(proxied: Database, proxy: TidbProxy) -> None:
    """By one packet, so that the connection comes back clean."""
    await _warm_up(proxied, proxy)

    async def give_up(transaction: Transaction) -> None:
        await transaction.execute(table.update().values(name="New"))
        raise domain_errors.NotFound("Customer", 7)

    with pytest.raises(domain_errors.NotFound):
        await proxied.write(give_up)

    assert ["UPDATE customers SET name='New'", "ROLLBACK"] == [packet.text for packet in proxy.packets]
