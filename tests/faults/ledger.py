"""Compares what clients were told with what is stored: nothing lost, nothing twice, nothing else."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from db import order_lines
from db.audit import audit_log as changes
from db.engine.database import Database
from db.maintenance import data_checks
from db.models import Change, Customer, Order, customers, history, idempotency_keys, orders
from graph.global_ids import GlobalId
from tests.faults.client import Acknowledged

# A change: an idempotency key, a kind of object, its id, and the version that the change made.
Effect: TypeAlias = tuple[str | None, str, int, int]


class Audit(NamedTuple):
    """Effects that were told and are not there, that are there and were not told, and what disagrees."""

    lost: list[Effect]
    doubled: list[Effect]
    wrong: list[Any]


async def audit(database: Database, acknowledged: Sequence[Acknowledged]) -> Audit:
    """Of a database in which nobody else has ever written anything."""
    rows = await database.reader().fetch(sa.select(*history.c).order_by(history.c.version))
    changed = {_effect(change): change for change in map(Change._make, rows)}
    told = {effect: shown for each in acknowledged for effect, shown in _told(each)}
    wrong = [
        told[effect] for effect in told if effect in changed and not _agrees(told[effect], changed[effect])
    ]
    wrong += await _wrong_keys(database, acknowledged)
    wrong += await _wrong_rows(database, list(changed.values()))
    wrong += (await data_checks.check_order_counts(database, repair=False)).wrong
    lost, doubled = sorted(told.keys() - changed.keys()), list(changed.keys() - told.keys())
    return Audit(lost, doubled, wrong)


def _effect(change: Change) -> Effect:
    return change.idempotency_key, change.kind, change.object_id, change.version


def _told(each: Acknowledged) -> Iterator[tuple[Effect, Any]]:
    for shown in _changed(each.payload):
        found = GlobalId.decode(shown["id"])
        assert found is not None
        yield (each.key, found.kind, found.row_id, shown["version"]), shown


def _changed(payload: Any) -> list[Any]:
    """The objects that a mutation has changed, as its payload shows them."""
    results = payload.get("results", [payload])
    shown = [result.get("customer") or result.get("order") for result in results]
    outcomes = [result.get("outcome") for result in results]
    return [each for each, outcome in zip(shown, outcomes, strict=True) if each and outcome != "UNCHANGED"]


def _agrees(shown: Any, change: Change) -> bool:
    fields = changes.changed_fields(change)
    return all(after == shown.get(name, after) for name, (_, after) in fields.items())


async def _wrong_keys(database: Database, acknowledged: Sequence[Acknowledged]) -> list[Any]:
    """Keys that were answered and are not there, or the other way round."""
    rows = await database.reader().fetch(sa.select(idempotency_keys.c.idempotency_key))
    stored, answered = [key for (key,) in rows], {each.key for each in acknowledged}
    return sorted(answered.symmetric_difference(stored))


async def _wrong_rows(database: Database, recorded: Sequence[Change]) -> list[Any]:
    """Objects that are not what all their changes, each on the one before it, make of nothing."""
    expected: dict[tuple[str, int], dict[str, Any]] = defaultdict(lambda: {"version": 0})
    wrong: list[Any] = []
    for change in recorded:
        made = expected[change.kind, change.object_id]
        made["version"] += 1
        differences = changes.changed_fields(change)
        before = {name: made.get(name) for name in differences}
        if change.version != made["version"] or before != {n: side[0] for n, side in differences.items()}:
            wrong.append(change)
        made.update({name: after for name, (_, after) in differences.items()})
    stored = await _stored(database)
    return wrong + [key for key in expected.keys() | stored.keys() if expected[key] != stored.get(key)]


async def _stored(database: Database) -> dict[tuple[str, int], dict[str, Any]]:
    reader = database.reader()
    found: list[Customer | Order] = [Customer._make(row) for row in await reader.fetch(sa.select(customers))]
    some = [Order._make(row) for row in await reader.fetch(sa.select(orders))]
    by_order = await order_lines.get_by_order(reader, [order.id for order in some])
    content = {("Customer", row.id): {"version": row.version, **changes.audited_values(row)} for row in found}
    for order in some:
        shown = changes.audited_values(order, by_order.get(order.id, []))
        content["Order", order.id] = {"version": order.version, **shown}
    return content
