"""Computes the result of each order of a batch from the existing rows, before anything is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from db import domain_errors, money, order_lines
from db.audit import changes
from db.audit.changes import LineChange
from db.batches.item_results import CREATED, UNCHANGED, UPDATED, ItemResult, refused_item
from db.domain_errors import DomainError
from db.models import Customer, Order, OrderLine
from db.money import LineInput, Money
from db.orders import PENDING


class OrderInput(NamedTuple):
    """An order to create or change: its columns without total and status, and a total or lines.

    An item with `invalid` input has only its valid parts; it is checked and not stored. `invalid_content`
    is "total" or "lines" if that is one of the invalid parts.
    """

    values: dict[str, Any]
    total: Money | None
    lines: Sequence[LineInput]
    expected: int | None = None
    invalid: bool = False
    invalid_content: str | None = None

    @property
    def reference(self) -> str | None:
        return self.values.get("reference")

    @property
    def content(self) -> str | None:
        """Which of "total" and "lines" is given."""
        return "lines" if self.lines else "total" if self.total else self.invalid_content


class StoredOrder(NamedTuple):
    """An existing order with its lines."""

    order: Order
    lines: list[OrderLine]


@dataclass
class OrderBatch:
    """An Item for each added order; `lines` has the lines to write, by the item's index.

    `stored` has the existing orders by reference, `customers` the customers of new orders by id. Existing
    orders are changed only with `changes_stored`, and with an `owner` only that customer's.
    """

    changes_stored: bool = False
    owner: int | None = None
    stored: dict[str, StoredOrder] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    items: list[ItemResult] = field(default_factory=list)
    lines: dict[int, LineChange] = field(default_factory=dict)
    _references: set[str] = field(default_factory=set)

    def add(self, each: OrderInput) -> None:
        self.items.append(self._item(each))

    def changed_by(self, each: OrderInput) -> StoredOrder | None:
        """The existing order that the item changes; without one, the item is a new order."""
        stored = self.stored.get(each.reference or "")
        if stored and self.changes_stored and self.owner in (None, stored.order.customer_id):
            return stored
        return None

    def _item(self, each: OrderInput) -> ItemResult:
        stored = self.changed_by(each)
        violations = list(self._violations(each, stored))
        if violations or each.invalid:
            return refused_item(violations)
        # Only stored items reserve their reference: a refused one does not affect the others.
        if each.reference is not None:
            self._references.add(each.reference)
        total = each.total or money.total_of(each.lines)
        return self._changed(each, total, stored) if stored else self._created(each, total)

    def _violations(self, each: OrderInput, stored: StoredOrder | None) -> Iterator[DomainError]:
        if each.reference in self._references:
            yield domain_errors.Repeated("reference")
        if each.lines:
            yield from money.find_line_errors(each.lines)
        if stored:
            yield from _violations_of_change(each, stored)
        else:
            yield from self._violations_of_creation(each)

    def _violations_of_creation(self, each: OrderInput) -> Iterator[DomainError]:
        if each.reference in self.stored:
            yield domain_errors.Taken("reference")
        elif each.reference is not None and each.expected is not None:
            yield domain_errors.ExpectedVersionNotFound()
        customer_id = each.values.get("customer_id")
        if customer_id is None:
            return
        if customer_id not in self.customers:
            yield domain_errors.NotFound("Customer", customer_id, "customer_id")
        elif self.customers[customer_id].archived_at:
            yield domain_errors.CustomerArchived()

    def _created(self, each: OrderInput, total: Money) -> ItemResult:
        moment = changes.utc_now()
        columns = {"reference": None, "placed_at": moment, **each.values, **_columns(total)}
        columns |= {"status": PENDING, "version": 1, "created_at": moment, "updated_at": moment}
        if each.lines:
            self.lines[len(self.items)] = LineChange((), each.lines)
        return ItemResult(Order(id=0, **columns), CREATED)

    def _changed(self, each: OrderInput, total: Money, stored: StoredOrder) -> ItemResult:
        order, has_new_lines = stored.order, _has_new_lines(each, stored)
        if has_new_lines:
            self.lines[len(self.items)] = LineChange(stored.lines, each.lines)
        changed = changes.with_changes(order, {**each.values, **_columns(total)}, touched=has_new_lines)
        return ItemResult(changed, UNCHANGED if changed is order else UPDATED)


def _violations_of_change(each: OrderInput, stored: StoredOrder) -> Iterator[DomainError]:
    """As of updateOrder: after a VersionConflict the order's own rules are not checked."""
    order = stored.order
    if each.values.get("customer_id", order.customer_id) != order.customer_id:
        yield domain_errors.OtherCustomer()
    conflict = changes.version_conflict(order, each.expected)
    if conflict:
        yield from conflict
    elif each.content and order.status != PENDING and _differs(each, stored):
        yield domain_errors.NotEditable(order.status, each.content)
    elif each.content == "total" and stored.lines:
        yield domain_errors.HasLines()


def _differs(each: OrderInput, stored: StoredOrder) -> bool:
    """Whether the content is another than the stored one, as an invalid one is."""
    if each.total:
        return each.total != (stored.order.total, stored.order.currency)
    return not each.lines or _has_new_lines(each, stored)


def _has_new_lines(each: OrderInput, stored: StoredOrder) -> bool:
    return bool(each.lines) and not order_lines.are(stored.lines, each.lines)


def _columns(total: Money) -> dict[str, Any]:
    return {"total": total.amount, "currency": total.currency}
