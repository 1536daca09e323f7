"""What a mutation came to, as text: kept with its idempotency key, and told again.

Nothing personal of a customer is in it, so that it is nowhere to be looked for when it is to be erased.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from db import domain_errors, models
from db.audit import audit_log, personal_data
from db.audit.audit_log import PERSONAL
from db.audit.personal_data import Values, Version
from db.batches.item_results import Item
from db.domain_errors import BatchRefused, Refused, VersionConflict
from db.models import Customer
from db.reader import Reader

# What is personal in a customer's row.
NOWHERE = {*PERSONAL, "entered_email"}
ROWS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in (models.Customer, models.Order, Item)}
REFUSALS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in Refused.__subclasses__() if dataclasses.is_dataclass(kind)
}
SCALARS: dict[str, Callable[..., Any]] = {"Decimal": Decimal, "datetime": datetime.fromisoformat}


def encode(outcome: Any) -> str:
    """Of a row, an id, a refusal, or a list of items: JSON in which every object names its kind."""
    return orjson.dumps(_plain(outcome)).decode()


async def tell(reader: Reader, text: str) -> Any:
    """What `encode` was given; a refusal comes back as one, not raised.

    What the text lacks is read again: what is personal of customers, and the changes since of a
    VersionConflict, of which a batch has more than fit into a row.
    """
    plain = orjson.loads(text)
    versions = {(each["id"], each["version"]) for each in _customers(plain)}
    outcome = _read(plain, await personal_data.then(reader, versions))
    await audit_log.fill_since(reader, _refusals(outcome))
    return outcome


def _refusals(outcome: Any) -> list[Refused | None]:
    """Those in an outcome: itself, or its items'."""
    match outcome:
        case BatchRefused(items=items):
            return _refusals(items)
        case Refused():
            return [*domain_errors.flat(outcome)]
        case tuple() if type(outcome) is tuple:
            refused = [item.refused for item in outcome if isinstance(item, Item)]
            return [each for several in refused for each in domain_errors.flat(several)]
        case _:
            return []


def _plain(value: Any) -> Any:
    kind = type(value).__name__
    match value:
        case Decimal():
            return {kind: str(value)}
        case datetime():
            return {kind: value.isoformat()}
        case VersionConflict(current=current, expected=expected):
            return {kind: {"current": _plain(current), "since": [], "expected": expected}}
        case Refused():
            fields = dataclasses.fields(value)  # type: ignore[arg-type]
            return {kind: {field.name: _plain(getattr(value, field.name)) for field in fields}}
        case Customer():
            kept = {name: each for name, each in value._asdict().items() if name not in NOWHERE}
            return {kind: {name: _plain(each) for name, each in kept.items()}}
        case tuple() if kind in ROWS:
            return {kind: {name: _plain(each) for name, each in value._asdict().items()}}  # type: ignore[attr-defined]
        case tuple() | list():
            return [_plain(each) for each in value]
        case _:
            return value


def _customers(plain: Any) -> Iterator[dict[str, Any]]:
    """All that are kept in an outcome, at any depth."""
    match plain:
        case {"Customer": dict(kept)}:
            yield kept
        case dict() | list():
            for each in plain.values() if isinstance(plain, dict) else plain:
                yield from _customers(each)


def _read(value: Any, then: Mapping[Version, Values]) -> Any:
    if isinstance(value, list):
        return tuple(_read(each, then) for each in value)
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind in SCALARS:
        return SCALARS[kind](held)
    fields = {name: _read(each, then) for name, each in held.items()}
    if kind == Customer.__name__:
        fields |= then[fields["id"], fields["version"]]
    return (ROWS | REFUSALS)[kind](**fields)
