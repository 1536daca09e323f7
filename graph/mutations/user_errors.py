"""User errors: data in the payload, one type per kind of detail."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from db import domain_errors, unique_text
from graph import global_ids
from graph.context import Check
from graph.global_ids import GlobalId
from graph.types.change_history import Change
from graph.types.field_costs import CHANGES_SINCE
from graph.types.fields import column
from graph.types.objects import Node
from graph.types.order_status import OrderStatus


@strawberry.enum(
    description="The code of a user error. Programs decide by the code; the message is for people."
)
class UserErrorCode(Enum):
    REQUIRED = strawberry.enum_value("REQUIRED", description="The value must not be null or empty.")
    TOO_LONG = strawberry.enum_value("TOO_LONG", description="The text or list is too long.")
    INVALID_EMAIL = strawberry.enum_value("INVALID_EMAIL", description="Invalid e-mail address.")
    OUT_OF_RANGE = strawberry.enum_value("OUT_OF_RANGE", description="The number is out of range.")
    AMOUNT_OUT_OF_RANGE = strawberry.enum_value(
        "AMOUNT_OUT_OF_RANGE",
        description="The amount, product or total is below 0 or above 99999999999.9999.",
    )
    UNKNOWN_CURRENCY = strawberry.enum_value("UNKNOWN_CURRENCY", description="ISO 4217 has no such currency.")
    MIXED_CURRENCIES = strawberry.enum_value(
        "MIXED_CURRENCIES", description="The lines of an order must have one currency."
    )
    TOTAL_OR_LINES = strawberry.enum_value(
        "TOTAL_OR_LINES", description="An order takes either a total or lines."
    )
    NOT_PRINTABLE = strawberry.enum_value(
        "NOT_PRINTABLE", description="The text contains control characters."
    )
    KEY_REUSED = strawberry.enum_value(
        "KEY_REUSED", description="The idempotency key was used for another mutation or input."
    )
    VERSION_CONFLICT = strawberry.enum_value(
        "VERSION_CONFLICT", description="The object has changed since expectedVersion."
    )
    TAKEN = strawberry.enum_value("TAKEN", description="Another object has this unique value.")
    REPEATED = strawberry.enum_value(
        "REPEATED", description="An earlier valid item of the same batch has this unique value."
    )
    OTHER_CUSTOMER = strawberry.enum_value(
        "OTHER_CUSTOMER", description="An upsert cannot move an order to another customer."
    )
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="No object has this ID.")
    CUSTOMER_ARCHIVED = strawberry.enum_value(
        "CUSTOMER_ARCHIVED", description="An archived customer gets no new orders."
    )
    CUSTOMER_HAS_ORDERS = strawberry.enum_value(
        "CUSTOMER_HAS_ORDERS",
        description="A customer with orders cannot be deleted. Archive it instead.",
    )
    ILLEGAL_TRANSITION = strawberry.enum_value(
        "ILLEGAL_TRANSITION", description="The order's status does not allow this transition."
    )
    NOT_EDITABLE = strawberry.enum_value(
        "NOT_EDITABLE", description="Lines and total can be changed only while the order is PENDING."
    )
    NOT_DELETABLE = strawberry.enum_value(
        "NOT_DELETABLE", description="An order can be deleted only while it is PENDING or CANCELLED."
    )
    HAS_LINES = strawberry.enum_value("HAS_LINES", description="The order has lines; its total is their sum.")


@strawberry.interface(description="An error that the user can correct; nothing was written.")
class UserError:
    code: UserErrorCode = strawberry.field(description="Error code, for programs.")
    message: str = strawberry.field(description="Error message, for people.")
    path: list[str] = strawberry.field(description="Path of the invalid value, from input down.")


@strawberry.type(description="An invalid value, or a rule that forbids the change.")
class InvalidInputError(UserError):
    pass


@strawberry.type(description="Another object has this unique value.")
class ValueTakenError(UserError):
    value: str = strawberry.field(description="The value that is taken.")


@strawberry.type(description="The input has an ID of no object.")
class NotFoundError(UserError):
    # Not `id`: clients' caches would take the error for the object.
    missing: strawberry.ID = strawberry.field(description="The ID as it was sent.")


@strawberry.type(description="The order's status does not allow this transition.")
class IllegalTransitionError(UserError):
    status: OrderStatus = strawberry.field(description="The order's current status.")
    allowed: list[OrderStatus] = strawberry.field(description="The transitions that are allowed now.")


@strawberry.type(description="The idempotency key was used for another mutation or input.")
class KeyReusedError(UserError):
    mutation: str = strawberry.field(description="The mutation that the key was used for.")


@strawberry.type(description="The object has changed since the expected version.")
class VersionConflictError(UserError):
    current: Node = strawberry.field(description="The current object.")
    changes: list[Change] = column(
        "Changes since the expected version, oldest first; at most 20.",
        items=CHANGES_SINCE,
    )


USER_ERRORS = [
    InvalidInputError,
    ValueTakenError,
    NotFoundError,
    IllegalTransitionError,
    KeyReusedError,
    VersionConflictError,
]


class InvalidInput(Exception):
    """The input has user errors. `check` finds further errors by the database."""

    def __init__(self, user_errors: Sequence[UserError], check: Check | None = None) -> None:
        super().__init__()
        self.user_errors = list(user_errors)
        self.check = check


RULE_VIOLATIONS: dict[type[domain_errors.DomainError], tuple[UserErrorCode, str]] = {
    domain_errors.CustomerArchived: (
        UserErrorCode.CUSTOMER_ARCHIVED,
        "The customer is archived and gets no new orders. Restore it first.",
    ),
    domain_errors.CustomerHasOrders: (
        UserErrorCode.CUSTOMER_HAS_ORDERS,
        "The customer has orders and cannot be deleted. Archive it instead.",
    ),
    domain_errors.ExpectedVersionNotFound: (
        UserErrorCode.NOT_FOUND,
        "There is no object with this key, so it has no version to expect.",
    ),
    domain_errors.Repeated: (UserErrorCode.REPEATED, "An earlier item of this batch has the same value."),
    domain_errors.OtherCustomer: (
        UserErrorCode.OTHER_CUSTOMER,
        "The order belongs to another customer. An upsert cannot move it.",
    ),
    domain_errors.NotEditable: (
        UserErrorCode.NOT_EDITABLE,
        "The order is no longer PENDING: its lines and total cannot be changed.",
    ),
    domain_errors.NotDeletable: (
        UserErrorCode.NOT_DELETABLE,
        "The order is neither PENDING nor CANCELLED, so it cannot be deleted.",
    ),
    domain_errors.HasLines: (
        UserErrorCode.HAS_LINES,
        "The order has lines, and its total is their sum. Change the lines.",
    ),
    domain_errors.AmountOutOfRange: (
        UserErrorCode.AMOUNT_OUT_OF_RANGE,
        "The result is above 99,999,999,999.9999.",
    ),
    domain_errors.MixedCurrencies: (
        UserErrorCode.MIXED_CURRENCIES,
        "The lines have several currencies. Use one.",
    ),
}


def to_user_error(refused: domain_errors.DomainError, sent: Any, prefix: str = "") -> UserError:
    """Convert a rule violation found by `db` for the input, or batch item, that was `sent`.

    Its field is named from `prefix` on.
    """
    path = input_path(f"{prefix}{refused.field or ''}".rstrip("."))
    # Its frames hold all that was read for the change.
    refused.__traceback__ = None
    match refused:
        case domain_errors.NotFound(kind=kind, id=row_id):
            return not_found_error(kind, GlobalId(kind, row_id).encode(), path)
        case domain_errors.Taken(field=str(field)):
            return ValueTakenError(
                code=UserErrorCode.TAKEN,
                message=f"This {field} is taken.",
                path=path,
                value=_stored(sent, field),
            )
        case domain_errors.IllegalTransition(current=current, wanted=wanted, allowed=allowed):
            return IllegalTransitionError(
                code=UserErrorCode.ILLEGAL_TRANSITION,
                message=f"An order that is {current} cannot become {wanted}. {_allowed(allowed)}",
                path=path,
                status=OrderStatus(current),
                allowed=[OrderStatus(each) for each in allowed],
            )
        case domain_errors.KeyReused(mutation=mutation):
            message = f"This key was used for {mutation} with another input. Use a new key."
            return KeyReusedError(
                code=UserErrorCode.KEY_REUSED, message=message, path=path, mutation=mutation
            )
        case domain_errors.VersionConflict(current=row, since=since):
            return VersionConflictError(
                code=UserErrorCode.VERSION_CONFLICT,
                message=f"The {_kind(row)} has changed since you read it: it is at version {row.version}.",
                path=path,
                current=row,
                changes=list(since),
            )
    code, message = RULE_VIOLATIONS[type(refused)]
    return InvalidInputError(code=code, message=message, path=path)


def _allowed(statuses: Sequence[str]) -> str:
    return f"It can become {' or '.join(statuses)}." if statuses else "This status is final."


def _kind(row: Any) -> str:
    return type(row).__name__.lower()


def _stored(sent: Any, field: str) -> str:
    value = getattr(sent, field)
    return unique_text.normalize_column(field, value.value if isinstance(value, strawberry.Some) else value)


def not_found_error(kind: str, sent: str, path: list[str]) -> UserError:
    """The error for an ID that is malformed, of another type, or unknown; the client sees no difference.

    What is longer than any id comes back cut.
    """
    missing = sent if len(sent) <= global_ids.MAX_ID_LENGTH else f"{sent[: global_ids.MAX_ID_LENGTH - 1]}…"
    message = f"There is no {kind.lower()} with this ID."
    return NotFoundError(
        code=UserErrorCode.NOT_FOUND, message=message, path=path, missing=strawberry.ID(missing)
    )


def input_path(field: str | None, *rest: Any) -> list[str]:
    """`unit_price.amount` as ["input", "unitPrice", "amount"]."""
    parts = [*(field.split(".") if field else []), *rest]
    return ["input", *(to_camel_case(str(part)) for part in parts)]
