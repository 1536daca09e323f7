"""Erases what is personal of a customer: in its row, words and history, and under its mutations' keys."""

from typing import Any

import orjson
import sqlalchemy as sa

from db import changes, customers, history, outcomes, words
from db.errors import BatchRefused, VersionConflict
from db.history import PERSONAL, Entry
from db.items import Item
from db.models import Change, Customer, idempotency_keys
from db.models import customers as table
from db.models import history as recorded
from db.reader import Transaction

ERASED = "erased"
BATCH = 100


async def erase(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer:
    """Replace handle and name, clear the address, and archive; what was done stays, without its values.

    One that is erased already stays as it is. Raises NotFound or VersionConflict.
    """
    customer = await customers.lock(transaction, customer_id)
    await changes.expect(transaction, customer, expected)
    if customer == without_values(customer, customer_id):
        return customer
    archived_at = customer.archived_at or changes.now()
    blank = {name: getattr(without_values(customer, customer_id), name) for name in PERSONAL}
    erased = changes.changed_row(customer, {**blank, "archived_at": archived_at}, touched=True)
    stored = {name: value for name, value in erased._asdict().items() if name != "id"}
    await transaction.execute(table.update().where(table.c.id == customer.id).values(**stored))
    await words.replace(transaction, [erased])
    await _erase_history(transaction, customer.id)
    await history.record(transaction, [Entry(erased, history.ERASED, erased.updated_at, {}, {})])
    return erased


def without_values(outcome: Any, customer_id: int) -> Any:
    """What a mutation came to, without what is personal of the customer."""
    match outcome:
        case Customer(id=found) if found == customer_id:
            return outcome._replace(username=f"{ERASED}-{customer_id}", name=ERASED, email=None)
        case Change(object_id=found, kind=Customer.__name__) if found == customer_id:
            return outcome._replace(fields=_erased_fields(outcome))
        case Item(row=row, refused=refused):
            row, refused = without_values(row, customer_id), without_values(refused, customer_id)
            return outcome._replace(row=row, refused=refused)
        case VersionConflict(current=row, since=since, expected=expected):
            row, since = without_values(row, customer_id), without_values(since, customer_id)
            return VersionConflict(row, since, expected)
        case BatchRefused(items=items):
            return BatchRefused(without_values(items, customer_id))
        case tuple() if type(outcome) is tuple:
            return tuple(without_values(each, customer_id) for each in outcome)
        case _:
            return outcome


async def _erase_history(transaction: Transaction, customer_id: int) -> None:
    mine = recorded.c.object_id == customer_id, recorded.c.kind == Customer.__name__
    statement = sa.select(*recorded.c).where(*mine).order_by(recorded.c.version).limit(BATCH)
    version = 0
    while rows := await transaction.fetch(statement.where(recorded.c.version > version)):
        for change in map(Change._make, rows):
            here = recorded.update().where(*mine, recorded.c.version == change.version)
            await transaction.execute(here.values(fields=_erased_fields(change)))
            if change.idempotency_key is not None:
                await _erase_outcome(transaction, change)
            version = change.version


async def _erase_outcome(transaction: Transaction, change: Change) -> None:
    """That which a mutation would be answered with if it were sent again."""
    keys = idempotency_keys.c
    mine = keys.principal == change.principal, keys.idempotency_key == change.idempotency_key
    for row in await transaction.fetch(sa.select(keys.outcome).where(*mine)):
        outcome = without_values(outcomes.decode(row.outcome), change.object_id)
        await transaction.execute(
            idempotency_keys.update().where(*mine).values(outcome=outcomes.encode(outcome))
        )


def _erased_fields(change: Change) -> str:
    sides = history.differences(change)
    left = {name: (None, None) if name in PERSONAL else side for name, side in sides.items()}
    return orjson.dumps(left).decode()
