"""TLS or no connection, with each driver, to a TiDB with a certificate of its own and to one without."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from db import errors
from db.engine.database import Database, ping
from db.engine.deadline import Deadline
from db.engine.urls import DatabaseUrl
from tests.certificates import write_authority, write_certificate
from tests.faults.proxy import TidbProxy
from tests.shared_tidb import SharedTidb
from tests.tidb.server import TidbServer

pytestmark = pytest.mark.tidb

drivers = pytest.mark.parametrize("driver", ["mysql+asyncmy", "mysql+aiomysql"])


class Secured(NamedTuple):
    """A TiDB that offers TLS, the authority of its certificate, and another authority."""

    server: TidbServer
    ca: Path
    other_ca: Path

    def url(self, driver: str, host: str, options: str) -> DatabaseUrl:
        return DatabaseUrl.parse(f"{driver}://root@{host}:{self.server.port}/mysql?{options}")


@pytest.fixture(scope="module")
def secured(own_tidb: type[TidbServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One server for the tests of this file."""
    folder = tmp_path_factory.mktemp("tls")
    write_authority(folder, "other")
    write_certificate(folder, write_authority(folder, "ca"))
    config = f"""
        [security]
        ssl-ca = "{folder / "ca.pem"}"
        ssl-cert = "{folder / "server.pem"}"
        ssl-key = "{folder / "server.key"}"
    """
    with own_tidb(config=config) as server:
        yield Secured(server, folder / "ca.pem", folder / "other.pem")


@drivers
async def test_a_connection_by_the_right_authority_is_encrypted(secured: Secured, driver: str) -> None:
    """The server itself names the cipher; readers and writers are both inside."""
    url = secured.url(driver, "127.0.0.1", f"tls=true&ca={secured.ca}")
    cipher = sa.text("SHOW STATUS LIKE 'Ssl_cipher'")
    async with Database(url) as database:
        read = await database.reader().fetch(cipher)
        written = await database.write(lambda transaction: transaction.fetch(cipher))

    assert read[0][1].startswith("TLS_")
    assert written[0][1].startswith("TLS_")


@drivers
async def test_an_authority_alone_asks_for_tls(secured: Secured, driver: str) -> None:
    """`ca=` without `tls=true` is not plain text either."""
    async with Database(secured.url(driver, "127.0.0.1", f"ca={secured.ca}")) as database:
        rows = await database.reader().fetch(sa.text("SHOW STATUS LIKE 'Ssl_cipher'"))

    assert rows[0][1].startswith("TLS_")


@drivers
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_that_proves_nothing_is_refused(secured: Secured, driver: str, host: str) -> None:
    """One of another authority, or one that names another host."""
    authority = secured.other_ca if host == "127.0.0.1" else secured.ca
    async with Database(secured.url(driver, host, f"tls=true&ca={authority}")) as database:
        with pytest.raises(errors.Unavailable):
            await ping(database, Deadline.after(10))


@drivers
async def test_the_systems_authorities_do_not_know_it(secured: Secured, driver: str) -> None:
    """Without `ca` a certificate of one's own is refused."""
    async with Database(secured.url(driver, "127.0.0.1", "tls=true")) as database:
        with pytest.raises(errors.Unavailable):
            await ping(database, Deadline.after(10))


@drivers
async def test_a_server_without_tls_gets_no_statement(tidb: SharedTidb, driver: str) -> None:
    """Neither a read nor a write goes on in plain text: the server sees not one command."""
    async with TidbProxy(tidb.address) as proxy:
        url = DatabaseUrl.parse(f"{driver}://root@127.0.0.1:{proxy.port}/mysql?tls=true")
        async with Database(url) as database:
            with pytest.raises(errors.Unavailable):
                await database.reader().fetch(sa.text("SELECT 1"))
            with pytest.raises(errors.Unavailable):
                await database.write(lambda transaction: transaction.fetch(sa.text("SELECT 1")))

    assert 2 == proxy.connections
    assert [] == proxy.statements
