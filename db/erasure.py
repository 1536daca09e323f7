"""Erases what is personal of a customer: in its row, words and history, and under the keys of mutations."""

from collections.abc import AsyncIterator
from uuid import uuid4

import sqlalchemy as sa

from db import changes, customers, errors, history, outcomes, words
from db.history import Entry
from db.models import Change, Customer, idempotency_keys
from db.models import customers as table
from db.models import history as recorded
from db.personal import ERASED, Personal, texts_of
from db.reader import AnyRow, Transaction

BATCH = 100


async def erase(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer:
    """Replace handle and name, clear the address, and archive; what was done stays, without its values.

    One that is erased already stays as it is. Raises NotFound or VersionConflict.
    """
    customer = await customers.lock(transaction, customer_id)
    await changes.expect(transaction, customer, expected)
    if _is_erased(customer):
        return customer
    erased = await _erase_row(transaction, customer)
    await words.replace(transaction, [erased])
    personal = await _erase_history(transaction, customer)
    await _erase_outcomes(transaction, personal)
    await history.record(transaction, [Entry(erased, history.ERASED, erased.updated_at, {}, {})])
    return erased


def _is_erased(customer: Customer) -> bool:
    handle = _handle(customer)
    has_handle = customer.username == handle or customer.username.startswith(f"{handle}-")
    return has_handle and (customer.name, customer.email) == (ERASED, None) and bool(customer.archived_at)


def _handle(customer: Customer) -> str:
    return f"{ERASED}-{customer.id}"


async def _erase_row(transaction: Transaction, customer: Customer) -> Customer:
    handle = _handle(customer)
    try:
        return await _store(transaction, customer, handle)
    except errors.DuplicateKey:
        # Anybody may have taken it.
        return await _store(transaction, customer, f"{handle}-{uuid4().hex}")


async def _store(transaction: Transaction, customer: Customer, handle: str) -> Customer:
    blank = {"username": handle, "name": ERASED, "email": None}
    archived_at = customer.archived_at or changes.now()
    erased = changes.changed_row(customer, {**blank, "archived_at": archived_at}, touched=True)
    stored = {name: value for name, value in erased._asdict().items() if name != "id"}
    await transaction.execute(table.update().where(table.c.id == customer.id).values(**stored))
    return erased


async def _erase_history(transaction: Transaction, customer: Customer) -> Personal:
    """All that was personal, by what the row and its history had of it."""
    mine = recorded.c.object_id == customer.id, recorded.c.kind == Customer.__name__
    statement = sa.select(*recorded.c).where(*mine).order_by(recorded.c.version).limit(BATCH)
    version, texts = 0, texts_of(customer)
    while rows := await transaction.fetch(statement.where(recorded.c.version > version)):
        for change in map(Change._make, rows):
            texts |= texts_of(change)
            erased = Personal(customer.id).erased(change)
            here = recorded.update().where(*mine, recorded.c.version == change.version)
            await transaction.execute(here.values(fields=erased.fields))
            version = change.version
    return Personal(customer.id, frozenset(texts))


async def _erase_outcomes(transaction: Transaction, personal: Personal) -> None:
    """Those that mutations would be answered with if they were sent again, whoever sent them."""
    keys = idempotency_keys.c
    async for row in _suspects(transaction, personal.customer_id):
        outcome = outcomes.encode(personal.erased(outcomes.decode(row.outcome)))
        if outcome != row.outcome:
            mine = keys.principal == row.principal, keys.idempotency_key == row.idempotency_key
            await transaction.execute(idempotency_keys.update().where(*mine).values(outcome=outcome))


async def _suspects(transaction: Transaction, customer_id: int) -> AsyncIterator[AnyRow]:
    """The keys whose outcomes may have something of the customer.

    All are looked through, for no history leads to what was refused, or to what changed nothing.
    """
    keys = idempotency_keys.c
    marks = f'{{"Customer":{{"id":{customer_id},', '{"Taken":'
    statement = (
        sa.select(keys.principal, keys.idempotency_key, keys.outcome)
        .where(sa.or_(*(keys.outcome.contains(mark, autoescape=True) for mark in marks)))
        .order_by(keys.principal, keys.idempotency_key)
        .limit(BATCH)
    )
    rows = await transaction.fetch_anybodys(statement)
    while rows:
        for row in rows:
            yield row
        last = rows[-1]
        later = sa.and_(keys.principal == last.principal, keys.idempotency_key > last.idempotency_key)
        following = statement.where(sa.or_(keys.principal > last.principal, later))
        rows = await transaction.fetch_anybodys(following)
