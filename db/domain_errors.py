"""Domain errors: valid input that violates a business rule. Nothing was written, and the user can fix it.

They do not derive from `DatabaseError`: mutations return them as user errors, and an unhandled one is a bug,
masked and logged like any other.

DomainError
├── NotFound, Taken, VersionConflict
├── KeyReused        the idempotency key belongs to another mutation or input
├── CustomerArchived, CustomerHasOrders, OtherCustomer
├── IllegalTransition, NotEditable, NotDeletable, HasLines
├── AmountOutOfRange, MixedCurrencies
├── Repeated, ExpectedVersionNotFound, BatchRejected    only in batches
└── DomainErrorGroup several errors of one input
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class DomainError(Exception):
    """A rule violation. `field` is the input's field, in snake_case, or None for the whole input."""

    field: str | None


@dataclass(eq=False)
class DomainErrorGroup(DomainError):
    """Several domain errors of one input."""

    errors: tuple[DomainError, ...]
    field: str | None = None


def flatten(error: DomainError | None) -> Iterator[DomainError]:
    """The errors of a group, or the one error."""
    if isinstance(error, DomainErrorGroup):
        yield from error.errors
    elif error is not None:
        yield error


def combine(errors: Iterable[DomainError]) -> DomainError:
    """One or more errors as one, with one error per type and field."""
    unique = {(type(each), each.field): each for each in errors}
    first, *others = unique.values()
    return DomainErrorGroup((first, *others)) if others else first


@dataclass(eq=False)
class NotFound(DomainError):
    """No object of this `kind` (GraphQL's type name) has this `id`."""

    kind: str
    id: int
    field: str | None = "id"


@dataclass(eq=False)
class Taken(DomainError):
    """Another object has this value of the unique `field`."""

    field: str | None


@dataclass(eq=False)
class KeyReused(DomainError):
    """The caller used the idempotency `key` before, for another input or another `mutation`."""

    key: str
    mutation: str
    field: str | None = "idempotency_key"


@dataclass(eq=False)
class VersionConflict(DomainError):
    """The row is at another version than `expected`; `since` has the changes after that version."""

    current: Any
    since: tuple[Any, ...]
    expected: int
    field: str | None = "expected_version"


@dataclass(eq=False)
class Repeated(DomainError):
    """An earlier, valid item of the same batch has the same value in the unique `field`."""

    field: str | None


@dataclass(eq=False)
class ExpectedVersionNotFound(DomainError):
    """A version is expected of an object that does not exist."""

    field: str | None = "expected_version"


@dataclass(eq=False)
class OtherCustomer(DomainError):
    """An order cannot be moved to another customer."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class BatchRejected(DomainError):
    """An ALL_OR_NOTHING batch with failed items; `items` has the result of each."""

    items: tuple[Any, ...]
    field: str | None = "items"


@dataclass(eq=False)
class CustomerArchived(DomainError):
    """An archived customer gets no new orders."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class CustomerHasOrders(DomainError):
    """Only a customer without orders can be deleted."""

    field: str | None = "id"


@dataclass(eq=False)
class IllegalTransition(DomainError):
    """The order's status cannot change to the `wanted` one."""

    current: str
    wanted: str
    allowed: tuple[str, ...]
    field: str | None = "to"


@dataclass(eq=False)
class NotEditable(DomainError):
    """Lines and total change only while the order is PENDING."""

    status: str
    field: str | None


@dataclass(eq=False)
class NotDeletable(DomainError):
    """An order is deleted only while PENDING or CANCELLED."""

    status: str
    field: str | None = "id"


@dataclass(eq=False)
class HasLines(DomainError):
    """The total of an order with lines is computed from them."""

    field: str | None = "total"


@dataclass(eq=False)
class AmountOutOfRange(DomainError):
    """A line's or an order's total exceeds the largest amount."""

    field: str | None


@dataclass(eq=False)
class MixedCurrencies(DomainError):
    """All lines of an order must have the same currency."""

    field: str | None = "lines"
