"""What a mutation came to, as text: kept with its idempotency key, and given again."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from db import models
from db.items import Item
from db.refusals import BatchRefused, Refused, VersionConflict

ROWS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in (models.Customer, models.Order, Item)}
REFUSALS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in Refused.__subclasses__() if dataclasses.is_dataclass(kind)
}
SCALARS: dict[str, Callable[..., Any]] = {"Decimal": Decimal, "datetime": datetime.fromisoformat}


def encode(outcome: Any) -> str:
    """Of a row, an id, a refusal, or a list of items: JSON in which every object names its kind."""
    return orjson.dumps(_plain(outcome)).decode()


def decode(text: str) -> Any:
    """What `encode` was given; a refusal comes back as one, not raised.

    A VersionConflict lacks the changes since: the history has them, and a batch more than fit into a row.
    """
    return _read(orjson.loads(text))


def refusals(outcome: Any) -> list[Refused | None]:
    """Those in an outcome: itself, or its items'."""
    match outcome:
        case BatchRefused(items=items):
            return refusals(items)
        case Refused():
            return [outcome]
        case tuple() if type(outcome) is tuple:
            return [item.refused for item in outcome if isinstance(item, Item)]
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
        case tuple() if kind in ROWS:
            return {kind: {name: _plain(each) for name, each in value._asdict().items()}}  # type: ignore[attr-defined]
        case tuple() | list():
            return [_plain(each) for each in value]
        case _:
            return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read(each) for each in value)
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind in SCALARS:
        return SCALARS[kind](held)
    return (ROWS | REFUSALS)[kind](**{name: _read(each) for name, each in held.items()})
