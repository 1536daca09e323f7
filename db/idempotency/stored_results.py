"""Stored results of mutations: JSON in the idempotency key's row, and its replay.

They contain no personal data, so that erasure need not search them.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from db import domain_errors, models
from db.audit import audit_log, erasure
from db.audit.erasure import CustomerVersion, PersonalValues
from db.batches.item_results import ItemResult
from db.domain_errors import (
    BatchRejected,
    DomainError,
    DomainErrorGroup,
    ExpectedVersionNotFound,
    VersionConflict,
)
from db.models import Customer
from db.reader import Reader

# Class and field names in stored results. They stay as they were when a class is renamed: a result is stored
# for as long as its idempotency key, and another version of the program may read it.
STORED_NAMES: dict[type, str] = {
    BatchRejected: "BatchRefused",
    DomainErrorGroup: "Several",
    ExpectedVersionNotFound: "NothingExpected",
    ItemResult: "Item",
}
STORED_FIELDS = {"Item": {"result": "done", "error": "refused"}, "Several": {"errors": "refused"}}
# What is personal in a customer's row, and the count of its orders, which is always the current one.
NOT_STORED = {*erasure.PERSONAL, "orders_count"}
ROWS = (models.Customer, models.Order, ItemResult)
TYPES: dict[str, Callable[..., Any]] = {
    STORED_NAMES.get(each, each.__name__): each
    for each in (*ROWS, *DomainError.__subclasses__())
    if each in ROWS or dataclasses.is_dataclass(each)
}
SCALARS: dict[str, Callable[..., Any]] = {"Decimal": Decimal, "datetime": datetime.fromisoformat}


def encode(result: Any) -> str:
    """JSON of a row, an id, a domain error or a list of items; every object has its type's name."""
    return orjson.dumps(_encode(result)).decode()


async def replay(reader: Reader, text: str) -> Any:
    """The result that `encode` was given; a domain error is returned, not raised.

    Values that are not stored are read: personal data of customers, and the changes in a VersionConflict,
    which may be too large for a row.
    """
    plain = orjson.loads(text)
    versions = {(each["id"], each["version"]) for each in _customers(plain)}
    result = _decode(plain, await erasure.personal_values_at(reader, versions))
    await audit_log.load_changes_since(reader, _errors_in(result))
    return result


def _errors_in(result: Any) -> list[DomainError | None]:
    """The domain errors of a result: itself, or those of its items."""
    match result:
        case BatchRejected(items=items):
            return _errors_in(items)
        case DomainError():
            return [*domain_errors.flatten(result)]
        case tuple() if type(result) is tuple:
            refused = [item.error for item in result if isinstance(item, ItemResult)]
            return [each for several in refused for each in domain_errors.flatten(several)]
        case _:
            return []


def _encode(value: Any) -> Any:
    kind = STORED_NAMES.get(type(value), type(value).__name__)
    match value:
        case Decimal():
            return {kind: str(value)}
        case datetime():
            return {kind: value.isoformat()}
        case VersionConflict(current=current, expected=expected):
            return {kind: {"current": _encode(current), "since": [], "expected": expected}}
        case DomainError():
            names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
            return {kind: _encode_fields(kind, {name: getattr(value, name) for name in names})}
        case Customer():
            kept = {name: each for name, each in value._asdict().items() if name not in NOT_STORED}
            return {kind: _encode_fields(kind, kept)}
        case tuple() if type(value) in ROWS:
            return {kind: _encode_fields(kind, value._asdict())}  # type: ignore[attr-defined]
        case tuple() | list():
            return [_encode(each) for each in value]
        case _:
            return value


def _encode_fields(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    stored = STORED_FIELDS.get(kind, {})
    return {stored.get(name, name): _encode(value) for name, value in fields.items()}


def _customers(plain: Any) -> Iterator[dict[str, Any]]:
    """The customers in a stored result, at any depth."""
    match plain:
        case {"Customer": dict(kept)}:
            yield kept
        case dict() | list():
            for each in plain.values() if isinstance(plain, dict) else plain:
                yield from _customers(each)


def _decode(value: Any, personal_values: Mapping[CustomerVersion, PersonalValues]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(each, personal_values) for each in value)
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind in SCALARS:
        return SCALARS[kind](held)
    names = {stored: name for name, stored in STORED_FIELDS.get(kind, {}).items()}
    fields = {names.get(name, name): _decode(each, personal_values) for name, each in held.items()}
    if kind == Customer.__name__:
        fields |= personal_values[fields["id"], fields["version"]]
    return TYPES[kind](**fields)
