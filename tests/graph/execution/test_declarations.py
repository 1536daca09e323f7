"""Fields are data: what each field of the schema declares, and that an executor can work by it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from db import models
from db.aggregation.order_aggregates import Group
from db.aggregation.time_buckets import Bucket
from db.engine.database import Database
from db.maintenance import seed
from db.maintenance.sample_data import Sample
from db.models import Customer, Order, OrderLine
from db.money import Money
from db.pagination.keyset import Slice, Snapshot
from db.pagination.page_reads import Count
from graph import loaders
from graph.mutations.batches import BatchItemResult
from graph.mutations.payloads import PayloadRow
from graph.schema import build
from graph.types.change_history import FieldChangeRow
from graph.types.connections.connection import EdgeRow
from graph.types.fields import Batched, Column, Computed, DeclaredField, Mutating, declaration
from tests.api import Api
from tests.shared_tidb import Statements

SCHEMA = build()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = {
    "Customer": Customer(1, "ada", "Ada", None, 1, NOW, NOW, None),
    "Order": Order(1, 1, None, "PENDING", Decimal(1), "EUR", NOW, 1, NOW, NOW),
    "OrderLine": OrderLine(1, 1, "MUG-01", "Mug", 2, Decimal("1.5"), "EUR"),
}


def fields() -> Iterator[tuple[str, StrawberryField]]:
    """Every field of every object type, user errors aside: those are no rows."""
    names = SCHEMA.config.name_converter
    for concrete in SCHEMA.schema_converter.type_map.values():
        definition = concrete.definition
        if not isinstance(definition, StrawberryObjectDefinition):
            continue
        name = names.from_type(definition)
        if not (definition.is_input or definition.is_interface or name.endswith("Error")):
            yield from ((f"{name}.{field.python_name}", field) for field in definition.fields)


FIELDS = dict(fields())
READ_FROM: dict[str, type] = {
    "Money": Money,
    "PageInfo": Slice,
    "Count": Count,
    "Snapshot": Snapshot,
    "Bucket": Bucket,
    "OrderSummary": Group,
    "FieldChange": FieldChangeRow,
    "CustomerResult": BatchItemResult,
    "OrderResult": BatchItemResult,
    "OrderStats": Group,
}


def declared(kind: type) -> dict[str, Any]:
    found = {name: declaration(field) for name, field in FIELDS.items()}
    return {name: each for name, each in found.items() if isinstance(each, kind)}


def row_class(name: str) -> type:
    """What the fields of a type are read from."""
    for ending, kind in (("Connection", Slice), ("Edge", EdgeRow), ("Payload", PayloadRow)):
        if name.endswith(ending):
            return kind
    return READ_FROM.get(name) or getattr(models, name)


def test_every_field_declares_what_it_is() -> None:
    """No field has a resolver of its own, and each is of one of the four kinds."""
    assert [] == [name for name, field in FIELDS.items() if not isinstance(field, DeclaredField)]
    assert [] == [name for name, field in FIELDS.items() if field.base_resolver]
    assert set(FIELDS) == {name for kind in (Column, Computed, Batched, Mutating) for name in declared(kind)}


def test_relations_connections_and_root_fields_are_batched() -> None:
    """These and no others ask the database, each by a function that lives in `graph.loaders`."""
    assert {
        "Query.customer": loaders.customers_by_unique,
        "Query.customers": loaders.pages,
        "Query.order": loaders.orders_by_unique,
        "Query.orders": loaders.pages,
        "Query.order_summary": loaders.order_summary,
        "Query.history": loaders.pages,
        "Query.node": loaders.nodes_by_id,
        "Query.nodes": loaders.nodes_by_id,
        "Customer.orders": loaders.pages,
        "Customer.order_stats": loaders.order_stats_by_customer_id,
        "Order.customer": loaders.customers_of_orders,
        "OrderSummary.customer": loaders.customers_by_id,
        "Customer.history": loaders.pages,
        "Order.history": loaders.pages,
        "ChangeConnection.total_count": loaders.counts,
        "CustomerConnection.total_count": loaders.counts,
        "OrderConnection.total_count": loaders.counts,
        "Order.lines": loaders.lines_by_order_id,
    } == {name: each.batch for name, each in declared(Batched).items()}


def test_every_mutation_is_declared_as_one() -> None:
    """All mutations, and nothing else, change something."""
    assert {name for name in FIELDS if name.startswith("Mutation.")} == set(declared(Mutating))
    assert 14 == len(declared(Mutating))


@pytest.mark.parametrize("name", declared(Column))
def test_a_column_is_on_its_row(name: str) -> None:
    """A field that reads the row's attribute of its own name finds one there."""
    kind, _, field = name.partition(".")

    found = row_class(kind)

    assert hasattr(found, field) or field in found.__annotations__


