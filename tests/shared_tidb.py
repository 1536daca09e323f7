"""The TiDB that all processes of a test session share, and a record of the statements it gets."""

import os
from types import TracebackType
from typing import Any, Self

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from tests.tidb import build
from tests.tidb.server import TidbServer

GIVEN = "TIDEGRAPH_TEST_TIDB_URL"
REQUIRED = "TIDEGRAPH_TEST_TIDB"


class SharedTidb:
    """A TiDB by its address, `tidb://user:password@host:port`; without one, its tests are skipped."""

    def __init__(self, address: str, server: TidbServer | None = None, *, wanted: bool = True) -> None:
        self.address = address.rstrip("/")
        self.wanted = wanted
        self._server = server

    @classmethod
    def of_environment(cls, config: pytest.Config) -> Self:
        """The one that was given, or one that is started here."""
        if "not tidb" in (config.option.markexpr or "") or config.option.collectonly:
            return cls("", wanted=False)
        if given := os.environ.get(GIVEN):
            return cls(given)
        if build.binary() is None:
            if os.environ.get(REQUIRED) == "required":
                raise pytest.UsageError("a TiDB is required, and there is none: run `make tidb`")
            return cls("")
        server = TidbServer()
        server.__enter__()
        return cls(server.url(), server)

    @property
    def place(self) -> str:
        """Host and port as a URL has them."""
        return self.address.rpartition("@")[2].removeprefix("tidb://")

    def url(self, database: str = "", driver: str = "tidb") -> str:
        """The address of a database there, with a driver of choice."""
        # Without a database there is no URL that the settings take; every TiDB has this one.
        name = database or "information_schema"
        url = sa.make_url(self.address).set(drivername=driver, database=name)
        return url.render_as_string(hide_password=False)

    def stop(self) -> None:
        if self._server is not None:
            self._server.__exit__(None, None, None)
            self._server = None


async def execute(url: str, script: str) -> None:
    """Run statements with semicolons between them, each by itself and at once committed."""
    async with Database(DatabaseUrl.parse(url)) as database, database.reads.connect() as connection:
        for statement in filter(str.strip, script.split(";")):
            await connection.execute(sa.text(statement))


class Statements(list[str]):
    """The text of every statement that the drivers were given while the block ran."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._engines = (database.reads.sync_engine, database.writes.sync_engine)

    def __enter__(self) -> Self:
        for engine in self._engines:
            sa.event.listen(engine, "before_cursor_execute", self._record)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for engine in self._engines:
            sa.event.remove(engine, "before_cursor_execute", self._record)

    def _record(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.append(statement)
