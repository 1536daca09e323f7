"""What a rule says no to: the user can mend it, and nothing was written.

Refused
├── NotFound         the object named by an input is not there
├── Taken            another object has this unique value
├── KeyReused        the idempotency key belongs to another change
├── VersionConflict  the caller changes an older version than there is
├── Several          more than one of these, of one input
├── BatchRefused, Repeated
├── CustomerArchived, CustomerHasOrders, OtherCustomer, NothingExpected
├── IllegalTransition, NotEditable, NotDeletable
├── HasLines         an order that has lines is changed by its lines only
└── AmountOutOfRange, MixedCurrencies
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from db.errors import DatabaseError


class Refused(DatabaseError):
    """A rule says no. `field` names the input's field, in snake_case; None is the whole input."""

    field: str | None


@dataclass(eq=False)
class Several(Refused):
    """All that is wrong with one input."""

    refused: tuple[Refused, ...]
    field: str | None = None


def flat(refused: Refused | None) -> Iterator[Refused]:
    """Each refusal by itself."""
    if isinstance(refused, Several):
        yield from refused.refused
    elif refused is not None:
        yield refused


def combined(refused: Iterable[Refused]) -> Refused:
    """One or more refusals as one, without those that say the same of the same field."""
    unique = {(type(each), each.field): each for each in refused}
    first, *others = unique.values()
    return Several((first, *others)) if others else first


@dataclass(eq=False)
class NotFound(Refused):
    """`id` names no `kind` (a table's row class, as GraphQL calls it)."""

    kind: str
    id: int
    field: str | None = "id"


@dataclass(eq=False)
class Taken(Refused):
    """Another object has what was sent for the unique `field`."""

    field: str | None


@dataclass(eq=False)
class KeyReused(Refused):
    """The caller has used `key` before, for another input or another `mutation`."""

    key: str
    mutation: str
    field: str | None = "idempotency_key"


@dataclass(eq=False)
class VersionConflict(Refused):
    """`current` is the row as it is now, `since` the Changes that came after the `expected` version."""

    current: Any
    since: tuple[Any, ...]
    expected: int
    field: str | None = "expected_version"


@dataclass(eq=False)
class Repeated(Refused):
    """An earlier item of the same batch, not refused, has the same value in its unique `field`."""

    field: str | None


@dataclass(eq=False)
class NothingExpected(Refused):
    """A version is expected of an object that is not there."""

    field: str | None = "expected_version"


@dataclass(eq=False)
class OtherCustomer(Refused):
    """The order belongs to another customer, and stays there."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class BatchRefused(Refused):
    """Items were refused, so that nothing of the batch was stored; `items` says which."""

    items: tuple[Any, ...]
    field: str | None = "items"


@dataclass(eq=False)
class CustomerArchived(Refused):
    """An archived customer gets no new orders."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class CustomerHasOrders(Refused):
    """Only a customer without orders can be deleted."""

    field: str | None = "id"


@dataclass(eq=False)
class IllegalTransition(Refused):
    """The order's status does not lead where it was asked to go."""

    current: str
    wanted: str
    allowed: tuple[str, ...]
    field: str | None = "to"


@dataclass(eq=False)
class NotEditable(Refused):
    """Lines and total change only while the order is PENDING."""

    status: str
    field: str | None


@dataclass(eq=False)
class NotDeletable(Refused):
    """An order is deleted only while PENDING or CANCELLED."""

    status: str
    field: str | None = "id"


@dataclass(eq=False)
class HasLines(Refused):
    """The total of an order that has lines follows from them."""

    field: str | None = "total"


@dataclass(eq=False)
class AmountOutOfRange(Refused):
    """A product or a sum is past what an amount can hold."""

    field: str | None


@dataclass(eq=False)
class MixedCurrencies(Refused):
    """The lines of one order have one currency."""

    field: str | None = "lines"
