"""The database's URL: the forms it takes, the driver it leads to, and what it never shows."""

import subprocess
import sys
import traceback
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import BadUrl, DatabaseUrl
from tests.shared_tidb import SharedTidb, execute

PASSWORD = "s3cr3t"
FORMS = (
    "must look like sqlite:///file.db, tidb://user:password@host:4000/name, "
    "mysql+aiomysql://… or mysql+asyncmy://…"
)
NO_PORT = "has a port outside 1 to 65535"
NO_HOST = "has a host name with a label that is empty or longer than 63 characters"
NUL = "contains a NUL character"
HOST_IN_SQLITE = "has a host: write three slashes before a relative path, four before an absolute one"
WITHOUT_ASYNCMY = """
import sys
from importlib.machinery import PathFinder

class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "asyncmy" else super().find_spec(name, path, target)

sys.meta_path[:] = [Hidden if finder is PathFinder else finder for finder in sys.meta_path]
from db.engine.urls import BadUrl, DatabaseUrl
try:
    print(DatabaseUrl.parse(sys.argv[1]).driver_url.drivername)
except BadUrl as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("text", "driver_url"),
    [
        ("sqlite:///file.db", "sqlite+aiosqlite:///file.db"),
        ("sqlite:////srv/file.db", "sqlite+aiosqlite:////srv/file.db"),
        ("sqlite+aiosqlite:///file.db", "sqlite+aiosqlite:///file.db"),
        ("tidb://user@host:4001/name", "mysql+asyncmy://user@host:4001/name"),
        ("tidb://host/name", "mysql+asyncmy://host:4000/name"),
        ("mysql+asyncmy://user:word@host/name", "mysql+asyncmy://user:word@host:4000/name"),
        ("mysql+aiomysql://user:p%40ss@host/name", "mysql+aiomysql://user:p%40ss@host:4000/name"),
        ("tidb://user@[::1]:4000/name", "mysql+asyncmy://user@[::1]:4000/name"),
        ("tidb://user@bücher.example:65535/name", "mysql+asyncmy://user@bücher.example:65535/name"),
    ],
)
def test_each_form_leads_to_its_driver(text: str, driver_url: str) -> None:
    """The port is TiDB's own where none is named."""
    url = DatabaseUrl.parse(text)

    assert driver_url == url.driver_url.render_as_string(hide_password=False)
    assert text.startswith("sqlite") == url.is_sqlite
    assert not url.tls


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("tidb://user@host/name", "mysql+aiomysql"),
        ("mysql+aiomysql://user@host/name", "mysql+aiomysql"),
        ("mysql+asyncmy://u@host/name", "requires the extra asyncmy: .venv/bin/pip install -e '.[asyncmy]'"),
    ],
)
def test_without_asyncmy_the_driver_is_aiomysql(text: str, answer: str) -> None:
    """A process that cannot import asyncmy takes aiomysql for tidb://, and says what is missing."""
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_ASYNCMY, text], capture_output=True, text=True, check=True
    )

    assert answer == process.stdout.strip()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", FORMS),
        ("customers.db", FORMS),
        (f"user:{PASSWORD}@host/name", FORMS),
        (f"mysql://user:{PASSWORD}@host/name", FORMS),
        (f"postgresql://user:{PASSWORD}@host/name", FORMS),
        (f"mysql+pymysql://user:{PASSWORD}@host/name", FORMS),
        (f"tidb://user:{PASSWORD}@host:port/name", FORMS),
        (f"tidb://user:{PASSWORD}@host", "has no database name"),
        (f"tidb://user:{PASSWORD}@host:4000/", "has no database name"),
        (f"tidb://user:{PASSWORD}@host:0/name", NO_PORT),
        (f"tidb://user:{PASSWORD}@host:65536/name", NO_PORT),
        (f"mysql+aiomysql://user:{PASSWORD}@host:-1/name", NO_PORT),
        (f"tidb://user:{PASSWORD}@a..b/name", NO_HOST),
        (f"tidb://user:{PASSWORD}@{'a' * 64}.example/name", NO_HOST),
        (f"tidb://user:%00{PASSWORD}@host/name", NUL),
        (f"tidb://us%00er:{PASSWORD}@host/name", NUL),
        (f"tidb://user:{PASSWORD}@host/na%00me", NUL),
        (f"tidb://user:\udcff{PASSWORD}@host/name", "is not UTF-8"),
        ("tidb:///name", "has no host"),
        ("mysql+aiomysql:///name", "has no host"),
        (f"tidb://user:p@{PASSWORD}@host/name", "has an unescaped @; write %40 in a password"),
        (f"tidb://user:p@s/{PASSWORD}@host/name", "has an unescaped @; write %40 in a password"),
        ("sqlite://", "has no database name"),
        ("sqlite:///", "has no database name"),
        ("sqlite://file.db", "has no database name"),
        ("sqlite://folder/file.db", HOST_IN_SQLITE),
        ("sqlite://:4000/file.db", HOST_IN_SQLITE),
        (f"sqlite://user:{PASSWORD}@/file.db", HOST_IN_SQLITE),
        ("sqlite:///a%00b.db", NUL),
        ("sqlite:///:memory:", "must name a file: in-memory databases are not supported"),
        ("sqlite:///file.db?tls=true", "cannot have tls or ca with SQLite"),
        ("sqlite:///file.db?mode=ro", "has the unknown option 'mode'; the options are tls and ca"),
        (
            f"tidb://user:{PASSWORD}@host/name?ssl=true",
            "has the unknown option 'ssl'; the options are tls and ca",
        ),
        (f"tidb://user:{PASSWORD}@host/name?tls=yes", "must have tls=true or tls=false"),
        (f"tidb://user:{PASSWORD}@host/name?tls=", "has an option without a value"),
        (f"tidb://user:{PASSWORD}@host/name?tls", "has an option without a value"),
        (f"tidb://user:{PASSWORD}@host/name?tls=true&tls=false", "must have tls=true or tls=false"),
        (f"tidb://user:{PASSWORD}@host/name?tls=true&ca=/none.pem", "names a ca file that does not exist"),
        (f"tidb://user:{PASSWORD}@host/name?ca={__file__}", "names a ca file without a certificate"),
    ],
)
def test_a_bad_url_gets_one_clear_message(text: str, message: str) -> None:
    """The message, and all that a traceback would print, is without the password."""
    with pytest.raises(BadUrl) as refused:
        DatabaseUrl.parse(text)

    assert message == str(refused.value)
    assert not [line for line in traceback.format_exception(refused.value) if f"{PASSWORD}@" in line]
    assert PASSWORD not in message