@pytest.mark.parametrize("name", [each for each in declared(Computed) if each.partition(".")[0] in ROWS])
def test_a_computed_field_reads_the_columns_that_it_names(name: str) -> None:
    """All of them and no others, so that an executor may select those alone."""
    kind = name.partition(".")[0]
    computed: Computed = declared(Computed)[name]
    row, read = recorded(ROWS[kind])

    first, second = computed.of(row), computed.of(ROWS[kind])

    assert first == second
    assert set(computed.columns) == read & set(ROWS[kind]._fields)


def recorded(row: Any) -> tuple[Any, set[str]]:
    """The same row, and the names of what is read of it."""
    read = set()

    class Recorded(type(row)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            read.add(name)
            return super().__getattribute__(name)

    Recorded.__name__ = type(row).__name__
    return Recorded(*row), read


async def test_another_executor_can_work_level_by_level(
    database: Database, api: Api, statements: Statements
) -> None:
    """By the declarations alone it gets the same answer, with one call of a batch function a level."""
    await seed.fill(database, Sample(1), customer_count=5, orders_each=4, progress=lambda _rows: None)
    answer = await api.data("""
    {
      customers(first: 4) {
        nodes {
          id
          username
          orders(first: 3) {
            nodes { id reference customer { id } lines { sku } total { amount } }
            pageInfo { hasNextPage }
          }
        }
      }
    }
    """)
    statements.clear()
    levels = Levels(database)

    (customers,) = await levels.load("Query.customers", [None], first=4)
    slices = await levels.load("Customer.orders", customers.rows, first=3)
    orders = [order for each in slices for order in each.rows]
    owners = dict(zip(orders, await levels.load("Order.customer", orders), strict=True))
    lines = dict(zip(orders, await levels.load("Order.lines", orders), strict=True))

    # A page of customers; a page of their orders; owners; lines.
    assert 4 == len(statements)
    assert answer["customers"] == {
        "nodes": [
            {
                "id": levels.read("Customer.id", customer),
                "username": levels.read("Customer.username", customer),
                "orders": {
                    "nodes": [
                        {
                            "id": levels.read("Order.id", order),
                            "reference": levels.read("Order.reference", order),
                            "customer": {"id": levels.read("Customer.id", owners[order])},
                            "lines": [{"sku": levels.read("OrderLine.sku", line)} for line in lines[order]],
                            "total": {"amount": f"{levels.read('Order.total', order).amount.normalize():f}"},
                        }
                        for order in levels.read("OrderConnection.nodes", slice_)
                    ],
                    "pageInfo": {"hasNextPage": levels.read("PageInfo.has_next_page", slice_)},
                },
            }
            for customer, slice_ in zip(customers.rows, slices, strict=True)
        ]
    }


class Levels:
    """An executor in miniature: knows the declarations, and nothing of GraphQL."""

    def __init__(self, database: Database) -> None:
        self._reader = database.reader()

    async def load(self, name: str, parents: Any, **arguments: Any) -> Any:
        """What a field has for all parents of a level, by one call of its batch function."""
        batched: Batched = declared(Batched)[name]
        loads = [batched.plan(parent, arguments) for parent in parents]
        (shared,) = {load.arguments for load in loads}
        return await batched.batch(self._reader, [load.key for load in loads], *shared)

    def read(self, name: str, row: Any) -> Any:
        """A field that asks nobody."""
        match declaration(FIELDS[name]):
            case Computed(of=of):
                return of(row)
            case Column():
                return getattr(row, name.partition(".")[2])
        raise AssertionError(f"{name} is not read off a row")
