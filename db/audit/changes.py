"""The one place that raises `version`, and writes down what was changed, in the change's transaction."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from db import domain_errors
from db.audit import audit_log
from db.audit.audit_log import AuditEntry, audited_values
from db.models import Customer, Order, OrderLine
from db.money import LineInput
from db.reader import Transaction

RowT = TypeVar("RowT", Customer, Order)


class LineChange(NamedTuple):
    """An order's lines, before a change and after it."""

    before: Sequence[OrderLine]
    after: Sequence[LineInput]


def utc_now() -> datetime:
    """The current time in UTC, to the microsecond."""
    return datetime.now(UTC)


async def check_version(transaction: Transaction, row: Customer | Order, version: int | None) -> None:
    """Raises VersionConflict, with the changes since, when another version of the row is expected."""
    for found in await find_version_conflict(transaction, row, version):
        raise found


async def find_version_conflict(
    transaction: Transaction, row: Customer | Order, version: int | None
) -> list[domain_errors.DomainError]:
    """The VersionConflict that `check_version` raises, if any."""
    found = version_conflict(row, version)
    await audit_log.load_changes_since(transaction, found)
    return found


def version_conflict(row: Customer | Order, version: int | None) -> list[domain_errors.DomainError]:
    """The same without the changes since, which takes no statement."""
    if version is None or version == row.version:
        return []
    return [domain_errors.VersionConflict(row, (), version)]


async def record_created(
    transaction: Transaction, row: Customer | Order, lines: Sequence[LineInput] = ()
) -> None:
    """Write down that a row was inserted."""
    await audit_log.record(
        transaction, [AuditEntry(row, audit_log.CREATED, row.created_at, {}, audited_values(row, lines))]
    )


async def update_row(
    transaction: Transaction,
    table: sa.Table,
    row: RowT,
    values: Mapping[str, Any],
    lines: LineChange | None = None,
) -> RowT:
    """Store `values` where they differ from `row`, which is locked, and give back the row as it is then.

    A change that changes nothing keeps the version, unless its `lines` were changed.
    """
    changed = with_changes(row, values, touched=lines is not None)
    if changed is row:
        return row
    stored = {name: value for name, value in changed._asdict().items() if value != getattr(row, name)}
    await transaction.execute(table.update().where(table.c.id == row.id).values(**stored))
    await audit_log.record(transaction, [update_entry(row, changed, lines)])
    return changed


async def record_deleted(
    transaction: Transaction, row: Customer | Order, lines: Sequence[OrderLine] = ()
) -> None:
    """Write down that a row was deleted."""
    gone = row._replace(version=row.version + 1)
    await audit_log.record(
        transaction, [AuditEntry(gone, audit_log.DELETED, utc_now(), audited_values(row, lines), {})]
    )


def with_changes(row: RowT, values: Mapping[str, Any], *, touched: bool = False) -> RowT:
    """The row with `values`, its version raised where these, or what hangs on it, make a difference."""
    if not touched and all(getattr(row, name) == value for name, value in values.items()):
        return row
    return row._replace(**values, version=row.version + 1, updated_at=utc_now())


def update_entry(
    row: RowT, changed: RowT, lines: LineChange | None = None, action: str = audit_log.UPDATED
) -> AuditEntry:
    """What a change of a row, and of its lines, is written down as."""
    before, after = lines or ((), ())
    return AuditEntry(
        changed, action, changed.updated_at, audited_values(row, before), audited_values(changed, after)
    )
