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
    input_argument = argument("input", input_type, "What to change, and how.")
    return mutating(as_payload(resolver), [input_argument], scope=scope, description=description)


def row(description: str) -> Any:
    return computed(lambda answer: answer.row, description=description)


def deleted(kind: str) -> Any:
    def deleted_id(answer: PayloadRow) -> strawberry.ID | None:
        return None if answer.row is None else GlobalId(kind, answer.row).encode()

    return computed(deleted_id, description="The id of what was deleted, null if nothing was.")


def erased(answer: PayloadRow) -> CustomerRow | None:
    return answer.row if isinstance(answer.row, CustomerRow) else None


def erased_id(answer: PayloadRow) -> strawberry.ID | None:
    customer = erased(answer)
    row_id = customer.id if customer else answer.row
    return None if row_id is None else GlobalId("Customer", row_id).encode()


def user_errors() -> Any:
    return column("Why nothing was written; empty if it was.")


@strawberry.type(description="What createCustomer did.")
class CreateCustomerPayload:
    customer: Customer | None = row("The new customer.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What updateCustomer did.")
class UpdateCustomerPayload:
    customer: Customer | None = row("The customer as it is now.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What archiveCustomer did.")
class ArchiveCustomerPayload:
    customer: Customer | None = row("The customer as it is now.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What restoreCustomer did.")
class RestoreCustomerPayload:
    customer: Customer | None = row("The customer as it is now.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What deleteCustomer did.")
class DeleteCustomerPayload:
    deleted_id: strawberry.ID | None = deleted("Customer")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What eraseCustomer did.")
class EraseCustomerPayload:
    customer: Customer | None = computed(
        erased, description="The customer as it is now, null if it was deleted."
    )
    erased_id: strawberry.ID | None = computed(
        erased_id, description="The id of who was erased, also if deleted before; null if nobody was."
    )
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What createOrder did.")
class CreateOrderPayload:
    order: Order | None = row("The new order.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What updateOrder did.")
class UpdateOrderPayload:
    order: Order | None = row("The order as it is now.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What transitionOrder did.")
class TransitionOrderPayload:
    order: Order | None = row("The order as it is now.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What deleteOrder did.")
class DeleteOrderPayload:
    deleted_id: strawberry.ID | None = deleted("Order")
    user_errors: list[UserError] = user_errors()


def results() -> Any:
    return computed(
        lambda answer: answer.row or [],
        description="One for each item, in their order; none where the batch itself was refused.",
    )


def every_error(answer: PayloadRow) -> list[UserError]:
    return [*answer.user_errors, *(error for result in answer.row or () for error in result.user_errors)]


def all_user_errors() -> Any:
    return computed(every_error, description="All that is wrong with the batch and with its items.")


def object_of_item(kind: str) -> Any:
    description = f"The {kind} as it is now; null if it has mistakes, or if nothing was stored."
    return computed(lambda result: result.row, description=description)


def outcome() -> Any:
    return column("What was done; null if nothing was.")


def errors_of_item() -> Any:
    return column("What is wrong with this item, with its place in the path.")


@strawberry.type(description="What became of one item.")
class CustomerResult:
    customer: Customer | None = object_of_item("customer")
    outcome: ItemOutcome | None = outcome()
    user_errors: list[UserError] = errors_of_item()


@strawberry.type(description="What became of one item.")
class OrderResult:
    order: Order | None = object_of_item("order")
    outcome: ItemOutcome | None = outcome()
    user_errors: list[UserError] = errors_of_item()


@strawberry.type(description="What upsertCustomers did.")
class UpsertCustomersPayload:
    results: list[CustomerResult] = results()
    user_errors: list[UserError] = all_user_errors()


@strawberry.type(description="What upsertOrders did.")
class UpsertOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = all_user_errors()


@strawberry.type(description="What createOrders did.")
class CreateOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = all_user_errors()


@strawberry.type(description="What transitionOrders did.")
class TransitionOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = all_user_errors()
