"""`asOf` on root fields: reads a field and everything below it as of a time (stale reads)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from db import stale_reads
from graph.errors import BadUserInput
from graph.read_timestamps import ReadTimestamp
from graph.types.fields import KEY, Batched, DeclaredField, Load, argument, declaration

QueryT = TypeVar("QueryT", bound=type)

AS_OF = argument(
    "as_of",
    datetime | None,
    "Stale read: read this field and everything below it as of this time, truncated to "
    "milliseconds. Latest data if omitted. TiDB only, by default up to 10 minutes back; "
    "otherwise AS_OF_UNAVAILABLE.",
)


def with_as_of(query: QueryT) -> QueryT:
    """Add the argument `asOf` to every batched field of Query except `node`."""
    for name, field in vars(query).items():
        # Relay requires that `node` takes an id and nothing else.
        if name == "node" or not isinstance(field, DeclaredField):
            continue
        declared = declaration(field)
        if isinstance(declared, Batched):
            field.arguments = [*field.arguments, AS_OF]
            plan = partial(plan_as_of, declared.plan)
            field.metadata = MappingProxyType({KEY: replace(declared, plan=plan)})
    return query


def plan_as_of(plan: Callable[..., Load], root: Any, arguments: Mapping[str, Any]) -> Load:
    """The field's own plan, read as of `asOf`. Raises BadUserInput."""
    load, moment = plan(root, arguments), arguments.get("as_of")
    if moment is None:
        return load
    moment = stale_reads.truncate_to_millisecond(moment)
    if load.timestamp and load.timestamp.moment not in (None, moment):
        raise BadUserInput("asOf and the cursor have different read timestamps. Leave one of them out.")
    return load._replace(timestamp=ReadTimestamp(moment))
