"""Lists of objects that are read in one go come out as they would field by field."""

from typing import Any

import pytest

from db.engine.database import Database
from graph.execution.executor import RowExecutor
from graph.global_ids import GlobalId
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, line
from tests.shop import open_shop

QUERIES = [
    "{ orders { nodes { id reference status placedAt total { amount currency } allowedTransitions } } }",
    "{ orders { edges { cursor node { __typename id total { a: amount } } } pageInfo { endCursor } } }",
    "{ customers(includeArchived: true) { nodes { ...C email orders(first: 2) { nodes { ...O } } } } }"
    " fragment C on Customer { name email archivedAt } fragment O on Order { total { amount } ...N }"
    " fragment N on Node { id __typename }",
    "query ($no: Boolean = false) { orders(first: 3) { nodes { id version @include(if: $no)"
    " ... on Order @skip(if: $no) { status } total { amount } total { currency } } } }",
    "{ orders { nodes { lines { position sku total { amount } } customer { id } } } }",
    "{ orderSummary(groupBy: [STATUS, DAY]) { status bucket { start end } total { amount currency } } }",
]


@on_sqlite
@pytest.mark.parametrize("query", QUERIES)
async def test_whole_rows_are_what_their_fields_are(
    database: Database, api: Api, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aliases, fragments, directives, nulls, objects within rows, and what takes more than rows."""
    await open_shop(database)
    await create_order(database, await create_customer(database), line("A"), line("B"))
    at_once = await api.data(query)
    monkeypatch.setattr(RowExecutor, "_made_whole", lambda *_: None)

    assert await api.data(query) == at_once


@on_sqlite
async def test_what_goes_wrong_in_a_row_is_told_by_its_path(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field's error is masked and located, and the null goes up as far as it must."""
    customer = await create_customer(database)
    orders = [await create_order(database, customer, reference=f"R-{number}") for number in range(3)]
    encode = GlobalId.encode

    def broken(self: GlobalId) -> Any:
        if self.row_id == orders[1].id:
            raise ZeroDivisionError
        return encode(self)

    monkeypatch.setattr(GlobalId, "encode", broken)
    answer = await api.send("{ orders { nodes { reference id } } }")

    assert [["orders", "nodes", 1, "id"]] == [error["path"] for error in answer["errors"]]
    assert {"orders": None} == answer["data"]
