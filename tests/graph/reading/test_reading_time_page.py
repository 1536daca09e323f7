"""The page on reading the past holds: each of its queries runs as it stands there."""

import re
from pathlib import Path

from db.engine.database import Database
from graph.global_ids import GlobalId
from graph.types.scalars import serialize_date_time
from tests.api import Api
from tests.db.test_stale_reads import on_tidb
from tests.factories import create_customer, create_order

PAGE = Path(__file__).parents[3] / "docs" / "reading-time.md"


@on_tidb
async def test_the_pages_queries_run(database: Database, api: Api) -> None:
    """None of them has an error, and each finds the one order there is."""
    order = await create_order(database, await create_customer(database))
    moment = serialize_date_time(await database.reader().pin())
    variables = {"then": moment, "order": GlobalId("Order", order.id).encode(), "after": None}
    queries = re.findall(r"^```graphql\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    answers = [str(await api.data(query, **variables)) for query in queries]

    assert 3 == len(answers)
    assert [True] * 3 == ["PENDING" in answer for answer in answers]
