"""Every public sort and the index that serves it; its directions agree, and the id comes last."""

from dataclasses import dataclass, replace
from typing import Any

from db.models import customers, orders


@dataclass(frozen=True, slots=True)
class Sort:
    """`fields` as the API names them, the columns they stand for, and a direction.

    `pinned` columns must have one value, by an equality in the filter, or no index has this order. A
    `unique` sort needs no id behind it.
    """

    fields: tuple[str, ...]
    columns: tuple[str, ...]
    pinned: tuple[str, ...] = ()
    unique: bool = False
    descending: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """What rows are compared by."""
        return self.columns if self.unique else (*self.columns, "id")

    def key(self, row: Any) -> tuple[Any, ...]:
        return tuple([getattr(row, name) for name in self.keys])

    def towards(self, *, descending: bool) -> "Sort":
        return replace(self, descending=descending)


CUSTOMER_SORTS = (
    Sort(("CREATED_AT",), ("created_at",)),
    Sort(("USERNAME",), ("username",), unique=True),
    Sort(("NAME",), ("name",)),
)
ORDER_SORTS = (
    Sort(("PLACED_AT",), ("placed_at",)),
    Sort(("CREATED_AT",), ("created_at",)),
    Sort(("TOTAL",), ("total",), pinned=("currency",)),
    Sort(("STATUS", "PLACED_AT"), ("status", "placed_at")),
)
# No choice of a client's: the only order that a history has.
HISTORY_SORT = Sort(("VERSION",), ("version",), unique=True)
SORTS = {customers.name: CUSTOMER_SORTS, orders.name: ORDER_SORTS}
