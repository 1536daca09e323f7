"""Input types of mutations and batch items. `decode` returns arguments for `db`, or raises InvalidInput."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import strawberry

from db import customers, orders
from db.batches.customer_batches import CustomerUpsert
from db.batches.order_batches import OrderTransition
from db.batches.order_changes import OrderInput
from db.money import LineInput, Money
from graph.mutations.batches import MAX_ITEMS, MAX_TOTAL_LINES, BatchInput
from graph.mutations.input_rules import MAX_LINES, MAX_REFERENCE_LENGTH, InputValidator, is_unset
from graph.mutations.options import MutationInput, VersionedInput
from graph.mutations.user_errors import UserErrorCode
from graph.types.order_status import OrderStatus
from graph.types.scalars import CurrencyCode

ITEMS = f"The items, 1 to {MAX_ITEMS}."
ORDERS = f"The orders, 1 to {MAX_ITEMS}, with at most {MAX_TOTAL_LINES} lines in total."
EXPECTED = (
    "The version that you have read. If the object has another version, the item gets VERSION_CONFLICT."
)


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount: Decimal = strawberry.field(description="The amount, 0 to 99999999999.9999.")
    currency: CurrencyCode = strawberry.field(description="A currency of ISO 4217, current or withdrawn.")


@strawberry.input(description="One line of an order; its position is its index in the list plus 1.")
class OrderLineInput:
    sku: str = strawberry.field(description="Article number, 1 to 64 characters.")
    name: str = strawberry.field(description="Article name, 1 to 250 characters.")
    quantity: int = strawberry.field(description="The quantity, 1 to 1,000,000.")
    unit_price: MoneyInput = strawberry.field(description="The price of one unit.")

    def decode(self, validator: InputValidator, field: str) -> LineInput:
        return LineInput(
            validator.text(self.sku, f"{field}.sku", MAX_REFERENCE_LENGTH),
            validator.name(self.name, f"{field}.name"),
            validator.quantity(self.quantity, f"{field}.quantity"),
            validator.money(self.unit_price, f"{field}.unit_price"),
        )


@strawberry.input(description="Input of createCustomer.")
class CreateCustomerInput(MutationInput):
    username: str = strawberry.field(
        description=(
            "Unique username, 1 to 250 characters; normalized to NFC, trimmed, invisible characters removed."
        )
    )
    name: str = strawberry.field(description="The name, 1 to 250 characters.")
    email: str | None = strawberry.field(default=strawberry.UNSET, description="Unique e-mail address.")

    def decode(self) -> dict[str, Any]:
        validator = InputValidator()
        values = validator.customer_values(self)
        validator.raise_errors(partial(customers.find_insert_errors, values=validator.valid_values(values)))
        return values


@strawberry.input(description="Input of updateCustomer. Omitted fields are kept.")
class UpdateCustomerInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The customer's ID.")
    username: strawberry.Maybe[str | None] = strawberry.field(description="The new username; cannot be null.")
    name: strawberry.Maybe[str | None] = strawberry.field(description="The new name; cannot be null.")
    email: strawberry.Maybe[str | None] = strawberry.field(
        description="The new e-mail address; null clears it."
    )

    def decode(self) -> tuple[int, dict[str, Any], int | None]:
        validator = InputValidator()
        customer_id = validator.row_id("Customer", self.id)
        expected = validator.version(self.expected_version)
        values = validator.customer_values(self)
        known = checkable_arguments(validator, self, "Customer", customer_id)
        validator.raise_errors(
            None
            if not known
            else partial(customers.find_update_errors, **known, values=validator.valid_values(values))
        )
        return customer_id, values, expected


@strawberry.input(description="Input of archiveCustomer.")
class ArchiveCustomerInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The customer's ID.")

    def decode(self) -> tuple[int, int | None]:
        return decode_id("Customer", self, partial(customers.find_update_errors, values={}))


@strawberry.input(description="Input of restoreCustomer.")
class RestoreCustomerInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The customer's ID.")

    def decode(self) -> tuple[int, int | None]:
        return decode_id("Customer", self, partial(customers.find_update_errors, values={}))


@strawberry.input(description="Input of deleteCustomer. The customer must have no orders.")
class DeleteCustomerInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The customer's ID.")

    def decode(self) -> tuple[int, int | None]:
        return decode_id("Customer", self, customers.find_delete_errors)


@strawberry.input(description="Input of eraseCustomer.")
class EraseCustomerInput(VersionedInput):
    id: strawberry.ID = strawberry.field(
        description="The customer's ID, or the ID of a deleted customer, without expectedVersion."
    )

    def decode(self) -> tuple[int, int | None]:
        return decode_id("Customer", self, partial(customers.find_update_errors, values={}))


class OrderContent(NamedTuple):
    """A decoded order: column values, and a total or lines."""

    values: dict[str, Any]
    total: Money | None
    lines: tuple[LineInput, ...]


@strawberry.input
class NewOrder:
    """Fields shared by createOrder and the items of createOrders and upsertOrders."""

    customer_id: strawberry.ID = strawberry.field(description="The ID of the customer who places the order.")
    total: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="The total of an order without lines."
    )
    lines: list[OrderLineInput] | None = strawberry.field(
        default=strawberry.UNSET, description="The order's lines, 1 to 200, all in one currency."
    )
    placed_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="The time when the order was placed; now, if omitted."
    )

    def content(self, validator: InputValidator, reference: str | None) -> OrderContent:
        values: dict[str, Any] = {
            "customer_id": validator.row_id("Customer", self.customer_id, "customer_id"),
            "reference": None if is_unset(reference) else validator.reference(reference),
        }
        if not is_unset(self.placed_at):
            values["placed_at"] = self.placed_at
        total = None if is_unset(self.total) else validator.money(self.total, "total")
        lines = () if is_unset(self.lines) else decode_lines(validator, self.lines)
        if is_unset(self.total) == is_unset(self.lines):
            validator.add(UserErrorCode.TOTAL_OR_LINES, "Send either total or lines, not both.", "total")
        return OrderContent(values, total, lines)


@strawberry.input(description="A new order, with either a total or lines.")
class CreateOrderInput(NewOrder, MutationInput):
    reference: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Unique reference, 1 to 64 characters; normalized to NFC, trimmed, invisible characters removed."
        ),
    )

    def decode(self) -> OrderContent:
        validator = InputValidator()
        content = self.content(validator, self.reference)
        validator.raise_errors(
            partial(orders.find_insert_errors, values=validator.valid_values(content.values))
        )
        return content


@strawberry.input(description="Input of updateOrder. Omitted fields are kept.")
class UpdateOrderInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The order's ID.")
    total: strawberry.Maybe[MoneyInput | None] = strawberry.field(
        description="The new total of a PENDING order without lines; cannot be null."
    )
    lines: strawberry.Maybe[list[OrderLineInput] | None] = strawberry.field(
        description="The new lines of a PENDING order, 1 to 200, replacing all lines; cannot be null."
    )
    reference: strawberry.Maybe[str | None] = strawberry.field(
        description="The new reference; null clears it."
    )
    placed_at: strawberry.Maybe[datetime | None] = strawberry.field(
        description="The new time when the order was placed; cannot be null."
    )

    def decode(self) -> tuple[int, OrderContent, int | None]:
        validator = InputValidator()
        order_id = validator.row_id("Order", self.id)
        expected = validator.version(self.expected_version)
        values: dict[str, Any] = {}
        if self.reference:
            values["reference"] = validator.reference(self.reference.value)
        if self.placed_at:
            values["placed_at"] = required(validator, self.placed_at.value, "placed_at")
        total, lines = self._decode_content(validator)
        known = checkable_arguments(validator, self, "Order", order_id)
        content = "lines" if self.lines else "total" if self.total else None
        valid = validator.valid_values(values)
        validator.raise_errors(
            None if not known else partial(orders.find_update_errors, **known, values=valid, content=content)
        )
        return order_id, OrderContent(values, total, lines), expected

    def _decode_content(self, validator: InputValidator) -> tuple[Money | None, tuple[LineInput, ...]]:
        if self.total and self.lines:
            validator.add(UserErrorCode.TOTAL_OR_LINES, "Send either total or lines, not both.", "total")
        total: Money | None = None
        lines: tuple[LineInput, ...] = ()
        if self.total and required(validator, self.total.value, "total"):
            total = validator.money(self.total.value, "total")
        if self.lines:
            lines = decode_lines(validator, self.lines.value)
        return total, lines


@strawberry.input(description="Input of transitionOrder.")
class TransitionOrderInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The order's ID.")
    to: OrderStatus = strawberry.field(description="The new status.")

    def decode(self) -> tuple[int, int | None]:
        return decode_id("Order", self, partial(orders.find_transition_errors, to=str(self.to.value)))


@strawberry.input(description="Input of deleteOrder. The order must be PENDING or CANCELLED.")
class DeleteOrderInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description="The order's ID.")

    def decode(self) -> tuple[int, int | None]:
        return decode_id("Order", self, orders.find_delete_errors)


@strawberry.input
class VersionedItem:
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=EXPECTED)

    def valid_version(self, validator: InputValidator) -> int | None:
        expected = validator.version(self.expected_version)
        return None if validator.has_error("expected_version") else expected


@strawberry.input(description="A customer to create or update, identified by username.")
class UpsertCustomerItem(VersionedItem):
    username: str = strawberry.field(
        description=(
            "Unique username, 1 to 250 characters; normalized to NFC, trimmed, invisible characters removed."
        )
    )
    name: str = strawberry.field(description="The name, 1 to 250 characters.")
    email: strawberry.Maybe[str | None] = strawberry.field(
        description="Unique e-mail address. If omitted it is kept; null clears it."
    )

    def decode(self, validator: InputValidator) -> CustomerUpsert:
        values = validator.customer_values(self)
        expected = self.valid_version(validator)
        return CustomerUpsert(validator.valid_values(values), expected, bool(validator.errors))


@strawberry.input(description="Input of upsertCustomers.")
class UpsertCustomersInput(BatchInput):
    items: list[UpsertCustomerItem] = strawberry.field(description=ITEMS)


@strawberry.input(description="A new order, with either a total or lines.")
class CreateOrderItem(NewOrder):
    reference: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Unique reference, 1 to 64 characters; normalized to NFC, trimmed, invisible characters removed."
        ),
    )

    def decode(self, validator: InputValidator) -> OrderInput:
        return order_input(validator, self.content(validator, self.reference), self)


def order_input(
    validator: InputValidator, content: OrderContent, sent: NewOrder, expected: int | None = None
) -> OrderInput:
    """The order, or the valid parts of one that has mistakes."""
    if not validator.errors:
        return OrderInput(*content, expected)
    field = "total" if is_unset(sent.lines) else "lines"
    total = None if validator.has_error("total") else content.total
    lines = () if validator.has_error("lines") else content.lines
    invalid_content = field if validator.has_error(field) and not is_unset(getattr(sent, field)) else None
    return OrderInput(validator.valid_values(content.values), total, lines, expected, True, invalid_content)


@strawberry.input(description="Input of createOrders.")
class CreateOrdersInput(BatchInput):
    items: list[CreateOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(
    description=(
        "An order to create or update, identified by reference; updates follow the rules of updateOrder."
    )
)
class UpsertOrderItem(NewOrder, VersionedItem):
    reference: str = strawberry.field(
        description=(
            "Unique reference that identifies the order, 1 to 64 characters; normalized to NFC, "
            "trimmed, invisible characters removed."
        )
    )

    def decode(self, validator: InputValidator) -> OrderInput:
        expected = self.valid_version(validator)
        return order_input(validator, self.content(validator, self.reference), self, expected)


@strawberry.input(description="Input of upsertOrders.")
class UpsertOrdersInput(BatchInput):
    items: list[UpsertOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(description="An order and its new status.")
class TransitionOrderItem(VersionedItem):
    id: strawberry.ID = strawberry.field(description="The order's ID.")
    to: OrderStatus = strawberry.field(description="The new status.")

    def decode(self, validator: InputValidator) -> OrderTransition:
        row_id, expected = validator.row_id("Order", self.id), self.valid_version(validator)
        order_id = None if validator.has_error("id") else row_id
        return OrderTransition(order_id, str(self.to.value), expected, bool(validator.errors))


@strawberry.input(description="Input of transitionOrders.")
class TransitionOrdersInput(BatchInput):
    items: list[TransitionOrderItem] = strawberry.field(description=ITEMS)


def required(validator: InputValidator, value: Any, field: str) -> Any:
    if value is None:
        validator.add(UserErrorCode.REQUIRED, "The value must not be null.", field)
    return value


def decode_id(kind: str, sent: Any, check: Callable[..., Any]) -> tuple[int, int | None]:
    """The row ID and the expected version. Raises InvalidInput."""
    validator = InputValidator()
    row_id, expected = validator.row_id(kind, sent.id), validator.version(sent.expected_version)
    known = checkable_arguments(validator, sent, kind, row_id)
    validator.raise_errors(None if not known else partial(check, **known))
    return row_id, expected


def checkable_arguments(validator: InputValidator, sent: Any, kind: str, row_id: int) -> dict[str, Any]:
    """Arguments for the database check: valid `id` and `expectedVersion`; empty without a valid ID."""
    if validator.has_error("id"):
        return {}
    expected = (
        None
        if validator.has_error("expected_version") or is_unset(sent.expected_version)
        else sent.expected_version
    )
    return {f"{kind.lower()}_id": row_id, "expected": expected}


def decode_lines(validator: InputValidator, lines: list[OrderLineInput] | None) -> tuple[LineInput, ...]:
    if not lines:
        validator.add(UserErrorCode.REQUIRED, "An order has at least one line.", "lines")
    elif len(lines) > MAX_LINES:
        validator.add(UserErrorCode.TOO_LONG, f"An order must have at most {MAX_LINES} lines.", "lines")
        return ()
    decoded = tuple(line.decode(validator, f"lines.{index}") for index, line in enumerate(lines or ()))
    validator.check_lines(decoded)
    return decoded
