"""A customer whose personal data are everywhere, and where any of them are."""

from typing import Any

import orjson

from db.engine.database import Database
from db.models import metadata
from tests.api import Api
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.table_rows import rows_of

ADA = {"username": 'ada"l', "name": "Ada Lovelacé", "email": "ada\\x@example.com"}
OLD = {"username": "byron", "name": "Augusta King", "email": "augusta@example.com"}
PERSONAL = [*ADA.values(), *OLD.values(), "lovelace", "augusta"]
HISTORY = """
query ($node: ID!) {
  history(node: $node) { nodes { version action principal fields { field before after } } }
}
"""


async def personal(database: Database) -> list[tuple[str, str]]:
    """Each table with a text of a value that was personal."""
    texts = {text for value in PERSONAL for text in (value, orjson.dumps(value).decode()[1:-1])}
    return [
        (table.name, value)
        for table in metadata.sorted_tables
        for row in await rows_of(database, table)
        for value in row
        if isinstance(value, str) and any(text in value for text in texts)
    ]


async def written_everywhere(database: Database, api: Api) -> str:
    """A customer whose values are in its row, words and history, and under keys of every kind of outcome."""
    keys = (f"key {number}" for number in range(99))

    async def send(mutation: str, **input: Any) -> Any:
        return await run(api, mutation, **input, idempotencyKey=next(keys))

    found = await send(mutations.CREATE_CUSTOMER, **OLD)
    node: str = found["customer"]["id"]
    await send(mutations.UPDATE_CUSTOMER, id=node, **ADA)
    # What changed nothing, what was refused, and what others were told of its values.
    await send(mutations.UPDATE_CUSTOMER, id=node, **ADA)
    await send(mutations.UPDATE_CUSTOMER, id=node, name="x", expectedVersion=1)
    await send(mutations.CREATE_CUSTOMER, **{**ADA, "username": "other"})
    await send(mutations.CREATE_CUSTOMER, **{**ADA, "email": None})
    item = {"username": ADA["username"], "name": ADA["name"]}
    fresh = {"username": "fresh", "name": "Fresh"}
    for mode in ("EACH", "ALL_OR_NOTHING"):
        for more in ({}, {"expectedVersion": 1}):
            await send(mutations.UPSERT_CUSTOMERS, items=[fresh, {**item, **more}], mode=mode)
        repeated = {"username": "third", "name": "Third", "email": ADA["email"]}
        await send(mutations.UPSERT_CUSTOMERS, items=[repeated], mode=mode)
    return node
