"""The proxy breaks what it says and nothing else, in front of a real TiDB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiomysql
import pytest
import sqlalchemy as sa

from tests.faults.packets import QUERY, Packet
from tests.faults.proxy import TidbProxy
from tests.shared_tidb import SharedTidb

pytestmark = pytest.mark.tidb

Connection = Any
LOST = 2013


async def _connect(address: str) -> Connection:
    url = sa.make_url(address)
    port, password = url.port or 4000, str(url.password or "")
    return await aiomysql.connect(url.host, url.username, password, url.database, port)


async def _run(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    async with connection.cursor() as cursor:
        await cursor.execute(statement)
        return list(await cursor.fetchall())


@pytest.fixture
async def database(tidb: SharedTidb) -> AsyncIterator[str]:
    """A database of the test's own with a table `t (id)`."""
    name = f"proxy_{uuid4().hex}"
    connection = await _connect(tidb.url())
    await _run(connection, f"CREATE DATABASE {name}")
    await _run(connection, f"CREATE TABLE {name}.t (id BIGINT PRIMARY KEY)")
    yield name
    await _run(connection, f"DROP DATABASE {name}")
    connection.close()


@pytest.fixture
async def proxy(tidb: SharedTidb) -> AsyncIterator[TidbProxy]:
    """A proxy in front of the server."""
    async with TidbProxy(tidb.address) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: TidbProxy, database: str) -> AsyncIterator[Connection]:
    """A connection through the proxy, all of it seen and forgotten."""
    connection = await _connect(proxy.url(database))
    proxy.clear()
    yield connection
    connection.close()


async def _stored(tidb: SharedTidb, database: str) -> list[int]:
    """Return what the table holds, asked past the proxy."""
    connection = await _connect(tidb.url(database))
    rows = await _run(connection, "SELECT id FROM t")
    connection.close()
    return [id_ for (id_,) in rows]


async def test_packets_are_the_clients_commands(proxy: TidbProxy, client: Connection) -> None:
    """A statement is one packet, and its answer none."""
    rows = await _run(client, "SELECT 7")
    await client.ping()

    assert rows == [(7,)]
    assert [Packet(QUERY, "SELECT 7"), Packet(0x0E, "")] == proxy.packets
    assert proxy.statements == ["SELECT 7"]


async def test_logging_in_is_no_command(proxy: TidbProxy, tidb: SharedTidb) -> None:
    """Of a new connection only the driver's own statement shows."""
    (await _connect(proxy.url())).close()

    assert proxy.statements == ["SET AUTOCOMMIT = 0"]
    assert proxy.connections == 1


async def test_a_statement_of_several_packets_is_one_command(proxy: TidbProxy, client: Connection) -> None:
    """A statement over 16 MiB goes on in packets that are no commands."""
    rows = await _run(client, f"SELECT 7 /* {'x' * 2**24} */")

    assert rows == [(7,)]
    assert len(proxy.packets) == 1


async def test_cut_before_commit_loses_the_transaction(
    proxy: TidbProxy, client: Connection, tidb: SharedTidb, database: str
) -> None:
    """The client learns nothing, and nothing is stored."""
    proxy.cut_before_commit()
    await _run(client, "INSERT INTO t VALUES (1)")
    with pytest.raises(aiomysql.OperationalError) as lost:
        await client.commit()

    assert lost.value.args[0] == LOST
    assert proxy.statements == ["INSERT INTO t VALUES (1)", "COMMIT"]
    assert await _stored(tidb, database) == []


async def test_cut_after_commit_keeps_the_transaction(
    proxy: TidbProxy, client: Connection, tidb: SharedTidb, database: str
) -> None:
    """The client learns nothing, and all is stored."""
    proxy.cut_after_commit()
    await _run(client, "INSERT INTO t VALUES (1)")
    with pytest.raises(aiomysql.OperationalError) as lost:
        await client.commit()

    assert lost.value.args[0] == LOST
    assert await _stored(tidb, database) == [1]


async def test_a_cut_happens_as_often_as_told(proxy: TidbProxy, client: Connection, database: str) -> None:
    """The second COMMIT is cut too, the third one is not."""
    proxy.cut_before_commit(times=2)
    with pytest.raises(aiomysql.OperationalError):
        await client.commit()
    second = await _connect(proxy.url(database))
    with pytest.raises(aiomysql.OperationalError):
        await _run(second, " commit; ")
    third = await _connect(proxy.url(database))
    await third.commit()
    third.close()

    assert proxy.connections == 2


async def test_drop_answer_keeps_an_autocommit_write(
    proxy: TidbProxy, client: Connection, tidb: SharedTidb, database: str
) -> None:
    """The statement is named by its beginning, others pass."""
    await client.autocommit(True)
    proxy.drop_answer("insert into t")
    assert await _run(client, "SELECT id FROM t") == []
    with pytest.raises(aiomysql.OperationalError) as lost:
        await _run(client, "INSERT INTO t VALUES (1)")

    assert lost.value.args[0] == LOST
    assert await _stored(tidb, database) == [1]


async def test_stall_holds_everything_back_until_resume(proxy: TidbProxy, client: Connection) -> None:
    """Connections stay open meanwhile, and a new one gets no greeting."""
    proxy.stall()
    statement = asyncio.create_task(_run(client, "SELECT 7"))
    connecting = asyncio.create_task(_connect(proxy.url()))
    done, _ = await asyncio.wait({statement, connecting}, timeout=0.2)

    assert set() == done

    proxy.resume()
    (await connecting).close()
    assert await statement == [(7,)]


async def test_cut_closes_the_connections_of_this_moment(proxy: TidbProxy, client: Connection) -> None:
    """A running statement fails, and the next connection works."""
    statement = asyncio.create_task(_run(client, "SELECT SLEEP(5)"))
    await asyncio.wait({statement}, timeout=0.1)
    proxy.cut()
    with pytest.raises(aiomysql.OperationalError) as lost:
        await statement
    other = await _connect(proxy.url())

    assert lost.value.args[0] == LOST
    assert await _run(other, "SELECT 7") == [(7,)]
    other.close()


async def test_refuse_lets_no_new_connection_in(proxy: TidbProxy, client: Connection) -> None:
    """Old connections go on, and new ones work again afterwards."""
    proxy.refuse(True)
    with pytest.raises(aiomysql.OperationalError):
        await _connect(proxy.url())
    rows = await _run(client, "SELECT 7")
    proxy.refuse(False)
    (await _connect(proxy.url())).close()

    assert rows == [(7,)]
    assert proxy.connections == 2
