"""All SQL on customers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from db import changes, errors, keyed, refusals, unique_text, words
from db.models import Customer, customers
from db.reader import Reader, Transaction


async def get_many(reader: Reader, column: str, values: Sequence[Any]) -> list[Customer]:
    """The customers whose `column`, a unique one, has one of `values`; in no order, archived too."""
    found = await keyed.fetch(reader, customers, column, values)
    return [Customer._make(row) for row in found]


async def lock(transaction: Transaction, customer_id: int, field: str = "id") -> Customer:
    """The customer, locked until the transaction ends. Raises NotFound."""
    rows = await transaction.lock(customers, [customer_id])
    if not rows:
        raise refusals.NotFound("Customer", customer_id, field)
    return Customer._make(rows[0])


def active(customer_id: int) -> sa.Select[Any]:
    """Selects the customer for update, if it is there and not archived."""
    found = sa.select(*customers.c).where(customers.c.id == customer_id, customers.c.archived_at.is_(None))
    return found.with_for_update()


async def require_active(transaction: Transaction, customer_id: int, field: str = "customer_id") -> None:
    """Raises NotFound or CustomerArchived."""
    if (await lock(transaction, customer_id, field)).archived_at:
        raise refusals.CustomerArchived


async def insert(transaction: Transaction, values: Mapping[str, Any]) -> Customer:
    """A new customer from `username`, `name` and `email`. Raises Taken."""
    moment = changes.now()
    columns = {"email": None, "archived_at": None, "entered_email": None, **with_email_key(values)}
    columns |= {"version": 1, "created_at": moment, "updated_at": moment}
    with _taken():
        customer_id = await transaction.insert(customers, columns)
    customer = Customer(id=customer_id, **columns)
    await words.insert(transaction, [customer])
    await changes.created(transaction, customer)
    return customer


async def update(
    transaction: Transaction, customer_id: int, values: Mapping[str, Any], expected: int | None = None
) -> Customer:
    """Change what `values` names. Raises NotFound, VersionConflict or Taken."""
    customer = await lock(transaction, customer_id)
    await changes.expect(transaction, customer, expected)
    with _taken():
        changed = await changes.apply(transaction, customers, customer, with_email_key(values))
    if words.of(changed) != words.of(customer):
        await words.replace(transaction, [changed])
    return changed


async def archive(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer:
    """Archive; an archived customer stays as it is. Raises NotFound or VersionConflict."""
    customer = await lock(transaction, customer_id)
    await changes.expect(transaction, customer, expected)
    moment = customer.archived_at or changes.now()
    return await changes.apply(transaction, customers, customer, {"archived_at": moment})


async def restore(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer:
    """Take out of the archive; others stay as they are. Raises NotFound or VersionConflict."""
    customer = await lock(transaction, customer_id)
    await changes.expect(transaction, customer, expected)
    return await changes.apply(transaction, customers, customer, {"archived_at": None})


async def delete(transaction: Transaction, customer_id: int, expected: int | None = None) -> int:
    """Delete a customer without orders; its id. Raises NotFound, VersionConflict or CustomerHasOrders."""
    customer = await lock(transaction, customer_id)
    await changes.expect(transaction, customer, expected)
    try:
        await transaction.execute(customers.delete().where(customers.c.id == customer_id))
    except errors.BrokenReference as error:
        raise refusals.CustomerHasOrders from error
    await changes.deleted(transaction, customer)
    return customer_id


def with_email_key(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `values`, in which `email` is the address as it was entered."""
    if "email" not in values:
        return dict(values)
    entered = values["email"]
    key = None if entered is None else unique_text.email_key(entered)
    return {**values, "email": key, "entered_email": None if entered == key else entered}


@contextmanager
def _taken() -> Iterator[None]:
    try:
        yield
    except errors.DuplicateKey as error:
        raise refusals.Taken(error.column) from error
