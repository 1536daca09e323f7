"""The one URL that says which database: what it may say, and what of it may be shown."""

import importlib.util
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "mysql+aiomysql": "mysql+aiomysql",
    "mysql+asyncmy": "mysql+asyncmy",
}
FORMS = "sqlite:///file.db, tidb://user:password@host:4000/name, mysql+aiomysql://… or mysql+asyncmy://…"
PORTS = range(1, 65536)
TLS_VALUES = {"true": True, "false": False}


class BadUrl(ValueError):
    """The URL is not one that Tidegraph can use; the message names no password."""


@dataclass(frozen=True)
class DatabaseUrl:
    """A checked URL: `driver_url` for the engine, `str()` for people, without the password."""

    driver_url: URL
    tls: bool
    ca: str | None

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        """Raises BadUrl."""
        url = _split(text)
        options = dict(url.query)
        tls, ca = options.pop("tls", "false"), options.pop("ca", None)
        if options:
            raise BadUrl(f"has the unknown option {sorted(options)[0]!r}; the options are tls and ca")
        if not isinstance(tls, str) or tls not in TLS_VALUES:
            raise BadUrl("must have tls=true or tls=false")
        if ca is not None and not (isinstance(ca, str) and Path(ca).is_file()):
            raise BadUrl("names a ca file that does not exist")
        checked = cls(_with_driver(url), TLS_VALUES[tls], ca)
        checked._require_parts()
        checked._require_certificates()
        return checked

    def _require_parts(self) -> None:
        if not self.driver_url.database:
            raise BadUrl("has no database name")
        if self.is_sqlite and self.driver_url.database == ":memory:":
            raise BadUrl("must name a file: in-memory databases are not supported")
        if not self.is_sqlite:
            self._require_address()
        if self.is_sqlite and (self.driver_url.host or self.driver_url.port or self.driver_url.username):
            raise BadUrl(
                "has a host: write three slashes before a relative path, four before an absolute one"
            )
        if self.is_sqlite and (self.tls or self.ca):
            raise BadUrl("cannot have tls or ca with SQLite")

    def _require_address(self) -> None:
        host, port = self.driver_url.host, self.driver_url.port
        if not host:
            raise BadUrl("has no host")
        if port not in PORTS:
            raise BadUrl(f"has a port outside {PORTS.start} to {PORTS.stop - 1}")
        try:
            host.encode("idna")
        except UnicodeError:
            raise BadUrl("has a host name with a label that is empty or longer than 63 characters") from None

    def _require_certificates(self) -> None:
        try:
            _ = self.tls_context
        except ssl.SSLError as error:
            raise BadUrl("names a ca file without a certificate") from error

    @property
    def is_sqlite(self) -> bool:
        return self.driver_url.get_backend_name() == "sqlite"

    @property
    def database(self) -> str:
        return self.driver_url.database or ""

    @property
    def driver(self) -> str:
        return self.driver_url.get_driver_name()

    def without_database(self) -> URL:
        """The server alone, where the database is still to be created."""
        return self.driver_url.set(database="")

    @cached_property
    def tls_context(self) -> ssl.SSLContext | None:
        """Verifies the server's certificate and name, by `ca` or by the system's authorities."""
        return ssl.create_default_context(cafile=self.ca) if self.tls or self.ca else None

    def __str__(self) -> str:
        scheme = "sqlite" if self.is_sqlite else "tidb"
        return self.driver_url.set(drivername=scheme).render_as_string(hide_password=True)


def _split(text: str) -> URL:
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # Its message quotes a piece of the URL, which can be a piece of the password.
        raise BadUrl(f"must look like {FORMS}") from None
    # SQLAlchemy takes the first @ for the password's end: the rest of it would show in host or name.
    if url.password and "@" in f"{url.host} {url.database}":
        raise BadUrl("has an unescaped @; write %40 in a password")
    _require_text(url)
    # It drops an option without a value, and `?tls` must not mean plain text.
    options = text.rpartition("@")[2].partition("?")[2]
    if options and not all(part.partition("=")[2] for part in options.split("&")):
        raise BadUrl("has an option without a value")
    return url


def _require_text(url: URL) -> None:
    parts = "".join(str(part) for part in (url.username, url.password, url.database) if part)
    if "\0" in parts:
        raise BadUrl("contains a NUL character")
    try:
        parts.encode()
    except UnicodeEncodeError:
        raise BadUrl("is not UTF-8") from None


def _with_driver(url: URL) -> URL:
    if url.drivername == "tidb":
        fast = importlib.util.find_spec("asyncmy") is not None
        driver = "mysql+asyncmy" if fast else "mysql+aiomysql"
    elif url.drivername in DRIVERS:
        driver = DRIVERS[url.drivername]
    else:
        raise BadUrl(f"must look like {FORMS}")
    if driver == "mysql+asyncmy" and importlib.util.find_spec("asyncmy") is None:
        raise BadUrl("requires the extra asyncmy: .venv/bin/pip install -e '.[asyncmy]'")
    if driver.startswith("sqlite"):
        return url.set(drivername=driver, query={})
    port = 4000 if url.port is None else url.port
    return url.set(drivername=driver, port=port, query={})
