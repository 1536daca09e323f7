"""What is personal of a customer, and what is left of a row, change or outcome without it."""

from typing import Any, NamedTuple

import orjson

from db import history
from db.history import PERSONAL
from db.items import Item
from db.models import Change, Customer
from db.refusals import BatchRefused, Taken, VersionConflict

ERASED = "erased"


class Personal(NamedTuple):
    """Whose values are to go, and what they were by their field, which others may have sent as well."""

    customer_id: int
    texts: frozenset[tuple[str, str]] = frozenset()

    def erased(self, outcome: Any) -> Any:
        """What a mutation came to, without them."""
        match outcome:
            case Customer(id=found) if found == self.customer_id:
                return outcome._replace(username=f"{ERASED}-{found}", name=ERASED, email=None)
            case Change(object_id=found, kind=Customer.__name__) if found == self.customer_id:
                return outcome._replace(fields=_erased_fields(outcome))
            case Item(row=row, refused=refused):
                return outcome._replace(row=self.erased(row), refused=self.erased(refused))
            case Taken(field=field, value=value) if (field, value) in self.texts:
                return Taken(field, ERASED)
            case VersionConflict(current=row, expected=expected):
                return VersionConflict(self.erased(row), (), expected)
            case BatchRefused(items=items):
                return BatchRefused(self.erased(items))
            case tuple() if type(outcome) is tuple:
                return tuple(self.erased(each) for each in outcome)
            case _:
                return outcome


def texts_of(found: Customer | Change) -> set[tuple[str, str]]:
    """The personal values of a customer, or those that a change of one took and gave, each by its field."""
    if isinstance(found, Customer):
        values = [(name, getattr(found, name)) for name in PERSONAL]
    else:
        sides = history.differences(found)
        values = [(name, value) for name in PERSONAL for value in sides.get(name, ())]
    return {(name, value) for name, value in values if value is not None}


def _erased_fields(change: Change) -> str:
    sides = history.differences(change)
    left = {name: (None, None) if name in PERSONAL else side for name, side in sides.items()}
    return orjson.dumps(left).decode()
