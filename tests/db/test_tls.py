"""TLS or no connection, with each driver, to a TiDB with a certificate of its own and to one without."""

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from db import errors
from db.database import Database, ping
from db.deadline import Deadline
from db.urls import DatabaseUrl
from tests.faults.proxy import TidbProxy
from tests.session import SharedTidb
from tests.tidb.server import TidbServer

pytestmark = pytest.mark.tidb

Key = ec.EllipticCurvePrivateKey
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
    _write_authority(folder, "other")
    _write_certificate(folder, _write_authority(folder, "ca"))
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


def _write_authority(folder: Path, name: str) -> tuple[Key, x509.Name]:
    key, subject = ec.generate_private_key(ec.SECP256R1()), _name(name)
    certificate = _builder(subject, subject, key).add_extension(x509.BasicConstraints(True, None), True)
    signed = certificate.sign(key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return key, subject


def _write_certificate(folder: Path, authority: tuple[Key, x509.Name]) -> None:
    """A certificate for 127.0.0.1 alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = _builder(_name("tidb"), authority[1], key).add_extension(address, False)
    signed = certificate.sign(authority[0], hashes.SHA256())
    (folder / "server.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(private)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    today = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
