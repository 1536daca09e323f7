"""How much a search reads: it grows with the words of the customers it examines, not with choices of them."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest

from db.engine.database import Database
from db.pagination.filters import NOT_ARCHIVED
from db.pagination.keyset import ConnectionSpec, Page
from db.pagination.sorts import CUSTOMER_SORTS
from db.reader import Parameters, Reader
from db.search import customer_search
from db.search.customer_search import Search
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer
from tests.graph.reading.test_search import SEARCH
from tests.plans.explain import Explain

PREFIXES = "qwyxuv"
# None of the customers that have the other words has this one, and it begins more words than each of theirs.
QUERIES = ["q w y x u v exam", "q w y x u v", "q w y x u v q1 w2", "exam v u"]
STEPS = 100


async def create_crowded(database: Database, each: int) -> None:
    """Three customers with so many words for each prefix, and others with another word in common."""
    words = [f"{prefix}{chr(ord('a') + number)}" for number in range(each) for prefix in PREFIXES]
    third = len(words) // 3
    for number in range(3):
        texts = words[:third], words[third : 2 * third], words[2 * third :]
        username, name, email = (separator.join(text) for separator, text in zip("-.-", texts, strict=True))
        await create_customer(
            database, username=f"{username}-{number}", name=name, email=f"{email}@{number}.org"
        )
    for _ in range(4 * each):
        await create_customer(database, name="Exam")


class Counting(Reader):
    """A reader that counts the steps that SQLite takes for its statements."""

    def __init__(self, database: Database) -> None:
        reader = database.reader()
        super().__init__(reader._execute, reader.deadline, reader.statistics, dialect=reader.dialect)
        self._engine = database.reads
        self.steps = 0

    async def fetch(self, statement: Any, parameters: Parameters = None) -> Sequence[Any]:
        text = statement.compile(self._engine.sync_engine, compile_kwargs={"literal_binds": True})
        connection = sqlite3.connect(str(self._engine.url.database))
        connection.set_progress_handler(self._count, STEPS)
        connection.execute(str(text)).fetchall()
        connection.close()
        return await super().fetch(statement, parameters)

    def _count(self) -> None:
        self.steps += STEPS


def scope(query: str) -> Search:
    return Search.of(ConnectionSpec("Query.customers", "customers", CUSTOMER_SORTS[0], NOT_ARCHIVED), query)


@on_sqlite
@pytest.mark.parametrize("query", QUERIES)
async def test_sqlite_takes_steps_by_the_words(database: Database, query: str) -> None:
    """Twice the words take about twice the steps, however many of them begin alike."""
    steps = []
    for each in (10, 20):
        await database.write(delete_all)
        await create_crowded(database, each)
        reader = Counting(database)
        await customer_search.read(reader, scope(query), Page(scope(query), 20))
        steps.append(reader.steps)

    assert 0 < steps[1] < 3 * steps[0]


@pytest.mark.tidb
@pytest.mark.parametrize("database_url", ["asyncmy"], indirect=True)
@pytest.mark.parametrize("query", QUERIES)
async def test_tidb_reads_rows_by_the_words(database: Database, query: str) -> None:
    """The same on TiDB, in rows of tables and indexes."""
    rows = []
    for each in (10, 20):
        await database.write(delete_all)
        await create_crowded(database, each)
        with Explain(database) as explain:
            await customer_search.read(database.reader(), scope(query), Page(scope(query), 20))
            rows.append(sum(plan.rows_read for plan in await explain.plans()))

    assert 0 < rows[1] < 3 * rows[0]


async def test_crowded_words_are_ranked(database: Database, api: Api) -> None:
    """Customers with very many words that begin alike are found as any others, the best first."""
    await create_crowded(database, 23)
    answers = [(await api.data(SEARCH, search=query))["customers"] for query in QUERIES]

    assert [0, 3, 0, 0] == [len(answer["nodes"]) for answer in answers]
    assert [True] * 4 == [answer["bestFirst"] for answer in answers]


async def delete_all(transaction: Any) -> None:
    await transaction.execute(customer_search.customers.delete())
