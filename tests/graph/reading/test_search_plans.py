"""How TiDB reads the words of a search: always a range of the table's key, or of its index."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine.compiled_sql import BoundStatement
from db.engine.database import Database
from db.pagination.filters import NOT_ARCHIVED
from db.pagination.keyset import ConnectionSpec, Page
from db.pagination.sorts import CUSTOMER_SORTS
from db.reader import Parameters, Reader
from db.search import customer_search
from db.search.customer_search import Search
from tests.factories import create_customer
from tests.graph.reading.test_search_pages import create_many


class Explaining(Reader):
    """A reader that keeps the plans of what it runs: of each operator its name and the table it reads."""

    def __init__(self, database: Database) -> None:
        reader = database.reader()
        super().__init__(reader._execute, reader.deadline, reader.statistics, dialect=reader.dialect)
        self._engine = database.reads
        self.plans: list[tuple[str, str]] = []

    async def fetch(
        self, statement: sa.Executable | BoundStatement, parameters: Parameters = None
    ) -> Sequence[Any]:
        if isinstance(statement, BoundStatement):
            text, values = statement.text, statement.values
        else:
            literal = {"literal_binds": True}
            text, values = str(statement.compile(self._engine.sync_engine, compile_kwargs=literal)), None
        async with self._engine.connect() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN FORMAT = 'brief' {text}", values)
            self.plans += [(row.id.strip("│├└─ "), row[3]) for row in plan]
            warnings = (await connection.exec_driver_sql("SHOW WARNINGS")).all()

        assert [] == [text for *_, text in warnings if "hint" in text.lower()]
        return await super().fetch(statement, parameters)


@pytest.mark.tidb
@pytest.mark.parametrize("database_url", ["asyncmy"], indirect=True)
@pytest.mark.parametrize("limit", [1_000, 10])
@pytest.mark.parametrize("query", ["anna", "lind anna customer"])
async def test_words_are_read_by_range(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: int, query: str
) -> None:
    """The look and the matches; past the limit the newest, too."""
    monkeypatch.setattr(customer_search, "MAX_RANKED", limit)
    await create_many(database, 1_000, "Berta Lind")
    for _ in range(25):
        await create_customer(database, name="Anna Lind")
    async with database.reads.connect() as connection:
        await connection.exec_driver_sql("ANALYZE TABLE customers, customer_words")
    reader = Explaining(database)
    scope = Search.of(ConnectionSpec("Query.customers", "customers", CUSTOMER_SORTS[0], NOT_ARCHIVED), query)
    slice_ = await customer_search.read(reader, scope, Page(scope, 20))
    words = [name for name, table in reader.plans if "customer_words" in table or "table:w" in table]

    assert 20 == len(slice_.rows)
    assert len(words) >= 2
    assert set() == {name for name in words if "RangeScan" not in name and "Point" not in name}
