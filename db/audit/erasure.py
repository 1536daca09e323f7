"""Erases what is personal of a customer, in its row, its words and its history."""

from uuid import uuid4

import sqlalchemy as sa

from db import customers, domain_errors, errors
from db.audit import audit_log, changes
from db.audit.audit_log import AuditEntry
from db.audit.personal_data import PersonalValues, erased_fields, erased_values
from db.models import Change, Customer
from db.models import customers as table
from db.models import history as recorded
from db.reader import Transaction
from db.search import search_index


async def erase(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer | int:
    """Replace handle and name, clear the address, and archive; what was done stays, without its values.

    One that is erased already stays as it is. Of one that was deleted only the history is left, and its id
    comes back. Raises NotFound, also where a version of a deleted one is expected, or VersionConflict.
    """
    try:
        customer = await customers.lock(transaction, customer_id)
    except domain_errors.NotFound as missing:
        if expected is not None or transaction.owner not in (None, customer_id):
            raise
        return await _erase_deleted(transaction, missing)
    await changes.check_version(transaction, customer, expected)
    if _is_erased(await audit_log.lock_latest_change(transaction, Customer.__name__, customer_id)):
        return customer
    erased = await _erase_row(transaction, customer)
    await search_index.replace(transaction, [erased])
    await _erase_history(transaction, customer_id)
    await audit_log.record(transaction, [AuditEntry(erased, audit_log.ERASED, erased.updated_at, {}, {})])
    return erased


async def _erase_deleted(transaction: Transaction, missing: domain_errors.NotFound) -> int:
    """Raises `missing` for what never was a customer."""
    last = await audit_log.lock_latest_change(transaction, missing.kind, missing.id)
    if last is None:
        raise missing
    if not _is_erased(last):
        await _erase_history(transaction, last.object_id)
        await audit_log.record_for_deleted(transaction, last, audit_log.ERASED, changes.utc_now())
    return last.object_id


def _is_erased(last: Change | None) -> bool:
    """By what was done last: anybody may choose the values that an erased customer has."""
    return last is not None and last.action == audit_log.ERASED


async def _erase_row(transaction: Transaction, customer: Customer) -> Customer:
    values = {
        **await _blank(transaction, customer.id),
        "archived_at": customer.archived_at or changes.utc_now(),
    }
    erased = changes.with_changes(customer, values, touched=True)
    stored = {name: value for name, value in erased._asdict().items() if name != "id"}
    try:
        await transaction.execute(table.update().where(table.c.id == customer.id).values(**stored))
    except errors.DuplicateKey as error:
        # It holds the lock of somebody else's username now, so it ends at once; the next run sees the name.
        raise errors.ConcurrentInsert from error
    return erased


async def _blank(transaction: Transaction, customer_id: int) -> PersonalValues:
    """The values of an erased customer, with another username where somebody has taken it."""
    blank = erased_values(customer_id)
    named = sa.select(table.c.id).where(table.c.username == blank["username"], table.c.id != customer_id)
    if await transaction.fetch_unscoped(named):
        return {**blank, "username": f"{blank['username']}-{uuid4().hex}"}
    return blank


async def _erase_history(transaction: Transaction, customer_id: int) -> None:
    kind, version = Customer.__name__, recorded.c.version
    mine = recorded.c.object_id == customer_id, recorded.c.kind == kind
    async for page in audit_log.changes_after(transaction, kind, {customer_id: 0}):
        fields = {change.version: erased_fields(change) for change in page}
        here = recorded.update().where(*mine, version.in_(list(fields)))
        await transaction.execute(here.values(fields=sa.case(fields, value=version)))
