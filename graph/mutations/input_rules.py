"""What a well-formed value must satisfy before the database is asked; every mistake is found at once."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import strawberry

from db import money, unique_text
from db.money import LineInput, Money
from graph import global_ids
from graph.context import Check
from graph.mutations.user_errors import (
    InvalidInput,
    InvalidInputError,
    UserError,
    UserErrorCode,
    not_found,
    path_of,
    user_error,
)
from graph.types import currencies

LONGEST_HANDLE, LONGEST_NAME, LONGEST_EMAIL, LONGEST_KEY = 250, 250, 254, 64
LONGEST_IDEMPOTENCY_KEY = 128
MOST_LINES, LARGEST_QUANTITY = 200, 1_000_000
WHITESPACE = re.compile(r"\s")


class Problems:
    """Collects user errors; each rule gives back the value to store, or one that will not be stored.

    Fields are named from `prefix` on, as `items.3.`.
    """

    def __init__(self, prefix: str = "") -> None:
        self.found: list[UserError] = []
        self._prefix = prefix

    def done(self, check: Check | None = None) -> None:
        """Raises InvalidInput when any rule found a mistake; `check` asks the database about the rest."""
        if self.found:
            raise InvalidInput(self.found, check)

    def valid(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the fields without a mistake."""
        return {name: value for name, value in values.items() if not self.has(name)}

    def has(self, field: str) -> bool:
        """Whether a rule found a mistake in the field, or in a part of it."""
        if not self.found:
            return False
        path = self._path(field)
        return any(each.path[: len(path)] == path for each in self.found)

    def add(self, code: UserErrorCode, message: str, field: str) -> None:
        self.found.append(InvalidInputError(code=code, message=message, path=self._path(field)))

    def lines(self, lines: Sequence[LineInput], field: str = "lines") -> None:
        """Rules about an order's lines together, for those without a mistake of their own."""
        valid = [None if self.has(f"{field}.{place}") else line for place, line in enumerate(lines)]
        self.found.extend(user_error(each, None, self._prefix) for each in money.find_line_errors(valid))

    def text(self, value: str | None, field: str, longest: int) -> str:
        """Stored as it was sent: 1 to `longest` characters."""
        if not value:
            self.add(UserErrorCode.REQUIRED, "This cannot be null or empty.", field)
        elif len(value) > longest:
            self.add(UserErrorCode.TOO_LONG, f"At most {longest} characters.", field)
        return value or ""

    def username(self, value: str | None, field: str = "username") -> str:
        return self.text(value and self._checked(unique_text.normalize(value), field), field, LONGEST_HANDLE)

    def name(self, value: str | None, field: str = "name") -> str:
        return self.text(value, field, LONGEST_NAME)

    def email(self, value: str | None, field: str = "email") -> str | None:
        if value is None:
            return None
        address = self._checked(unique_text.normalize(value), field)
        local, _, domain = address.rpartition("@")
        if not local or not domain or WHITESPACE.search(address):
            self.add(UserErrorCode.INVALID_EMAIL, "Invalid e-mail address.", field)
            return address
        if len(unique_text.email_key(address)) > LONGEST_EMAIL >= len(address):
            message = f"At most {LONGEST_EMAIL} characters without case."
            self.add(UserErrorCode.TOO_LONG, message, field)
        return self.text(address, field, LONGEST_EMAIL)

    def reference(self, value: str | None, field: str = "reference") -> str | None:
        if value is None:
            return None
        return self.text(self._checked(unique_text.normalize(value), field), field, LONGEST_KEY)

    def quantity(self, value: int, field: str) -> int:
        if not 1 <= value <= LARGEST_QUANTITY:
            self.add(
                UserErrorCode.OUT_OF_RANGE, f"The quantity must be from 1 to {LARGEST_QUANTITY:,}.", field
            )
        return value

    def money(self, value: Any, field: str) -> Money:
        """`value` is a MoneyInput."""
        amount: Decimal = value.amount
        if not money.in_range(amount):
            message = f"The amount must be from 0 to {money.MAX_AMOUNT:,}."
            self.add(UserErrorCode.AMOUNT_OUT_OF_RANGE, message, f"{field}.amount")
        if not currencies.is_known(value.currency):
            message = f"ISO 4217 knows no currency {value.currency}."
            self.add(UserErrorCode.UNKNOWN_CURRENCY, message, f"{field}.currency")
        return Money(amount, value.currency)

    def key(self, value: str | None, field: str = "idempotency_key") -> str:
        text = self.text(value, field, LONGEST_IDEMPOTENCY_KEY)
        if not text.isprintable():
            self.add(UserErrorCode.NOT_PRINTABLE, "Printable characters only.", field)
        return text

    def version(self, value: int | None, field: str = "expected_version") -> int | None:
        if unset(value):
            return None
        if value is not None and value < 1:
            self.add(UserErrorCode.OUT_OF_RANGE, "Versions start at 1.", field)
        return value

    def row_id(self, kind: str, value: strawberry.ID, field: str = "id") -> int:
        row_id = global_ids.row_id(kind, value)
        if row_id is None:
            self.found.append(not_found(kind, value, self._path(field)))
        return row_id or 0

    def _checked(self, value: str, field: str) -> str:
        """For unique text, which is in normal form."""
        if unique_text.CONTROL.search(value):
            self.add(UserErrorCode.NOT_PRINTABLE, "Control characters are not allowed.", field)
        if unique_text.has_too_many_marks(value):
            message = f"At most {unique_text.MAX_MARKS} combining marks in a row."
            self.add(UserErrorCode.TOO_LONG, message, field)
        return value

    def _path(self, field: str) -> list[str]:
        return path_of(self._prefix + field)


def unset(value: object) -> bool:
    """Left out and null are the same, where there is nothing to clear."""
    return value is None or value is strawberry.UNSET
