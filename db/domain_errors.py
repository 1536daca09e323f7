"""What a rule says no to: the user can mend it, and nothing was written.

Refused
├── NotFound         the object named by an input is not there
├── Taken            another object has this unique value
├── KeyReused        the idempotency key belongs to another change
├── VersionConflict  the caller changes an older version than there is
├── Several          more than one of these, of one input
├── BatchRejected, Repeated
├── CustomerArchived, CustomerHasOrders, OtherCustomer, ExpectedVersionNotFound
├── IllegalTransition, NotEditable, NotDeletable
├── HasLines         an order that has lines is changed by its lines only
└── AmountOutOfRange, MixedCurrencies
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from db.errors import DatabaseError


class DomainError(DatabaseError):
    """A rule says no. `field` names the input's field, in snake_case; None is the whole input."""

    field: str | None


@dataclass(eq=False)
class DomainErrorGroup(DomainError):
    """All that is wrong with one input."""

    errors: tuple[DomainError, ...]
    field: str | None = None


def flatten(error: DomainError | None) -> Iterator[DomainError]:
    """Each refusal by itself."""
    if isinstance(error, DomainErrorGroup):
        yield from error.errors
    elif error is not None:
        yield error


def combine(errors: Iterable[DomainError]) -> DomainError:
    """One or more refusals as one, without those that say the same of the same field."""
    unique = {(type(each), each.field): each for each in errors}
    first, *others = unique.values()
    return DomainErrorGroup((first, *others)) if others else first


@dataclass(eq=False)
class NotFound(DomainError):
    """`id` names no `kind` (a table's row class, as GraphQL calls it)."""

    kind: str
    id: int
    field: str | None = "id"


@dataclass(eq=False)
class Taken(DomainError):
    """Another object has what was sent for the unique `field`."""

    field: str | None


@dataclass(eq=False)
class KeyReused(DomainError):
    """The caller has used `key` before, for another input or another `mutation`."""

    key: str
    mutation: str
    field: str | None = "idempotency_key"


@dataclass(eq=False)
class VersionConflict(DomainError):
    """`current` is the row as it is now, `since` the Changes that came after the `expected` version."""

    current: Any
    since: tuple[Any, ...]
    expected: int
    field: str | None = "expected_version"


@dataclass(eq=False)
class Repeated(DomainError):
    """An earlier item of the same batch, not refused, has the same value in its unique `field`."""

    field: str | None


@dataclass(eq=False)
class ExpectedVersionNotFound(DomainError):
    """A version is expected of an object that is not there."""

    field: str | None = "expected_version"


@dataclass(eq=False)
class OtherCustomer(DomainError):
    """The order belongs to another customer, and stays there."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class BatchRejected(DomainError):
    """Items were refused, so that nothing of the batch was stored; `items` says which."""

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
    """The order's status does not lead where it was asked to go."""

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
    """The total of an order that has lines follows from them."""

    field: str | None = "total"


@dataclass(eq=False)
class AmountOutOfRange(DomainError):
    """A product or a sum is past what an amount can hold."""

    field: str | None


@dataclass(eq=False)
class MixedCurrencies(DomainError):
    """The lines of one order have one currency."""

    field: str | None = "lines"