@pytest.mark.tidb
@pytest.mark.parametrize("driver", ["asyncmy", "aiomysql"])
async def test_a_password_may_be_in_any_script(driver: str, tidb: SharedTidb) -> None:
    """Each driver hands it over as TiDB keeps it, although by itself it would know only Latin-1."""
    user, password = f"script_{uuid4().hex[:8]}", "pä€語"
    await execute(tidb.url(), f"CREATE USER {user} IDENTIFIED BY '{password}'")
    url = sa.make_url(tidb.url(driver=f"mysql+{driver}")).set(username=user, password=password)
    async with Database(DatabaseUrl.parse(url.render_as_string(hide_password=False))) as database:
        found = await database.reader().fetch(sa.text("SELECT CURRENT_USER()"))
    await execute(tidb.url(), f"DROP USER {user}")

    assert [(f"{user}@%",)] == found


def test_a_url_shows_no_password() -> None:
    """Neither to people nor in a debugger's view of it."""
    url = DatabaseUrl.parse(f"tidb://user:{PASSWORD}@host/name?tls=true")

    assert "tidb://user:***@host:4000/name" == str(url)
    assert PASSWORD not in repr(url)


def test_a_file_is_shown_by_its_path() -> None:
    """The driver's name is of no interest to people."""
    assert "sqlite:///data/file.db" == str(DatabaseUrl.parse("sqlite+aiosqlite:///data/file.db"))


def test_tls_verifies_the_servers_name(tmp_path: Path) -> None:
    """By the system's authorities, or by those of `ca` alone; without either there is no TLS."""
    by_system = DatabaseUrl.parse("tidb://host/name?tls=true").tls_context
    without = DatabaseUrl.parse("tidb://host/name?tls=false").tls_context

    assert by_system is not None
    assert by_system.check_hostname
    assert without is None


def test_the_server_alone_has_the_same_address() -> None:
    """The URL that is used before there is a database names everything else."""
    url = DatabaseUrl.parse(f"mysql+aiomysql://user:{PASSWORD}@host:4001/name")

    expected = f"mysql+aiomysql://user:{PASSWORD}@host:4001/"
    assert expected == url.without_database().render_as_string(hide_password=False)
    assert "name" == url.database
