"""`asOf`: a root field and the whole tree below it, read at one millisecond of the past."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from db import customers, orders, stale_reads
from db.engine.database import Database
from graph.global_ids import GlobalId
from graph.schema import build
from graph.types.scalars import serialize_date_time
from tests.api import Api
from tests.db.test_stale_reads import forgotten, on_sqlite, on_tidb
from tests.factories import create_customer, create_order, line
from tests.shared_tidb import Statements

# Roots are sorted ascending: TiDB's embedded store, not TiKV, reads the present where it scans backwards.
EVERY_ROOT = """
query ($customer: ID!, $order: ID!, $asOf: DateTime) {
  customer(by: {id: $customer}, asOf: $asOf) { ...Whole }
  order(by: {id: $order}, asOf: $asOf) { status customer { name } }
  nodes(ids: [$customer, $order], asOf: $asOf) { id ...Whole ... on Order { total { amount } } }
  customers(first: 5, orderBy: {field: NAME}, asOf: $asOf) { totalCount { value } nodes { ...Whole } }
  orders(where: {customer: {name: {eq: "Then"}}}, orderBy: {field: PLACED_AT}, asOf: $asOf) {
    nodes { status lines { sku } }
  }
  found: customers(first: 5, search: "then", asOf: $asOf) { totalCount { value } nodes { ...Whole } }
  history(node: $order, last: 5, asOf: $asOf) { totalCount { value } nodes { version action } }
  orderSummary(groupBy: [STATUS, CUSTOMER], first: 5, asOf: $asOf) {
    status count total { amount } customer { ...Whole }
  }
}
fragment Whole on Customer {
  name
  orderStats { count total { amount } }
  orders { totalCount { value } edges { cursor node { status lines { sku quantity } customer { name } } } }
}
"""
TWO_MOMENTS = """
query ($customer: ID!, $one: DateTime, $two: DateTime) {
  one: customer(by: {id: $customer}, asOf: $one) { name orders { nodes { status customer { name } } } }
  two: customer(by: {id: $customer}, asOf: $two) { name orders { nodes { status customer { name } } } }
  now: customer(by: {id: $customer}) { name orders { nodes { status customer { name } } } }
}
"""
NAMES = "query ($asOf: DateTime) { customers(orderBy: {field: NAME}, asOf: $asOf) { nodes { name } } }"


async def now(database: Database) -> datetime:
    return await database.reader().pin()


def customer_id(row_id: int) -> str:
    return GlobalId("Customer", row_id).encode()


@on_tidb
async def test_the_whole_tree_is_read_at_the_moment(database: Database, api: Api) -> None:
    """Whatever the root field, and however deep: lookups, pages, counts, lines and filters."""
    customer = await create_customer(database, name="Then")
    order = await create_order(database, customer, line("A"), line("B"))
    ids = {"customer": customer_id(customer.id), "order": GlobalId("Order", order.id).encode()}
    before = await api.data(EVERY_ROOT, **ids)
    moment = serialize_date_time(await now(database))
    await database.write(partial(orders.transition, order_id=order.id, to="PAID"))
    await database.write(partial(customers.update, customer_id=customer.id, values={"name": "Now"}))
    await create_order(database, customer)

    assert {*build()._schema.type_map["Query"].fields, "found"} - {"node"} == before.keys()  # type: ignore[attr-defined]
    assert before == await api.data(EVERY_ROOT, **ids, asOf=moment)
    assert before != await api.data(EVERY_ROOT, **ids)
    assert "Then" == before["order"]["customer"]["name"] == before["found"]["nodes"][0]["name"]
    assert [("PENDING", 1)] == [(each["status"], each["count"]) for each in before["orderSummary"]]


@on_tidb
async def test_two_root_fields_read_two_moments(database: Database, api: Api, statements: Statements) -> None:
    """Each alias has its own moment and its own loaders, and neither costs more than the present."""
    customer = await create_customer(database, name="One")
    order = await create_order(database, customer)
    one = await now(database)
    await database.write(partial(orders.transition, order_id=order.id, to="PAID"))
    await database.write(partial(customers.update, customer_id=customer.id, values={"name": "Two"}))
    two = await now(database)
    await database.write(partial(orders.transition, order_id=order.id, to="FULFILLED"))
    await database.write(partial(customers.update, customer_id=customer.id, values={"name": "Now"}))
    statements.clear()
    moments = {"one": serialize_date_time(one), "two": serialize_date_time(two)}
    data = await api.data(TWO_MOMENTS, customer=customer_id(customer.id), **moments)

    expected = {"one": ("One", "PENDING"), "two": ("Two", "PAID"), "now": ("Now", "FULFILLED")}
    for alias, (name, status) in expected.items():
        nodes = [{"status": status, "customer": {"name": name}}]
        assert {"name": name, "orders": {"nodes": nodes}} == data[alias]
    # The customer, a page of orders, their customer: three times; in the past also a count of orders.
    assert 11 == len(statements)
    assert 8 == sum("AS OF TIMESTAMP" in statement for statement in statements)


@on_tidb
async def test_as_of_is_cut_to_the_millisecond(database: Database, api: Api) -> None:
    """Microseconds, and any offset, name the millisecond that they lie in."""
    await create_customer(database, name="Then")
    moment = await now(database)
    (customer,) = await customers.get_many(database.reader(), "name", ["Then"])
    await database.write(partial(customers.update, customer_id=customer.id, values={"name": "Now"}))
    text = (moment + timedelta(microseconds=999, hours=5)).strftime("%Y-%m-%dT%H:%M:%S.%f+05:00")

    assert {"customers": {"nodes": [{"name": "Then"}]}} == await api.data(NAMES, asOf=text)


@on_tidb
@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        ("2037-01-01T00:00:00Z", stale_reads.FUTURE),
        ("9999-12-31T23:59:59Z", stale_reads.FUTURE),
        ("2020-01-01T00:00:00Z", stale_reads.NO_SCHEMA),
        ("1000-01-01T00:00:00Z", stale_reads.NO_SCHEMA),
    ],
)
async def test_a_moment_out_of_reach_is_a_coded_error(api: Api, moment: str, reason: str) -> None:
    """The error names its reason."""
    assert ("AS_OF_UNAVAILABLE", reason) == await failure(api, moment)


@on_tidb
async def test_a_moment_no_longer_kept_is_a_coded_error(database: Database, api: Api) -> None:
    """What a cluster answers once its garbage is collected."""
    moment = serialize_date_time(await now(database))
    with forgotten(9006):
        assert ("AS_OF_UNAVAILABLE", stale_reads.BEFORE_GC_SAFE_POINT) == await failure(api, moment)


@on_sqlite
async def test_sqlite_refuses_as_of(api: Api) -> None:
    """It keeps no past; null is as if absent."""
    assert ("AS_OF_UNAVAILABLE", stale_reads.NO_STALE_READS) == await failure(api, "2026-01-01T00:00:00Z")
    assert {"customers": {"nodes": []}} == await api.data(NAMES, asOf=None)


@pytest.mark.parametrize(
    "field",
    [
        "nodes(ids: [], asOf: $asOf) { id }",
        "customer(by: {id: 0}, asOf: $asOf) { name }",
        'customers(search: "%%", asOf: $asOf) { nodes { name } }',
    ],
)
@pytest.mark.parametrize(
    ("moment", "reason"),
    [("9999-12-31T23:59:59Z", stale_reads.FUTURE), ("1000-01-01T00:00:00Z", stale_reads.NO_SCHEMA)],
)
async def test_a_moment_is_refused_where_nothing_is_read(
    database: Database, api: Api, field: str, moment: str, reason: str
) -> None:
    """As it is where rows are read, for the same reasons."""
    (error,) = (await api.send(f"query ($asOf: DateTime) {{ {field} }}", asOf=moment))["errors"]
    supports_stale_reads = database.reads.dialect.name == "mysql"

    assert (reason if supports_stale_reads else stale_reads.NO_STALE_READS) == error["message"]
    assert "AS_OF_UNAVAILABLE" == error["extensions"]["code"]


async def failure(api: Api, moment: str) -> tuple[str, str]:
    (error,) = (await api.send(NAMES, asOf=moment))["errors"]
    return error["extensions"]["code"], error["message"]


def test_every_root_field_but_node_takes_as_of() -> None:
    """And no other field does; of `node` the specification of object identification wants one argument."""
    types = build()._schema.type_map
    timed = {
        f"{name}.{field}"
        for name, type_ in types.items()
        for field, declared in getattr(type_, "fields", {}).items()
        if "asOf" in getattr(declared, "args", {})
    }

    query = types["Query"].fields  # type: ignore[attr-defined]

    assert {f"Query.{field}" for field in query} - {"Query.node"} == timed
    assert ["id"] == list(query["node"].args)
