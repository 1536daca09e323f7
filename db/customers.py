"""All SQL on customers."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from db import domain_errors, errors, select_by_key, unique_text
from db.audit import changes
from db.domain_errors import DomainError
from db.models import Customer, customers, nullable_columns, orders
from db.reader import Reader, Transaction
from db.search import search_index


async def get_many(reader: Reader, column: str, values: Sequence[Any]) -> list[Customer]:
    """The customers whose `column`, a unique one, has one of `values`; in no order, archived too."""
    found = await select_by_key.fetch(reader, customers, column, values)
    return [Customer._make(row) for row in found]


async def lock(transaction: Transaction, customer_id: int, field: str = "id") -> Customer:
    """The customer, locked until the transaction ends. Raises NotFound."""
    rows = await transaction.lock(customers, [customer_id])
    if not rows:
        raise domain_errors.NotFound("Customer", customer_id, field)
    return Customer._make(rows[0])


async def count_new_order(transaction: Transaction, customer_id: int) -> bool:
    """Lock the customer and count one more order; False if it does not exist or is archived."""
    active = customers.c.id == customer_id, customers.c.archived_at.is_(None)
    counted = customers.update().where(*active).values(orders_count=customers.c.orders_count + 1)
    return bool((await transaction.execute(counted)).rowcount)


async def add_to_orders_count(transaction: Transaction, added: Mapping[int, int]) -> None:
    """Add to `orders_count` by customer ID, in one statement. Each customer is locked."""
    count = customers.c.orders_count + sa.case(dict(added), value=customers.c.id, else_=0)
    await transaction.execute(customers.update().where(customers.c.id.in_(added)).values(orders_count=count))


async def require_active(transaction: Transaction, customer_id: int, field: str = "customer_id") -> None:
    """Raises NotFound or CustomerArchived."""
    if (await lock(transaction, customer_id, field)).archived_at:
        raise domain_errors.CustomerArchived


async def insert(transaction: Transaction, values: Mapping[str, Any]) -> Customer:
    """A new customer from `username`, `name` and `email`. Raises Taken, or a DomainErrorGroup of them."""
    moment = changes.utc_now()
    columns = {**nullable_columns(customers), **with_email_key(values)}
    columns |= {"version": 1, "created_at": moment, "updated_at": moment}
    try:
        customer_id = await transaction.insert(customers, columns)
    except errors.DuplicateKey as error:
        found = await find_insert_errors(transaction, values)
        raise domain_errors.combine([domain_errors.Taken(error.column), *found]) from error
    customer = Customer(id=customer_id, **columns)
    await search_index.insert(transaction, [customer])
    await changes.record_created(transaction, customer)
    return customer


async def update(
    transaction: Transaction, customer_id: int, values: Mapping[str, Any], expected: int | None = None
) -> Customer:
    """Change what `values` names. Raises NotFound, VersionConflict, Taken or DomainErrorGroup."""
    customer = await lock(transaction, customer_id)
    try:
        await changes.check_version(transaction, customer, expected)
        changed = await changes.update_row(transaction, customers, customer, with_email_key(values))
    except domain_errors.VersionConflict as conflict:
        raise domain_errors.combine([conflict, *await _taken(transaction, values, customer_id)]) from None
    except errors.DuplicateKey as error:
        found = await _taken(transaction, values, customer_id)
        raise domain_errors.combine([domain_errors.Taken(error.column), *found]) from error
    if search_index.index_words(changed) != search_index.index_words(customer):
        await search_index.replace(transaction, [changed])
    return changed


async def archive(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer:
    """Archive; an archived customer stays as it is. Raises NotFound or VersionConflict."""
    customer = await lock(transaction, customer_id)
    await changes.check_version(transaction, customer, expected)
    moment = customer.archived_at or changes.utc_now()
    return await changes.update_row(transaction, customers, customer, {"archived_at": moment})


async def restore(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer:
    """Take out of the archive; others stay as they are. Raises NotFound or VersionConflict."""
    customer = await lock(transaction, customer_id)
    await changes.check_version(transaction, customer, expected)
    return await changes.update_row(transaction, customers, customer, {"archived_at": None})


async def delete(transaction: Transaction, customer_id: int, expected: int | None = None) -> int:
    """Delete a customer without orders; its id. Raises NotFound, VersionConflict or CustomerHasOrders."""
    customer = await lock(transaction, customer_id)
    await changes.check_version(transaction, customer, expected)
    try:
        await transaction.execute(customers.delete().where(customers.c.id == customer_id))
    except errors.ForeignKeyViolation as error:
        raise domain_errors.CustomerHasOrders from error
    await changes.record_deleted(transaction, customer)
    return customer_id


def with_email_key(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `values`, in which `email` is the address as it was entered."""
    if "email" not in values:
        return dict(values)
    entered = values["email"]
    key = None if entered is None else unique_text.email_key(entered)
    return {**values, "email": key, "entered_email": None if entered == key else entered}


async def find_insert_errors(transaction: Transaction, values: Mapping[str, Any]) -> list[DomainError]:
    """All that is wrong with a new customer of some of these values; nothing is locked or written."""
    return [] if transaction.owner is not None else await _taken(transaction, values)


async def find_update_errors(
    transaction: Transaction, customer_id: int, values: Mapping[str, Any], expected: int | None = None
) -> list[DomainError]:
    """All that is wrong with a change to some of these values; nothing is locked or written."""
    found = await transaction.fetch(sa.select(*customers.c).where(customers.c.id == customer_id))
    if not found:
        return [domain_errors.NotFound("Customer", customer_id)]
    conflict = await changes.find_version_conflict(transaction, Customer._make(found[0]), expected)
    return [*conflict, *await _taken(transaction, values, customer_id)]


async def find_delete_errors(
    transaction: Transaction, customer_id: int, expected: int | None = None
) -> list[DomainError]:
    """All that is wrong with a deletion; nothing is locked or written."""
    if found := await find_update_errors(transaction, customer_id, {}, expected):
        return found
    theirs = sa.select(orders.c.id).where(orders.c.customer_id == customer_id).limit(1)
    return [domain_errors.CustomerHasOrders()] if await transaction.fetch(theirs) else []


async def _taken(
    transaction: Transaction, values: Mapping[str, Any], customer_id: int = 0
) -> list[DomainError]:
    """Taken for each unique value that another customer has."""
    keys = with_email_key(values)
    unique = {name: keys[name] for name in ("username", "email") if keys.get(name) is not None}
    if not unique:
        return []
    others = [
        sa.select(sa.literal(name)).where(customers.c[name] == value, customers.c.id != customer_id)
        for name, value in unique.items()
    ]
    taken = {row[0] for row in await transaction.fetch_unscoped(sa.union_all(*others))}
    # TiDB returns the parts of a union in any order.
    return [domain_errors.Taken(name) for name in unique if name in taken]
