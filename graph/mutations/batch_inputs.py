"""Inputs of batches, and their items, which decode themselves."""

from typing import Any

import strawberry

from db.batches.customer_batches import Upsert
from db.batches.order_batches import Transition
from db.batches.order_changes import New
from graph.mutations.batches import MOST_ITEMS, MOST_LINES_IN_ALL, BatchInput
from graph.mutations.input_rules import Problems
from graph.mutations.inputs import NewOrder
from graph.types.order_status import OrderStatus

ITEMS = f"What to do, 1 to {MOST_ITEMS} items."
ORDERS = f"The orders, 1 to {MOST_ITEMS} of them, with at most {MOST_LINES_IN_ALL} lines in all."
EXPECTED = "The version that you know; any other is the user error VERSION_CONFLICT of this item."


@strawberry.input
class VersionedItem:
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=EXPECTED)


@strawberry.input(description="A customer by the handle: created, or changed where there is one.")
class UpsertCustomerItem(VersionedItem):
    username: str = strawberry.field(
        description="The unique handle, 1 to 250 characters in NFC, trimmed, without invisible ones."
    )
    name: str = strawberry.field(description="The name, 1 to 250 characters.")
    email: strawberry.Maybe[str | None] = strawberry.field(
        description="The unique e-mail address; left out it is kept, null clears it."
    )

    def decode(self, problems: Problems) -> Upsert:
        values: dict[str, Any] = {
            "username": problems.username(self.username),
            "name": problems.name(self.name),
        }
        if self.email:
            values["email"] = problems.email(self.email.value)
        return Upsert(values, problems.version(self.expected_version))


@strawberry.input(description="Customers to create or change, by their handles.")
class UpsertCustomersInput(BatchInput):
    items: list[UpsertCustomerItem] = strawberry.field(description=ITEMS)


@strawberry.input(description="A new order, with either a total or lines.")
class CreateOrderItem(NewOrder):
    reference: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A unique key of your own, 1 to 64 characters in NFC, trimmed, without invisible ones.",
    )

    def decode(self, problems: Problems) -> New:
        return New(*self.content(problems, self.reference))


@strawberry.input(description="Orders to create.")
class CreateOrdersInput(BatchInput):
    items: list[CreateOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(
    description="An order by its reference: created, or changed where there is one, as updateOrder may."
)
class UpsertOrderItem(NewOrder, VersionedItem):
    reference: str = strawberry.field(
        description="The order's unique key, 1 to 64 characters in NFC, trimmed, without invisible ones."
    )

    def decode(self, problems: Problems) -> New:
        expected = problems.version(self.expected_version)
        return New(*self.content(problems, self.reference), expected)


@strawberry.input(description="Orders to create or change, by their references.")
class UpsertOrdersInput(BatchInput):
    items: list[UpsertOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(description="An order, and the status to move it to.")
class TransitionOrderItem(VersionedItem):
    id: strawberry.ID = strawberry.field(description="The order's id.")
    to: OrderStatus = strawberry.field(description="The status to move to.")

    def decode(self, problems: Problems) -> Transition:
        order_id, expected = problems.row_id("Order", self.id), problems.version(self.expected_version)
        return Transition(order_id, str(self.to.value), expected)


@strawberry.input(description="Orders to move to other statuses.")
class TransitionOrdersInput(BatchInput):
    items: list[TransitionOrderItem] = strawberry.field(description=ITEMS)
