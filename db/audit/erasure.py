"""Personal data of customers: erased from the row, the search index and the audit log; it is nowhere else.

Stored results of mutations contain none. When one is replayed, `personal_values_at` adds the values of that
version, or those of an erased customer.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import uuid4

import orjson
import sqlalchemy as sa

from db import customers, domain_errors, errors
from db.audit import audit_log, changes
from db.audit.audit_log import AuditEntry
from db.models import Change, Customer, columns_with
from db.models import customers as table
from db.models import history as recorded
from db.reader import Reader, Transaction
from db.search import search_index

PERSONAL = columns_with(table, "personal")
ERASED_TEXT = "erased"
# A customer's id, and its version.
CustomerVersion = tuple[int, int]
PersonalValues = dict[str, Any]


def erased_values(customer_id: int) -> PersonalValues:
    """The personal columns of an erased customer: null where possible, and unique where necessary."""
    return {name: _erased_value(table.c[name], customer_id) for name in PERSONAL}


def _erased_value(column: sa.Column[Any], customer_id: int) -> str | None:
    if column.nullable:
        return None
    unique = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    is_unique = any(column.name in each.columns for each in unique)
    return f"{ERASED_TEXT}-{customer_id}" if is_unique else ERASED_TEXT


def erased_fields(change: Change) -> str:
    """The `fields` of a customer's change without personal values."""
    sides = audit_log.changed_fields(change)
    left = {name: (None, None) if name in PERSONAL else side for name, side in sides.items()}
    return orjson.dumps(left).decode()


async def personal_values_at(
    reader: Reader, versions: Collection[CustomerVersion]
) -> dict[CustomerVersion, PersonalValues]:
    """The personal values of customers at a version of each: those of today's row, with later changes undone.

    One statement for the rows, and one for each page of changes.
    """
    if not versions:
        return {}
    # Rows before changes: a change that is committed in between is then in the audit log when that is read.
    found = await customers.get_many(reader, "id", list({each for each, _ in versions}))
    rows = {row.id: row for row in found}
    older = [(each, version) for each, version in versions if _is_older(version, rows.get(each))]
    before = await _before(reader, older)
    return {key: _values(key[0], rows.get(key[0]), before.get(key, {})) for key in versions}


def _is_older(version: int, row: Customer | None) -> bool:
    return row is None or version < row.version


async def _before(
    reader: Reader, versions: Collection[CustomerVersion]
) -> dict[CustomerVersion, PersonalValues]:
    """The values that later changes replaced, by version."""
    asked: dict[int, list[int]] = defaultdict(list)
    for customer_id, version in versions:
        asked[customer_id].append(version)
    taken: dict[CustomerVersion, PersonalValues] = defaultdict(dict)
    oldest = {each: min(known) for each, known in asked.items()}
    async for page in audit_log.changes_after(reader, Customer.__name__, oldest):
        for change in page:
            for key in [
                (change.object_id, each) for each in asked[change.object_id] if each < change.version
            ]:
                # Of several changes of a field, the first one after the version has its value.
                taken[key] = _before_change(change) | taken[key]
    return taken


def _before_change(change: Change) -> PersonalValues:
    return {name: side[0] for name, side in audit_log.changed_fields(change).items() if name in PERSONAL}


def _values(customer_id: int, row: Customer | None, before: PersonalValues) -> PersonalValues:
    shown = [name for name in PERSONAL if "stored_with" not in table.c[name].info]
    now = {name: row.shown(name) for name in shown} if row else {}
    found = {name: value for name, value in (now | before).items() if value is not None}
    return erased_values(customer_id) | found | {"orders_count": row.orders_count if row else 0}


async def erase(transaction: Transaction, customer_id: int, expected: int | None = None) -> Customer | int:
    """Erase the personal data of a customer and archive it; the audit log keeps its changes, without values.

    A customer that is erased already is returned unchanged. Of a deleted customer only the audit log is
    left; then the id is returned. Raises VersionConflict, and NotFound, also if a version of a deleted
    customer is expected.
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
    """By the latest action: any customer may have values that look like erased ones."""
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
        # End the transaction, which now locks the other customer's username; the retry finds that username.
        raise errors.ConcurrentInsert from error
    return erased


async def _blank(transaction: Transaction, customer_id: int) -> PersonalValues:
    """The values of an erased customer; with a random suffix if the username is taken."""
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
