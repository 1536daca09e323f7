"""On a large TiDB a replay reads personal data by key, for any number of customers."""

import pytest
import sqlalchemy as sa

from db.audit import erasure
from db.engine.database import Database
from db.models import customers
from tests.graph.execution.test_batching import table_of
from tests.plans.explain import Explain

pytestmark = pytest.mark.tidb


@pytest.mark.parametrize("count", [1, 200])
async def test_customers_and_their_changes_are_read_by_key(
    large: Database, explain: Explain, count: int
) -> None:
    """Rows by their ids, and of the history the range of each customer alone."""
    ids = [row.id for row in await large.reader().fetch(sa.select(customers.c.id).limit(count))]
    await explain.plans()
    await erasure.personal_values_at(large.reader(), [(each, 0) for each in ids])
    rows, changes = await explain.plans()

    assert ["customers", "history"] == [table_of(plan.statement) for plan in (rows, changes)]
    for plan in (rows, changes):
        assert [] == list(plan.steps("TableFullScan", "IndexFullScan")), plan
        assert plan.rows_read <= count, plan
    assert list(changes.steps("TableRangeScan")), changes
