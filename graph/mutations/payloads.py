"""Mutation payloads: the changed object, or user errors."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NamedTuple, get_type_hints

import strawberry

from db import domain_errors
from db.models import Customer as CustomerRow
from graph.auth.scopes import Scope
from graph.context import Context, Write
from graph.global_ids import GlobalId
from graph.mutations.batches import ItemOutcome
from graph.mutations.options import MutationInput, mutation_request, sort_options_last
from graph.mutations.user_errors import InvalidInput, UserError, to_user_error
from graph.types.fields import argument, column, computed, mutating
from graph.types.objects import Customer, Order


class PayloadRow(NamedTuple):
    """The source of a payload: the row (the ID if deleted), or user errors."""

    row: Any
    user_errors: list[UserError]


def as_payload(resolver: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[PayloadRow]]:
    """Wrap a resolver to return a PayloadRow with its result, or with the user errors that it raises."""

    @wraps(resolver)
    async def answer(context: Context, name: str, input: MutationInput) -> PayloadRow:
        try:
            write = Write(context, mutation_request(name, input))
            return PayloadRow(await resolver(write, input), [])
        except InvalidInput as invalid:
            also = await context.check(invalid.check) if invalid.check else []
            return PayloadRow(None, [*invalid.user_errors, *(to_user_error(each, input) for each in also)])
        except domain_errors.DomainError as refused:
            return PayloadRow(None, [to_user_error(each, input) for each in domain_errors.flatten(refused)])

    return answer


def mutation(*, resolver: Callable[..., Awaitable[Any]], scope: Scope, description: str) -> Any:
    """A mutation field with the single argument `input`, typed like the resolver's."""
    input_type = get_type_hints(resolver)["input"]
    sort_options_last(input_type)
    input_argument = argument("input", input_type, "The input of the mutation.")
    return mutating(as_payload(resolver), [input_argument], scope=scope, description=description)


def row(description: str) -> Any:
    return computed(lambda answer: answer.row, description=description)


def deleted(kind: str) -> Any:
    def deleted_id(answer: PayloadRow) -> strawberry.ID | None:
        return None if answer.row is None else GlobalId(kind, answer.row).encode()

    return computed(deleted_id, description="The ID of the deleted object; null if nothing was deleted.")


def erased(answer: PayloadRow) -> CustomerRow | None:
    return answer.row if isinstance(answer.row, CustomerRow) else None


def erased_id(answer: PayloadRow) -> strawberry.ID | None:
    customer = erased(answer)
    row_id = customer.id if customer else answer.row
    return None if row_id is None else GlobalId("Customer", row_id).encode()


def user_errors() -> Any:
    return column("The reasons why nothing was written; empty on success.")


@strawberry.type(description="Result of createCustomer.")
class CreateCustomerPayload:
    customer: Customer | None = row("The new customer.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of updateCustomer.")
class UpdateCustomerPayload:
    customer: Customer | None = row("The customer after the mutation.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of archiveCustomer.")
class ArchiveCustomerPayload:
    customer: Customer | None = row("The customer after the mutation.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of restoreCustomer.")
class RestoreCustomerPayload:
    customer: Customer | None = row("The customer after the mutation.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of deleteCustomer.")
class DeleteCustomerPayload:
    deleted_id: strawberry.ID | None = deleted("Customer")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of eraseCustomer.")
class EraseCustomerPayload:
    customer: Customer | None = computed(
        erased, description="The customer after the mutation; null if it was deleted before."
    )
    erased_id: strawberry.ID | None = computed(
        erased_id,
        description=(
            "The ID of the erased customer, also if it was deleted before; null if nothing was erased."
        ),
    )
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of createOrder.")
class CreateOrderPayload:
    order: Order | None = row("The new order.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of updateOrder.")
class UpdateOrderPayload:
    order: Order | None = row("The order after the mutation.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of transitionOrder.")
class TransitionOrderPayload:
    order: Order | None = row("The order after the mutation.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="Result of deleteOrder.")
class DeleteOrderPayload:
    deleted_id: strawberry.ID | None = deleted("Order")
    user_errors: list[UserError] = user_errors()


def results() -> Any:
    return computed(
        lambda answer: answer.row or [],
        description=(
            "One result per item, in the order of the items; empty if the batch as a whole was rejected."
        ),
    )


def every_error(answer: PayloadRow) -> list[UserError]:
    return [*answer.user_errors, *(error for result in answer.row or () for error in result.user_errors)]


def all_user_errors() -> Any:
    return computed(every_error, description="All user errors of the batch and its items.")


def object_of_item(kind: str) -> Any:
    description = f"The {kind} after the mutation; null if the item has user errors or nothing was stored."
    return computed(lambda result: result.row, description=description)


def outcome() -> Any:
    return column("What was done with the item; null if nothing was stored.")


def errors_of_item() -> Any:
    return column("The item's user errors; their paths contain its index.")


@strawberry.type(description="The result of one item of a batch.")
class CustomerResult:
    customer: Customer | None = object_of_item("customer")
    outcome: ItemOutcome | None = outcome()
    user_errors: list[UserError] = errors_of_item()


@strawberry.type(description="The result of one item of a batch.")
class OrderResult:
    order: Order | None = object_of_item("order")
    outcome: ItemOutcome | None = outcome()
    user_errors: list[UserError] = errors_of_item()


@strawberry.type(description="Result of upsertCustomers.")
class UpsertCustomersPayload:
    results: list[CustomerResult] = results()
    user_errors: list[UserError] = all_user_errors()


@strawberry.type(description="Result of upsertOrders.")
class UpsertOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = all_user_errors()


@strawberry.type(description="Result of createOrders.")
class CreateOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = all_user_errors()


@strawberry.type(description="Result of transitionOrders.")
class TransitionOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = all_user_errors()
