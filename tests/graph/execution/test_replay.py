"""Errors in rows: graphql-core locates them, over what has been read already."""

from typing import Any

import pytest

from db.engine.database import Database
from graph.execution.replay import REPLAYED, UNEXPLAINED, Replay, fallbacks
from graph.global_ids import GlobalId
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id
from tests.shared_tidb import Statements


@on_sqlite
async def test_an_error_in_a_row_has_its_path(
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


@on_sqlite
async def test_a_failed_field_is_executed_again_without_a_statement(
    database: Database, api: Api, statements: Statements
) -> None:
    """Only that root field is, and the fallback is counted."""
    await create_order(database, await create_customer(database))
    statements.clear()
    await api.data("{ orders { nodes { customer { name } } } }")
    expected, before = list(statements), fallbacks[REPLAYED]
    statements.clear()
    answer = await api.send("{ orders { nodes { customer { name orders(first: -1) { nodes { id } } } } } }")

    assert expected == statements
    assert ["orders", "nodes", 0, "customer", "orders"] == answer["errors"][0]["path"]
    assert {"orders": None} == answer["data"]
    assert (1, 0) == (fallbacks[REPLAYED] - before, fallbacks[UNEXPLAINED])


@on_sqlite
async def test_a_mutation_is_not_carried_out_again(database: Database, api: Api) -> None:
    """Its payload is executed again over the row that it returned."""
    customer = await create_customer(database)
    await create_order(database, customer)
    encode, seen = GlobalId.encode, 0

    def broken(self: GlobalId) -> Any:
        nonlocal seen
        seen += self.kind == "Order"
        if self.kind == "Order":
            raise ZeroDivisionError
        return encode(self)

    mutation = """
    mutation ($id: ID!) {
      updateCustomer(input: { id: $id, name: "New" }) { customer { version orders { nodes { id } } } }
    }
    """
    sent = global_id(customer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GlobalId, "encode", broken)
        answer = await api.send(mutation, id=sent)
    found = await api.data("query ($id: ID!) { customer(by: {id: $id}) { version } }", id=sent)

    assert ["updateCustomer", "customer", "orders", "nodes", 0, "id"] == answer["errors"][0]["path"]
    assert {"updateCustomer": {"customer": None}} == answer["data"]
    assert {"customer": {"version": 2}} == found
    assert seen > 1


@on_sqlite
async def test_a_null_condition_is_graphql_cores_error(api: Api) -> None:
    """At the object whose fields it chooses; at the root there is no data."""
    nested = "query ($if: Boolean = true) { orders { pageInfo { endCursor @skip(if: $if) } } }"
    root = "query ($if: Boolean = true) { orders @include(if: $if) { pageInfo { endCursor } } }"

    below, above = await api.send(nested, **{"if": None}), await api.send(root, **{"if": None})

    assert ({"orders": None}, ["orders", "pageInfo"]) == (below["data"], below["errors"][0]["path"])
    assert (None, 1) == (above["data"], len(above["errors"]))


@on_sqlite
async def test_introspection_is_executed_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request has it from the cache, and the fields beside it from the database."""
    query = "{ __schema { queryType { name } } orders { nodes { id } } }"
    first = await api.data(query)
    monkeypatch.setattr(Replay, "run", None)

    assert {"queryType": {"name": "Query"}} == first["__schema"]
    assert first == await api.data(query)
