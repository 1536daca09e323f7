"""Batches that meet others: nobody's rows are doubled or overwritten unseen."""

import asyncio
from typing import Any

from db.engine.database import Database
from db.maintenance import data_checks
from db.models import Customer, customers
from tests.api import Api
from tests.factories import create_customer, global_id
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.user_errors import taken
from tests.table_rows import changes_of, orders_of, rows_of

ROUNDS = 3
EURO = {"amount": "1", "currency": "EUR"}


async def test_two_upserts_of_the_same_handles(database: Database, api: Api) -> None:
    """In crossed order: each handle is created once and changed once, by the one that came second."""
    for turn in range(ROUNDS):
        names = [f"u{turn}-{place}" for place in range(8)]

        def items(text: str, names: list[str]) -> list[dict[str, Any]]:
            return [{"username": name, "name": f"{text} {name}"} for name in names]

        payloads = await asyncio.gather(
            run(api, mutations.UPSERT_CUSTOMERS, items=items("One", names)),
            run(api, mutations.UPSERT_CUSTOMERS, items=items("Two", names[::-1])),
        )

        assert [[], []] == [payload["userErrors"] for payload in payloads]
        done = [{result["outcome"] for result in payload["results"]} for payload in payloads]
        assert [{"CREATED"}, {"UPDATED"}] == sorted(done, key=str)
        last = payloads[done.index({"UPDATED"})]["results"]
        rows = [Customer._make(row) for row in await rows_of(database, customers)]
        mine = {row.username: row for row in rows if row.username in names}
        assert sorted(names) == sorted(mine)
        shown = [result["customer"] for result in last]
        assert {(each["username"], each["name"], 2) for each in shown} == {
            (row.username, row.name, row.version) for row in mine.values()
        }
        for row in mine.values():
            assert [1, 2] == [change.version for change in await changes_of(database, row)]


async def test_two_upserts_of_one_address(database: Database, api: Api) -> None:
    """One gets it; the other is told that it is taken, and its other items are stored."""
    for turn in range(ROUNDS):
        email = f"{turn}@example.com"
        payloads = await asyncio.gather(
            *(
                run(
                    api,
                    mutations.UPSERT_CUSTOMERS,
                    mode="EACH",
                    items=[
                        {"username": f"{name}{turn}", "name": "A", "email": email},
                        {"username": f"{name}{turn}-other", "name": "A"},
                    ],
                )
                for name in "ab"
            )
        )

        errors = [payload["userErrors"] for payload in payloads]
        assert [[], [taken(email, "items", "0", "email")]] == sorted(errors, key=len)
        assert ["CREATED", "CREATED"] == [payload["results"][1]["outcome"] for payload in payloads]


async def test_an_upsert_races_a_create(database: Database, api: Api) -> None:
    """The upsert changes what the create stored, or the create finds the reference taken."""
    owner = global_id(await create_customer(database))
    for turn in range(ROUNDS):
        reference = f"SO-{turn}"
        item = {"customerId": owner, "reference": reference}
        line = {"sku": "A", "name": "A", "quantity": 2, "unitPrice": EURO}
        created, upserted = await asyncio.gather(
            run(api, mutations.CREATE_ORDER, **item, total=EURO),
            run(
                api,
                mutations.UPSERT_ORDERS,
                items=[{**item, "lines": [line]}, {**item, "reference": f"{reference}-b", "total": EURO}],
            ),
        )

        assert [] == upserted["userErrors"]
        (row,) = [each for each in await orders_of(database) if each.reference == reference]
        versions = [change.version for change in await changes_of(database, row)]
        if created["order"]:
            assert ("UPDATED", [1, 2]) == (upserted["results"][0]["outcome"], versions)
            assert created["order"]["id"] == upserted["results"][0]["order"]["id"]
        else:
            assert [taken(reference, "reference")] == created["userErrors"]
            assert ("CREATED", [1]) == (upserted["results"][0]["outcome"], versions)
        assert 2 == row.total
    assert 2 * ROUNDS == len(await orders_of(database))
    assert [] == (await data_checks.check_order_totals(database)).wrong


async def test_two_creates_of_one_reference(database: Database, api: Api) -> None:
    """The second one is told, and stores nothing of its batch."""
    owner = global_id(await create_customer(database))
    for turn in range(ROUNDS):
        item = {"customerId": owner, "reference": f"SO-{turn}", "total": EURO}
        payloads = await asyncio.gather(
            *(run(api, mutations.CREATE_ORDERS, items=[{**item, "reference": None}, item]) for _ in range(2))
        )

        errors = [payload["userErrors"] for payload in payloads]
        assert [[], [taken(f"SO-{turn}", "items", "1", "reference")]] == sorted(errors, key=len)
    assert 2 * ROUNDS == len(await orders_of(database))
