"""Input validation: rules for single values, checked before the database. All errors are collected."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import strawberry

from db import money, unique_text
from db.models import columns_with, customers, max_length
from db.money import LineInput, Money
from graph import global_ids
from graph.context import Check
from graph.mutations.user_errors import (
    InvalidInput,
    InvalidInputError,
    UserError,
    UserErrorCode,
    input_path,
    not_found_error,
    to_user_error,
)
from graph.types import currencies

MAX_USERNAME_LENGTH, MAX_NAME_LENGTH, MAX_EMAIL_LENGTH, MAX_REFERENCE_LENGTH = 250, 250, 254, 64
MAX_IDEMPOTENCY_KEY_LENGTH = 128
MAX_LINES, MAX_QUANTITY = 200, 1_000_000
WHITESPACE = re.compile(r"\s")


class InputValidator:
    """Validates values and collects user errors. Each rule returns the value in stored form.

    Error paths start with `prefix`, such as `items.3.`.
    """

    def __init__(self, prefix: str = "") -> None:
        self.errors: list[UserError] = []
        self._prefix = prefix

    def raise_errors(self, check: Check | None = None) -> None:
        """Raises InvalidInput if there are errors; `check` finds further errors by the database."""
        if self.errors:
            raise InvalidInput(self.errors, check)

    def valid_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of fields without errors."""
        return {name: value for name, value in values.items() if not self.has_error(name)}

    def has_error(self, field: str) -> bool:
        """Whether the field or a part of it has an error."""
        if not self.errors:
            return False
        path = self._path(field)
        return any(each.path[: len(path)] == path for each in self.errors)

    def add(self, code: UserErrorCode, message: str, field: str) -> None:
        self.errors.append(InvalidInputError(code=code, message=message, path=self._path(field)))

    def check_lines(self, lines: Sequence[LineInput], field: str = "lines") -> None:
        """Check an order's lines together, leaving out lines with errors of their own."""
        valid = [None if self.has_error(f"{field}.{place}") else line for place, line in enumerate(lines)]
        self.errors.extend(to_user_error(each, None, self._prefix) for each in money.find_line_errors(valid))

    def customer_values(self, sent: Any) -> dict[str, Any]:
        """The values of writable customer columns in an input; columns without a rule here are plain text."""
        values = {}
        for column in WRITABLE_CUSTOMER_COLUMNS:
            value = getattr(sent, column, None)
            if is_unset(value):
                continue
            value = value.value if isinstance(value, strawberry.Some) else value
            rule = CUSTOMER_RULES.get(column)
            values[column] = rule(self, value) if rule else self.optional_text(value, column)
        return values

    def optional_text(self, value: str | None, column: str) -> str | None:
        """Text in a customer column of its own length; null clears it."""
        return None if value is None else self.text(value, column, max_length(customers, column))

    def text(self, value: str | None, field: str, longest: int) -> str:
        """Text of 1 to `longest` characters, stored as it was sent."""
        if not value:
            self.add(UserErrorCode.REQUIRED, "The value must not be null or empty.", field)
        elif len(value) > longest:
            self.add(UserErrorCode.TOO_LONG, f"The text must have at most {longest} characters.", field)
        return value or ""

    def username(self, value: str | None, field: str = "username") -> str:
        return self.text(
            value and self._checked(unique_text.normalize(value), field), field, MAX_USERNAME_LENGTH
        )

    def name(self, value: str | None, field: str = "name") -> str:
        return self.text(value, field, MAX_NAME_LENGTH)

    def email(self, value: str | None, field: str = "email") -> str | None:
        if value is None:
            return None
        address = self._checked(unique_text.normalize(value), field)
        local, _, domain = address.rpartition("@")
        if not local or not domain or WHITESPACE.search(address):
            self.add(UserErrorCode.INVALID_EMAIL, "Invalid e-mail address.", field)
            return address
        if len(unique_text.email_key(address)) > MAX_EMAIL_LENGTH >= len(address):
            message = f"The text must have at most {MAX_EMAIL_LENGTH} characters after case folding."
            self.add(UserErrorCode.TOO_LONG, message, field)
        return self.text(address, field, MAX_EMAIL_LENGTH)

    def reference(self, value: str | None, field: str = "reference") -> str | None:
        if value is None:
            return None
        return self.text(self._checked(unique_text.normalize(value), field), field, MAX_REFERENCE_LENGTH)

    def quantity(self, value: int, field: str) -> int:
        if not 1 <= value <= MAX_QUANTITY:
            self.add(UserErrorCode.OUT_OF_RANGE, f"The quantity must be from 1 to {MAX_QUANTITY:,}.", field)
        return value

    def money(self, value: Any, field: str) -> Money:
        """`value` is a MoneyInput."""
        amount: Decimal = value.amount
        if not money.in_range(amount):
            message = f"The amount must be from 0 to {money.MAX_AMOUNT:,}."
            self.add(UserErrorCode.AMOUNT_OUT_OF_RANGE, message, f"{field}.amount")
        if not currencies.is_known_currency(value.currency):
            message = f"ISO 4217 has no currency {value.currency}."
            self.add(UserErrorCode.UNKNOWN_CURRENCY, message, f"{field}.currency")
        return Money(amount, value.currency)

    def key(self, value: str | None, field: str = "idempotency_key") -> str:
        text = self.text(value, field, MAX_IDEMPOTENCY_KEY_LENGTH)
        if not text.isprintable():
            self.add(UserErrorCode.NOT_PRINTABLE, "The key must have printable characters only.", field)
        return text

    def version(self, value: int | None, field: str = "expected_version") -> int | None:
        if is_unset(value):
            return None
        if value is not None and value < 1:
            self.add(UserErrorCode.OUT_OF_RANGE, "Versions start at 1.", field)
        return value

    def row_id(self, kind: str, value: strawberry.ID, field: str = "id") -> int:
        row_id = global_ids.row_id(kind, value)
        if row_id is None:
            self.errors.append(not_found_error(kind, value, self._path(field)))
        return row_id or 0

    def _checked(self, value: str, field: str) -> str:
        """Rules for unique text in normal form."""
        if unique_text.CONTROL.search(value):
            self.add(UserErrorCode.NOT_PRINTABLE, "Control characters are not allowed.", field)
        if unique_text.has_too_many_marks(value):
            message = f"The text must have at most {unique_text.MAX_MARKS} combining marks in a row."
            self.add(UserErrorCode.TOO_LONG, message, field)
        return value

    def _path(self, field: str) -> list[str]:
        return input_path(self._prefix + field)


WRITABLE_CUSTOMER_COLUMNS = columns_with(customers, "writable")
CUSTOMER_RULES: dict[str, Callable[[InputValidator, Any], Any]] = {
    "username": InputValidator.username,
    "name": InputValidator.name,
    "email": InputValidator.email,
}


def is_unset(value: object) -> bool:
    """Whether an optional value is left out or null, for fields where both mean the same."""
    return value is None or value is strawberry.UNSET
